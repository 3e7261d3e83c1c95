package initcmd_test

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// When the command has ended, who is left has the grace period to finish what it does, in whatever session it is.
func TestGraceLetsFinish(t *testing.T) {
	probe := test.Probe(t)
	for _, tc := range []struct {
		name  string
		words []string
	}{
		{"in the group", nil},
		{"in a session of its own", []string{"setsid"}},
		{"a grandchild", []string{"orphan", "setsid"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := append([]string{"--grace", "60s", probe, "catch", "fork"}, tc.words...)
			args = append(args, "echo", "15", "sleep", "50", "raise", "34", "echo", "34", "say", "finished")
			eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
				command, _ := strconv.Atoi(children(t, init)[0])
				if tc.words == nil || tc.words[0] != "orphan" { // else it has ended by itself
					test.Eventually(t, "the command has its child", func() bool { return len(children(t, command)) == 1 })
					kill(t, command, unix.SIGKILL)
				}
				if rest := p.Rest(); !slices.Equal(rest, []string{"15", "34", "finished"}) {
					t.Errorf("who was left got and did %q", rest)
				}
				want := 137
				if tc.words != nil && tc.words[0] == "orphan" {
					want = 0
				}
				if status := p.Status(); status != want {
					t.Errorf("status %d", status)
				}
			})
		})
	}
}

// A stop reaches every process once, also those that left the session; and init waits for them.
func TestGraceReachesAll(t *testing.T) {
	probe := test.Probe(t)
	for name, words := range map[string][]string{"in the group": {"fork"}, "in a session of its own": {"fork", "setsid"}} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"-g", "60", probe}, words...)
			args = append(args, "catch", "echo", "15", "sleep", "50", "raise", "34", "echo", "34", "say", "finished")
			eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
				kill(t, init, unix.SIGTERM)
				if rest := p.Rest(); !slices.Equal(rest, []string{"15", "34", "finished"}) {
					t.Errorf("got and did %q", rest)
				}
				if status := p.Status(); status != 128+15 {
					t.Errorf("status %d", status)
				}
			})
		})
	}
}

// A stopped process is continued, so that it can act on TERM.
func TestGraceWakes(t *testing.T) {
	probe := test.Probe(t)
	args := []string{"-g", "60", probe, "fork", "setsid", "catch", "raise", "19", "echo", "15", "say", "finished"}
	eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
		command, _ := strconv.Atoi(children(t, init)[0])
		child, _ := strconv.Atoi(children(t, command)[0])
		test.Eventually(t, "the child stops", func() bool { return procState(child) == 'T' })
		kill(t, command, unix.SIGKILL)
		p.Expect("finished")
		if status := p.Status(); status != 137 {
			t.Errorf("status %d", status)
		}
	})
}

// Who ignores TERM is killed at the end of the grace period: the command, and who it left behind.
func TestGraceEnds(t *testing.T) {
	probe := test.Probe(t)
	const grace = 200 * time.Millisecond
	for _, tc := range []struct {
		name  string
		words []string
		send  syscall.Signal
		by    string // what the message says
	}{
		{"the command", []string{"catch", "pause"}, unix.SIGTERM, "the grace period of 0.200s is over: KILL to 1 that are left: probe ("},
		{"another, in its session", []string{"fork", "catch", "killparent", "9", "setsid", "pause"}, 0, "the grace period"},
		{"both", []string{"catch", "fork", "setsid", "pause"}, unix.SIGINT, "KILL to 2 that are left: probe ("},
		{"who runs away", []string{"ignore", "15", "fork", "catch", "killparent", "9", "runaway"}, 0, "the grace period"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := append([]string{"-v", "-g", "200ms", probe}, tc.words...)
			eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
				start := time.Now()
				if tc.send != 0 {
					kill(t, init, tc.send)
				}
				if status := p.Status(); status != 137 {
					t.Errorf("status %d", status)
				}
				if took := time.Since(start); took < grace/2 {
					t.Errorf("ended after %v", took)
				}
				if !strings.Contains(p.Stderr(), tc.by) {
					t.Errorf("stderr %q, want %q", p.Stderr(), tc.by)
				}
				if n := len(p.Rest()); n != 0 { // the output has ended: nobody is left
					t.Errorf("%d lines", n)
				}
			})
		})
	}
}

// A second stop signal, and any further one, is forwarded like the first. Only the deadline kills.
func TestSecondStopSignal(t *testing.T) {
	args := []string{"-v", "-g", "1h", test.Probe(t), "catch", "echo", "64", "exit", "3"}
	eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
		for _, n := range []syscall.Signal{15, 2, 15, 3, 2, 64} {
			kill(t, init, n)
			p.Expect(strconv.Itoa(int(n)))
		}
		if status := p.Status(); status != 3 || strings.Contains(p.Stderr(), "KILL") {
			t.Errorf("status %d, stderr %q", status, p.Stderr())
		}
	})
	// The deadline stays where the first has put it.
	eachStop(t, []string{"-g", "300ms", test.Probe(t), "catch", "echo", "64"}, func(t *testing.T, p *test.Process, init int) {
		for start := time.Now(); procState(init) != 0 && procState(init) != 'Z'; time.Sleep(20 * time.Millisecond) {
			_ = syscall.Kill(init, unix.SIGTERM)
			if time.Since(start) > test.Deadline {
				t.Fatal("signals postpone the deadline")
			}
		}
		if status := p.Status(); status != 137 {
			t.Errorf("status %d", status)
		}
	})
}

func TestStopSignal(t *testing.T) {
	for _, tc := range []struct {
		env, option string
		send        syscall.Signal
		stops       bool
	}{
		{"", "USR1", unix.SIGUSR1, true},
		{"", "QUIT,USR1", unix.SIGUSR1, true},
		{"", "QUIT,USR1", unix.SIGQUIT, true},
		{"", "", unix.SIGQUIT, false}, // a JVM answers with a list of its threads
		{"", "", unix.SIGHUP, false},
		{"", "", unix.SIGINT, true},
		{"UTIL_INIT_STOP_SIGNAL=QUIT,PWR", "", unix.SIGPWR, true},
		{"UTIL_INIT_STOP_SIGNAL=QUIT", "USR1", unix.SIGQUIT, false},
		{"UTIL_INIT_STOP_SIGNAL=QUIT", "USR1", unix.SIGTERM, true},
	} {
		args := []string{"-g", "100ms"}
		if tc.option != "" {
			args = append(args, "--stop-signal", tc.option)
		}
		for name, cmd := range stopOf(t, append(args, test.Probe(t), "catch", "echo", "64")...) {
			cmd.Env = append(os.Environ(), tc.env)
			p := test.Start(t, cmd)
			p.Expect("ready")
			init := initPid(t, p, name)
			kill(t, init, tc.send)
			p.Expect(strconv.Itoa(int(tc.send)))
			want := 137
			if !tc.stops {
				want = 0
				if timer := remaining(t, init); timer {
					t.Errorf("%v, signal %d: a deadline is set", tc, tc.send)
				}
				kill(t, init, 64)
			}
			if status := p.Status(); status != want {
				t.Errorf("%v: signal %d: status %d, want %d", tc, tc.send, status, want)
			}
		}
	}
}

// Stop signals wait for the time of --stop-delay; a second one, and the command's end, do not.
func TestStopDelay(t *testing.T) {
	probe := test.Probe(t)
	const delay = 300 * time.Millisecond
	t.Run("waits", func(t *testing.T) {
		for _, grace := range [][]string{nil, {"-g", "60"}} {
			args := append(append(grace[:len(grace):len(grace)], "--stop-delay", "300ms", "-v"), probe, "catch", "echo", "15")
			eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
				start := time.Now()
				kill(t, init, unix.SIGTERM)
				kill(t, init, unix.SIGHUP)
				p.Expect("1") // others do not wait
				p.Expect("15")
				if took := time.Since(start); took < delay {
					t.Errorf("TERM came after %v", took)
				}
				if status := p.Status(); status != 0 || !strings.Contains(p.Stderr(), "util init: holds TERM back for 0.300s\n") {
					t.Errorf("status %d, stderr %q", status, p.Stderr())
				}
			})
		}
	})
	t.Run("second", func(t *testing.T) {
		args := []string{"--stop-delay", "1h", "-g", "2h", probe, "catch", "echo", "34"}
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			kill(t, init, unix.SIGTERM)
			test.Eventually(t, "init has TERM", func() bool { return settled(init) })
			kill(t, init, unix.SIGINT)
			first, second := p.Line(), p.Line()
			if got := first + " " + second; got != "15 2" && got != "2 15" { // pending together, the lower comes first
				t.Errorf("the command got %s", got)
			}
			kill(t, init, unix.SIGTERM)
			p.Expect("15")
			kill(t, init, 34)
			_ = p.Status()
		})
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			kill(t, init, unix.SIGTERM)
			test.Eventually(t, "init has TERM", func() bool { return settled(init) })
			kill(t, init, unix.SIGTERM)
			p.Expect("15")
			kill(t, init, 34)
			if line := p.Line(); line != "34" {
				t.Errorf("the command got %s more", line)
			}
			_ = p.Status()
		})
	})
	t.Run("the command ends", func(t *testing.T) {
		// Whoever is left has had no signal, and gets it now.
		args := []string{"--stop-delay", "1h", "-g", "2h", probe, "beside", "5", "catch", "echo", "15", "say", "left", "pause"}
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			command := childOf(t, init)
			kill(t, init, unix.SIGTERM)
			test.Eventually(t, "init has TERM", func() bool { return settled(init) })
			kill(t, command, unix.SIGKILL)
			p.Expect("15")
			p.Expect("left")
			if status := p.Status(); status != 137 {
				t.Errorf("status %d", status)
			}
		})
	})
	t.Run("the grace period counts from the arrival", func(t *testing.T) {
		args := []string{"--stop-delay", "400ms", "-g", "500ms", probe, "catch", "pause"}
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			start := time.Now()
			kill(t, init, unix.SIGTERM)
			status := p.Status()
			if took := time.Since(start); status != 137 || took < 500*time.Millisecond || took > 880*time.Millisecond {
				t.Errorf("status %d after %v", status, took)
			}
		})
	})
}

func TestPause(t *testing.T) {
	for _, args := range [][]string{{"--pause"}, {"--pause", "-w"}} {
		for _, end := range []syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGPWR, 37} {
			p := test.Start(t, initOf(test.Util(t), args...))
			remaining(t, p.Process.Pid) // as PID 1 a signal is lost before its exec
			p.Signal(unix.SIGHUP)
			p.Signal(end)
			if status := p.Status(); status != 0 {
				t.Errorf("%v, signal %d: status %d", args, end, status)
			}
		}
	}
}
