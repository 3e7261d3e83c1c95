package pid1

import (
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// This file signals the command, its process group, and at a stop the processes of the scope: the group, or every descendant of
// init. A process whose parent ends becomes a child of init, so the descendants are all that came from the command, whatever
// session they are in; and those that entered the container from outside (docker exec) are none of them. Who they are, whom.go
// finds out.

// send sends a signal to the command's group, or with --single-child to the command.
func (s *supervisor) send(what sig.Signal) sys.Errno {
	switch {
	case !s.Single:
		return s.signalGroup(what)
	case s.wait.command >= 0: // the kernel may have reaped it, or may do so at any time
		return sys.PidfdSendSignal(s.wait.command, what, 0)
	case s.reaped: // its number may be another's
		return unix.ESRCH
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
	if s.reaped && sys.Kill(s.pid, 0) != unix.ESRCH {
		return unix.ESRCH // a process has the command's number: so the group was empty, and this is another one
	}
	return sys.Kill(-s.pid, what)
}

// sweep is what happens when the command has ended: TERM to who is left in the scope, and CONT to the stopped. Spared are those
// that had the stop signal, and those that were started after it: they are finishing work.
func (s *supervisor) sweep() {
	if !s.wide() {
		s.sweepGroup()
		return
	}
	if s.sweepEach() {
		return
	}
	if s.self == 1 { // without /proc: all but init, also those that entered from outside
		sys.Kill(-1, sig.TERM)
		sys.Kill(-1, sig.CONT)
		return
	}
	s.sweepGroup()
}

// sweepGroup is sweep for the command's group.
func (s *supervisor) sweepGroup() {
	if s.told < theGroup {
		s.signalGroup(s.lastSignal())
	}
	// A stopped process cannot act on it. To find out whether there is one takes a look at every process, which is left to those
	// who wait in any case, and to dumb-init, whose users expect TERM alone.
	switch {
	case s.isLastOfAll():
	case s.Grace == 0 && s.As != DumbInit:
		s.signalGroup(sig.CONT)
	default:
		s.continueGroup()
	}
}

// isLastOfAll reports whether the command has left nobody: where orphans become init's children, init has none but the zombie
// of the command, which is reaped to see that.
func (s *supervisor) isLastOfAll() bool {
	if s.self != 1 && (s.noReaper || s.noReap != 0) {
		return false
	}
	s.reapCommand()
	return proc.Childless(true)
}

// seeWhetherAlone handles that no process of the scope is left, if that is so.
func (s *supervisor) seeWhetherAlone() {
	if s.wide() {
		if proc.Childless(true) {
			s.handle(Event{Kind: Alone})
		}
		return
	}
	if s.signalGroup(0) == unix.ESRCH || s.groupIsEmpty() {
		s.handle(Event{Kind: Alone})
	}
	s.lookLater() // a member's end is announced to its parent alone, which may have left the group
}

// kill ends every process of the scope, and sets the time after which it is tried again, for what was forked meanwhile.
//
//go:noinline
func (s *supervisor) kill() {
	const (
		again    = 50e6
		patience = 750e6 // from the first KILL to init's end, whoever is left: a process that may not be signalled, or does not end
	)
	if !s.killed {
		s.killed = true
		s.limit = now() + patience
		s.account.left = s.noteLeft()
		s.sayKill()
	}
	s.deadline = now() + again
	switch {
	case !s.wide():
		s.signalGroup(sig.KILL)
	case s.self == 1:
		sys.Kill(-1, sig.KILL) // at one blow, so that no fork escapes; what entered from outside ends with init anyway
	default:
		s.killDescendants()
	}
}
