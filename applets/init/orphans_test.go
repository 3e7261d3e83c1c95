package initcmd_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// Orphans: reaped by init, and from the first one on by the kernel where it can.

func TestOrphans(t *testing.T) {
	words := []string{test.Probe(t), "orphans", "200", "say", "done", "pause"}
	both(t, func(t *testing.T, util string) {
		for name, cmd := range map[string]*exec.Cmd{
			"PID 1":     initOf(util, words...),
			"subreaper": bare(util, words...),
		} {
			t.Run(name, func(t *testing.T) {
				p := test.Start(t, cmd)
				p.Expect("done")
				waitReaped(t, p.Process.Pid)
				p.Signal(unix.SIGTERM)
				wantStatus(t, p, 128+15)
			})
		}
	})
}

// Each orphan is reaped, reported and counted once, although one SIGCHLD may stand for several.
func TestOrphansOnce(t *testing.T) {
	const n = 500
	p := test.Start(t, initOf(test.Util(t), "-vv",
		test.Probe(t), "orphans", strconv.Itoa(n), "catch", "echo", "10"))
	p.Expect("ready")
	waitReaped(t, p.Process.Pid)
	p.Signal(unix.SIGUSR1)
	_ = p.Status()
	if !strings.HasSuffix(p.Stderr(), fmt.Sprintf("; orphans reaped: %d\n", n)) {
		t.Errorf("not %d: %q", n, p.Stderr()[strings.LastIndex(p.Stderr(), "util init: "):])
	}
	if got := strings.Count(p.Stderr(), "reaped orphan "); got != n {
		t.Errorf("%d lines about orphans", got)
	}
}

// From the second orphan on, the kernel reaps them, if it can. Init then wakes up a few times a
// second, however many there are.
func TestQuietOrphans(t *testing.T) {
	words := []string{
		test.Probe(t), "orphans", "1", "say", "one", "catch", "echo", "10",
		"orphans", "2000", "say", "done", "echo", "12", "exit", "9",
	}
	for name, cmd := range map[string]*exec.Cmd{
		"PID 1":     initOf(test.Util(t), words...),
		"subreaper": bare(test.Util(t), words...),
	} {
		t.Run(name, func(t *testing.T) {
			p := test.Start(t, cmd)
			p.Expect("ready")
			init := p.Process.Pid
			waitQuiet(t, init)
			before, start := switches(t, init), time.Now()
			p.Signal(unix.SIGUSR1)
			p.Expect("done")
			took := time.Since(start)
			// One for USR1, some if the scheduler preempts init, then eight a second: four times
			// init wakes up for SIGCHLD, and four times to unblock it again.
			if n := switches(t, init) - before; n > 5+8*int(took.Seconds()+1) {
				t.Errorf("%d context switches for 2000 orphans in %v", n, took)
			}
			waitReaped(t, init)
			p.Signal(unix.SIGUSR2)
			p.Expect("12")
			wantStatus(t, p, 9)
		})
	}
}

// A quiet init keeps the deadline of a stop.
func TestQuietGrace(t *testing.T) {
	args := []string{"-g", "100ms", test.Probe(t), "orphans", "5", "catch", "pause"}
	eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
		waitQuiet(t, init)
		kill(t, init, unix.SIGTERM)
		wantStatus(t, p, 137)
	})
}

// A quiet init notices the end of the command: by itself, by a signal, with processes left in its
// group, and with a grace period.
func TestQuietEnd(t *testing.T) {
	killed := []string{"catch", "killparent", "9", "echo", "15"}
	left := []string{"ready", "15"} // the output of the process that is left
	for _, tc := range []struct {
		name    string
		options []string
		words   []string
		lines   []string
		want    int
	}{
		{"status", nil, []string{"exit", "77"}, nil, 77},
		{"signal", nil, []string{"raise", "9"}, nil, 137},
		{"group", nil, append([]string{"fork"}, killed...), left, 137},
		{"grace", []string{"-g", "60"}, append([]string{"fork", "setsid"}, killed...), left, 137},
		{"single child", []string{"-c"}, []string{"exit", "3"}, nil, 3},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := slices.Concat(tc.options, []string{test.Probe(t), "orphans", "50"}, tc.words)
			for range 20 {
				p := test.Start(t, bare(test.Util(t), args...))
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

// If RLIMIT_NOFILE of init is lowered, it cannot open the files with which it waits quietly, and
// stays attentive.
func TestFileLimitLowered(t *testing.T) {
	p := test.Start(t, initOf(test.Util(t), test.Probe(t), "orphans", "3", "catch", "echo", "64",
		"orphans", "3", "say", "done", "echo", "34", "exit", "6"))
	p.Expect("ready")
	init := p.Process.Pid
	waitQuiet(t, init)
	test.Must(t, unix.Prlimit(init, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: 0}, nil))
	p.Signal(64)
	p.Expect("64")
	p.Expect("done")
	waitReaped(t, init)
	waitSettled(t, init)
	before := switches(t, init)
	p.Signal(34)
	if status := p.Status(); status != 6 {
		t.Errorf("status %d; %d context switches before", status, before)
	}
}

// A zombie that init inherits from the program that executed it makes init quiet at once. It still
// notices a command that has ended by then.
func TestInheritedZombie(t *testing.T) {
	probe := test.Probe(t)
	for range 100 {
		cmd := test.Namespace(exec.Command(probe, "beside", "2", "exit", "0", "sleep", "2",
			"exec", test.Util(t), "init", "--", probe, "exit", "5"))
		if status, _, _ := test.Run(t, cmd); status != 5 {
			t.Fatalf("status %d", status)
		}
	}
}

// Init reaps every zombie that it inherits, also more than it reaps in one go, and where a seccomp
// filter refuses waitid(2).
func TestInheritedZombies(t *testing.T) {
	const n = 130
	probe := test.Probe(t)
	zombies := slices.Repeat([]string{"beside", "2", "exit", "0"}, n)
	for name, deny := range map[string][]string{
		"waitid": nil,
		"wait4":  {"deny", strconv.Itoa(test.Number(unix.SYS_WAITID)), strconv.Itoa(int(unix.EPERM))},
	} {
		t.Run(name, func(t *testing.T) {
			words := slices.Concat(zombies, []string{"sleep", "200"}, deny,
				[]string{
					"exec", test.Util(t), "init", "-vv",
					probe, "say", "ready", "catch", "echo", "34", "exit", "5",
				})
			p := test.Start(t, test.Namespace(exec.Command(probe, words...)))
			p.Expect("ready")
			p.Expect("ready") // it catches signals
			waitReaped(t, p.Process.Pid)
			p.Signal(34)
			wantStatus(t, p, 5)
			if got := strings.Count(p.Stderr(), "reaped orphan"); got != n {
				t.Errorf("%d zombies were reaped, want %d", got, n)
			}
		})
	}
}
