package pid1

import (
	"util/internal/proc"
	"util/internal/sig"
)

// supervisor is all that init knows. It lives on the stack of entry.
type supervisor struct {
	Options
	argv    **byte  // the command and its arguments
	envp    **byte  // the environment
	mask    sig.Set // the mask that init was started with
	self    int32   // init's pid
	pid     int32   // the command's pid, and the number of its process group
	jobs    bool    // the command's group is a job within init's own session, under an interactive shell
	noStop  bool    // init is PID 1 of its namespace: the kernel does not let it stop itself
	console int     // jobs: the controlling terminal, else -1

	phase    phase
	stops    int         // stop signals that arrived
	killed   bool        // KILL was sent
	ended    bool        // the command has ended
	status   proc.Status // the command's, once it has ended
	deadline int64       // the end of the grace period, on the monotonic clock in nanoseconds; 0 none

	wait    waiter
	guise   guise
	log     logger
	account account
}

// phase is how far the end of the container has come.
type phase uint8

const (
	running  phase = iota // the command runs, and nobody has asked it to end
	stopping              // it runs, has been asked to end, and the grace period is running
	leaving               // it has ended; the grace period of the processes that are left is running
	killing               // KILL was sent to all in the scope
)

// Kind is the kind of an [Event].
type Kind uint8

const (
	Arrived Kind = iota // a signal reached init
	Stopped             // the command has been stopped, by Signal
	Ended               // the command has ended
	Expired             // the deadline has passed
	Typed               // a signal that the terminal sent to init's process group, with the command in it
	Alone               // the command has ended, and no process of the scope is left
)

// Event is what the loop waits for.
type Event struct {
	Kind   Kind
	Signal sig.Signal // Arrived, Stopped
}

// Do is a set of things to do. They are done in the order of the bits.
type Do uint16

const (
	HandOver   Do = 1 << iota // give the command the terminal, if init's own group has it
	Forward                   // send Action.Signal to the command, or its group
	ForwardAll                // send Action.Signal to every process of the scope, the command's group among them
	Wake                      // continue the command if it is stopped
	StopSelf                  // stop init, by Action.Signal
	Sweep                     // TERM to every process of the scope that has not had it, and continue it if it is stopped
	Arm                       // start the grace period, unless it runs
	Kill                      // KILL to every process of the scope
	End                       // end with the command's status
	Ignore                    // nothing; Action.Signal is dropped
)

// Action says what to do about an event.
type Action struct {
	Do     Do
	Signal sig.Signal
}

// step says what an event means for the command and for init. It never waits and calls nothing, so a test can drive it
// without processes. Everything that init does about signals, ends and deadlines is decided here.
func (s *supervisor) step(ev Event) Action {
	switch ev.Kind {
	case Stopped:
		// The shell above sees its job, init, stop as the command did.
		return Action{StopSelf, ev.Signal}
	case Ended:
		switch {
		case s.Grace == 0 && s.noSweep:
			return Action{Do: End}
		case s.Grace == 0:
			return Action{Do: Sweep | End}
		case s.phase == killing:
			return Action{Do: Kill} // what was forked meanwhile
		}
		s.phase = leaving
		return Action{Do: Sweep | Arm}
	case Expired:
		s.phase = killing
		return Action{Do: Kill}
	case Alone:
		return Action{Do: End}
	case Typed:
		a := s.arrived(ev.Signal)
		if s.Rewrite[ev.Signal] == Unchanged {
			a.Do &^= Forward // the command has it already
		}
		return a
	}
	return s.arrived(ev.Signal)
}

// arrived is [supervisor.step] for a signal.
func (s *supervisor) arrived(signal sig.Signal) Action {
	if s.Pause {
		if signal == sig.TERM || signal == sig.INT {
			return Action{Do: End}
		}
		return Action{Ignore, signal}
	}
	if s.As != Util {
		if a, ok := s.arrivedAs(signal); ok {
			return a
		}
	}
	a := Action{Forward, signal}
	rewriting := s.Rewrite[signal]
	switch rewriting {
	case Unchanged:
	case Drop:
		return Action{Ignore, signal}
	default:
		a.Signal = sig.Signal(rewriting)
	}

	if asksToEnd(signal) || asksToEnd(a.Signal) {
		a.Do |= Wake // a stopped process cannot act on it
	}
	switch signal {
	case sig.TSTP, sig.TTIN, sig.TTOU:
		if rewriting != Unchanged || s.jobs {
			break // of a job: if it stops the command, that is an event of its own
		}
		// The group of a session leader is orphaned, and the kernel does not stop an orphaned group by these three.
		a.Signal = sig.STOP
		if !s.noStop {
			a.Do |= StopSelf
		}
	case sig.CONT:
		if s.jobs && rewriting == Unchanged {
			a.Do |= HandOver
		}
	}
	if s.isStop(signal) {
		s.stop(&a)
	}
	return a
}

// asksToEnd reports whether a signal is one of those by which people and terminals ask a program to end.
func asksToEnd(signal sig.Signal) bool {
	switch signal {
	case sig.TERM, sig.INT, sig.HUP, sig.QUIT:
		return true
	}
	return false
}

// isStop reports whether a signal asks the command to end.
func (s *supervisor) isStop(signal sig.Signal) bool {
	switch signal {
	case sig.TERM, sig.INT, sig.QUIT:
		return true
	}
	return s.StopSignal != 0 && signal == s.StopSignal
}

// stop completes the action for a signal that asks the command to end: it reaches the whole scope, and starts the grace
// period; the second one ends it.
func (s *supervisor) stop(a *Action) {
	if s.container() && !s.Single {
		a.Do = a.Do&^Forward | ForwardAll
	}
	if s.Grace == 0 {
		return
	}
	s.stops++
	switch {
	case s.phase == killing:
		a.Do = Ignore
	case s.stops > 1:
		s.phase = killing
		a.Do = Kill
	case s.phase == running:
		s.phase = stopping
		a.Do |= Arm
	}
}
