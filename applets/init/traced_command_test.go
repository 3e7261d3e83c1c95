package initcmd_test

import (
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"util/internal/test"
)

// A program may make its parent its tracer, to find out whether a debugger traces it. Init does not
// mistake the stops of such a command for its end, and each signal reaches it. The same holds for
// an orphan.
func TestTracedCommand(t *testing.T) {
	probe := test.Probe(t)
	ends := func(want int, lines ...string) func(*testing.T, *test.Process) {
		return func(t *testing.T, p *test.Process) {
			if rest := p.Rest(); !slices.Equal(rest, lines) {
				t.Errorf("output %q, want %q", rest, lines)
			}
			wantStatus(t, p, want)
		}
	}
	type words []string
	for name, first := range map[string]words{
		"attentive":                   nil,
		"quiet":                       {"orphans", "2"},
		"waiting for the next orphan": {"orphans", "2", "sleep", "20", "orphans", "1"},
	} {
		for _, tc := range []struct {
			name  string
			words words
			check func(*testing.T, *test.Process)
		}{
			{"signal ignored", words{"traceme", "raise", "28", "say", "on", "exit", "3"}, ends(3, "on")},
			{"signal caught", words{"traceme", "say", "on", "handle"}, tracedCatches},
			{"fatal signal", words{"traceme", "raise", "15", "pause"}, ends(143)},
			{"several", words{
				"traceme", "raise", "28", "traceme", "raise", "23", "traceme", "raise", "18", "exit", "4",
			}, ends(4)},
			{"exec", words{"traceme", "exec", probe, "say", "on", "exit", "5"}, ends(5, "on")},
			{"its own TRAP", words{"traceme", "signaltrap", "pause"}, ends(128 + 5)},
			{"orphan", words{
				"beside", "9", "orphan", "traceme", "raise", "28", "say", "on", "traceme", "raise", "15",
				"sleep", "50", "catch", "echo", "34", "exit", "6",
			}, tracedOrphan},
		} {
			t.Run(name+", "+tc.name, func(t *testing.T) {
				t.Parallel() // a quiet init may wait for a while before it notices
				args := slices.Concat(words{probe}, first, tc.words)
				tc.check(t, test.Start(t, initOf(test.Util(t), args...)))
				tc.check(t, test.Start(t, bare(test.Util(t), args...)))
			})
		}
	}
	// With --pause, init has orphans too. One that it inherits may have stopped before.
	for range 10 {
		p := test.Start(t, test.ProcNamespace(exec.Command(probe, "mountproc",
			"beside", "7", "orphan", "traceme", "raise", "28", "say", "on", "pause",
			"exec", test.Util(t), "init", "--pause")))
		p.Expect("on")
		_ = p.Process.Kill()
	}
}

// tracedCatches checks that signals reach a traced command that prints each.
func tracedCatches(t *testing.T, p *test.Process) {
	p.Expect("on")
	command := childOf(t, p.Process.Pid)
	for _, n := range []syscall.Signal{10, 12, 64} {
		waitSettled(t, command)
		p.Signal(n)
		p.Expect(strconv.Itoa(int(n)))
	}
	wantStatus(t, p, 0)
}

// tracedOrphan checks that init reaps an orphan that has stopped and ended while init traced it.
func tracedOrphan(t *testing.T, p *test.Process) {
	for seen := 0; seen < 2; {
		switch line := p.Line(); line {
		case "on", "ready":
			seen++
		case "17": // the end of the process in between, if the command catches signals by then
		default:
			t.Errorf("output %q", line)
		}
	}
	waitReaped(t, p.Process.Pid)
	p.Signal(34)
	wantStatus(t, p, 6)
}
