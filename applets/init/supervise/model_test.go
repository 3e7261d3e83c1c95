package supervise

import (
	"fmt"
	"math/rand"
	"testing"

	"util/internal/proc"
	"util/internal/sig"
)

// world is a container as the model test imagines it: the command, and processes that it left,
// some of which never end by themselves or by TERM. It does what the supervisor's actions ask for
// and keeps what the invariants are about.
type world struct {
	s          Supervisor
	alive      bool // the command
	stubborn   bool // the command does not end by a stop signal
	unkillable bool // KILL is not permitted, or does not show
	group      int  // others in its group
	outside    int  // others elsewhere
	armed      bool // the deadline is set
	killed     bool
	ended      bool
	log        []string
}

// left returns how many processes of the scope are left beside the command.
func (w *world) left() int {
	if w.s.IsWide() {
		return w.group + w.outside
	}
	return w.group
}

// event hands an event to step and does what it says. It returns what is wrong with that, or "".
func (w *world) event(ev Event) string {
	w.s.reap(ev)
	a := w.s.step(ev)
	w.log = append(w.log, fmt.Sprintf("%d/%s: %b %s", ev.Kind, ev.Signal.Name(), a.Do,
		a.Signal.Name()))
	has := func(do Do) bool { return a.Do&do != 0 }
	switch {
	case a.Do == 0:
		return "an event that leads to nothing, not even Ignore"
	case has(End) && w.alive && !w.s.Pause && ev.Kind != LimitOver:
		return "init ends before the command"
	case has(Kill) && w.s.Grace == 0:
		return "KILL without a grace period"
	case has(Kill) && ev.Kind == Arrived:
		return "KILL by a signal: the deadline alone brings it"
	case has(Kill|StartGrace) && ev.Kind == Arrived && !w.s.isStop(ev.Signal):
		return "a signal that asks nobody to end begins a stop"
	case has(Delay|Release) && w.s.Settings.Delay == 0:
		return "a signal is held back without a delay"
	case has(Delay) && w.s.stops > 1:
		return "a second stop signal is held back"
	case has(ForwardAll) && w.s.Scope != ScopeContainer:
		return "a signal to all at once, which is not the scope"
	case has(ForwardAll) && !w.s.isStop(ev.Signal):
		return "a signal that asks nobody to end goes to others than the group"
	case has(Forward) && has(ForwardAll):
		return "a signal is forwarded twice"
	case has(Forward|ForwardAll) && w.s.Rewrite[ev.Signal] == Drop:
		return "a signal that is to be dropped is forwarded"
	case has(Forward|ForwardAll) && w.s.Rewrite[ev.Signal] != Unchanged &&
		a.Signal != sig.Signal(w.s.Rewrite[ev.Signal]):
		return "a signal is not rewritten as it should be"
	case has(Sweep) && w.alive:
		return "TERM to what is left while the command is alive"
	case has(StartGrace) && w.s.Grace == 0:
		return "a deadline without a grace period"
	case has(StopSelf) && w.s.noStop:
		return "PID 1 stops itself"
	case w.killed && w.armed && has(StartGrace) && ev.Kind == Arrived:
		return "the grace period starts anew after KILL"
	case ev.Kind == Arrived && a.Do&(Forward|ForwardAll|Delay|Ignore) == 0:
		return "a signal is lost"
	}
	if has(Release) {
		if w.s.delayed.Do == 0 {
			return "nothing is released"
		}
		if !w.stubborn {
			w.alive = false
		}
		w.s.delayed, w.s.due = Action{}, 0 // as do does
	}
	if has(Delay) {
		w.s.due = 1
	}
	if has(Forward|ForwardAll) && w.s.isStop(ev.Signal) && !w.stubborn {
		w.alive = false
	}
	if has(StartGrace) {
		w.armed = true
	}
	if has(Kill) && w.unkillable {
		w.killed, w.armed = true, true
	} else if has(Kill) {
		w.killed, w.armed, w.alive = true, true, false
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

// The model: random containers, random events. Whatever happens, init ends after the command,
// with its status, and once it is asked to end and there is a grace period, it takes no more
// events of its own than the deadline and the ends that KILL brings.
func TestModel(t *testing.T) {
	random := rand.New(rand.NewSource(1))
	for n := range 200_000 {
		w := &world{
			s: Supervisor{Settings: &Settings{}}, alive: true, stubborn: random.Intn(2) == 0,
			group: random.Intn(3), outside: random.Intn(3),
		}
		w.s.Grace = int64(random.Intn(2)) * 1e9
		w.s.Delay = int64(random.Intn(2)) * 1e8
		w.s.Scope = Scope(random.Intn(4))
		w.s.Single = random.Intn(4) == 0
		w.s.Job, w.s.noStop = random.Intn(4) == 0, random.Intn(2) == 0
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
			case step >= 60: // nobody does anything any more: what is left must be enough to end
				switch {
				case !w.alive && !seen:
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
						problem = "nothing will ever end it"
					}
					w.alive, w.stubborn = false, false // it ends by itself
					continue
				}
			case choice == 0 && !w.alive && !seen:
				ev = Event{Kind: Ended}
			case choice == 1 && seen && w.left() == 0:
				ev = Event{Kind: Empty}
			case choice == 2 && w.armed:
				ev = Event{Kind: GraceOver}
			case choice == 5 && w.s.due != 0 && random.Intn(2) == 0:
				ev = Event{Kind: DelayOver}
			case choice == 3 && random.Intn(4) == 0:
				w.alive = false
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
