package pid1

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// This file finds the processes of the scope in /proc.

// signalRest sends a signal to the descendants of init that are not in the command's group. It returns false if they cannot be
// found; then only the group can be reached, as kill(-1) of PID 1 would reach it twice.
func (s *supervisor) signalRest(what sig.Signal) bool {
	var r roll
	if !r.open(s.self) {
		return false
	}
	for p := r.next(); p.pid != 0; p = r.next() {
		if p.group != s.pid {
			r.signal(&p, what)
		}
	}
	r.close()
	return !r.blind
}

// sweepEach is sweep, process by process. It returns false if they cannot be found. It is one pass: a process that forks
// behind its back is KILL's. To look for new ones until there are none would hit those that were forked to finish work.
//
//go:noinline
func (s *supervisor) sweepEach() bool {
	var r roll
	if !r.open(s.self) {
		return false
	}
	seen := false
	window := pidWindow()
	for p := r.next(); p.pid != 0; p = r.next() {
		seen = true
		if s.told != nobody && s.startedSince(&p, window) {
			continue
		}
		if s.told < theGroup || s.told == theGroup && p.group != s.pid {
			r.signal(&p, sig.TERM)
		}
		if p.state == 'T' {
			r.signal(&p, sig.CONT)
		}
	}
	r.close()
	return seen || !r.blind
}

// pidWindow returns how far a pid may lie ahead of another one to have been given later: half of those that are given in turn, so that it is
// clear on which side of the highest number they lie, and no more than can be given in a hundredth of a second.
func pidWindow() int32 {
	const (
		most     = 1 << 13
		reserved = 300 // below, pids are given once only (RESERVED_PIDS, kernel/pid.c)
	)
	var text [16]byte
	n := readFile("/proc/sys/kernel/pid_max\x00", text[:])
	pidMax := ascii.Number(unsafe.String(&text[0], n))
	if pidMax <= reserved {
		return most
	}
	return int32(min((pidMax-reserved)/2, most))
}

// startedSince reports whether a process was started after the stop signal was sent. Start times are a hundredth of a second
// wide: within one the pids tell, which are given in their order, and then from the lowest again.
func (s *supervisor) startedSince(p *process, window int32) bool {
	if p.start != s.toldAt || s.lastPid == 0 {
		return p.start >= s.toldAt
	}
	ahead := p.pid - s.lastPid
	return ahead > 0 && ahead <= window || ahead < -window
}

// lastPid returns the pid that was given last in init's PID namespace (proc_loadavg(5)), or 0.
//
//go:noinline
func lastPid() int32 {
	var text [128]byte
	n := readFile("/proc/loadavg\x00", text[:])
	from := n
	for from > 0 && text[from-1] != ' ' {
		from--
	}
	if from == n {
		return 0
	}
	return int32(max(0, ascii.Number(unsafe.String(&text[from], n-from))))
}

// continueGroup continues those of the command's group that are stopped.
//
//go:noinline
func (s *supervisor) continueGroup() {
	var r roll
	if !r.openGroup(s.self, s.pid) {
		if s.As != DumbInit {
			s.signalGroup(sig.CONT)
		}
		return
	}
	for p := r.next(); p.pid != 0; p = r.next() {
		if p.state == 'T' {
			r.signal(&p, sig.CONT)
		}
	}
	r.close()
}

// groupIsEmpty reports whether nobody lives in the command's group; zombies do not. Where that cannot be found out, it is
// false.
//
//go:noinline
func (s *supervisor) groupIsEmpty() bool {
	var r roll
	if !r.openGroup(s.self, s.pid) {
		return false
	}
	seen := false // that it exists was found out before: who sees nobody cannot see
	p := r.next()
	for p.pid != 0 && p.ended() {
		seen = true
		p = r.next()
	}
	r.close()
	return p.pid == 0 && seen
}

// killDescendants ends the descendants of a subreaper. They are stopped first: who is stopped cannot fork, so that a fork
// bomb is caught up with.
//
//go:noinline
func (s *supervisor) killDescendants() {
	var r roll
	if !r.open(s.self) {
		s.signalGroup(sig.KILL)
		return
	}
	const (
		most   = 64    // a process that waits for a device does not stop; then KILL must do
		enough = 500e6 // of the time until init ends, in nanoseconds, is left for KILL
	)
	for n, moving := 0, true; moving && n < most && now() < s.limit-enough; n++ {
		moving = false
		for p := r.next(); p.pid != 0; p = r.next() {
			switch p.state {
			case 'T', 't', 'Z', 'X':
			default:
				if r.signal(&p, sig.STOP) == 0 {
					moving = true
				}
			}
		}
		r.rewind()
	}
	for p := r.next(); p.pid != 0; p = r.next() {
		r.signal(&p, sig.KILL)
	}
	r.close()
	if r.blind {
		s.signalGroup(sig.KILL)
	}
}

// process is what /proc/PID/stat tells of a process (proc_pid_stat(5)).
type process struct {
	pid, parent, group int32
	threads            int32
	state              byte
	start              uint64 // ticks since the boot
}

// ticksPerSecond is the unit of starttime: USER_HZ, which is 100 on every architecture that this program is for.
const ticksPerSecond = 100

// ended reports whether it is dead. A process whose first thread has ended while others run is in state Z too.
func (p *process) ended() bool { return p.state == 'X' || p.state == 'Z' && p.threads <= 1 }

// roll walks over the descendants of init in /proc, or over a process group.
type roll struct {
	self  int32
	group int32 // its members only, if it is not 0; the leader not
	dir   int   // /proc
	pidfd int   // of the process that next returned last, or -1
	blind bool  // not all could be read, for want of files
	list  directory
}

// open opens /proc. It returns false if /proc is not there, or is that of another PID namespace.
func (r *roll) open(self int32) bool {
	fd, e := own(sys.Open(unsafe.StringData("/proc\x00"), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0))
	if e != 0 {
		return false
	}
	r.self, r.dir, r.pidfd = self, fd, -1
	var link [16]byte
	if n, e := sys.Readlinkat(fd, unsafe.StringData("self\x00"), link[:]); e != 0 || ascii.Number(unsafe.String(&link[0], n)) != int(self) {
		sys.Close(fd)
		return false
	}
	kin.forget()
	return true
}

// openGroup is open for the members of a process group, but for its leader.
func (r *roll) openGroup(self, group int32) bool {
	r.group = group
	return r.open(self)
}

func (r *roll) close() {
	r.drop()
	sys.Close(r.dir)
}

func (r *roll) rewind() {
	r.list = directory{}
	sys.Seek(r.dir, 0)
	kin.forget()
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
		pid := int32(ascii.Number(name))
		if pid <= 0 || pid == r.self || pid == r.group {
			continue
		}
		r.drop()
		if fd, e := own(sys.PidfdOpen(pid)); e == 0 {
			r.pidfd = fd
		} else if e == unix.ESRCH {
			continue
		}
		p := r.stat(pid)
		switch {
		case p.pid == 0:
		case r.group != 0:
			if p.group == r.group {
				return p
			}
		case r.descends(p):
			return p
		}
	}
	return process{}
}

// signal sends a signal to the process that next returned last.
func (r *roll) signal(p *process, what sig.Signal) sys.Errno {
	if r.pidfd >= 0 {
		e := sys.PidfdSendSignal(r.pidfd, what, 0)
		if e != unix.ENOSYS && e != unix.EPERM { // EPERM: a seccomp filter that does not know the call
			return e
		}
	}
	return sys.Kill(p.pid, what)
}

// descends reports whether p descends from init. While it climbs, parents may end, and their numbers be given anew: a
// step counts if the child still has the same parent after that parent was read, since who loses its parent gets init. What was
// found out is kept, so that a chain of thousands is climbed once.
func (r *roll) descends(p process) bool {
	is, known := r.climb(p)
	if !known {
		return false
	}
	// Once more, up to who is known, to keep what was found out of those in between.
	for child := p; ; {
		if _, known := kin.find(&child); known {
			break
		}
		kin.keep(&child, is)
		if child.parent == r.self || child.parent <= 0 {
			break
		}
		parent := r.stat(child.parent)
		check := r.stat(child.pid)
		if parent.pid == 0 || check.parent != child.parent || check.start != child.start {
			break // who is above it now, climb has not seen
		}
		child = parent
	}
	return is
}

// climb is descends without the memory of who is in between. It gives up, and known is false, if p has ended, or if those above
// change faster than they can be read.
func (r *roll) climb(p process) (is, known bool) {
	const most = 1 << 16 // steps; more than any chain
	child := p
	for range most {
		if child.parent == r.self {
			return true, true
		}
		if child.parent <= 0 {
			return false, true
		}
		if is, known := kin.find(&child); known {
			return is, true
		}
		parent := r.stat(child.parent)
		check := r.stat(child.pid)
		switch {
		case check.pid == 0: // ended; if it was p itself, p is none any more
			if child.pid == p.pid {
				return false, false
			}
			if child = r.stat(p.pid); child.pid == 0 {
				return false, false
			}
		case check.parent != child.parent:
			child = check
		case parent.pid == 0:
			// It has a parent that /proc does not show (hidepid, proc(5)). Below PID 1 everything descends from it, but for what
			// entered from outside; below a subreaper much does not.
			return r.self == 1, true
		default:
			child = parent
		}
	}
	return false, false
}

// kin is what is known of the processes seen in one walk. A package variable because it is large and seldom used.
var kin walkMemory

// walkMemory is a memory of processes: the last ones of each remainder of their pids.
type walkMemory [1 << 12]struct {
	start uint64
	pid   int32
	walk  uint16 // the walk in which it was kept
	is    bool   // it descends from init
}

// walk is the number of the present walk.
var walk uint16

// forget begins a new walk, in which nothing is known.
func (m *walkMemory) forget() {
	walk++
	if walk == 0 { // 65,536 walks ago something may have been kept under the same number
		*m = walkMemory{}
		walk = 1
	}
}

func (m *walkMemory) find(p *process) (is, known bool) {
	e := &m[uint32(p.pid)%uint32(len(m))]
	return e.is, e.pid == p.pid && e.start == p.start && e.walk == walk
}

func (m *walkMemory) keep(p *process, is bool) {
	e := &m[uint32(p.pid)%uint32(len(m))]
	e.pid, e.start, e.walk, e.is = p.pid, p.start, walk, is
}

// stat reads /proc/PID/stat (proc_pid_stat(5)). If there is no such process, the result's pid is 0.
func (r *roll) stat(pid int32) (p process) {
	var text [512]byte
	n := r.read(pid, "/stat\x00", text[:])
	i := n - 1
	for i >= 0 && text[i] != ')' { // the name, in parentheses, may hold anything
		i--
	}
	if i < 0 || i+4 > n {
		return process{}
	}
	p.state = text[i+2]
	rest := unsafe.String(&text[i+4], n-i-4)
	for column := 4; column <= 22 && rest != ""; column++ {
		var word string
		word, rest, _ = ascii.Cut(rest, ' ')
		switch column {
		case 4:
			p.parent = int32(ascii.Number(word))
		case 5:
			p.group = int32(ascii.Number(word))
		case 20:
			p.threads = int32(ascii.Number(word))
		case 22:
			p.start = ascii.Uint64(word)
		}
	}
	p.pid = pid
	return p
}

// read reads the beginning of a file of a process, whose name begins with a slash and ends with a NUL byte, and returns its
// length.
func (r *roll) read(pid int32, file string, text []byte) int {
	var path [10 + 16]byte
	n := ascii.Put(path[:], int(pid))
	copy(path[n:], file)
	fd, e := own(sys.Openat(r.dir, &path[0], unix.O_RDONLY|unix.O_CLOEXEC, 0))
	if e == unix.EMFILE && r.pidfd >= 0 {
		r.drop()
		fd, e = own(sys.Openat(r.dir, &path[0], unix.O_RDONLY|unix.O_CLOEXEC, 0))
	}
	if e == unix.EMFILE || e == unix.ENFILE || e == unix.ENOMEM {
		r.blind = true
	}
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

// masks is a text of /proc/PID/status. A package variable because it is large and seldom used: the list of groups can be long.
var masks [16 << 10]byte

// readMasks reads /proc/PID/status of the command, if /proc is ours.
func (s *supervisor) readMasks() (status string, ok bool) {
	var r roll
	if !r.open(s.self) {
		return "", false
	}
	n := r.read(s.pid, "/status\x00", masks[:])
	r.close()
	return unsafe.String(&masks[0], n), n > 0
}

// takes reports whether the command does something about a signal: it catches it, or blocks it, as a process does that takes
// its signals with signalfd(2) or sigwait(3). What a process waits for in sigwait does not count as blocked meanwhile
// (kernel/signal.c, do_sigtimedwait), and the kernel does not tell what that is; nor, on its way out of it, has the process its
// mask back yet. A process that runs is therefore looked at again, until it has come to rest.
//
//go:noinline
func (s *supervisor) takes(signal sig.Signal) bool {
	const tries = 100 // it may have to wait for a processor
	for range tries {
		status, ok := s.readMasks()
		if !ok {
			return false
		}
		if (sig.MaskIn(status, "SigCgt:\t") | sig.MaskIn(status, "SigBlk:\t")).Has(signal) || s.isInSigwait() {
			return true
		}
		if ascii.Index(status, "\nState:\tR") < 0 {
			return false
		}
		var info sys.Siginfo
		wait := timespec(soon)
		_, _ = sys.Sigtimedwait(0, &info, &wait) // a signal of no kind: a sleep
	}
	return false
}

// isInSigwait reports whether the command waits for a signal, as far as the kernel tells init.
func (s *supervisor) isInSigwait() bool {
	var r roll
	if !r.open(s.self) {
		return false
	}
	var text [32]byte
	n := r.read(s.pid, "/wchan\x00", text[:])
	r.close()
	return ascii.HasPrefix(unsafe.String(&text[0], n), "do_sigtimedwait")
}

// isPending reports whether one of the signals is still pending in the command; also where that cannot be found out.
//
//go:noinline
func (s *supervisor) isPending(set sig.Set) bool {
	status, ok := s.readMasks()
	return !ok || (sig.MaskIn(status, "SigPnd:\t")|sig.MaskIn(status, "ShdPnd:\t"))&set != 0
}
