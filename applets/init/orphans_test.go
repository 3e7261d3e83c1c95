package initcmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

func TestOrphans(t *testing.T) {
	probe := test.Probe(t)
	both(t, func(t *testing.T, util string) {
		for name, cmd := range map[string]*exec.Cmd{
			"PID 1":     initOf(util, probe, "orphans", "200", "say", "done", "pause"),
			"subreaper": bare(util, probe, "orphans", "200", "say", "done", "pause"),
		} {
			t.Run(name, func(t *testing.T) {
				p := test.Start(t, cmd)
				p.Expect("done")
				test.Eventually(t, "all orphans are reaped", func() bool { return len(children(t, p.Process.Pid)) == 1 })
				p.Signal(unix.SIGTERM)
				if status := p.Status(); status != 128+15 {
					t.Errorf("status %d", status)
				}
			})
		}
	})
}

// Each orphan is reaped, reported and counted once, also where one SIGCHLD stands for several and others come late.
func TestOrphansOnce(t *testing.T) {
	probe := test.Probe(t)
	const n = 500
	p := test.Start(t, initOf(test.Util(t), "-vv", probe, "orphans", strconv.Itoa(n), "catch", "echo", "10"))
	p.Expect("ready")
	test.Eventually(t, "all orphans are reaped", func() bool { return len(children(t, p.Process.Pid)) == 1 })
	p.Signal(unix.SIGUSR1)
	_ = p.Status()
	if !strings.HasSuffix(p.Stderr(), fmt.Sprintf("; orphans reaped: %d\n", n)) {
		t.Errorf("not %d: %q", n, p.Stderr()[strings.LastIndex(p.Stderr(), "util init: "):])
	}
	if got := strings.Count(p.Stderr(), "reaped orphan "); got != n {
		t.Errorf("%d lines about orphans", got)
	}
}

// Where the kernel can, it reaps orphans, from the second on, and wakes init a few times a second however many they are.
func TestQuietOrphans(t *testing.T) {
	probe := test.Probe(t)
	switches := func(pid int) (n int) {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		for _, row := range strings.Split(string(text), "\n") {
			if strings.Contains(row, "ctxt_switches:") {
				count, _ := strconv.Atoi(strings.Fields(row)[1])
				n += count
			}
		}
		return n
	}
	for name, cmd := range map[string]*exec.Cmd{
		"PID 1":     initOf(test.Util(t), probe, "orphans", "1", "say", "one", "catch", "echo", "10", "orphans", "2000", "say", "done", "echo", "12", "exit", "9"),
		"subreaper": bare(test.Util(t), probe, "orphans", "1", "say", "one", "catch", "echo", "10", "orphans", "2000", "say", "done", "echo", "12", "exit", "9"),
	} {
		t.Run(name, func(t *testing.T) {
			p := test.Start(t, cmd)
			p.Expect("ready")
			quiet(t, p.Process.Pid)
			before, start := switches(p.Process.Pid), time.Now()
			p.Signal(unix.SIGUSR1)
			p.Expect("done")
			took := time.Since(start)
			// One for USR1; the machine may take it off its CPU; then eight a second: to hear SIGCHLD, and to hear again.
			if n := switches(p.Process.Pid) - before; n > 5+8*int(took.Seconds()+1) {
				t.Errorf("%d context switches for 2000 orphans in %v", n, took)
			}
			test.Eventually(t, "no orphan is left", func() bool { return len(children(t, p.Process.Pid)) == 1 })
			p.Signal(unix.SIGUSR2)
			p.Expect("12")
			if status := p.Status(); status != 9 {
				t.Errorf("status %d", status)
			}
		})
	}
}

// A quiet init keeps the deadline of a stop.
func TestQuietGrace(t *testing.T) {
	args := []string{"-g", "100ms", test.Probe(t), "orphans", "5", "catch", "pause"}
	eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
		quiet(t, init)
		kill(t, init, unix.SIGTERM)
		if status := p.Status(); status != 137 {
			t.Errorf("status %d", status)
		}
	})
}

// The end of the command, quietly: by itself, by a signal, with a group to sweep, in the middle of a grace period.
func TestQuietEnd(t *testing.T) {
	probe := test.Probe(t)
	for _, tc := range []struct {
		name  string
		args  []string
		words []string
		lines []string
		want  int
	}{
		{"status", nil, []string{"orphans", "50", "exit", "77"}, nil, 77},
		{"signal", nil, []string{"orphans", "50", "raise", "9"}, nil, 137},
		{"group", nil, []string{"orphans", "50", "fork", "catch", "killparent", "9", "echo", "15"}, []string{"ready", "15"}, 137},
		{"grace", []string{"-g", "60"}, []string{"orphans", "50", "fork", "setsid", "catch", "killparent", "9", "echo", "15"}, []string{"ready", "15"}, 137},
		{"single child", []string{"-c"}, []string{"orphans", "50", "exit", "3"}, nil, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for range 20 {
				p := test.Start(t, bare(test.Util(t), append(append(tc.args, probe), tc.words...)...))
				if rest := p.Rest(); !slices.Equal(rest, tc.lines) {
					t.Errorf("output %q", rest)
				}
				if status := p.Status(); status != tc.want {
					t.Fatalf("status %d", status)
				}
			}
		})
	}
}

// When RLIMIT_NOFILE is lowered on init, the quiet waiter cannot wait any more, and becomes attentive for good.
func TestFileLimitLowered(t *testing.T) {
	p := test.Start(t, initOf(test.Util(t), test.Probe(t), "orphans", "3", "catch", "echo", "64", "orphans", "3", "say", "done", "echo", "34", "exit", "6"))
	p.Expect("ready")
	init := p.Process.Pid
	quiet(t, init)
	test.Must(t, unix.Prlimit(init, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: 0}, nil))
	p.Signal(64)
	p.Expect("64")
	p.Expect("done")
	test.Eventually(t, "all orphans are reaped", func() bool { return len(children(t, init)) == 1 })
	test.Eventually(t, "init rests", func() bool { return settled(init) })
	before := switches(t, fmt.Sprintf("/proc/%d", init))
	p.Signal(34)
	if status := p.Status(); status != 6 {
		t.Errorf("status %d; %d context switches before", status, before)
	}
}

// A zombie that whoever executed init left to it makes init quiet at once; a command that has ended by then is seen all the same.
func TestInheritedZombie(t *testing.T) {
	probe := test.Probe(t)
	for range 100 {
		cmd := test.Namespace(exec.Command(probe, "beside", "2", "exit", "0", "sleep", "2", "exec", test.Util(t), "init", "--", probe, "exit", "5"))
		if status, _, _ := test.Run(t, cmd); status != 5 {
			t.Fatalf("status %d", status)
		}
	}
}
