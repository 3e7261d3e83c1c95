package pid1

import (
	"unsafe"

	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// This file finds and signals the processes of the scope: the command's group, or every descendant of init. A process
// whose parent ends becomes a child of init, so the descendants are all that came from the command, whatever session
// they are in; and those that entered the container from outside (docker exec) are none of them.

// again is the time between two looks for processes that were forked while KILL was sent, in nanoseconds.
const again = 50e6

// send sends a signal to the command's group, or with --single-child to the command.
func (s *supervisor) send(what sig.Signal) sys.Errno {
	switch {
	case !s.Single:
		return s.signalGroup(what)
	case s.wait.quiet:
		return sys.PidfdSendSignal(s.wait.command, what, 0)
	}
	return sys.Kill(s.pid, what)
}

// signalGroup sends a signal, or with 0 none, to the command's process group. ESRCH says that the group is empty. As long
// as the command has not been reaped, be it a zombie, the number of its group cannot be given to another; later, and when
// the kernel may reap it at any time, a pidfd stands for it.
func (s *supervisor) signalGroup(what sig.Signal) sys.Errno {
	if s.wait.command >= 0 {
		switch e := sys.PidfdSendSignal(s.wait.command, what, unix.PIDFD_SIGNAL_PROCESS_GROUP); e {
		case unix.EINVAL, unix.ENOSYS, unix.EPERM: // before Linux 6.9, before 5.1, a seccomp filter that does not know it
		default:
			return e
		}
	}
	return sys.Kill(-s.pid, what)
}

// alone reports whether no process of the scope is left. In a group, a member whose parent left the group and is alive
// ends without init hearing of it; then only the next event or the deadline shows it.
func (s *supervisor) alone() bool {
	if s.container() {
		return proc.Childless()
	}
	return s.signalGroup(0) == unix.ESRCH
}

// signalRest sends a signal to the processes of the scope that are not in the command's group.
func (s *supervisor) signalRest(what sig.Signal) {
	var r roll
	if !r.open(s.self) {
		return // only the group can be reached; as PID 1, kill(-1) would reach it twice
	}
	for p := r.next(); p.pid != 0; p = r.next() {
		if what == sig.TERM {
			hadTerm.add(p.pid)
		}
		if p.group != s.pid {
			r.signal(&p, what)
		}
	}
	r.close()
}

// sweep sends TERM to every process of the scope that has not had it from init, and wakes those that are stopped.
func (s *supervisor) sweep() {
	var r roll
	if !s.container() || !r.open(s.self) {
		if s.container() && s.self == 1 {
			sys.Kill(-1, sig.TERM) // without /proc: all but init, also those that entered from outside
			sys.Kill(-1, sig.CONT)
			return
		}
		s.sweepGroup()
		return
	}
	// One pass. A process that forks behind its back is KILL's; to look for new ones until there are none would hit those
	// that were forked to clean up, by a handler of TERM.
	for p := r.next(); p.pid != 0; p = r.next() {
		if hadTerm.add(p.pid) {
			r.signal(&p, sig.TERM)
		}
		if p.state == 'T' {
			r.signal(&p, sig.CONT)
		}
	}
	r.close()
}

// sweepGroup is sweep for the command's group.
func (s *supervisor) sweepGroup() {
	s.signalGroup(s.lastSignal())
	s.signalGroup(sig.CONT) // a stopped process cannot act on it
}

// kill ends every process of the scope, and sets the deadline after which it is tried again.
func (s *supervisor) kill(ev Event) {
	if !s.killed {
		s.killed = true
		s.noteLeft()
		s.sayKill(ev)
	}
	s.deadline = sys.ClockGettime(unix.CLOCK_MONOTONIC) + again
	switch {
	case !s.container():
		s.signalGroup(sig.KILL)
	case s.self == 1:
		sys.Kill(-1, sig.KILL) // at one blow, so that no fork escapes; what entered from outside ends with init anyway
	default:
		s.killDescendants()
	}
}

// killDescendants ends the descendants of a subreaper. They are stopped first: who is stopped cannot fork, so that a fork
// bomb is caught up with.
func (s *supervisor) killDescendants() {
	var r roll
	if !r.open(s.self) {
		s.signalGroup(sig.KILL)
		return
	}
	const most = 64 // a process that waits for a device does not stop; then KILL must do
	for n, moving := 0, true; moving && n < most; n++ {
		moving = false
		for p := r.next(); p.pid != 0; p = r.next() {
			switch p.state {
			case 'T', 't', 'Z', 'X':
			default:
				r.signal(&p, sig.STOP)
				moving = true
			}
		}
		r.rewind()
	}
	for p := r.next(); p.pid != 0; p = r.next() {
		r.signal(&p, sig.KILL)
	}
	r.close()
}

// pidSet is a set of pids. It takes no memory but for the pages that it touches.
type pidSet [1 << 22 / 64]uint64 // PID_MAX_LIMIT, proc_pid_max in proc(5)

// hadTerm holds the processes that had TERM from init. It is a package variable because it is large and seldom used.
var hadTerm pidSet

// add adds a pid and reports whether it is new.
func (set *pidSet) add(pid int32) bool {
	i := uint32(pid) / 64 % uint32(len(set))
	bit := uint64(1) << (uint32(pid) % 64)
	is := set[i]&bit != 0
	set[i] |= bit
	return !is
}

// process is what /proc/PID/stat tells of a process.
type process struct {
	pid, parent, group int32
	state              byte
}

// roll walks over the descendants of init in /proc.
type roll struct {
	self  int32
	dir   int // /proc
	pidfd int // of the process that next returned last, or -1
	list  directory
}

// open opens /proc. It returns false if /proc is not there, or is that of another PID namespace.
func (r *roll) open(self int32) bool {
	fd, e := sys.Open(unsafe.StringData("/proc\x00"), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if e != 0 {
		return false
	}
	r.self, r.dir, r.pidfd = self, fd, -1
	var link [16]byte
	if n, e := sys.Readlinkat(fd, unsafe.StringData("self\x00"), link[:]); e != 0 || number(unsafe.String(&link[0], n)) != int(self) {
		sys.Close(fd)
		return false
	}
	return true
}

func (r *roll) close() {
	r.drop()
	sys.Close(r.dir)
}

func (r *roll) rewind() {
	r.list = directory{}
	sys.Seek(r.dir, 0)
}

func (r *roll) drop() {
	if r.pidfd >= 0 {
		sys.Close(r.pidfd)
		r.pidfd = -1
	}
}

// next returns the next descendant, or pid 0 at the end. It holds a pidfd of it, opened before it was looked at, so that
// a signal cannot reach another process that was given its number.
func (r *roll) next() (p process) {
	for name := r.list.next(r.dir); name != ""; name = r.list.next(r.dir) {
		pid := int32(number(name))
		if pid <= 0 || pid == r.self {
			continue
		}
		r.drop()
		if fd, e := sys.PidfdOpen(pid); e == 0 {
			r.pidfd = fd
		} else if e == unix.ESRCH {
			continue
		}
		if p := r.stat(pid); p.pid != 0 && r.descends(p) {
			return p
		}
	}
	return process{}
}

// signal sends a signal to the process that next returned last.
func (r *roll) signal(p *process, what sig.Signal) {
	if r.pidfd >= 0 {
		e := sys.PidfdSendSignal(r.pidfd, what, 0)
		if e != unix.ENOSYS && e != unix.EPERM { // EPERM: a seccomp filter that does not know the call
			return
		}
	}
	sys.Kill(p.pid, what)
}

// descends reports whether p descends from init. While it climbs, parents may end, and their numbers be given anew: a
// step counts if the child still has the same parent after that parent was read, since who loses its parent gets init.
func (r *roll) descends(p process) bool {
	child := p
	for child.parent > 0 && child.parent != r.self {
		parent := r.stat(child.parent)
		check := r.stat(child.pid)
		switch {
		case check.pid == 0: // ended; if it was p itself, p is none any more
			if child.pid == p.pid {
				return false
			}
			child = r.stat(p.pid)
		case parent.pid == 0 || check.parent != child.parent:
			child = check
		default:
			child = parent
		}
	}
	return child.parent == r.self
}

// stat reads /proc/PID/stat (proc_pid_stat(5)). If there is no such process, the result's pid is 0.
func (r *roll) stat(pid int32) (p process) {
	var text [512]byte
	n := r.read(pid, text[:])
	i := n - 1
	for i >= 0 && text[i] != ')' { // the name, in parentheses, may hold anything
		i--
	}
	if i < 0 || i+4 > n {
		return process{}
	}
	p.state = text[i+2]
	rest := unsafe.String(&text[i+4], n-i-4)
	p.parent, rest = field(rest)
	p.group, _ = field(rest)
	p.pid = pid
	return p
}

// read reads the beginning of /proc/PID/stat and returns its length.
func (r *roll) read(pid int32, text []byte) int {
	var path [16 + 1]byte
	n := putNumber(path[:], int(pid))
	copy(path[n:], "/stat")
	fd, e := sys.Openat(r.dir, &path[0], unix.O_RDONLY|unix.O_CLOEXEC)
	if e != 0 {
		return 0
	}
	n, e = sys.Read(fd, text)
	sys.Close(fd)
	if e != 0 { // ESRCH
		return 0
	}
	return n
}

// field reads a number up to the next space; a negative one is -1.
func field(text string) (n int32, rest string) {
	word, rest, _ := cut(text, ' ')
	return int32(number(word)), rest
}

// directory reads the names of a directory.
type directory struct {
	n, i int
	buf  [1024]byte
}

// next returns the next name in the directory fd, or "" at the end. It is good until the call after.
func (d *directory) next(fd int) string {
	if d.i >= d.n {
		n, e := sys.Getdents(fd, d.buf[:])
		if e != 0 || n == 0 {
			return ""
		}
		d.n, d.i = n, 0
	}
	// struct linux_dirent64 (getdents(2)): 16 bytes, the record's length, the type, the name.
	entry := d.buf[d.i:d.n]
	d.i += int(entry[16]) | int(entry[17])<<8
	return sys.String(&entry[19])
}

// putNumber writes n to p in decimal and returns how many digits it has.
func putNumber(p []byte, n int) int {
	at := 0
	if n >= 10 {
		at = putNumber(p, n/10)
	}
	p[at] = byte('0' + n%10)
	return at + 1
}

// number reads a decimal number, or returns -1.
func number(text string) int {
	if len(text) == 0 || len(text) > 10 {
		return -1
	}
	n := 0
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return -1
		}
		n = n*10 + int(text[i]-'0')
	}
	return n
}
