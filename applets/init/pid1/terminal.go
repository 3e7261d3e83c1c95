package pid1

import (
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// terminal decides where the command is to stand, and prepares the controlling terminal, if there is one, to be handed
// over. There are three cases.
//
//   - No controlling terminal: the command leads a new session.
//   - Init leads the terminal's session (docker run -it): init gives the terminal up, and the command leads a new
//     session that owns it. From then on the terminal's signals are none of init's business.
//   - Init is a job in somebody else's session (an interactive shell): the command becomes a process group in that
//     session, in the foreground if init's group was. Init keeps the terminal open to hand it over again after a stop.
func (s *supervisor) terminal() (place proc.Place, fd int) {
	if s.As != Util {
		return s.terminalAs()
	}
	s.console = -1
	fd = openTerminal()
	if fd < 0 {
		return proc.NewSession, -1
	}
	if sys.Getsid() == s.self {
		giveUp(fd)
		return proc.TerminalOwner, fd
	}
	s.jobs = true
	s.console = fd
	if foreground(fd) == sys.Getpgid() {
		return proc.Foreground, fd
	}
	return proc.Background, fd
}

// openTerminal opens the controlling terminal, or returns -1 if there is none.
func openTerminal() int {
	// A copy on the stack, which the compiler makes of constants within the code: the string itself would cost a page
	// fault in the read-only data.
	var path [9]byte
	copy(path[:], "/dev/tty")
	fd, e := own(sys.Open(&path[0], unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0))
	switch e {
	case 0:
		return fd
	case unix.ENXIO: // there is none
		return -1
	}
	// No usable /dev: the terminal may still be one of the standard files.
	for fd := 0; fd <= 2; fd++ {
		if sid, e := sys.IoctlGetInt(fd, unix.TIOCGSID); e == 0 && sid == sys.Getsid() {
			return fd
		}
	}
	return -1
}

// giveUp makes init, a session leader, give up its controlling terminal. The kernel then sends HUP and CONT to the
// foreground group, to which init belongs (ioctl_tty(2), TIOCNOTTY). They are taken back here, so that they do not
// reach the command; a HUP or CONT that was pending before stays. It returns
// what it took.
func giveUp(fd int) (taken sig.Set, e sys.Errno) {
	before := sys.Sigpending()
	if e := sys.Ioctl(fd, unix.TIOCNOTTY, 0); e != 0 {
		return 0, e
	}
	ours := (sig.Of(sig.HUP) | sig.Of(sig.CONT)) &^ before
	var now unix.Timespec
	var info sys.Siginfo
	for {
		n, e := sys.Sigtimedwait(ours, &info, &now)
		if e != 0 {
			return taken, 0
		}
		taken |= sig.Of(sig.Signal(n))
	}
}

// foreground returns the foreground process group of the terminal, or -1.
func foreground(fd int) int32 {
	group, e := sys.IoctlGetInt(fd, unix.TIOCGPGRP)
	if e != 0 {
		return -1
	}
	return group
}

// handOver makes the command's group the foreground group if init's own is. SIGTTOU, which this would raise in a
// background process, is blocked.
func (s *supervisor) handOver() {
	if s.console >= 0 && foreground(s.console) == sys.Getpgid() {
		sys.IoctlSetInt(s.console, unix.TIOCSPGRP, s.pid)
	}
}

// takeBack makes init's own group the foreground group if the command's is, for whoever goes on after init.
func (s *supervisor) takeBack() {
	if s.console >= 0 && foreground(s.console) == s.pid {
		sys.IoctlSetInt(s.console, unix.TIOCSPGRP, sys.Getpgid())
	}
}
