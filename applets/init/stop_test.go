package initcmd_test

import (
	"bufio"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// A stop: the stop signals, the grace period and the stop delay. (scope_test.go tests which
// processes get which signal.)

// When the command has ended, the processes that it left can finish within the grace period, in
// whatever session they are.
func TestGraceLetsFinish(t *testing.T) {
	for name, words := range map[string][]string{
		"in the group":              nil,
		"in a session of their own": {"setsid"},
		"an orphan":                 {"orphan", "setsid"}, // whose parent, the command, ends by itself
	} {
		t.Run(name, func(t *testing.T) {
			orphan := name == "an orphan"
			args := slices.Concat([]string{"--grace", "60s", test.Probe(t), "catch", "fork"}, words,
				[]string{"echo", "15", "sleep", "50", "raise", "34", "echo", "34", "say", "finished"})
			eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
				want := 0
				if !orphan {
					command := children(t, init)[0]
					childOf(t, command)
					kill(t, command, unix.SIGKILL)
					want = 137
				}
				if rest := p.Rest(); !slices.Equal(rest, []string{"15", "34", "finished"}) {
					t.Errorf("the process that was left printed %q", rest)
				}
				wantStatus(t, p, want)
			})
		})
	}
}

// A stop reaches every process once, those that left the session too, and init waits for them.
func TestGraceReachesAll(t *testing.T) {
	for name, words := range map[string][]string{
		"in the group":            {"fork"},
		"in a session of its own": {"fork", "setsid"},
	} {
		t.Run(name, func(t *testing.T) {
			args := slices.Concat([]string{"-g", "60", test.Probe(t)}, words,
				[]string{"catch", "echo", "15", "sleep", "50", "raise", "34", "echo", "34", "say", "finished"})
			eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
				kill(t, init, unix.SIGTERM)
				if rest := p.Rest(); !slices.Equal(rest, []string{"15", "34", "finished"}) {
					t.Errorf("output %q", rest)
				}
				wantStatus(t, p, 128+15)
			})
		})
	}
}

// A stopped process is continued, so that it can react to TERM.
func TestGraceContinues(t *testing.T) {
	args := []string{
		"-g", "60", test.Probe(t), "fork", "setsid", "catch", "raise", "19",
		"echo", "15", "say", "finished",
	}
	eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
		command := children(t, init)[0]
		waitState(t, children(t, command)[0], 'T')
		kill(t, command, unix.SIGKILL)
		p.Expect("finished")
		wantStatus(t, p, 137)
	})
}

// At the end of the grace period, init kills the processes that ignore TERM: the command, and those
// that it left.
func TestGraceEnds(t *testing.T) {
	const grace = 200 * time.Millisecond
	const (
		over = "the grace period of 0.200s has expired: "
		one  = over + "sent KILL to 1 process: probe ("
		two  = over + "sent KILL to 2 processes: probe ("
	)
	for _, tc := range []struct {
		name    string
		words   []string
		send    syscall.Signal
		message string
	}{
		{"the command", []string{"catch", "pause"}, unix.SIGTERM, one},
		{"another", []string{"fork", "catch", "killparent", "9", "setsid", "pause"}, 0, over},
		{"both", []string{"catch", "fork", "setsid", "pause"}, unix.SIGINT, two},
		{
			"one that forks on and on",
			[]string{"ignore", "15", "fork", "catch", "killparent", "9", "runaway"},
			0, over,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := append([]string{"-v", "-g", "200ms", test.Probe(t)}, tc.words...)
			eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
				start := time.Now()
				if tc.send != 0 {
					kill(t, init, tc.send)
				}
				wantStatus(t, p, 137)
				if took := time.Since(start); took < grace/2 {
					t.Errorf("ended after %v", took)
				}
				if !strings.Contains(p.Stderr(), tc.message) {
					t.Errorf("stderr %q, want %q", p.Stderr(), tc.message)
				}
				if n := len(p.Rest()); n != 0 { // the output has ended, so no process is left
					t.Errorf("%d lines", n)
				}
			})
		})
	}
}

// A long list of processes ends with the number of the others.
func TestGraceEndsMany(t *testing.T) {
	args := []string{"-v", "-g", "200ms", test.Probe(t), "ignore", "15"}
	args = append(args, slices.Repeat([]string{"beside", "1", "pause"}, 24)...)
	args = append(args, "say", "ready", "pause")
	eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
		kill(t, init, unix.SIGTERM)
		wantStatus(t, p, 137)
		for _, want := range []string{
			"sent KILL to 25 processes: ", "), and 5 more\n",
			"; killed: 25: ",
		} {
			if !strings.Contains(p.Stderr(), want) {
				t.Errorf("stderr %q, want %q", p.Stderr(), want)
			}
		}
	})
}

// An init that was stopped until its time was over names the processes that KILL was sent to.
func TestStoppedAfterKill(t *testing.T) {
	const limit = 750 * time.Millisecond // from KILL to the end of init, whatever is left
	r, w, err := os.Pipe()
	test.Must(t, err)
	cmd := exec.Command(test.Util(t), "init", "-v", "-g", "200ms", test.Probe(t),
		"ignore", "15", "beside", "1", "pause", "say", "ready", "pause")
	cmd.Stderr = w
	p := test.Start(t, cmd)
	w.Close()
	p.Expect("ready")
	p.Signal(unix.SIGTERM)
	last, killed := "", time.Time{}
	for lines := bufio.NewScanner(r); lines.Scan(); {
		last = lines.Text()
		if strings.Contains(last, "sent KILL") {
			p.Signal(unix.SIGSTOP)
			killed = time.Now()
			time.Sleep(time.Until(killed.Add(limit + limit/4))) // until the limit is over
			p.Signal(unix.SIGCONT)
		}
	}
	wantStatus(t, p, 137)
	if !strings.Contains(last, "; killed: 2: probe (") {
		t.Errorf("the last line is %q", last)
	}
}

// The second stop signal and all later ones are forwarded like the first. Only the deadline kills.
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
	// Later signals do not move the deadline.
	args = []string{"-g", "300ms", test.Probe(t), "catch", "echo", "64"}
	eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
		for start := time.Now(); !ended(init); time.Sleep(20 * time.Millisecond) {
			_ = syscall.Kill(init, unix.SIGTERM)
			if time.Since(start) > test.Deadline {
				t.Fatal("signals postpone the deadline")
			}
		}
		wantStatus(t, p, 137)
	})
}

// Stop signals are TERM and INT, and those of --stop-signal.
func TestStopSignal(t *testing.T) {
	for _, tc := range []struct {
		env, option string
		send        syscall.Signal
		stops       bool
	}{
		{"", "USR1", unix.SIGUSR1, true},
		{"", "QUIT,USR1", unix.SIGUSR1, true},
		{"", "QUIT,USR1", unix.SIGQUIT, true},
		{"", "", unix.SIGQUIT, false}, // a JVM responds with a list of its threads
		{"", "", unix.SIGHUP, false},
		{"", "", unix.SIGINT, true},
		{"UTIL_INIT_STOP_SIGNAL=QUIT,PWR", "", unix.SIGPWR, true},
		{"UTIL_INIT_STOP_SIGNAL=QUIT", "USR1", unix.SIGQUIT, false},
		{"UTIL_INIT_STOP_SIGNAL=QUIT", "USR1", unix.SIGTERM, true},
	} {
		args := []string{"-g", "500ms"}
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
				if waitsWithLimit(t, init) {
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

// --stop-delay: init forwards a stop signal after that time, or at once if another one comes or the
// command ends.
func TestStopDelay(t *testing.T) {
	const delay = 300 * time.Millisecond
	t.Run("waits", func(t *testing.T) {
		for _, grace := range [][]string{nil, {"-g", "60"}} {
			args := append(slices.Clone(grace), "--stop-delay", "300ms", "-v",
				test.Probe(t), "catch", "echo", "15")
			eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
				start := time.Now()
				kill(t, init, unix.SIGTERM)
				kill(t, init, unix.SIGHUP)
				p.Expect("1") // is not delayed
				p.Expect("15")
				if took := time.Since(start); took < delay {
					t.Errorf("TERM came after %v", took)
				}
				const want = "util init: delaying TERM for 0.300s\n"
				if status := p.Status(); status != 0 || !strings.Contains(p.Stderr(), want) {
					t.Errorf("status %d, stderr %q", status, p.Stderr())
				}
			})
		}
	})
	delayed := func(t *testing.T, init int) {
		t.Helper()
		kill(t, init, unix.SIGTERM)
		waitSettled(t, init)
	}
	long := []string{"--stop-delay", "1h", "-g", "2h", test.Probe(t)}
	catch := append(slices.Clone(long), "catch", "echo", "34")
	t.Run("another signal", func(t *testing.T) {
		eachStop(t, catch, func(t *testing.T, p *test.Process, init int) {
			delayed(t, init)
			kill(t, init, unix.SIGINT)
			first, second := p.Line(), p.Line()
			if got := first + " " + second; got != "15 2" && got != "2 15" { // both may be pending together
				t.Errorf("the command got %s", got)
			}
			kill(t, init, unix.SIGTERM)
			p.Expect("15")
			kill(t, init, 34)
			_ = p.Status()
		})
	})
	t.Run("the same signal", func(t *testing.T) {
		eachStop(t, catch, func(t *testing.T, p *test.Process, init int) {
			delayed(t, init)
			kill(t, init, unix.SIGTERM)
			p.Expect("15")
			kill(t, init, 34)
			if line := p.Line(); line != "34" {
				t.Errorf("the command got %s too", line)
			}
			_ = p.Status()
		})
	})
	t.Run("the command ends", func(t *testing.T) {
		// What it left has had no signal, and gets it now.
		args := append(slices.Clone(long), "beside", "5", "catch", "echo", "15", "say", "left", "pause")
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			command := childOf(t, init)
			delayed(t, init)
			kill(t, command, unix.SIGKILL)
			p.Expect("15")
			p.Expect("left")
			wantStatus(t, p, 137)
		})
	})
	t.Run("the grace period includes the delay", func(t *testing.T) {
		args := []string{"--stop-delay", "1900ms", "-g", "2s", test.Probe(t), "catch", "pause"}
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			start := time.Now()
			kill(t, init, unix.SIGTERM)
			status, took := p.Status(), time.Since(start)
			if status != 137 || took < 2*time.Second || took > 3500*time.Millisecond { // not both
				t.Errorf("status %d after %v", status, took)
			}
		})
	})
}

func TestPause(t *testing.T) {
	for _, args := range [][]string{{"--pause"}, {"--pause", "-w"}, {"--pause", "-v"}} {
		for _, end := range []syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGPWR, 37} {
			p := test.Start(t, initOf(test.Util(t), args...))
			waitsWithLimit(t, p.Process.Pid) // PID 1 loses signals until its exec
			p.Signal(unix.SIGHUP)
			p.Signal(end)
			if status := p.Status(); status != 0 {
				t.Errorf("%v, signal %d: status %d", args, end, status)
			}
			if strings.Contains(p.Stderr(), "started") {
				t.Errorf("%v: no command was started: %s", args, p.Stderr())
			}
		}
	}
}
