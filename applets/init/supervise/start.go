package supervise

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/files"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// Start prepares init and starts the command. If it returns false, Failure says why.
//
// After that, init must not exit before the command, except at the end of a grace period: when
// PID 1 exits, the kernel kills every process of the PID namespace.
func (s *Supervisor) Start() bool {
	s.console, s.wait.command = -1, -1
	s.Self = sys.Getpid()
	s.cannotStop = s.Self == 1
	if s.cannotWait() {
		return false
	}
	if s.Self != 1 && !s.NoSubreaper {
		s.SubreaperErr = sys.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1) // Linux 3.4; a filter may refuse it
	}
	if s.ParentDeath != 0 {
		s.setParentDeathSignal()
	}

	// Where the parent ignores SIGCHLD, init would inherit that, and never be told about a child. All
	// other dispositions stay as they are: a blocked signal is queued even if it is ignored, so init
	// gets it and the command inherits the rest.
	var act, chld sys.Sigaction
	if s.Pause && s.kernelMayReap() {
		act.Flags = sys.NoCldWait // the kernel reaps
		s.wait.kernelReaps = true
	}
	sys.RtSigaction(sig.CHLD, &act, &chld)
	if !s.Pause && !s.startCommand(&chld) {
		return false
	}
	s.closeInherited()
	return true
}

// cannotWait reports whether rt_sigtimedwait(2) is refused, as by a seccomp filter: init could not
// hear a signal, and nothing could stop the container. The empty set, which no signal is in, gives
// EAGAIN.
func (s *Supervisor) cannotWait() bool {
	var info sys.Siginfo
	var none sys.Timespec
	_, e := sys.Sigtimedwait(0, &info, &none)
	if e == unix.EAGAIN || e == unix.EINTR {
		return false
	}
	s.Failure.Wait = e
	return true
}

// startCommand starts the command, whose disposition of SIGCHLD is chld.
func (s *Supervisor) startCommand(chld *sys.Sigaction) bool {
	path, listen := proc.Environment(s.Envp, s.Self)
	cmd := proc.Command{
		Argv:   s.Argv,
		Envp:   s.Envp,
		Path:   path,
		Listen: listen,
		Mask:   s.Mask,
		Chld:   chld,
	}
	cmd.Place, cmd.Terminal = s.terminal()
	pid, e := cmd.Run()
	s.PID = pid
	if cmd.TermErr != 0 {
		s.TTY.AttachErr = cmd.TermErr
	}
	if e != 0 || cmd.Errno != 0 {
		s.fail(e, &cmd)
		return false
	}
	return true
}

// fail records why the command could not be started.
//
//go:noinline
func (s *Supervisor) fail(fork sys.Errno, cmd *proc.Command) {
	s.Failure = Failure{Fork: fork, Exec: cmd.Errno, Found: cmd.Found, Format: cmd.Format}
	s.takeBack()
}

// setParentDeathSignal makes the kernel send the signal of --parent-death when the parent ends.
// If the parent has ended just before, init has another parent already.
//
//go:noinline
func (s *Supervisor) setParentDeathSignal() {
	parent := sys.Getppid()
	sys.Prctl(unix.PR_SET_PDEATHSIG, uintptr(s.ParentDeath))
	if sys.Getppid() != parent {
		sys.Kill(s.Self, s.ParentDeath)
	}
}

// closeInherited closes the files that init inherited and changes to /. Otherwise a file system
// could not be unmounted, and the reader of a pipe would not see its end when the command closes
// it. The standard files stay open under their numbers: jobs of cron, links of logs and docker
// exec write to /proc/1/fd/1 and /proc/1/fd/2.
func (s *Supervisor) closeInherited() {
	var root [2]byte // as a literal it would be in memory on some architectures
	root[0] = '/'
	sys.Chdir(&root[0])
	const last = 1<<32 - 1 // no number is greater (close_range(2))
	first := uint(3)
	if s.console > 2 {
		first = uint(s.console) + 1
		if s.console > 3 {
			sys.CloseRange(3, uint(s.console)-1)
		}
	}
	if e := sys.CloseRange(first, last); e != 0 { // before Linux 5.9, or a filter that refuses it
		s.closeEach()
	}
}

// closeEach is what closeInherited does with close_range(2), file by file.
//
//go:noinline
func (s *Supervisor) closeEach() {
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC
	dir, e := files.AboveStdio(sys.Open(unsafe.StringData("/proc/self/fd\x00"), flags, 0))
	if e != 0 {
		const most = 1024 // without /proc: the usual limit on open files
		for fd := 3; fd < most; fd++ {
			if fd != s.console {
				sys.Close(fd)
			}
		}
		return
	}
	var names files.Directory
	for name := names.Next(dir); name != ""; name = names.Next(dir) {
		if fd := int(ascii.ParseDecimal(name)); fd >= 3 && fd != dir && fd != s.console {
			sys.Close(fd)
		}
	}
	sys.Close(dir)
}

// piece is how much of a file the kernel maps around a page that is touched, in bytes and aligned
// to that (fault_around_bytes, Linux 3.15).
const piece = 1 << 16

// dropEntry gives back the piece of the program that only the first instructions were in. The
// kernel reads it again if it is needed (ARCHITECTURE.md, "Weight"). In util-init they are in the
// piece that is needed.
func (s *Supervisor) dropEntry() {
	if s.Entry != 0 {
		sys.Madvise(s.Entry&^(piece-1), piece, unix.MADV_DONTNEED)
	}
}
