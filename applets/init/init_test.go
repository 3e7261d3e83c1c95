package initcmd_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// both runs a test with the binary linked through the early entry, and with one that re-executes itself.
func both(t *testing.T, f func(t *testing.T, util string)) {
	t.Run("early", func(t *testing.T) { f(t, test.Util(t)) })
	t.Run("re-executed", func(t *testing.T) { f(t, test.Plain(t)) })
}

// initOf returns a command that runs util init with args, as PID 1 of a namespace.
func initOf(util string, args ...string) *exec.Cmd { return test.Namespace(bare(util, args...)) }

// bare returns a command that runs util init with args, as an ordinary process.
func bare(util string, args ...string) *exec.Cmd {
	return exec.Command(util, append([]string{"init"}, args...)...)
}

// state starts `util init args… probe state words…` and returns the process and what state printed.
func state(t *testing.T, cmd *exec.Cmd) (*test.Process, map[string]int) {
	t.Helper()
	p := test.Start(t, cmd)
	return p, parseState(t, p.Line())
}

// parseState reads a line of the probe's word "state". The sets are hexadecimal.
func parseState(t *testing.T, line string) map[string]int {
	t.Helper()
	values := map[string]int{}
	for _, field := range strings.Fields(line) {
		name, value, _ := strings.Cut(field, "=")
		base := 10
		if name == "mask" || name == "ignored" {
			base = 16
		}
		n, err := strconv.ParseUint(strings.TrimPrefix(value, "-"), base, 64)
		if err != nil {
			t.Fatalf("state %q: %v", line, err)
		}
		values[name] = int(n)
		if strings.HasPrefix(value, "-") {
			values[name] = -int(n)
		}
	}
	return values
}

// procState returns the letter of a process's state in /proc/PID/stat, or 0.
func procState(pid int) byte {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	return text[bytes.LastIndexByte(text, ')')+2]
}

// children returns the pids of a process's children.
func children(t *testing.T, pid int) []string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))
}

func TestExitStatus(t *testing.T) {
	probe := test.Probe(t)
	for status := range 256 {
		if got, _, stderr := test.Run(t, initOf(test.Util(t), probe, "exit", strconv.Itoa(status))); got != status || stderr != "" {
			t.Errorf("command exits with %d: init exits with %d and says %q", status, got, stderr)
		}
	}
}

func TestExitStatusBySignal(t *testing.T) {
	probe := test.Probe(t)
	for n := 1; n <= 64; n++ {
		switch syscall.Signal(n) {
		case unix.SIGCHLD, unix.SIGCONT, unix.SIGURG, unix.SIGWINCH: // ignored by default
			continue
		case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU: // stop by default
			continue
		}
		if got, _, _ := test.Run(t, initOf(test.Util(t), probe, "raise", strconv.Itoa(n), "pause")); got != 128+n {
			t.Errorf("signal %d ends the command: init exits with %d", n, got)
		}
	}
}

// caught lists the signals that a process can catch. SIGCHLD is among them: one that a process sends is forwarded.
func caught() []int {
	var all []int
	for n := 1; n <= 64; n++ {
		if n != int(unix.SIGKILL) && n != int(unix.SIGSTOP) {
			all = append(all, n)
		}
	}
	return all
}

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
		if err := syscall.Kill(command, unix.SIGSTOP); err != nil {
			t.Fatal(err)
		}
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

// The command gets what init was started with: mask, dispositions, environment, directory and files.
func TestInherited(t *testing.T) {
	probe := test.Probe(t)
	file, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	words := []string{"block", "10", "block", "20", "block", "40", "ignore", "15", "ignore", "17", "ignore", "13", "exec"}
	direct := exec.Command(probe, append(words, probe, "state", "fds", "env", "LISTEN_PID", "env", "X")...)
	direct.ExtraFiles = []*os.File{file, nil, file}
	direct.Env = []string{"LISTEN_PID=77", "X=y", "X=z"}
	_, want, _ := test.Run(t, direct)
	wantState, wantRest, _ := strings.Cut(want, "\n")

	through := exec.Command(probe, append(words, test.Util(t), "init", probe, "state", "fds", "env", "LISTEN_PID", "env", "X")...)
	through.ExtraFiles, through.Env = direct.ExtraFiles, direct.Env
	_, got, stderr := test.Run(t, through)
	gotState, gotRest, _ := strings.Cut(got, "\n")
	if gotRest != wantRest || stderr != "" {
		t.Errorf("got %q, want %q; stderr %q", gotRest, wantRest, stderr)
	}
	g, w := parseState(t, gotState), parseState(t, wantState)
	if g["mask"] != w["mask"] || g["ignored"] != w["ignored"] {
		t.Errorf("got %s, want %s", gotState, wantState)
	}
	if g["pid"] != g["pgid"] || g["pid"] != g["sid"] {
		t.Errorf("leads no session: %s", gotState)
	}
}

// LISTEN_PID names the process that is to take the sockets over; init passes it on (sd_listen_fds(3)).
func TestListenPid(t *testing.T) {
	probe := test.Probe(t)
	both(t, func(t *testing.T, util string) {
		cmd := initOf(util, probe, "state", "env", "LISTEN_PID", "env", "LISTEN_FDS", "env", "LISTEN_PIDFDID", "env", "C")
		cmd.Env = []string{"A=b", "LISTEN_PID=1", "LISTEN_PIDFDID=77", "LISTEN_FDS=2", "C=d"}
		p, st := state(t, cmd)
		if got, want := p.Line(), fmt.Sprintf("LISTEN_PID=%d", st["pid"]); got != want || st["pid"] == 1 {
			t.Errorf("got %s, want %s", got, want)
		}
		if rest := p.Rest(); !slices.Equal(rest, []string{"LISTEN_FDS=2", "C=d"}) { // the pidfd's number would be wrong
			t.Errorf("got %q", rest)
		}
	})
}

// Init itself holds nothing of the command's but the standard files: the other end of another pipe sees the command close it.
func TestLetsGo(t *testing.T) {
	probe := test.Probe(t)
	both(t, func(t *testing.T, util string) {
		extra, end, _ := os.Pipe()
		cmd := initOf(util, probe, "close", "3", "say", "here", "pause")
		cmd.ExtraFiles, cmd.Dir = []*os.File{end}, t.TempDir()
		p := test.Start(t, cmd)
		end.Close()
		p.Expect("here")
		if n, err := extra.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("file 3: %d, %v", n, err)
		}
		dir := fmt.Sprintf("/proc/%d", p.Process.Pid)
		test.Eventually(t, "init leaves the working directory", func() bool { to, _ := os.Readlink(dir + "/cwd"); return to == "/" })
		if files := entries(t, dir+"/fd"); strings.Join(files, " ") != "0 1 2" {
			t.Errorf("open files %v", files)
		}
		extra.Close()
		p.Signal(unix.SIGTERM)
		if status := p.Status(); status != 128+15 {
			t.Errorf("status %d", status)
		}
	})
}

func TestStandardFilesClosed(t *testing.T) {
	probe := test.Probe(t)
	cmd := test.Namespace(exec.Command(probe, "close", "0", "close", "2", "exec", test.Util(t), "init", "-vv", probe, "fds", "exit", "4"))
	status, stdout, _ := test.Run(t, cmd)
	if status != 4 || !strings.HasPrefix(stdout, "fds=1 ") || strings.HasPrefix(stdout, "fds=1 2") {
		t.Errorf("status %d, stdout %q", status, stdout)
	}
}

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

// -w and -v say what they promise.
func TestMessages(t *testing.T) {
	probe := test.Probe(t)
	for _, tc := range []struct {
		name, env string
		args      []string
		want      []string
		not       []string
	}{
		{"quiet", "", nil, nil, []string{"util"}},
		{"-w", "", []string{"-w"}, []string{"util init: reaped orphan ", ": exited with status 0\n"}, []string{"started"}},
		{"-v", "", []string{"-v"}, []string{`util init: started "` + probe + `" as pid `, "util init: forwarded USR1 to process group ", "util init: dropped USR2\n", "util init: forwarded HUP for INT to process group ", ", pid 2, exited with status 3 after ", "s (user ", ", peak memory ", " kB); orphans reaped: 1\n"}, []string{"reaped orphan"}},
		{"-vv", "", []string{"-vv"}, []string{"started", "reaped"}, nil},
		{"variables", "UTIL_INIT_VERBOSE=1 UTIL_INIT_WARN_REAPED=yes", nil, []string{"started", "reaped"}, nil},
		{"flag beats variable", "UTIL_INIT_VERBOSE=1 UTIL_INIT_WARN_REAPED=yes", []string{"--verbose=0", "--warn-reaped=false"}, nil, []string{"util"}},
		{"single child", "", []string{"-v", "-c"}, []string{"forwarded USR1 to pid "}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := append([]string{"-r", "USR2:none", "-r", "INT:HUP"}, tc.args...)
			cmd := initOf(test.Util(t), append(args, probe, "orphans", "1", "catch", "echo", "1", "exit", "3")...)
			cmd.Env = append(os.Environ(), strings.Fields(tc.env)...)
			p := test.Start(t, cmd)
			p.Expect("ready")
			test.Eventually(t, "the orphan is reaped", func() bool { return len(children(t, p.Process.Pid)) == 1 })
			p.Signal(unix.SIGUSR1)
			p.Expect("10")
			p.Signal(unix.SIGUSR2)
			p.Signal(unix.SIGINT)
			p.Expect("1")
			_ = p.Status()
			stderr := p.Stderr()
			for _, want := range tc.want {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q is missing in %q", want, stderr)
				}
			}
			for _, not := range tc.not {
				if strings.Contains(stderr, not) {
					t.Errorf("%q is in %q", not, stderr)
				}
			}
		})
	}
}

// Trouble with stderr is no trouble for the command.
func TestLogTrouble(t *testing.T) {
	probe := test.Probe(t)
	full := func(w *os.File) {
		raw := int(w.Fd())
		_ = unix.SetNonblock(raw, true)
		for size := 4096; size > 0; size /= 2 {
			for {
				if n, err := unix.Write(raw, make([]byte, size)); n <= 0 || err != nil {
					break
				}
			}
		}
		_ = unix.SetNonblock(raw, false)
	}
	for _, tc := range []struct {
		name  string
		other bool // run init as another user, to whom the pipe cannot be opened
		make  func(t *testing.T) (stderr, keep *os.File)
	}{
		{"closed pipe", false, func(*testing.T) (*os.File, *os.File) {
			r, w, _ := os.Pipe()
			r.Close()
			return w, w
		}},
		{"full pipe", false, func(*testing.T) (*os.File, *os.File) {
			r, w, _ := os.Pipe()
			full(w)
			return w, r
		}},
		{"full pipe of another user", true, func(*testing.T) (*os.File, *os.File) {
			r, w, _ := os.Pipe()
			full(w)
			return w, r
		}},
		{"full socket", false, func(t *testing.T) (*os.File, *os.File) {
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			if err != nil {
				t.Fatal(err)
			}
			w := os.NewFile(uintptr(pair[0]), "w")
			full(w)
			return w, os.NewFile(uintptr(pair[1]), "r")
		}},
		{"full device", false, func(t *testing.T) (*os.File, *os.File) {
			w, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			return w, w
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.other && os.Geteuid() != 0 {
				test.Missing(t, "root", "only root can start a process as another user")
			}
			stderr, keep := tc.make(t)
			defer keep.Close()
			cmd := initOf(test.Util(t), "-vvw", probe, "catch", "echo", "64", "exit", "6")
			if tc.other {
				cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
			}
			cmd.Stderr = stderr
			p := test.Start(t, cmd)
			p.Expect("ready")
			for _, n := range []syscall.Signal{1, 10, 64} {
				p.Signal(n)
				if line := p.Line(); line != strconv.Itoa(int(n)) {
					t.Errorf("got %s, want %d", line, n)
				}
			}
			if status := p.Status(); status != 6 {
				t.Errorf("status %d", status)
			}
		})
	}
}

// Init goes on when it may not signal the command, which has become another user.
func TestForwardDenied(t *testing.T) {
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "only root can make a set-user-ID program")
	}
	probe, err := os.ReadFile(test.Probe(t))
	if err != nil {
		t.Fatal(err)
	}
	setuid := filepath.Join(filepath.Dir(test.Probe(t)), "setuid-probe")
	if err := os.WriteFile(setuid, probe, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(setuid, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	cmd := initOf(test.Util(t), "-v", setuid, "setuid", "0", "catch", "echo", "10", "exit", "8")
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	p := test.Start(t, cmd)
	p.Expect("ready")
	p.Signal(unix.SIGTERM)
	command, _ := strconv.Atoi(children(t, p.Process.Pid)[0])
	pending := fmt.Sprintf("/proc/%d/status", p.Process.Pid)
	test.Eventually(t, "init takes the signal", func() bool {
		text, _ := os.ReadFile(pending)
		return strings.Contains(string(text), "ShdPnd:\t0000000000000000") && strings.Contains(string(text), "State:\tS")
	})
	if err := syscall.Kill(command, unix.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if line := p.Line(); line != "10" {
		t.Errorf("got %s, want 10", line)
	}
	if status := p.Status(); status != 8 || !strings.Contains(p.Stderr(), "cannot forward TERM to process group 2: operation not permitted") {
		t.Errorf("status %d, stderr %q", status, p.Stderr())
	}
}

// What is left of the command's group gets TERM when the command has ended.
func TestSweep(t *testing.T) {
	probe := test.Probe(t)
	p := test.Start(t, bare(test.Util(t), probe, "fork", "catch", "killparent", "9", "echo", "15"))
	p.Expect("ready")
	p.Expect("15")
	if status := p.Status(); status != 128+9 {
		t.Errorf("status %d", status)
	}
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
