package initcmd_test

import (
	"os/exec"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"util/internal/test"
)

// A command that makes init its tracer, as programs do to find out whether a debugger is there, goes on as if it were untraced:
// its stops are no end, and each signal reaches it. So does an orphan.
func TestTracee(t *testing.T) {
	probe := test.Probe(t)
	for name, orphans := range map[string][]string{"attentive": nil, "quiet": {"orphans", "2"}, "waiting for the next orphan": {"orphans", "2", "sleep", "20", "orphans", "1"}} {
		for _, tc := range []struct {
			name  string
			words []string
			lines []string
			want  int
		}{
			{"a signal that is ignored", []string{"traceme", "raise", "28", "say", "on", "exit", "3"}, []string{"on"}, 3},
			{"a signal that is caught", []string{"traceme", "say", "on", "handle"}, nil, -1},
			{"a signal that ends it", []string{"traceme", "raise", "15", "pause"}, nil, 143},
			{"several", []string{"traceme", "raise", "28", "traceme", "raise", "23", "traceme", "raise", "18", "exit", "4"}, nil, 4},
			{"exec", []string{"traceme", "exec", probe, "say", "on", "exit", "5"}, []string{"on"}, 5},
			{"its own TRAP", []string{"traceme", "signaltrap", "pause"}, nil, 128 + 5},
			{"an orphan", []string{"beside", "9", "orphan", "traceme", "raise", "28", "say", "on", "traceme", "raise", "15", "sleep", "50", "catch", "echo", "34", "exit", "6"}, nil, -2},
		} {
			t.Run(name+", "+tc.name, func(t *testing.T) {
				t.Parallel() // a quiet init may be deaf for a while
				for _, cmd := range []*exec.Cmd{initOf(test.Util(t), slices.Concat([]string{probe}, orphans, tc.words)...), bare(test.Util(t), slices.Concat([]string{probe}, orphans, tc.words)...)} {
					p := test.Start(t, cmd)
					switch tc.want {
					case -1:
						p.Expect("on")
						command := childOf(t, p.Process.Pid)
						for _, n := range []syscall.Signal{10, 12, 64} {
							test.Eventually(t, "the command waits", func() bool { return settled(command) })
							p.Signal(n)
							p.Expect(strconv.Itoa(int(n)))
						}
						if status := p.Status(); status != 0 {
							t.Errorf("status %d", status)
						}
					case -2:
						if both := []string{p.Line(), p.Line()}; !slices.Contains(both, "on") || !slices.Contains(both, "ready") {
							t.Errorf("output %q", both)
						}
						test.Eventually(t, "the orphan has ended", func() bool { return len(children(t, p.Process.Pid)) == 1 })
						p.Signal(34)
						if status := p.Status(); status != 6 {
							t.Errorf("status %d", status)
						}
					default:
						if rest := p.Rest(); !slices.Equal(rest, tc.lines) {
							t.Errorf("output %q", rest)
						}
						if status := p.Status(); status != tc.want {
							t.Errorf("status %d, want %d", status, tc.want)
						}
					}
				}
			})
		}
	}
	// Init that only pauses has orphans too; one that it has from the beginning may have stopped before.
	for range 10 {
		p := test.Start(t, test.ProcNamespace(exec.Command(probe, "mountproc", "beside", "7", "orphan", "traceme", "raise", "28", "say", "on", "pause", "exec", test.Util(t), "init", "--pause")))
		p.Expect("on")
		_ = p.Process.Kill()
	}
}
