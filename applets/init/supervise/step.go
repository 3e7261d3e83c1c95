package supervise

import "util/internal/sig"

// phase is how far a stop has come.
type phase uint8

const (
	running  phase = iota // the command runs, and no stop has begun
	stopping              // the command runs, and the grace period runs
	leaving               // the command has ended; the others have the rest of the grace period
	killing               // KILL was sent to the scope
)

// audience says which processes have had a stop signal.
type audience uint8

const (
	none       audience = iota
	theCommand          // the command alone, with --single-child
	theGroup            // the command's process group
	theScope            // every process of the scope
)

// Kind is the kind of an [Event].
type Kind uint8

// The events.
const (
	Arrived   Kind = iota // a signal reached init
	Typed                 // a key such as ^C: the terminal signalled init's group, with the command
	Suspended             // the command has been stopped, by Signal
	Ended                 // the command has ended
	Empty                 // the command has ended, and no process of the scope is left
	DelayOver             // the delay of a stop signal is over
	GraceOver             // the grace period is over, or it is time to send KILL again
	LimitOver             // KILL was sent, and the time that it may take is over
)

// Event is what the loop waits for.
type Event struct {
	Kind   Kind
	Signal sig.Signal // Arrived, Typed, Suspended
	Taken  bool       // Arrived: the command does something about TSTP, TTIN or TTOU
}

// Do is a set of things to do. They are done in the order of the bits.
type Do uint16

// The things to do.
const (
	HandOver       Do = 1 << iota // give the command the terminal, if init's own group has it
	Delay                         // keep Action.Signal for the time of Settings.Delay
	ForwardDelayed                // forward what was kept
	MarkStop                      // record that a stop begins
	Forward                       // send Action.Signal to the command, or to its group
	ForwardAll                    // send Action.Signal to every process of the scope
	Wake                          // continue the command if it is stopped
	StopSelf                      // stop init, by Action.Signal
	Sweep                         // TERM to what is left in the scope, CONT to what is stopped there
	StartGrace                    // start the grace period, unless it runs
	Kill                          // KILL to every process of the scope
	End                           // end with the command's status
	Ignore                        // do not forward Action.Signal
)

// Action says what to do about an event.
type Action struct {
	Do     Do
	Signal sig.Signal
}

// step says what an event means for the command and for init. It never waits and calls nothing,
// so a test can drive it without processes. All decisions about signals, ends and deadlines are
// made here.
func (s *Supervisor) step(ev Event) Action {
	switch ev.Kind {
	case Suspended:
		// The shell above sees its job, init, stop as the command did.
		return Action{StopSelf, ev.Signal}
	case Ended:
		return s.ends()
	case DelayOver:
		return Action{Do: ForwardDelayed}
	case GraceOver:
		s.phase = killing
		return Action{Do: Kill}
	case LimitOver, Empty:
		return Action{Do: End}
	case Typed:
		a := s.arrives(ev)
		if s.hasHad(ev) {
			a.Do &^= Forward
		}
		return a
	}
	return s.arrives(ev)
}

// ends is step for the end of the command.
func (s *Supervisor) ends() Action {
	s.delayed, s.due = Action{}, 0 // no process is left to forward it to
	switch {
	case s.Grace == 0 && s.NoSweep:
		return Action{Do: End}
	case s.Grace == 0:
		return Action{Do: Sweep | End}
	case s.phase == killing:
		return Action{Do: Kill} // what was forked since
	}
	s.phase = leaving
	return Action{Do: Sweep | StartGrace}
}

// arrives is step for a signal.
func (s *Supervisor) arrives(ev Event) Action {
	signal := ev.Signal
	switch {
	case s.Pause:
		return arrivesInPause(signal)
	case signal == sig.CHLD && s.DropCHLD:
		return Action{Ignore, signal}
	}
	a := Action{Forward, signal}
	rewriting := s.Rewrite[signal]
	switch rewriting {
	case Unchanged:
	case Drop:
		a.Do = Ignore
	default:
		a.Signal = sig.Signal(rewriting)
	}
	switch signal {
	case sig.TSTP, sig.TTIN, sig.TTOU:
		if done := s.suspends(ev, &a); done {
			return a
		}
	case sig.CONT:
		if s.Job && rewriting == Unchanged {
			a.Do |= HandOver
		}
	}
	if a.Do&Ignore != 0 {
		return a
	}
	if asksToEnd(signal) || asksToEnd(a.Signal) {
		a.Do |= Wake // a stopped process cannot act on it
	}
	if s.isStop(signal) {
		return s.stop(a, s.hasHad(ev))
	}
	return a
}

// suspends completes the action for TSTP, TTIN and TTOU. It reports whether nothing else applies.
//
// The group of a session leader is orphaned, and the kernel does not stop an orphaned group by
// these three: STOP takes their place.
func (s *Supervisor) suspends(ev Event, a *Action) (done bool) {
	rewritten := s.Rewrite[ev.Signal] != Unchanged
	switch s.ttyRule(ev.Signal) {
	case StopUnlessTaken:
		// A job is stopped by the kernel, and that is an event of its own. To a command that takes the
		// signal it means something else, such as one more worker.
		if rewritten || s.Job || ev.Taken || s.phase >= leaving {
			return false
		}
		a.Signal = sig.STOP
		if !s.cannotStop {
			a.Do |= StopSelf
		}
		return false
	case StopAlways:
		if !rewritten && s.Placement != SharedGroup {
			a.Signal = sig.STOP
		}
		if !s.cannotStop && s.phase < leaving {
			a.Do |= StopSelf
		}
		return true
	case Discard:
		if !rewritten {
			a.Do = Ignore
		}
	}
	return false
}

func (s *Supervisor) ttyRule(signal sig.Signal) TTYRule {
	if signal == sig.TSTP {
		return s.OnTSTP
	}
	return s.OnTTIN
}

// hasHad reports whether the command has had a signal already: from the terminal.
func (s *Supervisor) hasHad(ev Event) bool {
	return ev.Kind == Typed && s.Rewrite[ev.Signal] == Unchanged
}

// arrivesInPause is arrives where there is no command. PWR and RTMIN+3 are the stop signals of
// LXC and of systemd's containers.
func arrivesInPause(signal sig.Signal) Action {
	switch signal {
	case sig.TERM, sig.INT, sig.PWR, sig.RTMin + 3:
		return Action{Do: End}
	}
	return Action{Ignore, signal}
}

// asksToEnd reports whether a signal is one of those by which people and terminals ask a program to
// end.
func asksToEnd(signal sig.Signal) bool {
	switch signal {
	case sig.TERM, sig.INT, sig.HUP, sig.QUIT:
		return true
	}
	return false
}

// isStop reports whether a signal starts a stop. QUIT does so only if Settings.StopSignals has it:
// programs react to it in different ways, a Java virtual machine with a list of its threads.
func (s *Supervisor) isStop(signal sig.Signal) bool {
	return signal == sig.TERM || signal == sig.INT || s.StopSignals.Has(signal)
}

// stop completes the action for a stop signal. The first one starts the grace period, and is
// delayed if Settings.Delay says so, unless the command has had it (had). All later ones are
// forwarded at once and change nothing else: only the end of the grace period brings KILL.
func (s *Supervisor) stop(a Action, had bool) Action {
	if s.atOnce() {
		a.Do = a.Do&^Forward | ForwardAll
	}
	if s.phase < leaving && (s.Grace > 0 || s.IsWide()) {
		a.Do |= MarkStop
	}
	s.stops++
	first := s.stops == 1 && s.phase == running
	if first && s.Delay > 0 && !had {
		s.delayed = a
		a = Action{Delay, a.Signal}
	} else if s.delayed.Do != 0 {
		if s.delayed.Signal == a.Signal { // the kernel would merge two pending signals of one kind
			s.delayed, s.due = Action{}, 0
		} else {
			a.Do |= ForwardDelayed
		}
	}
	if s.Grace > 0 && s.phase == running {
		s.phase = stopping
		a.Do |= StartGrace
	}
	return a
}
