package supervise

import (
	"util/applets/init/descendants"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// do carries out an action. arrived is the signal that it is about, as it reached init.
func (s *Supervisor) do(a Action, arrived sig.Signal) {
	if a.Do&HandOver != 0 {
		s.handOver()
	}
	if a.Do&Delay != 0 {
		s.delay(arrived)
	}
	if a.Do&ForwardDelayed != 0 {
		s.forwardDelayed()
	}
	s.passOn(a, arrived)
	if a.Do&StopSelf != 0 {
		if s.suspendBy = a.Signal; s.noted == 0 { // else the notes are reported first
			s.suspendBy = 0
			s.stopSelf(a.Signal)
		}
	}
	if a.Do&Sweep != 0 {
		s.sweep()
	}
	if a.Do&StartGrace != 0 {
		s.startGrace()
	}
	if a.Do&Kill != 0 {
		s.kill()
	}
	if a.Do&End != 0 {
		s.end()
	}
	if a.Do&Ignore != 0 {
		s.note(Note{Kind: Dropped, Arrived: a.Signal})
	}
}

// passOn is the part of an action that forwards a signal.
func (s *Supervisor) passOn(a Action, arrived sig.Signal) {
	if a.Do&MarkStop != 0 {
		s.markStop()
	}
	if a.Do&(Forward|ForwardAll) != 0 {
		s.forward(arrived, a)
	}
	if a.Do&Wake != 0 {
		s.wake(a.Signal)
	}
}

// forward forwards a signal. If there is no process to get it (ESRCH), or none that may be
// signalled (EPERM), nothing else changes; the first signal that is lost for lack of permission
// is noted.
func (s *Supervisor) forward(arrived sig.Signal, a Action) {
	e := s.send(a.Signal)
	if a.Do&ForwardAll != 0 && s.signalRest(a.Signal) {
		s.stopSentTo = theScope
	}
	switch {
	case s.Notes&Forwarded != 0:
		s.note(Note{Kind: Forwarded, Arrived: arrived, Sent: a.Signal, Errno: e})
	case e == unix.EPERM && !s.denied:
		s.denied = true
		s.note(Note{Kind: Denied, Arrived: arrived, Sent: a.Signal, Errno: e})
	}
}

// delay keeps a stop signal for the time of Settings.Delay.
func (s *Supervisor) delay(arrived sig.Signal) {
	s.arrivedAs = arrived
	s.due = now() + s.Delay
	s.note(Note{Kind: Delayed, Arrived: arrived})
}

// forwardDelayed forwards the signal that delay kept.
func (s *Supervisor) forwardDelayed() {
	a := s.delayed
	s.delayed, s.due = Action{}, 0
	s.passOn(a, s.arrivedAs)
}

// markStop records that a stop begins: which processes the signal reaches, and when. Processes
// that start later are taken to be finishing work, and are spared.
func (s *Supervisor) markStop() {
	if s.stopSentTo != none {
		return
	}
	s.stopSentTo = theGroup
	if s.Single {
		s.stopSentTo = theCommand
	}
	const tick = 1e9 / descendants.TicksPerSecond // nanoseconds
	s.stopSentAt = uint64(sys.ClockGettime(unix.CLOCK_BOOTTIME)) / tick
	if s.stopSentAt == 0 { // a filter refuses the call: no process counts as started since
		s.stopSentAt = ^uint64(0)
	}
	s.lastPID = descendants.LastPID()
}

// wake continues the command if it is stopped, so that it can act on a signal that asks it to
// end. SIGCHLD has told whether it is. A SIGCHLD that came before the signal, but has the higher
// number, is received after it: then wakePending does this.
func (s *Supervisor) wake(signal sig.Signal) {
	if !s.maybeStopped {
		s.endSignals |= sig.Of(signal)
		return
	}
	if proc.Stopped(s.PID) != 0 {
		s.send(sig.CONT)
		return
	}
	s.maybeStopped = s.wait.kernelReaps // then SIGCHLD does not tell every stop
}

// wakePending is wake for a command that was stopped when it was asked to end: the signal is still
// pending in it.
func (s *Supervisor) wakePending() {
	if proc.Stopped(s.PID) != 0 && descendants.IsPending(s.Self, s.PID, s.endSignals) {
		s.send(sig.CONT)
	}
	s.endSignals = 0
}

// startGrace starts the grace period.
func (s *Supervisor) startGrace() {
	if s.deadline == 0 {
		s.deadline = now() + s.Grace
		s.reapAgain()
	}
}

// stopSelf stops init by the signal that stopped, or was meant to stop, the command. It returns
// when init is continued. For a job, the CONT that has done that is the next event: a SIGCHLD,
// which has the lower number, would have init take the stop that it tells of for another one. And
// if a TSTP has discarded the CONT meanwhile, nothing else would continue the command.
func (s *Supervisor) stopSelf(by sig.Signal) {
	if !s.Job || by == sig.STOP {
		sys.Kill(s.Self, sig.STOP)
	} else {
		// Without init in between, the terminal would have stopped the whole job, with the rest of a
		// pipeline.
		sys.Kill(0, by)
		sys.Sigprocmask(sig.All &^ sig.Of(by)) // init stops here
		sys.Sigprocmask(sig.All)
	}
	if s.Job {
		var info sys.Siginfo
		var none sys.Timespec
		received(sig.Of(sig.CONT), &info, &none)
		s.continued = true
	}
}

// end ends init. If the command has survived KILL, the kernel kills it when PID 1 exits.
//
// It exits at once if there is nothing to report: the code that prints was given back, and to read
// it again would take longer than the rest of the exit (dropEntry).
func (s *Supervisor) end() {
	s.over = true
	if !s.Pause {
		proc.Reap(s.PID, &s.Usage)
		if !s.Ended {
			s.Status = proc.Status{Signal: sig.KILL}
		}
		s.takeBack()
		if s.killing {
			s.countSurvivors()
		}
	}
	if s.noted == 0 && !s.HasSummary() {
		sys.Exit(int(s.ExitCode()))
	}
}

// send sends a signal to the command's group, or with Single to the command.
func (s *Supervisor) send(signal sig.Signal) sys.Errno {
	switch {
	case !s.Single:
		return s.signalGroup(signal)
	case s.wait.command >= 0: // the kernel may have reaped the command
		if e := sys.PidfdSendSignal(s.wait.command, signal, 0); isCertain(e) {
			return e
		}
	case s.reaped: // its number may be another process's
		return unix.ESRCH
	}
	return sys.Kill(s.PID, signal)
}

// signalGroup sends a signal, or with 0 none, to the command's process group. ESRCH says that the
// group is empty. As long as the command is not reaped, even as a zombie, the number of its group
// cannot be given to another one. After that, and where the kernel may reap it at any time, a
// pidfd stands for it.
func (s *Supervisor) signalGroup(signal sig.Signal) sys.Errno {
	if s.wait.command >= 0 {
		e := sys.PidfdSendSignal(s.wait.command, signal, unix.PIDFD_SIGNAL_PROCESS_GROUP)
		if isCertain(e) {
			return e
		}
	}
	if s.reaped && sys.Kill(s.PID, 0) != unix.ESRCH {
		return unix.ESRCH // the number is in use again, so the group was empty, and this is another one
	}
	return sys.Kill(-s.PID, signal)
}

// isCertain reports whether kill(2) would do the same as pidfd_send_signal(2) has done. It is not
// before Linux 5.1 (ENOSYS), before 6.9 for a process group (EINVAL), or below a seccomp filter.
func isCertain(e sys.Errno) bool { return e == 0 || e == unix.ESRCH }
