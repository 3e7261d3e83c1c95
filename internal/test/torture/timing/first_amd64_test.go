package timing_test

import (
	"testing"

	"util/internal/test"
	"util/internal/test/torture"
	"util/internal/test/torture/scenario"
	"util/internal/test/torture/tracer"

	"golang.org/x/sys/unix"
)

// TestFirstCalls sends TERM to init as PID 1 in every window from its first system call on, which
// blocks all signals: the command must end by it. It inherits nothing that blocks the signal.
func TestFirstCalls(t *testing.T) {
	util := test.Util(t)
	test.Probe(t)
	sent := 0
	for seq := 1; ; seq++ {
		for _, after := range []bool{false, true} {
			if seq == 1 && !after {
				continue // as PID 1, it loses what arrives before
			}
			happened := false
			sc := scenario.Scenario{
				Init: w("init"), Command: w("pause"), WantStatus: 143, Slack: patience,
				Play: func(*scenario.Life) {},
			}
			l := scenario.Run(t, util, &sc, func(l *scenario.Life, c *tracer.Call) {
				if c.Seq == seq && c.Made == after || c.Nr == unix.SYS_RT_SIGTIMEDWAIT && !happened {
					happened = c.Nr != unix.SYS_RT_SIGTIMEDWAIT
					l.Signal(unix.SIGTERM)
				}
			})
			if len(l.Problems) > 0 {
				t.Fatalf("TERM at call %d of init (after it: %v): %q\nstderr %s", seq, after, l.Problems,
					l.Stderr)
			}
			if !happened { // init waits, and does nothing else any more
				torture.Result(t, "TERM in %d windows before init waits", sent)
				return
			}
			sent++
		}
	}
}
