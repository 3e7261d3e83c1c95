// Package bynumber is the plain form of util sendsig: it sends a signal to processes and process
// groups that are given by number.
//
// It runs before the Go runtime boots, as init does, and under the same rule (package entry of
// init). So it needs only one task. Where a limit on tasks has been reached, the runtime cannot
// start its threads, and this is just when a user wants to end processes. Package sendsig carries
// out every other command line. It also implements the plain form, under the runtime, and a test
// compares the two.
package bynumber

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/files"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// ExitSome is the exit status if some processes could be signalled and others could not. kill(1) of
// util-linux uses the same.
const ExitSome = 64

// sender carries out one command line.
type sender struct {
	argv    []*byte
	option  bool // the signal is given as an option, so all plain words are targets
	signal  sig.Signal
	self    int32
	hasProc bool // /proc is mounted, and belongs to this PID namespace
	subject word // the target that is signalled now
	at      int  // the index of the word after the subject
	titled  bool // messages show the name of the process
	sent    int
	failed  int
}

// Run carries out a plain command line and exits. argv are the words after the name of the program,
// and mask is the signal mask that sendsig was started with.
//
// If the command line is not plain, Run returns without having done anything. This is so if there
// is any other option, an error, or a process group that contains sendsig or one of its ancestors.
func Run(argv []*byte, mask sig.Set) {
	s := sender{argv: argv, self: sys.Getpid()}
	if !s.isPlain() {
		return
	}
	// Signals can terminate sendsig as usual. Only PIPE is blocked, so that it does not terminate
	// sendsig when the reader of its messages has gone.
	sys.Sigprocmask(mask | sig.Of(sig.PIPE))
	s.hasProc = hasProc(s.self)
	s.signalAll(group) // groups come first, as in package sendsig
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
		s.subject, s.at, s.titled = t, w.i, false
		if which == group {
			s.count(sys.Kill(-t.id, s.signal))
		} else if !s.isRepeated() {
			s.signalProcess()
		}
	}
}

// isRepeated reports whether an earlier word of the command line is the same as the subject.
func (s *sender) isRepeated() bool {
	w := s.words()
	for t := w.next(); w.i < s.at; t = w.next() {
		if t.kind == process && t.id == s.subject.id && t.inode == s.subject.inode {
			return true
		}
	}
	return false
}

// wasSignalled reports whether an earlier word of the command line names the process of the
// subject, with or without its inode number. fd is the pidfd of the process.
func (s *sender) wasSignalled(fd int) bool {
	w := s.words()
	for t := w.next(); w.i < s.at; t = w.next() {
		if t.kind != process || t.id != s.subject.id {
			continue
		}
		if t.inode == 0 || t.inode == inodeOf(fd) {
			return true
		}
	}
	return false
}

// signalProcess signals the subject. It holds the process by a pidfd (pidfd_open(2)), so that the
// PID cannot be reused between the check of the inode number and the signal. Without pidfds,
// because of an old kernel or a seccomp filter, it uses kill(2).
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

// signalHeld signals the subject. fd is its pidfd, or negative if there is none.
func (s *sender) signalHeld(fd int) {
	pid := s.subject.id
	if want := s.subject.inode; want != 0 {
		switch inode := inodeOf(fd); inode {
		case want:
		case 0:
			s.fail("the inode number cannot be checked: pidfds have none here " +
				"(this needs Linux 6.9, or 6.14 where a word has 32 bits)")
			return
		default:
			s.failReused(inode)
			return
		}
	}
	if s.wasSignalled(fd) {
		return
	}
	s.titled = true
	if pid == 1 {
		s.warnPID1()
	}
	e := unix.ENOSYS
	if fd >= 0 {
		e = sys.PidfdSendSignal(fd, s.signal, 0)
	}
	// EPERM comes from a seccomp filter, or sendsig really lacks permission. kill(2) tells which.
	if (e == unix.ENOSYS || e == unix.EPERM) && !hasEnded(fd) {
		e = sys.Kill(pid, s.signal)
	}
	s.count(e)
}

// inodeOf returns the inode number of a pidfd, or 0 if there is none. No two processes have the
// same one until the system reboots: see [sys.HasPidfdInodes].
func inodeOf(fd int) uint64 {
	const pidfsMagic = 0x50494446 // PID_FS_MAGIC, include/uapi/linux/magic.h
	if fd < 0 || !sys.HasPidfdInodes() || sys.Fstatfs(fd, &fdFS) != 0 || fdFS.Type != pidfsMagic {
		return 0
	}
	if sys.Fstat(fd, &fdStat) != 0 {
		return 0
	}
	return fdStat.Ino
}

// fdFS and fdStat are package variables because they are large, and the stack may be small.
var (
	fdFS   unix.Statfs_t
	fdStat unix.Stat_t
)

// hasEnded reports whether the process of a pidfd has ended.
func hasEnded(fd int) bool { return fd >= 0 && files.IsReady(fd, unix.POLLIN) }

// warnPID1 warns about a signal that PID 1 will not get. The kernel drops a signal for which PID 1
// has no handler. It also drops KILL and STOP from inside the PID namespace (pid_namespaces(7),
// "The namespace init process").
func (s *sender) warnPID1() {
	if !s.hasProc || !s.signal.Terminates() && !s.signal.Stops() {
		return
	}
	handles, known := pid1Handles(s.signal)
	switch {
	case !known:
	case s.signal == sig.KILL:
		warn("the kernel drops KILL from inside its PID namespace")
	case s.signal == sig.STOP:
		warn("the kernel drops STOP from inside its PID namespace")
	case !handles:
		warnUnhandled(s.signal)
	}
}

// pid1Handles reports whether PID 1 handles a signal: it catches it, blocks it, or waits for
// signals (sigwait(3)). While it returns from sigwait(3), /proc shows none of these, and in fork(3)
// of glibc it blocks all signals for a moment. So a running PID 1 is checked again until it sleeps.
func pid1Handles(signal sig.Signal) (handles, known bool) {
	const (
		tries = 200
		pause = 1e6 // nanoseconds
	)
	blocked := false
	for range tries {
		status := readOf(1, "/status\x00")
		if status == "" {
			return false, false
		}
		running := ascii.Index(status, "\nState:\tR") >= 0
		blocked = sig.MaskIn(status, "SigBlk:\t").Has(signal)
		if sig.MaskIn(status, "SigCgt:\t").Has(signal) || blocked && !running {
			return true, true
		}
		if proc.InSigwait(readOf(1, proc.Wchan)) || proc.InSigwait(readOf(1, proc.Syscall)) {
			return true, true
		}
		if !running {
			return false, true
		}
		nap := sys.Timespec{Nsec: pause}
		_, _ = sys.Ppoll(nil, &nap)
	}
	return blocked, true
}

// hasProc reports whether /proc is mounted, and belongs to this PID namespace.
func hasProc(self int32) bool {
	var link [16]byte
	n, e := sys.Readlinkat(unix.AT_FDCWD, unsafe.StringData("/proc/self\x00"), link[:])
	return e == 0 && ascii.ParseDecimal(unsafe.String(&link[0], n)) == int64(self)
}

// containsSelf reports whether sendsig or one of its ancestors is in a process group. Without
// /proc, it checks only sendsig and its parent.
func containsSelf(group, self int32) bool {
	if sys.Getpgid() == group {
		return true
	}
	const limit = 1 << 16 // the walk must end even if parents keep ending during it
	pid := sys.Getppid()
	known := hasProc(self)
	for n := 0; n < limit && pid > 0; n++ {
		if id, e := sys.GetpgidOf(pid); e == 0 && id == group {
			return true
		}
		if !known {
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
	return int32(max(0, ascii.ParseDecimal(word)))
}

// readStat reads the name of a process, and the fields after it, from /proc/PID/stat. Both are
// empty if there is no such process.
func readStat(pid int32) (name, rest string) {
	stat := readOf(pid, "/stat\x00")
	from := ascii.Index(stat, "(")
	to := len(stat) - 1
	for to >= 0 && stat[to] != ')' { // the name can contain any byte
		to--
	}
	if from < 0 || to < from || to+2 > len(stat) {
		return "", ""
	}
	return stat[from+1 : to], stat[to+2:]
}

// contents is the content of the file that was read last. It is a package variable because it is
// large.
var contents [8 << 10]byte

// readOf reads the beginning of a file of a process. The name of the file begins with a slash and
// ends with a NUL byte. The next call overwrites the result.
func readOf(pid int32, file string) string {
	path := [32]byte{'/', 'p', 'r', 'o', 'c', '/'}
	n := len("/proc/")
	n += ascii.PutDecimal(path[n:], uint64(pid))
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
