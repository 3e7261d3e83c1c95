package initcmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// How init forwards signals to the command.

func TestForward(t *testing.T) {
	words := []string{test.Probe(t), "catch", "echo", "64", "exit", "3"}
	both(t, func(t *testing.T, util string) {
		for name, cmd := range map[string]*exec.Cmd{
			"PID 1":       initOf(util, words...),
			"another pid": bare(util, words...),
		} {
			t.Run(name, func(t *testing.T) {
				p := test.Start(t, cmd)
				p.Expect("ready")
				for _, n := range caught() {
					switch syscall.Signal(n) {
					case unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
						continue // job control: TestStopContinue
					}
					p.Signal(syscall.Signal(n))
					if line := p.Line(); line != strconv.Itoa(n) {
						t.Fatalf("signal %d arrives as %s", n, line)
					}
				}
				wantStatus(t, p, 3)
			})
		}
	})
}

// Real-time signals queue: none is lost.
func TestManySignals(t *testing.T) {
	p := test.Start(t, initOf(test.Util(t), test.Probe(t), "catch", "echo", "64"))
	p.Expect("ready")
	const n = 500
	for range n {
		p.Signal(40)
	}
	p.Signal(64)
	for range n {
		if line := p.Line(); line != "40" {
			t.Fatalf("got %s", line)
		}
	}
	p.Expect("64")
}

// The job-control signals become STOP for a command that leaves them to the kernel. Init stops
// itself too, except as PID 1, which cannot be stopped.
func TestStopContinue(t *testing.T) {
	probe := test.Probe(t)
	for _, by := range []syscall.Signal{unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU} {
		for _, pid1 := range []bool{true, false} {
			cmd := bare(test.Util(t), probe, "say", "ready", "pause")
			if pid1 {
				test.Namespace(cmd)
			}
			p := test.Start(t, cmd)
			p.Expect("ready")
			command := children(t, p.Process.Pid)[0]
			p.Signal(by)
			waitState(t, command, 'T')
			if !pid1 {
				waitState(t, p.Process.Pid, 'T')
			}
			p.Signal(unix.SIGCONT)
			waitState(t, command, 'S')
			p.Signal(unix.SIGTERM)
			wantStatus(t, p, 128+15)
		}
	}
	p := test.Start(t, bare(test.Util(t), "-r", "TSTP:TERM", probe, "catch", "echo", "15"))
	p.Expect("ready")
	p.Signal(unix.SIGTSTP)
	p.Expect("15")
	wantStatus(t, p, 0)
}

// The job-control signals reach a command as they are if it catches, blocks or waits for them.
func TestStopSignalsTaken(t *testing.T) {
	for _, options := range [][]string{nil, {"-c"}} {
		for _, by := range []syscall.Signal{unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU} {
			for name, words := range map[string][]string{
				"blocked": {"say", "ready", "catch", "echo", "64"},
				"caught":  {"say", "ready", "handle"},
				// A process that waits for a fatal signal without blocking it is killed by it.
				"waited for": {"say", "ready", "block", "64", "await"},
			} {
				args := slices.Concat(options, []string{test.Probe(t)}, words)
				for as, cmd := range stopOf(t, args...) {
					t.Run(fmt.Sprintf("%s, signal %d, %v, %s", name, by, options, as), func(t *testing.T) {
						stopSignalTaken(t, cmd, as, by)
					})
				}
			}
		}
	}
}

func stopSignalTaken(t *testing.T, cmd *exec.Cmd, as string, by syscall.Signal) {
	p := test.Start(t, cmd)
	p.Expect("ready")
	init := initPid(t, p, as)
	command := children(t, init)[0]
	for range 3 {
		waitSettled(t, command)
		kill(t, init, by)
		p.Expect(strconv.Itoa(int(by)))
	}
	waitSettled(t, command)
	if test.ProcState(init) == 'T' {
		t.Error("init has stopped")
	}
	kill(t, init, 64)
	wantStatus(t, p, 0)
}

// A signal that asks the command to end reaches one that is stopped.
func TestEndStopped(t *testing.T) {
	probe := test.Probe(t)
	for _, by := range []syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT} {
		p := test.Start(t, initOf(test.Util(t), probe, "catch", "echo", strconv.Itoa(int(by))))
		p.Expect("ready")
		command := children(t, p.Process.Pid)[0]
		kill(t, command, unix.SIGSTOP)
		waitState(t, command, 'T')
		p.Signal(by)
		// The signal and the CONT that follows it are pending together, so the kernel delivers the
		// lower number first, whichever was sent first.
		p.Expect(strconv.Itoa(int(by)))
		wantStatus(t, p, 0)
	}
	// Init sends no CONT to a command that runs.
	p := test.Start(t, initOf(test.Util(t), probe, "catch", "echo", "15", "echo", "34"))
	p.Expect("ready")
	p.Signal(unix.SIGTERM)
	p.Expect("15")
	p.Signal(34)
	if line := p.Line(); line != "34" {
		t.Errorf("after TERM came %s, want 34", line)
	}
}

// A command that is stopped while it is asked to end is continued, whichever init learns first.
func TestStoppedBeforeAsked(t *testing.T) {
	for range 50 {
		p := test.Start(t, initOf(test.Util(t), test.Probe(t), "say", "ready", "pause"))
		p.Expect("ready")
		kill(t, childOf(t, p.Process.Pid), unix.SIGSTOP)
		p.Signal(unix.SIGTERM)
		if status := p.Status(); status != 143 {
			t.Fatalf("status %d", status)
		}
	}
}

// So is one whose stop is announced together with the first orphan, from which on the kernel reaps.
func TestStoppedBesideOrphan(t *testing.T) {
	// The CONT that continues init in this test must not continue the command.
	p := test.Start(t, initOf(test.Util(t), "-r", "CONT:none", test.Probe(t),
		"beside", "4", "orphan", "say", "orphan", "pause", "say", "ready", "pause"))
	p.Expect("ready")
	p.ExpectAlso("orphan")
	init := p.Process.Pid
	both := children(t, init)
	command, orphan := both[0], both[len(both)-1]
	for _, c := range []struct {
		pid    int
		signal syscall.Signal
		state  byte
	}{{init, unix.SIGSTOP, 'T'}, {command, unix.SIGSTOP, 'T'}, {orphan, unix.SIGKILL, 'Z'}} {
		kill(t, c.pid, c.signal)
		waitState(t, c.pid, c.state)
	}
	p.Signal(unix.SIGTERM)
	p.Signal(unix.SIGCONT)
	if status := p.Status(); status != 143 {
		t.Fatalf("status %d", status)
	}
}

func TestRewrite(t *testing.T) {
	type signals []syscall.Signal
	type lines []string
	for _, tc := range []struct {
		name string
		env  string
		args string
		send signals
		want lines // for each signal sent; "" if it is dropped
	}{
		{"names", "", "-r TERM:QUIT --rewrite sighup:usr1", signals{15, 1, 2}, lines{"3", "10", "2"}},
		{"numbers", "", "-r15:3 --rewrite=1:10", signals{15, 1}, lines{"3", "10"}},
		{"real time", "", "-r RTMIN+1:RTMAX-1,USR1:rtmin", signals{35, 10}, lines{"63", "34"}},
		{"drop", "", "-r INT:none,HUP:0", signals{2, 1, 10}, lines{"", "", "10"}},
		{"variable", "UTIL_INIT_REWRITE=TERM:QUIT,HUP:none", "", signals{1, 15}, lines{"", "3"}},
		{
			"option and variable", "UTIL_INIT_REWRITE=TERM:QUIT,HUP:USR2", "-r TERM:INT",
			signals{15, 1},
			lines{"2", "12"},
		},
		{"empty variable", "UTIL_INIT_REWRITE=", "", signals{15}, lines{"15"}},
		{"CHLD that a process sent", "", "-r CHLD:USR1", signals{17}, lines{"10"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := append(strings.Fields(tc.args), test.Probe(t), "catch", "echo", "64")
			cmd := initOf(test.Util(t), args...)
			cmd.Env = append(os.Environ(), tc.env)
			p := test.Start(t, cmd)
			p.Expect("ready")
			for i, n := range tc.send {
				p.Signal(n)
				if tc.want[i] == "" {
					continue // a signal that is not dropped would be the next line
				}
				if line := p.Line(); line != tc.want[i] {
					t.Errorf("signal %d arrives as %s, want %s", n, line, tc.want[i])
				}
			}
			p.Signal(64)
			if line := p.Line(); line != "64" {
				t.Errorf("got %s too", line)
			}
		})
	}
}

// By default signals go to the whole group, with --single-child to the command alone.
func TestSingleChild(t *testing.T) {
	for _, tc := range []struct {
		name, env string
		args      []string
		group     bool
	}{
		{"default", "", nil, true},
		{"-c", "", []string{"-c"}, false},
		{"--single-child", "", []string{"--single-child"}, false},
		{"variable", "UTIL_INIT_SINGLE_CHILD=1", nil, false},
		{"option and variable", "UTIL_INIT_SINGLE_CHILD=1", []string{"--single-child=no"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// The command waits for a child in its group, which prints what it gets. USR1 terminates
			// the command in any case; what is left of the group then gets TERM.
			cmd := bare(test.Util(t), append(tc.args, test.Probe(t), "fork", "catch", "echo", "15")...)
			cmd.Env = append(os.Environ(), tc.env)
			p := test.Start(t, cmd)
			p.Expect("ready")
			p.Signal(unix.SIGUSR1)
			want := []string{"15"}
			if tc.group {
				want = []string{"10", "15"}
			}
			if rest := p.Rest(); !slices.Equal(rest, want) {
				t.Errorf("the child got %v, want %v", rest, want)
			}
			wantStatus(t, p, 128+10)
		})
	}
}

// --parent-death: the command gets the signal when the parent of init ends.
func TestParentDeath(t *testing.T) {
	p := test.Start(t, exec.Command(test.Probe(t), "fork", "exec", test.Util(t), "init",
		"--parent-death", "USR1", test.Probe(t), "catch", "echo", "10"))
	p.Expect("ready")
	_ = p.Process.Kill()
	p.Expect("10")
	if rest := p.Rest(); len(rest) != 0 {
		t.Errorf("then %q", rest)
	}
}

// --parent-death: the command gets the signal too if the parent ends before init has called
// prctl(PR_SET_PDEATHSIG).
func TestParentDeathBefore(t *testing.T) {
	p := test.Start(t, exec.Command(test.Probe(t), "fork", "block", "10", "say", "here", "raise", "19",
		"exec", test.Util(t), "init", "--parent-death", "USR1", test.Probe(t), "catch", "echo", "10"))
	p.Expect("here")
	init := childOf(t, p.Process.Pid)
	waitState(t, init, 'T')
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	test.Must(t, unix.PtraceSeize(init))
	stopped(t, init)
	kill(t, init, unix.SIGCONT)
	call := fmt.Sprintf("%d 0x%x ", test.Number(unix.SYS_PRCTL), unix.PR_SET_PDEATHSIG)
	for calls := false; !calls; {
		test.Must(t, unix.PtraceSyscall(init, 0))
		stopped(t, init)
		calls = strings.HasPrefix(read(t, fmt.Sprintf("/proc/%d/syscall", init)), call)
	}
	_ = p.Process.Kill()
	_, _ = p.Process.Wait()
	test.Must(t, unix.PtraceDetach(init))
	p.Expect("10")
	if rest := p.Rest(); len(rest) != 0 {
		t.Errorf("then %q", rest)
	}
}

// TERM costs init no more system calls than USR1, unless the command may be stopped.
func TestStopSignalCostsNoMore(t *testing.T) {
	strace := test.Tool(t, "strace")
	calls := func(s syscall.Signal) (names []string) {
		p := test.Start(t, initOf(test.Util(t), test.Probe(t), "catch", "echo", "64"))
		p.Expect("ready")
		init := p.Process.Pid
		waitsWithLimit(t, init)
		file := filepath.Join(t.TempDir(), "trace")
		tracer := test.Start(t, exec.Command(strace, "-o", file, "-p", strconv.Itoa(init)))
		test.Eventually(t, "strace traces init", func() bool {
			return field(t, fmt.Sprintf("/proc/%d/status", init), "TracerPid:") == tracer.Process.Pid &&
				strings.Contains(read(t, file), "rt_sigtimedwait")
		})
		p.Signal(s)
		p.Expect(strconv.Itoa(int(s)))
		p.Signal(64)
		_ = p.Status()
		_ = tracer.Status()
		for line := range strings.Lines(read(t, file)) {
			if name, _, isCall := strings.Cut(line, "("); isCall {
				names = append(names, name)
			}
		}
		return names
	}
	if term, usr1 := calls(unix.SIGTERM), calls(unix.SIGUSR1); !slices.Equal(term, usr1) {
		t.Errorf("for TERM %q, for USR1 %q", term, usr1)
	}
}

// Signals that arrive without a pause do not keep init from noticing the end of the command or the
// deadline. Few real-time signals may be pending: more would fill the queue of the user, and other
// programs of that user, in other tests too, would wait for signals that are not sent (see
// [test.PendingSignals]).
func TestFloods(t *testing.T) {
	for _, signal := range []string{"10", "12", "28", "40", "64"} {
		for name, first := range map[string][]string{"attentive": nil, "quiet": {"orphans", "3"}} {
			t.Run(fmt.Sprintf("%s, signal %s", name, signal), func(t *testing.T) {
				flood := []string{"beside", "3", "setsid", "flood", signal}
				run := func(options, before, after []string) *test.Process {
					return test.Start(t, test.Namespace(exec.Command(test.Probe(t), slices.Concat(
						test.PendingSignals(1000), []string{"exec", test.Util(t), "init"}, options,
						[]string{test.Probe(t)}, first, before, []string{"block", signal}, flood, flood, after,
					)...)))
				}
				wantStatus(t, run(nil, nil, []string{"sleep", "200", "exit", "3"}), 3)
				p := run([]string{"-g", "300ms"}, []string{"ignore", "15"}, []string{"say", "ready", "pause"})
				p.Expect("ready")
				p.Signal(unix.SIGTERM)
				wantStatus(t, p, 137)
			})
		}
	}
}
