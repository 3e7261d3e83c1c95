package pid1

import (
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// waiter is how init waits for the next event. It begins with one system call for signals of all kinds, SIGCHLD among
// them. Where the kernel can do without init (Linux 6.15), the first orphan makes it quiet.
type waiter struct {
	quiet   bool // SIGCHLD is ignored: the kernel reaps, and the pidfd tells of the command's end
	cannot  bool // the kernel does not tell the status of those it reaped
	signals int  // quiet: a signalfd(2) of all signals
	command int  // quiet, or the command has ended: its pidfd, else -1
}

// soon is how long init waits, in nanoseconds, for the status of a command that has ended but not been reaped. The kernel
// takes microseconds, a debugger as long as it likes.
const soon = 1e6

// next waits for a signal, the end of the command if the waiter is quiet, or the deadline.
func (s *supervisor) next(info *sys.Siginfo) (ev Event, ok bool) {
	if s.wait.quiet {
		return s.nextQuiet(info)
	}
	limit := s.deadline
	if s.wait.command >= 0 && !s.ended {
		// Init was quiet before. If the kernel was about to reap the command then, nothing else will announce its end.
		if ev, ok := s.endedQuietly(); ok {
			return ev, true
		}
		if sys.Readable(s.wait.command) {
			limit = sys.ClockGettime(unix.CLOCK_MONOTONIC) + soon
		}
	}
	var timeout *unix.Timespec
	var left unix.Timespec
	if limit != 0 {
		ns := max(0, limit-sys.ClockGettime(unix.CLOCK_MONOTONIC))
		left = unix.Timespec{Sec: ns / 1e9, Nsec: ns % 1e9}
		timeout = &left
	}
	n, e := sys.Sigtimedwait(sig.All, info, timeout)
	switch {
	case e == 0:
		return Event{Arrived, sig.Signal(n)}, true
	case e == unix.EAGAIN && s.deadline != 0 && sys.ClockGettime(unix.CLOCK_MONOTONIC) >= s.deadline:
		return Event{Kind: Expired}, true
	}
	return Event{}, false // EINTR: init was stopped and continued
}

// nextQuiet is next for the quiet waiter. The signalfd only says that there is a signal: taking it with sigtimedwait,
// as ever, keeps one way for all that is known about a signal.
func (s *supervisor) nextQuiet(info *sys.Siginfo) (ev Event, ok bool) {
	ended, arrived, e := sys.Poll2(s.wait.command, s.wait.signals)
	if e != 0 {
		return Event{}, false
	}
	var pause unix.Timespec
	if ended && !arrived { // a signal that came before the end is forwarded before the end is
		if ev, ok := s.endedQuietly(); ok {
			return ev, true
		}
		pause.Nsec = soon
	}
	if n, e := sys.Sigtimedwait(sig.All, info, &pause); e == 0 {
		return Event{Arrived, sig.Signal(n)}, true
	}
	return Event{}, false
}

// endedQuietly is the end of the command, if the kernel has reaped it.
func (s *supervisor) endedQuietly() (ev Event, ok bool) {
	status, ok := sys.PidfdExit(s.wait.command)
	if !ok {
		return Event{}, false
	}
	s.status = proc.FromWait(status)
	return Event{Kind: Ended}, true
}

// becomeQuiet lets the kernel reap orphans by itself from now on, if it can and nobody wants to hear of them. orphan is
// one that has ended; it is reaped in any case, and shows whether the kernel tells the status of the reaped.
func (s *supervisor) becomeQuiet(orphan int32) {
	fd, e := sys.PidfdOpen(orphan)
	if !proc.Reap(orphan, nil) {
		if e == 0 {
			sys.Close(fd)
		}
		return
	}
	s.wait.cannot = true
	if e != 0 {
		return
	}
	_, ok := sys.PidfdExit(fd)
	sys.Close(fd)
	if !ok {
		return
	}
	command, e := sys.PidfdOpen(s.pid)
	if e != 0 {
		return
	}
	// Once the kernel reaps, only the pidfd is sure to mean the command and its group.
	if e := sys.PidfdSendSignal(command, 0, unix.PIDFD_SIGNAL_PROCESS_GROUP); e != 0 {
		sys.Close(command)
		return
	}
	signals, e := sys.Signalfd(sig.All)
	if e != 0 {
		sys.Close(command)
		return
	}
	s.wait = waiter{quiet: true, signals: signals, command: command}
	sys.RtSigaction(sig.CHLD, &sys.Sigaction{Handler: sys.SigIgn}, nil)
	// Who ended before that line is a zombie still, and will not be announced.
	for child := proc.Ended(); child.Pid != 0; child = proc.Ended() {
		if child.Pid == s.pid {
			s.becomeAttentive()
			return // the loop finds the zombie
		}
		proc.Reap(child.Pid, nil)
	}
}

// canBeQuiet reports whether nothing needs to know of orphans, of stops, or what the command has used.
func (s *supervisor) canBeQuiet() bool {
	return s.phase == running && !s.wait.cannot && !s.jobs && !s.WarnReaped && !s.explains()
}

// becomeAttentive makes init hear of every child again.
func (s *supervisor) becomeAttentive() {
	if s.wait.quiet {
		s.wait.quiet = false
		sys.Close(s.wait.signals)
		sys.RtSigaction(sig.CHLD, &sys.Sigaction{}, nil)
	}
}
