package supervise

import (
	"fmt"
	"math/rand"
	"testing"

	"util/internal/proc"
	"util/internal/sig"
)

// world is a model of a container: the command, and processes that it left, some of which never
// end by themselves or by TERM. It carries out the supervisor's actions and records what the
// invariants need.
type world struct {
	s          Supervisor
	runs       bool // the command runs
	stubborn   bool // the command does not end by a stop signal
	unkillable bool // KILL is not permitted, or does not show
	group      int  // others in its group
	outside    int  // others elsewhere
	armed      bool // the deadline is set
	killed     bool
	ended      bool
	log        []string
}

// left returns how many processes of the scope are left, without the command.
func (w *world) left() int {
	if w.s.IsWide() {
		return w.group + w.outside
	}
	return w.group
}

// event passes an event to step and carries out the action. It returns what is wrong with the
// action, or "".
func (w *world) event(ev Event) string {
	w.s.reap(ev)
	a := w.s.step(ev)
	w.log = append(w.log, fmt.Sprintf("%d/%s: %b %s", ev.Kind, ev.Signal.Name(), a.Do,
		a.Signal.Name()))
	has := func(do Do) bool { return a.Do&do != 0 }
	switch {
	case a.Do == 0:
		return "an event without an action, not even Ignore"
	case has(End) && w.runs && !w.s.Pause && ev.Kind != LimitOver:
		return "init ends before the command"
	case has(Kill) && w.s.Grace == 0:
		return "KILL without a grace period"
	case has(Kill) && ev.Kind == Arrived:
		return "KILL by a signal: the deadline alone brings it"
	case has(Kill|StartGrace) && ev.Kind == Arrived && !w.s.isStop(ev.Signal):
		return "a signal that is not a stop signal begins a stop"
	case has(Delay|ForwardDelayed) && w.s.Delay == 0:
		return "a signal is held back without a delay"
	case has(Delay) && w.s.stops > 1:
		return "a second stop signal is held back"
	case has(ForwardAll) && w.s.Scope != ScopeContainer:
		return "a signal goes to the whole scope at once, which the settings do not say"
	case has(ForwardAll) && !w.s.isStop(ev.Signal):
		return "a signal that is not a stop signal goes to more than the group"
	case has(Forward) && has(ForwardAll):
		return "a signal is forwarded twice"
	case has(Forward|ForwardAll) && w.s.Rewrite[ev.Signal] == Drop:
		return "a signal that must be dropped is forwarded"
	case has(Forward|ForwardAll) && w.s.Rewrite[ev.Signal] != Unchanged &&
		a.Signal != sig.Signal(w.s.Rewrite[ev.Signal]):
		return "a signal is not rewritten as the settings say"
	case has(Sweep) && w.runs:
		return "TERM to what is left while the command runs"
	case has(StartGrace) && w.s.Grace == 0:
		return "a deadline without a grace period"
	case has(StopSelf) && w.s.cannotStop:
		return "PID 1 stops itself"
	case w.killed && w.armed && has(StartGrace) && ev.Kind == Arrived:
		return "the grace period starts again after KILL"
	case ev.Kind == Arrived && a.Do&(Forward|ForwardAll|Delay|Ignore) == 0:
		return "a signal is lost"
	}
	if has(ForwardDelayed) {
		if w.s.delayed.Do == 0 {
			return "nothing is released"
		}
		if !w.stubborn {
			w.runs = false
		}
		w.s.delayed, w.s.due = Action{}, 0 // as do does
	}
	if has(Delay) {
		w.s.due = 1
	}
	if has(Forward|ForwardAll) && w.s.isStop(ev.Signal) && !w.stubborn {
		w.runs = false
	}
	if has(StartGrace) {
		w.armed = true
	}
	if has(Kill) && w.unkillable {
		w.killed, w.armed = true, true
	} else if has(Kill) {
		w.killed, w.armed, w.runs = true, true, false
		w.group = 0
		if w.s.IsWide() {
			w.outside = 0
		}
	}
	w.ended = has(End)
	return ""
}

// reap does what the loop does when it sees the command's end.
func (s *Supervisor) reap(ev Event) {
	if ev.Kind == Ended {
		s.Status = proc.Status{Exit: 42}
	}
}

// TestModel plays random events in random containers. Whatever happens, init ends after the command
// and with its status. After a stop signal with a grace period, the deadline and the ends that KILL
// brings are enough to end it.
func TestModel(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for n := range 200_000 {
		w := &world{
			s: Supervisor{Settings: &Settings{}}, runs: true, stubborn: random.Intn(2) == 0,
			group: random.Intn(3), outside: random.Intn(3),
		}
		w.s.Grace = int64(random.Intn(2)) * 1e9
		w.s.Delay = int64(random.Intn(2)) * 1e8
		w.s.Scope = Scope(random.Intn(4))
		w.s.Single = random.Intn(4) == 0
		w.s.Job, w.s.cannotStop = random.Intn(4) == 0, random.Intn(2) == 0
		w.s.StopSignals = [...]sig.Set{0, sig.Of(sig.QUIT), sig.Of(sig.USR1) |
			sig.Of(sig.HUP)}[random.Intn(3)]
		w.unkillable = random.Intn(4) == 0
		for range random.Intn(3) {
			w.s.Rewrite[1+random.Intn(31)] = [...]Rewriting{
				Drop, Rewriting(sig.QUIT),
				Rewriting(sig.USR1),
			}[random.Intn(3)]
		}
		seen := false // the loop has reported the command's end
		problem := ""
		for step := 0; !w.ended && problem == "" && step < 100; step++ {
			var ev Event
			switch choice := random.Intn(6); {
			case step >= 60: // nothing happens from outside any more; init must end nevertheless
				switch {
				case !w.runs && !seen:
					ev = Event{Kind: Ended}
				case seen && w.left() == 0:
					ev = Event{Kind: Empty}
				case w.s.due != 0:
					ev = Event{Kind: DelayOver}
				case w.killed && w.unkillable:
					ev = Event{Kind: LimitOver}
				case w.armed:
					ev = Event{Kind: GraceOver}
				default:
					if w.s.Grace != 0 && w.s.stops > 0 || seen {
						problem = "nothing will ever end init"
					}
					w.runs, w.stubborn = false, false // it ends by itself
					continue
				}
			case choice == 0 && !w.runs && !seen:
				ev = Event{Kind: Ended}
			case choice == 1 && seen && w.left() == 0:
				ev = Event{Kind: Empty}
			case choice == 2 && w.armed:
				ev = Event{Kind: GraceOver}
			case choice == 5 && w.s.due != 0 && random.Intn(2) == 0:
				ev = Event{Kind: DelayOver}
			case choice == 3 && random.Intn(4) == 0:
				w.runs = false
				continue
			case choice == 4 && w.group+w.outside > 0 && random.Intn(3) == 0:
				w.group, w.outside = max(0, w.group-1), max(0, w.outside-1)
				continue
			default:
				ev = Event{Kind: Arrived, Signal: sig.Signal(1 + random.Intn(31))}
			}
			seen = seen || ev.Kind == Ended
			problem = w.event(ev)
		}
		switch {
		case problem != "":
		case !w.ended:
			problem = "it does not end"
		case seen && w.s.Status != proc.Status{Exit: 42}:
			problem = "the status is not the command's"
		}
		if problem != "" {
			t.Fatalf("container %d: %s\noptions: %+v\nevents (kind/signal: action, signal): %q", n, problem,
				*w.s.Settings, w.log)
		}
	}
}
