// Package bynumber is util sendsig in its plain form: a signal for processes and process groups that are named by number.
//
// It runs before the Go runtime boots, as init does and under the same rule (package pid1), and so in one task: where a limit on
// tasks is reached, which is when somebody wants to end something, the runtime cannot start its threads. Whatever is not plain
// is the business of package sendsig, which does the same under the runtime, and more; a test compares the two.
package bynumber

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// ExitSome is the status if some could be signalled and some not, as kill(1) of util-linux has it.
const ExitSome = 64

// sender carries out one command line.
type sender struct {
	argv    []*byte
	option  bool // the signal is an option, so that all plain words are targets
	signal  sig.Signal
	self    int32
	ours    bool // /proc is there, and is that of this PID namespace
	subject word // whom messages are about
	titled  bool // they show its name
	sent    int
	failed  int
}

// Run carries out a command line, of which argv is what stands behind the name, and ends the process. mask is the signal mask
// that sendsig was started with. If the command line is not plain, it returns and has done nothing: there is another
// option, a process group that holds sendsig or one of its ancestors, or something wrong.
func Run(argv []*byte, mask sig.Set) {
	s := sender{argv: argv, self: sys.Getpid()}
	if !s.isPlain() {
		return
	}
	// Nothing here waits for signals, so whoever ends sendsig ends it; but not the reader of its messages, by going away.
	sys.Sigprocmask(mask | sig.Of(sig.PIPE))
	s.ours = isOurs(s.self)
	s.signalAll(group) // first, as package sendsig does
	s.signalAll(process)
	switch {
	case s.sent == 0:
		sys.Exit(proc.ExitFailed)
	case s.failed > 0:
		sys.Exit(ExitSome)
	}
	sys.Exit(proc.ExitOK)
}

// signalAll signals the targets of one kind.
func (s *sender) signalAll(which kind) {
	w := s.words()
	for t := w.next(); t.kind != none; t = w.next() {
		if t.kind != which {
			continue
		}
		s.subject, s.titled = t, false
		if which == group {
			s.count(sys.Kill(-t.id, s.signal))
		} else if !s.isRepeated(w.i) {
			s.signalProcess()
		}
	}
}

// isRepeated reports whether the subject, which ends before word i of the command line, was named before.
func (s *sender) isRepeated(i int) bool {
	w := s.words()
	for t := w.next(); w.i < i; t = w.next() {
		if t.kind == process && t.id == s.subject.id {
			return true
		}
	}
	return false
}

// signalProcess holds a process by a pidfd (pidfd_open(2)), so that its number cannot be given to another one between the look at
// its inode and the signal. Where an old kernel or a seccomp filter has no pidfds, kill(2) has to do.
func (s *sender) signalProcess() {
	pid := s.subject.id
	if pid == s.self {
		s.fail("is sendsig itself")
		return
	}
	fd, e := sys.PidfdOpen(pid)
	switch e {
	case 0:
	case unix.EINVAL, unix.ENOENT:
		s.fail("is a thread, not a process")
		return
	case unix.ENOSYS, unix.EPERM, unix.EMFILE, unix.ENFILE:
		if e = sys.Kill(pid, 0); e == unix.ESRCH {
			s.count(e)
			return
		}
	default:
		s.count(e)
		return
	}
	s.signalHeld(fd)
	if fd >= 0 {
		sys.Close(fd)
	}
}

// signalHeld signals the subject. fd is its pidfd; if there is none, fd is negative.
func (s *sender) signalHeld(fd int) {
	pid := s.subject.id
	if want := s.subject.inode; want != 0 {
		inode := inodeOf(fd)
		if inode == 0 {
			s.fail("cannot be told from others of that number: pidfds have no inodes here (they need Linux 6.9)")
			return
		}
		if inode != want {
			s.failReused(inode)
			return
		}
	}
	s.titled = true
	if pid == 1 {
		s.warnPID1()
	}
	e := unix.ENOSYS
	if fd >= 0 {
		e = sys.PidfdSendSignal(fd, s.signal, 0)
	}
	if (e == unix.ENOSYS || e == unix.EPERM) && !hasEnded(fd) { // EPERM is a seccomp filter, or the truth: kill(2) tells
		e = sys.Kill(pid, s.signal)
	}
	s.count(e)
}

// inodeOf returns the inode number of a pidfd, which is that of no other process since the system started (Linux 6.9), or 0.
func inodeOf(fd int) uint64 {
	const pidfsMagic = 0x50494446 // PID_FS_MAGIC, include/uapi/linux/magic.h
	if fd < 0 || sys.Fstatfs(fd, &where) != 0 || where.Type != pidfsMagic || sys.Fstat(fd, &what) != 0 {
		return 0
	}
	return what.Ino
}

// where and what are package variables because they are large: the stack may be small.
var (
	where unix.Statfs_t
	what  unix.Stat_t
)

// hasEnded reports whether the process of a pidfd has ended.
func hasEnded(fd int) bool {
	if fd < 0 {
		return false
	}
	ready := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	var now unix.Timespec
	n, _ := sys.Ppoll(ready[:], &now)
	return n == 1
}

// warnPID1 warns of a signal that PID 1 will not get: the kernel drops those for which it has no handler, and KILL and
// STOP from within its namespace (pid_namespaces(7), "The namespace init process").
func (s *sender) warnPID1() {
	if !s.ours || !s.signal.Terminates() && !s.signal.Stops() {
		return
	}
	takes, known := takes1(s.signal)
	switch {
	case !known:
	case s.signal == sig.KILL:
		warn("the kernel does not let KILL from inside its PID namespace reach it")
	case s.signal == sig.STOP:
		warn("the kernel does not let STOP from inside its PID namespace reach it")
	case !takes:
		warnUnhandled(s.signal)
	}
}

// takes1 reports whether PID 1 does something about a signal: it catches it, blocks it, or waits for signals (sigwait(3)). On its
// way out of sigwait it shows neither, so one that runs is looked at again until it has come to rest.
func takes1(signal sig.Signal) (takes, known bool) {
	const (
		tries = 200
		pause = 1e6 // nanoseconds
	)
	for range tries {
		status := readOf(1, "/status\x00")
		if status == "" {
			return false, false
		}
		running := ascii.Index(status, "\nState:\tR") >= 0
		if (sig.MaskIn(status, "SigCgt:\t") | sig.MaskIn(status, "SigBlk:\t")).Has(signal) || ascii.HasPrefix(readOf(1, "/wchan\x00"), "do_sigtimedwait") {
			return true, true
		}
		if !running {
			return false, true
		}
		nap := unix.Timespec{Nsec: pause}
		_, _ = sys.Ppoll(nil, &nap)
	}
	return false, true
}

// isOurs reports whether /proc is there, and is that of this PID namespace.
func isOurs(self int32) bool {
	var link [16]byte
	n, e := sys.Readlinkat(unix.AT_FDCWD, unsafe.StringData("/proc/self\x00"), link[:])
	return e == 0 && ascii.Number(unsafe.String(&link[0], n)) == int(self)
}

// holdsUs reports whether sendsig or one of its ancestors is in a process group. Where /proc tells nothing, no further than its parent.
func holdsUs(group, self int32) bool {
	if sys.Getpgid() == group {
		return true
	}
	const most = 1 << 16 // steps: parents that end meanwhile must not keep it going
	pid := sys.Getppid()
	ours := isOurs(self)
	for n := 0; n < most && pid > 0; n++ {
		if id, e := sys.GetpgidOf(pid); e == 0 && id == group {
			return true
		}
		if !ours {
			return false
		}
		pid = parentOf(pid)
	}
	return false
}

// parentOf reads the parent of a process (proc_pid_stat(5)), or returns 0.
func parentOf(pid int32) int32 {
	_, rest := readStat(pid)
	_, rest, _ = ascii.Cut(rest, ' ') // its state
	word, _, _ := ascii.Cut(rest, ' ')
	return int32(max(0, ascii.Number(word)))
}

// readStat reads the name of a process, and what stands behind it in /proc/PID/stat. Both are empty if there is no such process.
func readStat(pid int32) (name, rest string) {
	stat := readOf(pid, "/stat\x00")
	from := ascii.Index(stat, "(")
	to := len(stat) - 1
	for to >= 0 && stat[to] != ')' { // the name may hold anything
		to--
	}
	if from < 0 || to < from || to+2 > len(stat) {
		return "", ""
	}
	return stat[from+1 : to], stat[to+2:]
}

// contents is what was read of a file last. A package variable because it is large.
var contents [8 << 10]byte

// readOf reads the beginning of a file of a process, whose name begins with a slash and ends with a NUL byte. It is good until the
// next one is read.
func readOf(pid int32, file string) string {
	path := [32]byte{'/', 'p', 'r', 'o', 'c', '/'}
	n := len("/proc/")
	n += ascii.Put(path[n:], int(pid))
	copy(path[n:], file)
	fd, e := sys.Open(&path[0], unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if e != 0 {
		return ""
	}
	n, e = sys.Read(fd, contents[:])
	sys.Close(fd)
	if e != 0 {
		return ""
	}
	return unsafe.String(&contents[0], n)
}
