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
	name    *byte   // the command as it was called
	mask    sig.Set // the mask that init was started with
	self    int32   // init's pid
	pid     int32   // the command's pid, and the number of its process group
	jobs    bool    // the command's group is a job within init's own session, under an interactive shell
	noStop  bool    // init is PID 1 of its namespace: the kernel does not let it stop itself
	reaped  uint32  // orphans reaped
	console int     // jobs: the controlling terminal, else -1
	log     logger
}

// Kind is the kind of an [Event].
type Kind uint8

const (
	Arrived Kind = iota // a signal reached init
	Stopped             // the command has been stopped, by Signal
	Ended               // the command has ended; its zombie is still there
)

// Event is what the loop waits for.
type Event struct {
	Kind   Kind
	Signal sig.Signal  // Arrived, Stopped
	Status proc.Status // Ended
}

// Do is a set of things to do. They are done in the order of the bits.
type Do uint8

const (
	Forward     Do = 1 << iota // send Action.Signal to the command
	Wake                       // continue the command if it is stopped
	HandOver                   // give the command the terminal, if init's own group has it
	StopSelf                   // stop init, by Action.Signal
	SweepAndEnd                // TERM to what is left of the command's group, then end with the command's status
	Ignore                     // do nothing about Action.Signal
)

// Action says what to do about an event.
type Action struct {
	Do     Do
	Signal sig.Signal
}

// step says what an event means for the command and for init. It never waits and calls nothing, so a test can drive it
// without processes. Everything that init does about signals is decided here.
//
// A grace period, once there is one, is a further Kind (its end) and state that step keeps between Ended and SweepAndEnd.
func (s *supervisor) step(ev Event) Action {
	switch ev.Kind {
	case Stopped:
		// The shell above sees its job, init, stop as the command did.
		return Action{StopSelf, ev.Signal}
	case Ended:
		return Action{Do: SweepAndEnd}
	}

	switch r := s.Rewrite[ev.Signal]; r {
	case Unchanged:
	case Drop:
		return Action{Ignore, ev.Signal}
	default:
		return Action{Forward | wakes(ev.Signal), sig.Signal(r)}
	}

	switch ev.Signal {
	case sig.TSTP, sig.TTIN, sig.TTOU:
		if s.jobs {
			break // if it stops the command, that is an event of its own
		}
		// The group of a session leader is orphaned, and the kernel does not stop an orphaned group by these three.
		a := Action{Forward, sig.STOP}
		if !s.noStop {
			a.Do |= StopSelf
		}
		return a
	case sig.CONT:
		if s.jobs {
			return Action{HandOver | Forward, sig.CONT}
		}
	}
	return Action{Forward | wakes(ev.Signal), ev.Signal}
}

// wakes returns Wake for the signals by which someone asks the command to end: a stopped process cannot act on them.
func wakes(s sig.Signal) Do {
	switch s {
	case sig.TERM, sig.INT, sig.HUP, sig.QUIT:
		return Wake
	}
	return 0
}

// target is whom signals go to, as kill(2) takes it.
func (s *supervisor) target() int32 {
	if s.Single {
		return s.pid
	}
	return -s.pid
}
