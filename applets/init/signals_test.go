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

func TestForward(t *testing.T) {
	probe := test.Probe(t)
	both(t, func(t *testing.T, util string) {
		for name, cmd := range map[string]*exec.Cmd{
			"PID 1":       initOf(util, probe, "catch", "echo", "64", "exit", "3"),
			"another pid": bare(util, probe, "catch", "echo", "64", "exit", "3"),
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
				if status := p.Status(); status != 3 {
					t.Errorf("status %d", status)
				}
			})
		}
	})
}

// The job-control signals become STOP for a command that leaves them to the kernel. PID 1 cannot stop itself; another init does.
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
			command, _ := strconv.Atoi(children(t, p.Process.Pid)[0])
			p.Signal(by)
			test.Eventually(t, "the command stops", func() bool { return procState(command) == 'T' })
			if !pid1 {
				test.Eventually(t, "init stops", func() bool { return procState(p.Process.Pid) == 'T' })
			}
			p.Signal(unix.SIGCONT)
			test.Eventually(t, "the command goes on", func() bool { return procState(command) == 'S' })
			p.Signal(unix.SIGTERM)
			if status := p.Status(); status != 128+15 {
				t.Errorf("status %d", status)
			}
		}
	}
	p := test.Start(t, bare(test.Util(t), "-r", "TSTP:TERM", probe, "catch", "echo", "15"))
	p.Expect("ready")
	p.Signal(unix.SIGTSTP)
	p.Expect("15")
	if status := p.Status(); status != 0 {
		t.Errorf("TSTP rewritten: status %d", status)
	}
}

// To a command that catches, blocks or waits for them, the job-control signals mean something else, and reach it as they are.
func TestStopSignalsTaken(t *testing.T) {
	probe := test.Probe(t)
	for _, args := range [][]string{nil, {"-c"}} {
		for _, by := range []syscall.Signal{unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU} {
			for _, way := range []struct{ name, word string }{{"blocked", "catch"}, {"caught", "handle"}, {"waited for", "await"}} {
				words := append(append(args[:len(args):len(args)], probe), "say", "ready", way.word)
				switch way.word {
				case "catch":
					words = append(words, "echo", "64")
				case "await": // what is fatal kills a process that waits for it without having blocked it
					words = slices.Insert(words, len(words)-1, "block", "64")
				}
				for name, cmd := range stopOf(t, words...) {
					p := test.Start(t, cmd)
					p.Expect("ready")
					init := initPid(t, p, name)
					command, _ := strconv.Atoi(children(t, init)[0])
					rests := func() { test.Eventually(t, "the command waits", func() bool { return settled(command) }) }
					for range 3 {
						rests()
						kill(t, init, by)
						p.Expect(strconv.Itoa(int(by)))
					}
					rests()
					if state := procState(init); state == 'T' {
						t.Errorf("%v %s, signal %d: init has stopped", args, way.name, by)
					}
					kill(t, init, 64)
					if status := p.Status(); status != 0 {
						t.Errorf("%v %s, signal %d: status %d", args, way.name, by, status)
					}
				}
			}
		}
	}
}

// A signal by which somebody asks the command to end reaches one that is stopped.
func TestEndStopped(t *testing.T) {
	probe := test.Probe(t)
	for _, by := range []syscall.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGHUP, unix.SIGQUIT} {
		p := test.Start(t, initOf(test.Util(t), probe, "catch", "echo", strconv.Itoa(int(by))))
		p.Expect("ready")
		command, _ := strconv.Atoi(children(t, p.Process.Pid)[0])
		test.Must(t, syscall.Kill(command, unix.SIGSTOP))
		test.Eventually(t, "the command stops", func() bool { return procState(command) == 'T' })
		p.Signal(by)
		// The CONT that follows has no order with it once both are pending; low numbers are delivered first.
		p.Expect(strconv.Itoa(int(by)))
		if status := p.Status(); status != 0 {
			t.Errorf("signal %d: status %d", by, status)
		}
	}
	// One that runs gets no CONT that nobody sent.
	p := test.Start(t, initOf(test.Util(t), probe, "catch", "echo", "15", "echo", "34"))
	p.Expect("ready")
	p.Signal(unix.SIGTERM)
	p.Expect("15")
	p.Signal(34)
	if line := p.Line(); line != "34" {
		t.Errorf("after TERM came %s, want 34", line)
	}
}

// A command that is stopped at the moment in which it is asked to end is continued, whichever of the two init hears of first.
func TestStoppedBeforeAsked(t *testing.T) {
	probe := test.Probe(t)
	for range 50 {
		p := test.Start(t, initOf(test.Util(t), probe, "say", "ready", "pause"))
		p.Expect("ready")
		command := childOf(t, p.Process.Pid)
		kill(t, command, unix.SIGSTOP)
		p.Signal(unix.SIGTERM)
		if status := p.Status(); status != 143 {
			t.Fatalf("status %d", status)
		}
	}
}

func TestRewrite(t *testing.T) {
	probe := test.Probe(t)
	for _, tc := range []struct {
		name string
		env  string
		args []string
		send []syscall.Signal
		want []string // for each signal sent; "" if it is dropped
	}{
		{"names", "", []string{"-r", "TERM:QUIT", "--rewrite", "sighup:usr1"}, []syscall.Signal{15, 1, 2}, []string{"3", "10", "2"}},
		{"numbers", "", []string{"-r15:3", "--rewrite=1:10"}, []syscall.Signal{15, 1}, []string{"3", "10"}},
		{"real time", "", []string{"-r", "RTMIN+1:RTMAX-1,USR1:rtmin"}, []syscall.Signal{35, 10}, []string{"63", "34"}},
		{"drop", "", []string{"-r", "INT:none,HUP:0"}, []syscall.Signal{2, 1, 10}, []string{"", "", "10"}},
		{"variable", "UTIL_INIT_REWRITE=TERM:QUIT,HUP:none", nil, []syscall.Signal{1, 15}, []string{"", "3"}},
		{"flag beats variable", "UTIL_INIT_REWRITE=TERM:QUIT,HUP:USR2", []string{"-r", "TERM:INT"}, []syscall.Signal{15, 1}, []string{"2", "12"}},
		{"empty variable", "UTIL_INIT_REWRITE=", nil, []syscall.Signal{15}, []string{"15"}},
		{"CHLD that a process sent", "", []string{"-r", "CHLD:USR1"}, []syscall.Signal{17}, []string{"10"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd := initOf(test.Util(t), append(tc.args, probe, "catch", "echo", "64")...)
			cmd.Env = append(os.Environ(), tc.env)
			p := test.Start(t, cmd)
			p.Expect("ready")
			for i, n := range tc.send {
				p.Signal(n)
				if tc.want[i] == "" {
					continue // it would come before the next
				}
				if line := p.Line(); line != tc.want[i] {
					t.Errorf("signal %d arrives as %s, want %s", n, line, tc.want[i])
				}
			}
			p.Signal(64)
			if line := p.Line(); line != "64" {
				t.Errorf("got %s more", line)
			}
		})
	}
}

// By default signals go to the whole group, with --single-child to the command alone.
func TestSingleChild(t *testing.T) {
	probe := test.Probe(t)
	for _, tc := range []struct {
		name, env string
		args      []string
		both      bool
	}{
		{"default", "", nil, true},
		{"-c", "", []string{"-c"}, false},
		{"--single-child", "", []string{"--single-child"}, false},
		{"variable", "UTIL_INIT_SINGLE_CHILD=1", nil, false},
		{"flag beats variable", "UTIL_INIT_SINGLE_CHILD=1", []string{"--single-child=no"}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			// The command waits for a child in its group, which prints what it gets. USR1 ends the command in any case; what
			// is left of the group then gets TERM.
			cmd := bare(test.Util(t), append(tc.args, probe, "fork", "catch", "echo", "15")...)
			cmd.Env = append(os.Environ(), tc.env)
			p := test.Start(t, cmd)
			p.Expect("ready")
			p.Signal(unix.SIGUSR1)
			want := []string{"15"}
			if tc.both {
				want = []string{"10", "15"}
			}
			if rest := p.Rest(); !slices.Equal(rest, want) {
				t.Errorf("the child got %v, want %v", rest, want)
			}
			if status := p.Status(); status != 128+10 {
				t.Errorf("status %d", status)
			}
		})
	}
}

// Init does not wake up for nothing, and it is asleep at once when there is nothing to do.
func TestManySignals(t *testing.T) {
	probe := test.Probe(t)
	p := test.Start(t, initOf(test.Util(t), probe, "catch", "echo", "64"))
	p.Expect("ready")
	const n = 500
	for range n { // real-time signals queue: none may be lost
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

// --parent-death: when init's parent ends, the command hears of it.
func TestParentDeath(t *testing.T) {
	probe := test.Probe(t)
	p := test.Start(t, exec.Command(probe, "fork", "exec", test.Util(t), "init", "--parent-death", "USR1", probe, "catch", "echo", "10"))
	p.Expect("ready")
	_ = p.Process.Kill()
	p.Expect("10")
	if rest := p.Rest(); len(rest) != 0 {
		t.Errorf("then %q", rest)
	}
}

// --parent-death: a parent that ends before init could ask for the signal is noticed all the same.
func TestParentDeathBefore(t *testing.T) {
	probe, util := test.Probe(t), test.Util(t)
	p := test.Start(t, exec.Command(probe, "fork", "block", "10", "say", "here", "raise", "19", "exec", util, "init", "--parent-death", "USR1", probe, "catch", "echo", "10"))
	p.Expect("here")
	child := childOf(t, p.Process.Pid)
	test.Eventually(t, "who becomes init stops", func() bool { return procState(child) == 'T' })
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	test.Must(t, unix.PtraceSeize(child))
	var status unix.WaitStatus
	wait := func() {
		t.Helper()
		if _, err := unix.Wait4(child, &status, unix.WALL, nil); err != nil || !status.Stopped() {
			t.Fatalf("%v, %#x", err, status)
		}
	}
	wait()
	kill(t, child, unix.SIGCONT)
	for asks := false; !asks; { // until prctl(PR_SET_PDEATHSIG)
		test.Must(t, unix.PtraceSyscall(child, 0))
		wait()
		asks = strings.HasPrefix(read(t, fmt.Sprintf("/proc/%d/syscall", child)), fmt.Sprintf("%d 0x%x ", unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG))
	}
	_ = p.Process.Kill()
	_, _ = p.Process.Wait()
	test.Must(t, unix.PtraceDetach(child))
	p.Expect("10")
	if rest := p.Rest(); len(rest) != 0 {
		t.Errorf("then %q", rest)
	}
}

// TERM costs init no more system calls than USR1, as long as nothing says that the command may be stopped.
func TestStopSignalCostsNoMore(t *testing.T) {
	strace := test.Tool(t, "strace")
	calls := func(s syscall.Signal) (lines []string) {
		p := test.Start(t, initOf(test.Util(t), test.Probe(t), "catch", "echo", "64"))
		p.Expect("ready")
		init := p.Process.Pid
		remaining(t, init) // it waits
		file := filepath.Join(t.TempDir(), "trace")
		tracer := test.Start(t, exec.Command(strace, "-o", file, "-p", strconv.Itoa(init)))
		test.Eventually(t, "strace looks on", func() bool {
			return strings.Contains(read(t, fmt.Sprintf("/proc/%d/status", init)), fmt.Sprintf("TracerPid:\t%d\n", tracer.Process.Pid)) && strings.Contains(read(t, file), "rt_sigtimedwait(")
		})
		p.Signal(s)
		p.Expect(strconv.Itoa(int(s)))
		p.Signal(64)
		_ = p.Status()
		_ = tracer.Status()
		for line := range strings.Lines(read(t, file)) {
			name, _, _ := strings.Cut(line, "(")
			lines = append(lines, name)
		}
		return lines
	}
	if term, usr1 := calls(unix.SIGTERM), calls(unix.SIGUSR1); !slices.Equal(term, usr1) {
		t.Errorf("for TERM %q, for USR1 %q", term, usr1)
	}
}

// Signals that arrive without a pause keep init neither from seeing the command's end nor from the deadline.
func TestFloods(t *testing.T) {
	probe := test.Probe(t)
	for _, signal := range []string{"10", "12", "28", "40", "64"} {
		for name, words := range map[string][]string{"attentive": nil, "quiet": {"orphans", "3"}} {
			t.Run(fmt.Sprintf("%s, signal %s", name, signal), func(t *testing.T) {
				flood := []string{"beside", "3", "setsid", "flood", signal}
				command := slices.Concat(words, []string{"block", signal}, flood, flood, []string{"sleep", "200", "exit", "3"})
				if status, _, _ := test.Run(t, initOf(test.Util(t), append([]string{probe}, command...)...)); status != 3 {
					t.Errorf("status %d", status)
				}
				command = slices.Concat(words, []string{"ignore", "15", "block", signal}, flood, flood, []string{"say", "ready", "pause"})
				p := test.Start(t, initOf(test.Util(t), append([]string{"-g", "300ms", probe}, command...)...))
				p.Expect("ready")
				p.Signal(unix.SIGTERM)
				if status := p.Status(); status != 137 {
					t.Errorf("status %d", status)
				}
			})
		}
	}
}
