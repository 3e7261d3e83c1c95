package supervise

import (
	"util/applets/init/descendants"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
)

// Wait handles events until there are notes to take, or until init must end. Then over is true, and
// nothing is left to be done but to report that and to exit. Wait must not be called after that. If
// there is nothing to report, it exits itself.
func (s *Supervisor) Wait() (over bool) {
	var info sys.Siginfo
	if !s.begun {
		s.begun = true
		s.dropEntry()
		s.reapInherited()
	}
	for !s.over && s.noted == 0 {
		s.turn(&info)
	}
	return s.over
}

// turn waits for one event and carries out what step says. info is memory for it.
func (s *Supervisor) turn(info *sys.Siginfo) {
	if s.suspendBy != 0 {
		by := s.suspendBy
		s.suspendBy = 0
		s.stopSelf(by)
	}
	ev, ok := s.next(info)
	if !s.over && (s.wait.isRecheck() || ok && ev.Kind == LimitOver) {
		s.children(nil) // the command's end may have come while init was busy
	}
	if ok && !s.over && s.receive(&ev, info) && !s.over {
		s.handle(ev)
		s.note(Note{Kind: Handled})
	}
	if s.phase >= leaving && s.Ended && !s.over {
		s.checkEmpty()
	}
}

// reapInherited reaps children that init had before it became init: the program that executed it
// made them. A SIGCHLD that was pending for them was discarded when init set its disposition.
func (s *Supervisor) reapInherited() {
	for range maxBurst {
		child := proc.NextChild()
		switch {
		case child.Pid == 0:
			return
		case child.Trapped:
			proc.Detach(child.Pid)
		case child.Pid != s.PID:
			s.reapOrphan(child)
		case child.Reaped: // where waitid is refused, nothing else will tell
			s.commandEnded(child.Status, false)
			return
		default: // SIGCHLD will tell, or the check after letKernelReap
			return
		}
		if s.wait.kernelReaps { // letKernelReap may have discarded the command's SIGCHLD
			s.recheckAt = now()
		}
	}
	s.recheckAt = now()
}

// receive completes an event, and handles the children if it is about them. It reports whether
// the event is one for step.
func (s *Supervisor) receive(ev *Event, info *sys.Siginfo) bool {
	const fromKernel = 128 // SI_KERNEL, sigaction(2)
	if ev.Kind != Arrived {
		return true
	}
	s.note(Note{Kind: Received, Arrived: ev.Signal})
	switch ev.Signal {
	case sig.CHLD:
		s.children(info)
		return info.Code <= 0 // one that a process sent is forwarded like any signal
	case sig.CONT:
		s.continued = false
	case sig.TSTP, sig.TTIN, sig.TTOU:
		ev.Taken = s.ttyRule(ev.Signal) == StopUnlessTaken && !s.Job &&
			(descendants.Handles(s.Self, s.PID, ev.Signal) || proc.HasEnded(s.PID))
	}
	if s.Placement == SharedGroup && info.Code == fromKernel && isTyped(ev.Signal) {
		ev.Kind = Typed
	}
	return true
}

// isTyped reports whether a terminal sends a signal to its foreground process group.
func isTyped(signal sig.Signal) bool {
	switch signal {
	case sig.INT, sig.QUIT, sig.TSTP, sig.WINCH:
		return true
	}
	return false
}

// children handles every child that has changed its state: the one that a SIGCHLD is about, and all
// others. SIGCHLD does not queue: one may stand for many. info may be nil.
func (s *Supervisor) children(info *sys.Siginfo) {
	var child proc.Child
	if info != nil && !s.wait.kernelReaps {
		child = proc.FromSIGCHLD(info)
		if child.Pid == s.PID {
			// For a tracee, SIGCHLD also tells the end of the first thread while others run. NextChild
			// knows.
			child = proc.Child{}
		}
	}
	if child.Pid == 0 {
		child = proc.NextChild()
	}
	for n := 1; child.Pid != 0; n++ {
		switch {
		case child.Trapped:
			proc.Detach(child.Pid)
		case child.Pid == s.PID && !s.Ended:
			s.commandEnded(child.Status, !child.Reaped)
		default:
			s.reapOrphan(child)
		}
		if s.over {
			return
		}
		if n == maxBurst { // orphans that come faster than they are reaped must not delay the rest
			s.recheckAt = now()
			break
		}
		child = proc.NextChild() // where waitid is refused, this has reaped it
	}
	if s.wait.kernelReaps && info != nil {
		s.wait.pauseCHLD()
	}
	s.checkCommand()
	if s.over {
		return
	}
	if s.Job && !s.cannotStop && !s.continued { // else the stop may be the one that is over
		if by := proc.Stopped(s.PID); by != 0 {
			s.handle(Event{Kind: Suspended, Signal: by})
		}
	}
	if info != nil || s.wait.kernelReaps { // letKernelReap may have discarded a SIGCHLD
		s.maybeStopped = true
		if s.endSignals != 0 {
			s.wakePending()
		}
	}
}

// commandEnded records how the command ended, and does what follows. It is the only way to do so,
// whatever announced the end; from then on the command's PID may be another process's.
func (s *Supervisor) commandEnded(status proc.Status, zombie bool) {
	s.Status = status
	s.Ended = true
	s.reaped = !zombie
	s.handle(Event{Kind: Ended})
	if zombie && !s.over {
		s.reapCommand()
	}
}

// reapOrphan reaps a child that is not the command. It may have been reaped before: its SIGCHLD
// can be pending when the check for more children finds it.
func (s *Supervisor) reapOrphan(child proc.Child) {
	if !child.Reaped && s.kernelMayReap() && !s.Pause {
		s.letKernelReap(child.Pid)
		return
	}
	if !child.Reaped && !proc.Reap(child.Pid, nil) {
		return
	}
	s.Orphans++
	s.note(Note{Kind: Reaped, Child: child})
}

// reapCommand reaps the command. With a grace period, a pidfd then stands for its process group,
// whose number is free as soon as the group is empty; without one, the group is not needed any
// more.
func (s *Supervisor) reapCommand() {
	if s.reaped {
		return
	}
	if s.wait.command < 0 && s.Grace > 0 {
		s.wait.command = pidfd(s.PID)
	}
	proc.Reap(s.PID, &s.Usage)
	s.reaped = true
}

// handle does what step says about an event.
func (s *Supervisor) handle(ev Event) { s.do(s.step(ev), ev.Signal) }
