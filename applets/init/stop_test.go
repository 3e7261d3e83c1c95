package initcmd_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// stopOf returns commands that run util init with args in a PID namespace with a /proc of its own: as its PID 1, and as
// a subreaper below another PID 1, which ends with it.
func stopOf(t *testing.T, args ...string) map[string]*exec.Cmd {
	t.Helper()
	init := append([]string{"exec", test.Util(t), "init"}, args...)
	return map[string]*exec.Cmd{
		"PID 1":     test.ProcNamespace(exec.Command(test.Probe(t), append([]string{"mountproc"}, init...)...)),
		"subreaper": test.ProcNamespace(exec.Command(test.Probe(t), append([]string{"mountproc", "fork"}, init...)...)),
	}
}

// initPid returns the pid of init, seen from here: p itself, or its child.
func initPid(t *testing.T, p *test.Process, name string) int {
	t.Helper()
	if name == "PID 1" {
		return p.Process.Pid
	}
	pid, err := strconv.Atoi(children(t, p.Process.Pid)[0])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// eachStop runs a test for init as PID 1 and as a subreaper.
func eachStop(t *testing.T, args []string, f func(t *testing.T, p *test.Process, init int)) {
	t.Helper()
	for name, cmd := range stopOf(t, args...) {
		t.Run(name, func(t *testing.T) {
			p := test.Start(t, cmd)
			p.Expect("ready")
			f(t, p, initPid(t, p, name))
		})
	}
}

func kill(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatalf("kill %d, %d: %v", pid, s, err)
	}
}

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

// remaining reports whether init waits with a time limit: the third argument of rt_sigtimedwait (/proc/PID/syscall).
func remaining(t *testing.T, init int) (limited bool) {
	t.Helper()
	waiting := fmt.Sprintf("%d ", unix.SYS_RT_SIGTIMEDWAIT)
	test.Eventually(t, "init waits for a signal", func() bool {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", init))
		if !strings.HasPrefix(string(text), waiting) {
			return false
		}
		limited = strings.Fields(string(text))[3] != "0x0"
		return true
	})
	return limited
}

// With --scope group nobody outside the command's group is signalled.
func TestScopeGroup(t *testing.T) {
	probe := test.Probe(t)
	p := test.Start(t, test.ProcNamespace(exec.Command(probe, "mountproc", "fork", "exec", test.Util(t), "init",
		"-g", "100ms", "--scope", "group", probe, "fork", "setsid", "catch", "killparent", "9", "echo", "34")))
	p.Expect("ready")
	// Init ends, and with it PID 1, of which the escaped process is a child by then; until that it must have had nothing.
	if rest := p.Rest(); len(rest) != 0 {
		t.Errorf("the escaped process got %q", rest)
	}
	if status := p.Status(); status != 137 {
		t.Errorf("status %d", status)
	}
	// In the group, KILL comes after the grace period.
	eachStop(t, []string{"-v", "-g", "100ms", "--scope", "group", probe, "fork", "catch", "killparent", "9", "pause"}, func(t *testing.T, p *test.Process, _ int) {
		if status := p.Status(); status != 137 || !strings.Contains(p.Stderr(), "KILL to 1 that are left: probe (") {
			t.Errorf("status %d, stderr %q", status, p.Stderr())
		}
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

// The last line says why the command ended, as text and as JSON, on stderr and in the termination log.
func TestWhyItEnded(t *testing.T) {
	probe := test.Probe(t)
	path := filepath.Join(t.TempDir(), "termination")
	before := time.Now().Add(-time.Second)
	p := test.Start(t, initOf(test.Util(t), "-v", "--log-format=json", "-r", "USR2:none", "--termination-log="+path, probe, "orphans", "2", "catch", "echo", "10", "exit", "3"))
	p.Expect("ready")
	test.Eventually(t, "the orphans are reaped", func() bool { return len(children(t, p.Process.Pid)) == 1 })
	p.Signal(unix.SIGUSR2)
	p.Signal(unix.SIGUSR1)
	if status := p.Status(); status != 3 {
		t.Errorf("status %d", status)
	}
	lines := strings.Split(strings.TrimSpace(p.Stderr()), "\n")
	var last map[string]any
	for _, text := range lines {
		last = nil
		if err := json.Unmarshal([]byte(text), &last); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		at, err := time.Parse(time.RFC3339, fmt.Sprint(last["time"]))
		if err != nil || at.Before(before) || at.After(time.Now().Add(time.Second)) {
			t.Errorf("time %v, %v", last["time"], err)
		}
	}
	for name, want := range map[string]any{
		"event": "ended", "command": probe, "pid": 2.0, "status": 3.0, "exit_code": 3.0, "orphans_reaped": 2.0, "killed": 0.0, "out_of_memory": false,
	} {
		if last[name] != want {
			t.Errorf("%s is %v, want %v, in %s", name, last[name], want, lines[len(lines)-1])
		}
	}
	if file, err := os.ReadFile(path); string(file) != lines[len(lines)-1]+"\n" {
		t.Errorf("termination log %q, %v", file, err)
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

// quiet waits until init lets the kernel reap: it waits by a signalfd, among others, then.
func quiet(t *testing.T, init int) {
	t.Helper()
	var name unix.Utsname
	var major, minor int
	if err := unix.Uname(&name); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor); err != nil || major < 6 || major == 6 && minor < 15 {
		test.Missing(t, "Linux 6.15", "an older kernel does not tell the status of a process that it reaped by itself")
	}
	test.Eventually(t, "init is quiet", func() bool {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", init))
		return slices.ContainsFunc(files, func(file string) bool {
			to, _ := os.Readlink(file)
			return to == "anon_inode:[signalfd]"
		})
	})
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

// Names that are longer than a path may be, or than a message has room for.
func TestLongNames(t *testing.T) {
	for _, tc := range []struct {
		name, env, command string
		status             int
		stderr             string
	}{
		{"path", "X=1", "/" + strings.Repeat("x/", 3000), 126, "file name too long"},
		{"name", "PATH=/bin", strings.Repeat("x", 5000), 127, "not found in PATH"},
		{
			"variable", "UTIL_INIT_" + strings.Repeat("LONG", 1000) + "=1", test.Probe(t), 0,
			`util init: variable "UTIL_INIT_LONGLONG`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd := initOf(test.Util(t), tc.command)
			cmd.Env = []string{tc.env}
			status, _, stderr := test.Run(t, cmd)
			if status != tc.status || !strings.Contains(stderr, tc.stderr) {
				t.Errorf("status %d, want %d; stderr %q, want %q", status, tc.status, stderr, tc.stderr)
			}
			if n := strings.Count(stderr, "\n"); n != 1 {
				t.Errorf("%d lines on stderr", n)
			}
		})
	}
}
