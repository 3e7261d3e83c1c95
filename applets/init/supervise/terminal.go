package supervise

import (
	"util/internal/files"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// terminal decides where the command is among sessions and process groups, and prepares the
// controlling terminal, if there is one, to be handed over.
func (s *Supervisor) terminal() (place proc.Place, fd int) {
	switch s.Placement {
	case SharedGroup:
		return proc.SharedGroup, -1
	case NewSession:
		return s.newSession()
	case OwnGroup:
		return s.ownGroup()
	}
	return s.ownSession()
}

// ownSession is terminal for OwnSession. There are three cases.
//
//   - Without a controlling terminal, the command leads a new session.
//   - If init leads the terminal's session (docker run -it), init gives the terminal up, and the
//     command leads a new session that owns it. Then the terminal's signals do not reach init.
//   - If init is a job in the session of an interactive shell, the command becomes a process group
//     in that session, in the foreground if init's group was. Init keeps the terminal open to hand
//     it over again after a stop.
func (s *Supervisor) ownSession() (place proc.Place, fd int) {
	fd = openTerminal()
	if fd < 0 {
		return proc.NewSession, -1
	}
	if sys.Getsid() == s.Self {
		s.giveUp(fd)
		return proc.TerminalOwner, fd
	}
	return s.job(fd)
}

// newSession is terminal for NewSession: below a shell, the command's session has no terminal,
// and init gets ^C and ^Z instead of the command.
//
//go:noinline
func (s *Supervisor) newSession() (place proc.Place, fd int) {
	fd = openTerminal()
	switch {
	case fd < 0:
		s.TTY.Missing = true
	case sys.Getsid() == s.Self:
		s.TTY.WasLeader = true
		s.TTY.HandOff, s.TTY.DetachErr = s.giveUp(fd)
		return proc.TerminalOwner, fd
	default:
		s.TTY.DetachErr = sys.Ioctl(fd, unix.TIOCNOTTY, 0)
	}
	return proc.NewSession, -1
}

// ownGroup is terminal for OwnGroup.
//
//go:noinline
func (s *Supervisor) ownGroup() (place proc.Place, fd int) {
	fd = openTerminal()
	if fd < 0 {
		return proc.Background, -1
	}
	// If init leads the session, there is no shell above to continue init after a stop.
	s.cannotStop = s.cannotStop || sys.Getsid() == s.Self
	return s.job(fd)
}

// job makes the command's group a job in init's session.
func (s *Supervisor) job(fd int) (place proc.Place, terminal int) {
	s.Job = true
	s.console = fd
	if foreground(fd) == sys.Getpgid() {
		return proc.Foreground, fd
	}
	return proc.Background, fd
}

// openTerminal opens the controlling terminal, or returns -1 if there is none.
func openTerminal() int {
	var path [9]byte // "/dev/tty"
	letters(path[:4], '/', 'd', 'e', 'v')
	letters(path[4:], '/', 't', 't', 'y')
	fd, e := files.AboveStdio(sys.Open(&path[0], unix.O_RDWR|unix.O_NOCTTY|unix.O_CLOEXEC, 0))
	switch e {
	case 0:
		return fd
	case unix.ENXIO: // there is none
		return -1
	}
	// /dev is not usable: the terminal may still be one of the standard files.
	for fd := 0; fd <= 2; fd++ {
		if sid, e := sys.IoctlGetInt(fd, unix.TIOCGSID); e == 0 && sid == sys.Getsid() {
			return fd
		}
	}
	return -1
}

// letters writes four letters to p. As arguments they are in the code: see "Constants of a plain
// run" in package entry. The compiler must not inline this: it would combine the stores of eight
// letters to one store of a constant, which is in memory on some architectures.
//
//go:noinline
func letters(p []byte, a, b, c, d byte) { p[0], p[1], p[2], p[3] = a, b, c, d }

// giveUp makes init, a session leader, give up its controlling terminal. The kernel then sends
// HUP and CONT to the foreground group, to which init belongs (ioctl_tty(2), TIOCNOTTY). They are
// received here, so that they do not reach the command; a HUP or CONT that was pending before
// stays, and so does one that a process sends meanwhile, unless it merges with the kernel's. It
// returns what it received.
func (s *Supervisor) giveUp(fd int) (taken sig.Set, e sys.Errno) {
	before := sys.Sigpending()
	if e := sys.Ioctl(fd, unix.TIOCNOTTY, 0); e != 0 {
		return 0, e
	}
	ours := (sig.Of(sig.HUP) | sig.Of(sig.CONT)) &^ before
	var none sys.Timespec
	var info sys.Siginfo
	var sent sig.Set
	for {
		n, e := sys.Sigtimedwait(ours, &info, &none)
		switch {
		case e != 0:
			s.again(sent)
			return taken, 0
		case info.Code <= 0 && info.Pid != s.Self: // the kernel's names init as the sender
			sent |= sig.Of(sig.Signal(n))
		default:
			taken |= sig.Of(sig.Signal(n))
		}
	}
}

// again makes a HUP and a CONT that were received pending again.
func (s *Supervisor) again(sent sig.Set) {
	if sent.Has(sig.HUP) {
		sys.Kill(s.Self, sig.HUP)
	}
	if sent.Has(sig.CONT) {
		sys.Kill(s.Self, sig.CONT)
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

// handOver makes the command's group the foreground group if init's own is. SIGTTOU, which this
// raises in a background process, is blocked.
func (s *Supervisor) handOver() {
	if s.console >= 0 && foreground(s.console) == sys.Getpgid() {
		sys.IoctlSetInt(s.console, unix.TIOCSPGRP, s.PID)
	}
}

// takeBack makes init's own group the foreground group if the command's is, for whatever runs after
// init.
func (s *Supervisor) takeBack() {
	if s.console >= 0 && foreground(s.console) == s.PID {
		sys.IoctlSetInt(s.console, unix.TIOCSPGRP, sys.Getpgid())
	}
}
