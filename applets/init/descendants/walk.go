// Package descendants finds processes in /proc: the descendants of init, or the members of a
// process group. It is for stops and for the rare signal that needs a look at the command's
// signal masks; a plain run does not execute it.
//
// It runs before the Go runtime, under the rule of package entry. The caller decides what to do
// with a process.
package descendants

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/files"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// Process is what /proc/PID/stat says about a process (proc_pid_stat(5)).
type Process struct {
	PID, Parent, Group int32
	threads            int32
	State              byte
	Start              uint64 // ticks since the boot
}

// TicksPerSecond is the unit of start times: USER_HZ, which is 100 on every architecture that this
// program supports.
const TicksPerSecond = 100

// Ended reports whether the process has ended. A process whose first thread has ended while
// others run is in state Z too.
func (p *Process) Ended() bool { return p.State == 'X' || p.State == 'Z' && p.threads <= 1 }

// Stopped reports whether a signal has stopped the process.
func (p *Process) Stopped() bool { return p.State == 'T' }

// CanFork reports whether the process may still fork.
func (p *Process) CanFork() bool {
	switch p.State {
	case 'T', 't', 'Z', 'X':
		return false
	}
	return true
}

// Walk goes over the descendants of init, or over the members of a process group.
type Walk struct {
	self  int32
	group int32 // if not 0: only its members, without the leader
	proc  int   // /proc
	pidfd int   // of the process that Next returned last, or -1
	names files.Directory
	knows bool // what is known is of this walk

	// Incomplete says that some process could not be read: no file descriptor was free, or a seccomp
	// filter refuses the call.
	Incomplete bool
}

// Open begins a walk over the descendants of self, the caller. It returns false if /proc is
// missing or is that of another PID namespace.
func (w *Walk) Open(self int32) bool {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	fd, e := files.AboveStdio(sys.Open(unsafe.StringData("/proc\x00"), flags, 0))
	if e != 0 {
		return false
	}
	w.self, w.proc, w.pidfd = self, fd, -1
	var link [16]byte
	n, e := sys.Readlinkat(fd, unsafe.StringData("self\x00"), link[:])
	if e != 0 || ascii.ParseDecimal(unsafe.String(&link[0], n)) != int64(self) {
		sys.Close(fd)
		return false
	}
	return true
}

// OpenGroup begins a walk over the members of a process group, without its leader.
func (w *Walk) OpenGroup(self, group int32) bool {
	w.group = group
	return w.Open(self)
}

// Close ends the walk.
func (w *Walk) Close() {
	w.closePidfd()
	sys.Close(w.proc)
}

// Rewind begins the walk again.
func (w *Walk) Rewind() {
	w.names = files.Directory{}
	sys.Rewind(w.proc)
	w.knows = false
}

// closePidfd closes the pidfd of the process that Next returned last.
func (w *Walk) closePidfd() {
	if w.pidfd >= 0 {
		sys.Close(w.pidfd)
		w.pidfd = -1
	}
}

// Next returns the next process, or PID 0 at the end. It holds a pidfd of the process, opened
// before the process was read, so that a signal cannot reach another process with the same
// number.
func (w *Walk) Next() (p Process) {
	for name := w.names.Next(w.proc); name != ""; name = w.names.Next(w.proc) {
		pid := int32(ascii.ParseDecimal(name))
		if pid <= 0 || pid == w.self || pid == w.group {
			continue
		}
		w.closePidfd()
		if fd, e := files.AboveStdio(sys.PidfdOpen(pid)); e == 0 {
			w.pidfd = fd
		} else if e == unix.ESRCH {
			continue
		}
		p := w.stat(pid)
		switch {
		case p.PID == 0:
		case w.group != 0:
			if p.Group == w.group {
				return p
			}
		case w.descends(p):
			return p
		}
	}
	w.Incomplete = w.Incomplete || w.names.Failed
	return Process{}
}

// Signal sends a signal to the process that Next returned last.
func (w *Walk) Signal(p *Process, signal sig.Signal) sys.Errno {
	if w.pidfd >= 0 {
		e := sys.PidfdSendSignal(w.pidfd, signal, 0)
		if e == 0 || e == unix.ESRCH { // else before Linux 5.1, or a seccomp filter
			return e
		}
	}
	return sys.Kill(p.PID, signal)
}

// descends reports whether p descends from init. Parents may end during the climb, and their
// numbers be given to other processes. So a step up counts only if the child still has the same
// parent after that parent was read: a process whose parent ends becomes a child of init. The
// result is remembered for every process on the path, so that a chain of thousands is climbed
// once.
func (w *Walk) descends(p Process) bool {
	if !w.knows { // only now, because most walks only read a file of one process
		known.forget()
		w.knows = true
	}
	is, certain := w.climb(p)
	if !certain {
		return false
	}
	for child := p; ; {
		if _, found := known.find(&child); found {
			break
		}
		known.add(&child, is)
		if child.Parent == w.self || child.Parent <= 0 {
			break
		}
		parent := w.stat(child.Parent)
		check := w.stat(child.PID)
		if parent.PID == 0 || check.Parent != child.Parent || check.Start != child.Start {
			break // climb did not see what is above it now
		}
		child = parent
	}
	return is
}

// climb is descends without remembering the path. The result is not certain if p has ended, or if
// the processes above it change faster than they can be read.
func (w *Walk) climb(p Process) (is, certain bool) {
	const maxSteps = 1 << 16 // longer than any chain
	child := p
	for range maxSteps {
		if child.Parent == w.self {
			return true, true
		}
		if child.Parent <= 0 {
			return false, true
		}
		if is, found := known.find(&child); found {
			return is, true
		}
		parent := w.stat(child.Parent)
		check := w.stat(child.PID)
		switch {
		case check.PID == 0: // the child has ended
			if child.PID == p.PID {
				return false, false
			}
			if child = w.stat(p.PID); child.PID == 0 {
				return false, false
			}
		case check.Parent != child.Parent:
			child = check
		case parent.PID == 0:
			// /proc does not show the parent (hidepid, proc(5)). Below PID 1 everything descends from
			// PID 1 except what entered from outside; below a subreaper, much does not.
			return w.self == 1, true
		default:
			child = parent
		}
	}
	return false, false
}

// known is what one walk has found out. It is a package variable because it is large and rarely
// used.
var known cache

// cache remembers processes. It is indexed by the PID modulo its size.
type cache [1 << 12]struct {
	start uint64
	pid   int32
	walk  uint16 // the walk that remembered it
	is    bool   // it descends from init
}

// currentWalk is the number of the current walk.
var currentWalk uint16

// forget begins a new walk, which knows nothing.
func (m *cache) forget() {
	currentWalk++
	if currentWalk == 0 { // an entry may have the same number from 65,536 walks ago
		*m = cache{}
		currentWalk = 1
	}
}

func (m *cache) find(p *Process) (is, found bool) {
	e := &m[uint32(p.PID)%uint32(len(m))]
	return e.is, e.pid == p.PID && e.start == p.Start && e.walk == currentWalk
}

func (m *cache) add(p *Process, is bool) {
	e := &m[uint32(p.PID)%uint32(len(m))]
	e.pid, e.start, e.walk, e.is = p.PID, p.Start, currentWalk, is
}

// stat reads /proc/PID/stat (proc_pid_stat(5)). If there is no such process, the result's PID is 0.
func (w *Walk) stat(pid int32) (p Process) {
	var text [512]byte
	n := w.read(pid, "/stat\x00", text[:])
	i := n - 1
	for i >= 0 && text[i] != ')' { // the name, in parentheses, may hold any character
		i--
	}
	if i < 0 || i+4 > n {
		return Process{}
	}
	p.State = text[i+2]
	rest := unsafe.String(&text[i+4], n-i-4)
	for column := 4; column <= 22 && rest != ""; column++ {
		var word string
		word, rest, _ = ascii.Cut(rest, ' ')
		switch column {
		case 4:
			p.Parent = int32(ascii.ParseDecimal(word))
		case 5:
			p.Group = int32(ascii.ParseDecimal(word))
		case 20:
			p.threads = int32(ascii.ParseDecimal(word))
		case 22:
			p.Start = ascii.Uint64(word)
		}
	}
	p.PID = pid
	return p
}

// Name copies the name of a process to name and returns its length, 0 if the process has ended.
func (w *Walk) Name(pid int32, name []byte) int {
	var text [512]byte
	n := w.read(pid, "/stat\x00", text[:])
	first, last := -1, -1
	for i, c := range text[:n] {
		if c == '(' && first < 0 {
			first = i
		}
		if c == ')' {
			last = i
		}
	}
	if first < 0 || last < first {
		return 0
	}
	return copy(name, text[first+1:last])
}

// read reads the beginning of a file of a process and returns its length. The name of the file
// begins with a slash and ends with a NUL byte.
func (w *Walk) read(pid int32, file string, text []byte) int {
	var path [10 + 16]byte
	n := ascii.PutDecimal(path[:], uint64(pid))
	copy(path[n:], file)
	fd, e := files.AboveStdio(sys.Openat(w.proc, &path[0], unix.O_RDONLY|unix.O_CLOEXEC, 0))
	if e == unix.EMFILE && w.pidfd >= 0 {
		w.closePidfd()
		fd, e = files.AboveStdio(sys.Openat(w.proc, &path[0], unix.O_RDONLY|unix.O_CLOEXEC, 0))
	}
	n = 0
	if e == 0 {
		n, e = sys.Read(fd, text)
		sys.Close(fd)
	}
	switch e {
	case 0:
		return n
	case unix.ENOENT, unix.ESRCH: // it has ended, or is hidden (hidepid, proc(5))
	default:
		w.Incomplete = true
	}
	return 0
}
