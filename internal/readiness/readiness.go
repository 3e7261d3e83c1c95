// Package readiness finds out whether services are up: it connects to their ports, speaks a
// protocol with them where the target names one, and repeats that until they have the expected
// state. The applets wait-for-port and healthcheck share it.
//
// It tests a port as a client would, and must not disturb the listener. It prints nothing: an
// [Observer] is told what happens. UDP is outside its scope, because an open port cannot be
// detected without a reply.
//
// One goroutine does all the work in an event loop over raw sockets (loop.go), including name
// lookups (lookup.go). state.go decides what a result means for a target, independently of the
// loop. Package protocol decides what an answer means.
package readiness

import (
	"fmt"
	"time"
)

// Options are the settings of a wait.
type Options struct {
	Targets []Target
	Any     bool          // end with the first target instead of the last
	Down    bool          // wait until connections are refused instead of accepted
	Once    bool          // one attempt for each target, which may last until the Timeout
	Family  int           // unix.AF_INET or AF_INET6 to use only these addresses; 0 for both
	Timeout time.Duration // for the whole wait; 0 for no limit
	// Interval is the pause after the first attempt. 0 selects a default for the kind of target.
	Interval time.Duration
	Connect  time.Duration // the limit for one connection, with its conversation
	Hold     time.Duration // how long a connection without a conversation must stay open
	Stable   int           // the number of successes in a row that are needed
}

// State returns the state that is waited for, "up" or "down".
func (o *Options) State() string {
	if o.Down {
		return "down"
	}
	return "up"
}

// Result is how a wait has ended.
type Result uint8

const (
	Succeeded     Result = iota // every target (Any: one) has the expected state
	FailedForGood               // no further attempt can change that a target does not have it
	TimedOut
	Canceled // the context was canceled
)

// Status is what is known about a target.
type Status struct {
	Target
	Done     bool   // it has the expected state
	Hopeless bool   // it can never have it; with [Options.Once], the attempt has failed
	Answered bool   // the first attempt has ended
	Resolves bool   // the addresses of its name are being looked up
	Why      string // why it is not Done
}

// Attempt is the result of one connection, or of one look at a file.
type Attempt struct {
	Target  Target
	Number  int    // of the attempt for this target, from 1
	Address string // an IP address and port, or a path
	Result  string // "accepted", or the reason why not
	Began   time.Time
}

// Observer is told what happens during a wait. All its methods are called by the goroutine that
// called [Wait.Run].
type Observer interface {
	// Attempted is called for each result.
	Attempted(a Attempt, now time.Time)
	// Changed is called when a target is Done and when its Why has changed. before is the former Why,
	// or "" if no attempt had ended.
	Changed(s Status, before string, now time.Time)
	// Tick is called in each turn of the loop. It returns when it must be called again, or the zero
	// time if it need not be.
	Tick(now time.Time) time.Time
}

// status returns what is known about a target.
func (w *Wait) status(t *target) Status {
	s := Status{
		Target:   t.Target,
		Done:     t.done,
		Hopeless: t.hopeless,
		Answered: t.why != "" || t.done,
		Resolves: t.lookup != nil,
		Why:      t.why,
	}
	if !s.Answered {
		s.Why = w.pending(t)
	}
	return s
}

// Statuses returns what is known about the targets, in the order of [Options.Targets].
func (w *Wait) Statuses() []Status {
	all := make([]Status, len(w.targets))
	for i, t := range w.targets {
		all[i] = w.status(t)
	}
	return all
}

// pending returns why a target is not ready whose first attempt has not ended.
func (w *Wait) pending(t *target) string {
	switch {
	case t.talking != nil && len(t.results) == 0:
		return "accepted, but has not answered yet"
	case t.lookup == nil && t.Protocol != nil && len(t.results) > 0:
		_, known := conclude(t.results, false)
		return known
	case t.lookup == nil || t.open > 0:
		return "no answer yet"
	case t.lookup.found:
		_, known := conclude(t.results, false)
		return fmt.Sprintf("%s, but %s", known, t.lookup.pending(time.Now()))
	}
	return t.lookup.pending(time.Now())
}
