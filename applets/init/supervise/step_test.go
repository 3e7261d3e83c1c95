package supervise

import (
	"testing"

	"util/internal/sig"
)

// TestStep checks the decisions of step, each as PID 1 without a job (a container), in a session
// under another init, and as a job of an interactive shell.
func TestStep(t *testing.T) {
	type mode struct {
		name             string
		jobs, cannotStop bool
	}
	var (
		container = mode{"PID 1", false, true}
		session   = mode{"a session", false, false}
		job       = mode{"a job", true, false}
		jobOfPID1 = mode{"a job of PID 1", true, true}
		all       = []mode{container, session, job, jobOfPID1}
		sessions  = []mode{container, session}
		jobs      = []mode{job, jobOfPID1}
	)
	none := Settings{}
	rewrite := func(from sig.Signal, to Rewriting) (o Settings) {
		o.Rewrite[from] = to
		return o
	}
	arrived := func(s sig.Signal) Event { return Event{Kind: Arrived, Signal: s} }

	for _, c := range []struct {
		name    string
		modes   []mode
		options Settings
		event   Event
		want    Action
	}{
		{"a signal", all, none, arrived(sig.USR1), Action{Forward, sig.USR1}},
		{"a realtime signal", all, none, arrived(sig.RTMin), Action{Forward, sig.RTMin}},
		{"of a threading library", all, none, arrived(32), Action{Forward, 32}},
		{"the last signal", all, none, arrived(sig.Max), Action{Forward, sig.Max}},
		{"SIGCHLD of a process", all, none, arrived(sig.CHLD), Action{Forward, sig.CHLD}},
		{"SIGPIPE", all, none, arrived(sig.PIPE), Action{Forward, sig.PIPE}},
		{"an end is asked for", all, none, arrived(sig.TERM), Action{Forward | Wake, sig.TERM}},
		{"an end is asked for", all, none, arrived(sig.INT), Action{Forward | Wake, sig.INT}},
		{"an end is asked for", all, none, arrived(sig.HUP), Action{Forward | Wake, sig.HUP}},
		{"an end is asked for", all, none, arrived(sig.QUIT), Action{Forward | Wake, sig.QUIT}},

		{
			"a stop, which the command takes", all, none,
			Event{Kind: Arrived, Signal: sig.TSTP, Taken: true},
			Action{Forward, sig.TSTP},
		},
		{
			"a stop, which the command takes", all, none,
			Event{Kind: Arrived, Signal: sig.TTIN, Taken: true},
			Action{Forward, sig.TTIN},
		},
		{
			"a stop, which the command takes", all, none,
			Event{Kind: Arrived, Signal: sig.TTOU, Taken: true},
			Action{Forward, sig.TTOU},
		},
		{
			"a stop, rewritten and taken", all, rewrite(sig.TSTP, Rewriting(sig.USR1)),
			Event{Kind: Arrived, Signal: sig.TSTP, Taken: true},
			Action{Forward, sig.USR1},
		},
		{"a stop", []mode{container}, none, arrived(sig.TSTP), Action{Forward, sig.STOP}},
		{"a stop", []mode{container}, none, arrived(sig.TTIN), Action{Forward, sig.STOP}},
		{"a stop", []mode{container}, none, arrived(sig.TTOU), Action{Forward, sig.STOP}},
		{"a stop", []mode{session}, none, arrived(sig.TSTP), Action{Forward | StopSelf, sig.STOP}},
		{"a stop", []mode{session}, none, arrived(sig.TTIN), Action{Forward | StopSelf, sig.STOP}},
		{"a stop", []mode{session}, none, arrived(sig.TTOU), Action{Forward | StopSelf, sig.STOP}},
		{"a stop", jobs, none, arrived(sig.TSTP), Action{Forward, sig.TSTP}},
		{"a stop", jobs, none, arrived(sig.TTIN), Action{Forward, sig.TTIN}},
		{"a stop", jobs, none, arrived(sig.TTOU), Action{Forward, sig.TTOU}},
		{"continued", sessions, none, arrived(sig.CONT), Action{Forward, sig.CONT}},
		{"continued", jobs, none, arrived(sig.CONT), Action{HandOver | Forward, sig.CONT}},

		{
			"rewritten", all, rewrite(sig.USR1, Rewriting(sig.HUP)), arrived(sig.USR1),
			Action{Forward | Wake, sig.HUP},
		},
		{"rewritten, no end", all, rewrite(sig.USR1, 12), arrived(sig.USR1), Action{Forward, 12}},
		{
			"another is rewritten", all, rewrite(sig.USR1, Rewriting(sig.HUP)), arrived(sig.HUP),
			Action{Forward | Wake, sig.HUP},
		},
		{
			"an end, rewritten", all, rewrite(sig.TERM, Rewriting(sig.USR1)), arrived(sig.TERM),
			Action{Forward | Wake, sig.USR1},
		},
		{
			"a stop, rewritten", all, rewrite(sig.TSTP, Rewriting(sig.USR1)), arrived(sig.TSTP),
			Action{Forward, sig.USR1},
		},
		{
			"a stop, to itself", all, rewrite(sig.TSTP, Rewriting(sig.TSTP)), arrived(sig.TSTP),
			Action{Forward, sig.TSTP},
		},
		{
			"CONT, rewritten", all, rewrite(sig.CONT, Rewriting(sig.USR1)), arrived(sig.CONT),
			Action{Forward, sig.USR1},
		},
		{
			"to KILL", all, rewrite(sig.TERM, Rewriting(sig.KILL)), arrived(sig.TERM),
			Action{Forward | Wake, sig.KILL},
		},
		{
			"the last, rewritten", all, rewrite(sig.Max, Rewriting(sig.HUP)), arrived(sig.Max),
			Action{Forward | Wake, sig.HUP},
		},
		{"dropped", all, rewrite(sig.TERM, Drop), arrived(sig.TERM), Action{Ignore, sig.TERM}},
		{"a stop, dropped", all, rewrite(sig.TSTP, Drop), arrived(sig.TSTP), Action{Ignore, sig.TSTP}},

		{
			"the command has stopped", jobs, none,
			Event{Kind: Suspended, Signal: sig.TSTP},
			Action{StopSelf, sig.TSTP},
		},
		{
			"the command has stopped", jobs, none,
			Event{Kind: Suspended, Signal: sig.STOP},
			Action{StopSelf, sig.STOP},
		},
		{
			"stopped by what is dropped", jobs, rewrite(sig.TTIN, Drop),
			Event{Kind: Suspended, Signal: sig.TTIN},
			Action{StopSelf, sig.TTIN},
		},

		{"the command has ended", all, none, Event{Kind: Ended}, Action{Do: Sweep | End}},
		{
			"the command has ended, grace", all,
			Settings{Grace: 1},
			Event{Kind: Ended},
			Action{Do: Sweep | StartGrace},
		},
		{
			"a stop signal, grace", all,
			Settings{Grace: 1},
			arrived(sig.TERM),
			Action{MarkStop | Forward | Wake | StartGrace, sig.TERM},
		},
		{
			"a stop signal, grace, ordered", all,
			Settings{Grace: 1, Scope: ScopeOrdered},
			arrived(sig.TERM),
			Action{MarkStop | Forward | Wake | StartGrace, sig.TERM},
		},
		{
			"a stop signal, grace, group", all,
			Settings{Grace: 1, Scope: ScopeGroup},
			arrived(sig.INT),
			Action{MarkStop | Forward | Wake | StartGrace, sig.INT},
		},
		{
			"a stop signal, grace, container", all,
			Settings{Grace: 1, Scope: ScopeContainer},
			arrived(sig.INT),
			Action{MarkStop | ForwardAll | Wake | StartGrace, sig.INT},
		},
		{
			"a stop signal, ordered", all,
			Settings{Scope: ScopeOrdered},
			arrived(sig.TERM),
			Action{MarkStop | Forward | Wake, sig.TERM},
		},
		{
			"a stop signal, container", all,
			Settings{Scope: ScopeContainer},
			arrived(sig.INT),
			Action{MarkStop | ForwardAll | Wake, sig.INT},
		},
		{
			"a stop signal, group", all,
			Settings{Scope: ScopeGroup},
			arrived(sig.INT),
			Action{Forward | Wake, sig.INT},
		},
		{
			"a stop signal, single child", all,
			Settings{Grace: 1, Single: true},
			arrived(sig.TERM),
			Action{MarkStop | Forward | Wake | StartGrace, sig.TERM},
		},
		{
			"a stop signal, single child, container", all,
			Settings{Grace: 1, Scope: ScopeContainer, Single: true},
			arrived(sig.TERM),
			Action{MarkStop |
				Forward | Wake | StartGrace, sig.TERM},
		},
		{
			"another stop signal", all,
			Settings{Grace: 1, StopSignals: sig.Of(sig.USR1) | sig.Of(sig.PWR)},
			arrived(sig.USR1),
			Action{MarkStop | Forward | StartGrace, sig.USR1},
		},
		{
			"another stop signal", all,
			Settings{Grace: 1, StopSignals: sig.Of(sig.USR1) | sig.Of(sig.PWR)},
			arrived(sig.PWR),
			Action{MarkStop | Forward | StartGrace, sig.PWR},
		},
		{
			"TERM, with another stop signal", all,
			Settings{Grace: 1, StopSignals: sig.Of(sig.USR1)},
			arrived(sig.TERM),
			Action{MarkStop | Forward | Wake | StartGrace, sig.TERM},
		},
		{
			"QUIT is not a stop signal", all,
			Settings{Grace: 1},
			arrived(sig.QUIT),
			Action{Forward | Wake, sig.QUIT},
		},
		{
			"QUIT, named", all,
			Settings{Grace: 1, StopSignals: sig.Of(sig.QUIT)},
			arrived(sig.QUIT),
			Action{MarkStop | Forward | Wake | StartGrace, sig.QUIT},
		},
		{
			"HUP is not a stop signal", all,
			Settings{Grace: 1},
			arrived(sig.HUP),
			Action{Forward | Wake, sig.HUP},
		},
		{
			"a stop signal, delayed", all,
			Settings{Grace: 2, Delay: 1},
			arrived(sig.TERM),
			Action{Delay | StartGrace, sig.TERM},
		},
		{
			"a stop signal, delayed, no grace", all,
			Settings{Delay: 1},
			arrived(sig.TERM),
			Action{Delay, sig.TERM},
		},
		{
			"no stop signal, delay", all,
			Settings{Delay: 1},
			arrived(sig.HUP),
			Action{Forward | Wake, sig.HUP},
		},
		{"pause", all, Settings{Pause: true}, arrived(sig.TERM), Action{Do: End}},
		{"pause", all, Settings{Pause: true}, arrived(sig.INT), Action{Do: End}},
		{"pause", all, Settings{Pause: true}, arrived(sig.PWR), Action{Do: End}},
		{"pause", all, Settings{Pause: true}, arrived(37), Action{Do: End}},
		{"pause", all, Settings{Pause: true}, arrived(sig.HUP), Action{Ignore, sig.HUP}},
	} {
		for _, m := range c.modes {
			s := Supervisor{Settings: &c.options, Job: m.jobs, cannotStop: m.cannotStop}
			if got := s.step(c.event); got != c.want {
				t.Errorf("%s: %s, signal %d: %+v, want %+v", m.name, c.name, c.event.Signal, got, c.want)
			}
		}
	}
}

// Whether a rewritten signal is a stop signal depends on the signal that arrived.
func TestStepRewrittenStop(t *testing.T) {
	for _, c := range []struct {
		arrives, becomes sig.Signal
		isStop           bool
	}{{sig.TERM, sig.QUIT, true}, {sig.INT, sig.HUP, true}, {sig.QUIT, sig.TERM, false}, {
		sig.USR1,
		sig.INT, false,
	}} {
		s := Supervisor{Settings: &Settings{Grace: 1}}
		s.Rewrite[c.arrives] = Rewriting(c.becomes)
		a := s.step(Event{Kind: Arrived, Signal: c.arrives})
		if a.Signal != c.becomes || (a.Do&StartGrace != 0) != c.isStop || a.Do&Forward == 0 {
			t.Errorf("%s, which becomes %s: %+v", c.arrives.Name(), c.becomes.Name(), a)
		}
	}
}

// TestStepPhases checks sequences of events. The action is that of the last one.
func TestStepPhases(t *testing.T) {
	term, interrupt := Event{Kind: Arrived, Signal: sig.TERM}, Event{Kind: Arrived, Signal: sig.INT}
	ended, expired, over := Event{Kind: Ended}, Event{Kind: GraceOver}, Event{Kind: LimitOver}
	alone, due := Event{Kind: Empty}, Event{Kind: DelayOver}
	ttin := Event{Kind: Arrived, Signal: sig.TTIN}
	const delay = 1
	for _, c := range []struct {
		name   string
		delay  int64
		events []Event
		want   Action // the last
	}{
		{"stop, the command ends", 0, []Event{term, ended}, Action{Do: Sweep | StartGrace}},
		{"stop, the command ends, the others too", 0, []Event{term, ended, alone}, Action{Do: End}},
		{"stop, the time is up", 0, []Event{term, expired}, Action{Do: Kill}},
		{
			"stop, the time is up, KILL ends the command", 0,
			[]Event{term, expired, ended},
			Action{Do: Kill},
		},
		{
			"stop, the time is up, all have ended", 0,
			[]Event{term, expired, ended, alone},
			Action{Do: End},
		},
		{"stop, KILL ends no process", 0, []Event{term, expired, expired, over}, Action{Do: End}},
		{"stop twice", 0, []Event{term, term}, Action{MarkStop | Forward | Wake, sig.TERM}},
		{
			"stop three times", 0,
			[]Event{term, interrupt, term},
			Action{MarkStop | Forward | Wake, sig.TERM},
		},
		{"stop, the command ends, stop", 0, []Event{term, ended, term}, Action{Forward | Wake, sig.TERM}},
		{"stop, KILL, stop", 0, []Event{term, expired, interrupt}, Action{Forward | Wake, sig.INT}},
		{"the command ends, TTIN", 0, []Event{ended, ttin}, Action{Forward, sig.TTIN}},
		{"stop, KILL, TTIN", 0, []Event{term, expired, ttin}, Action{Forward, sig.TTIN}},
		{"the command ends, stop", 0, []Event{ended, term}, Action{Forward | Wake, sig.TERM}},
		{"the command ends, the time is up", 0, []Event{ended, expired}, Action{Do: Kill}},
		{"the command ends, the time is up twice", 0, []Event{ended, expired, expired}, Action{Do: Kill}},
		{"stop, delayed, the time is over", delay, []Event{term, due}, Action{Do: ForwardDelayed}},
		{
			"stop, delayed, stop by another signal", delay,
			[]Event{term, interrupt},
			Action{ForwardDelayed | MarkStop | Forward | Wake, sig.INT},
		},
		{
			"stop, delayed, stop by the same", delay,
			[]Event{term, term},
			Action{MarkStop | Forward | Wake, sig.TERM},
		},
		{"stop, delayed, the command ends", delay, []Event{term, ended}, Action{Do: Sweep | StartGrace}},
		{
			"stop, delayed, the command ends, stop", delay,
			[]Event{term, ended, term},
			Action{Forward | Wake, sig.TERM},
		},
		{
			"the command ends, a stop is not delayed", delay,
			[]Event{ended, term},
			Action{Forward | Wake, sig.TERM},
		},
	} {
		s := Supervisor{Settings: &Settings{Grace: 2, Delay: c.delay}}
		var got Action
		for _, ev := range c.events {
			got = s.step(ev)
			if got.Do&ForwardDelayed != 0 {
				s.delayed = Action{} // as do does
			}
		}
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// A signal that the terminal has sent to the command is neither forwarded nor delayed, but it
// starts a stop.
func TestStepTyped(t *testing.T) {
	for _, delay := range []int64{0, 1} {
		s := Supervisor{Settings: &Settings{Grace: 2, Delay: delay, Single: true}}
		s.Placement, s.OnTSTP, s.OnTTIN = SharedGroup, StopAlways, StopAlways
		if a, want := s.step(Event{Kind: Typed, Signal: sig.INT}), (Action{
			MarkStop | Wake | StartGrace,
			sig.INT,
		}); a != want || s.delayed != (Action{}) {
			t.Errorf("delay %d: %+v, want %+v; held back %+v", delay, a, want, s.delayed)
		}
		s.Rewrite[sig.QUIT] = Rewriting(sig.TERM)
		if a, want := s.step(Event{Kind: Typed, Signal: sig.QUIT}), (Action{
			Forward | Wake,
			sig.TERM,
		}); a != want {
			t.Errorf("delay %d, rewritten: %+v, want %+v", delay, a, want)
		}
	}
}

// TestStepForwards checks that by default every signal is forwarded, and none ends init.
func TestStepForwards(t *testing.T) {
	for signal := sig.HUP; signal <= sig.Max; signal++ {
		for _, jobs := range []bool{false, true} {
			s := Supervisor{Settings: &Settings{}, Job: jobs, cannotStop: true}
			if a := s.step(Event{Kind: Arrived, Signal: signal}); a.Do&Forward == 0 ||
				a.Do&(Ignore|StopSelf|Kill|End) != 0 {
				t.Errorf("signal %d, a job %v: %+v", signal, jobs, a)
			}
		}
	}
}

// TestStepDifferences checks the decisions that differ in other inits.
func TestStepDifferences(t *testing.T) {
	always := Differences{OnTSTP: StopAlways, OnTTIN: StopAlways}
	shared := Differences{OnTSTP: StopAlways, OnTTIN: StopAlways, Placement: SharedGroup}
	discard := Differences{OnTSTP: Pass, OnTTIN: Discard}
	for _, c := range []struct {
		name      string
		what      Differences
		rewriting Rewriting // of TSTP and TTIN
		event     Event
		want      Action
	}{
		{
			"SIGCHLD of a process",
			Differences{DropCHLD: true},
			Unchanged,
			Event{Signal: sig.CHLD},
			Action{Ignore, sig.CHLD},
		},
		{
			"always stopped", always, Unchanged,
			Event{Signal: sig.TSTP, Taken: true},
			Action{Forward | StopSelf, sig.STOP},
		},
		{
			"always stopped, rewritten", always, Rewriting(sig.TERM),
			Event{Signal: sig.TSTP},
			Action{Forward | StopSelf, sig.TERM},
		},
		{
			"always stopped, dropped", always, Drop,
			Event{Signal: sig.TTIN},
			Action{Ignore | StopSelf, sig.TTIN},
		},
		{
			"always stopped, in init's group", shared, Unchanged,
			Event{Signal: sig.TSTP},
			Action{Forward | StopSelf, sig.TSTP},
		},
		{"passed", discard, Unchanged, Event{Signal: sig.TSTP}, Action{Forward, sig.TSTP}},
		{"discarded", discard, Unchanged, Event{Signal: sig.TTIN}, Action{Ignore, sig.TTIN}},
		{
			"discarded, but rewritten", discard, Rewriting(sig.USR1),
			Event{Signal: sig.TTIN},
			Action{Forward, sig.USR1},
		},
		{"no sweep", Differences{NoSweep: true}, Unchanged, Event{Kind: Ended}, Action{Do: End}},
	} {
		s := Supervisor{Settings: &Settings{Differences: c.what}}
		s.Rewrite[sig.TSTP], s.Rewrite[sig.TTIN] = c.rewriting, c.rewriting
		if got := s.step(c.event); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// What is left after the command's end gets TERM, or what another init makes of it.
func TestSweepSignal(t *testing.T) {
	for _, c := range []struct {
		rewriteSweep bool
		rewriting    Rewriting
		want         sig.Signal
	}{
		{false, Unchanged, sig.TERM},
		{false, Drop, sig.TERM},
		{false, Rewriting(sig.QUIT), sig.TERM},
		{true, Unchanged, sig.TERM},
		{true, Drop, 0},
		{true, Rewriting(sig.QUIT), sig.QUIT},
	} {
		s := Supervisor{Settings: &Settings{Differences: Differences{RewriteSweep: c.rewriteSweep}}}
		s.Rewrite[sig.TERM] = c.rewriting
		if got := s.SweepSignal(); got != c.want {
			t.Errorf("%+v: %s", c, got.Name())
		}
	}
}
