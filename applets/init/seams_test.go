package initcmd_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
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
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
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

// What a write of a message raises is init's own business, and no message disturbs the command.
func TestMessagesRaiseNothing(t *testing.T) {
	probe := test.Probe(t)
	for _, name := range []string{"init", "dumb-init", "tini"} {
		file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		verbose := "-vv"
		if name == "dumb-init" {
			verbose = "-v"
		}
		cmd := test.Namespace(exec.Command(probe, "filelimit", "100", "exec", test.Util(t), name, verbose, probe, "orphans", "3", "catch", "echo", "64", "exit", "3"))
		cmd.Stderr = file
		p := test.Start(t, cmd)
		p.Expect("ready")
		for _, n := range []syscall.Signal{10, 25, 13, 64} { // XFSZ and PIPE that somebody sends reach it
			p.Signal(n)
			for line := p.Line(); line != strconv.Itoa(int(n)); line = p.Line() {
				if !strings.HasPrefix(line, "[") { // tini's words for stdout
					t.Fatalf("%s: signal %d sent: the command got %s", name, n, line)
				}
			}
		}
		if status := p.Status(); status != 3 {
			t.Errorf("%s: status %d", name, status)
		}
		if text := read(t, file.Name()); len(text) > 100 {
			t.Errorf("%s: stderr %q", name, text)
		}
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
	if err := unix.PtraceSeize(child); err != nil {
		t.Fatal(err)
	}
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
		if err := unix.PtraceSyscall(child, 0); err != nil {
			t.Fatal(err)
		}
		wait()
		asks = strings.HasPrefix(read(t, fmt.Sprintf("/proc/%d/syscall", child)), fmt.Sprintf("%d 0x%x ", unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG))
	}
	_ = p.Process.Kill()
	_, _ = p.Process.Wait()
	if err := unix.PtraceDetach(child); err != nil {
		t.Fatal(err)
	}
	p.Expect("10")
	if rest := p.Rest(); len(rest) != 0 {
		t.Errorf("then %q", rest)
	}
}

// A signal that init may not forward is not lost in silence: one line, once.
func TestForwardDeniedSaid(t *testing.T) {
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "only root can make a set-user-ID program")
	}
	setuid := setuidProbe(t)
	for _, format := range []string{"text", ""} {
		args := []string{setuid, "setuid", "0", "catch", "echo", "10", "exit", "8"}
		if format != "" {
			args = append([]string{"--log-format", format}, args...)
		}
		cmd := initOf(test.Util(t), args...)
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
		p := test.Start(t, cmd)
		p.Expect("ready")
		for range 3 {
			p.Signal(unix.SIGTERM)
			test.Eventually(t, "init takes the signal", func() bool { return settled(p.Process.Pid) })
		}
		kill(t, childOf(t, p.Process.Pid), 10)
		p.Expect("10")
		const want = "util init: cannot forward TERM to process group 2: operation not permitted (the command is another user's; init needs CAP_KILL to signal it)\n"
		if status := p.Status(); status != 8 || strings.Count(p.Stderr(), want) != 1 {
			t.Errorf("status %d, stderr %q", status, p.Stderr())
		}
	}
}

// setuidProbe returns a copy of the probe that becomes root with its word setuid.
func setuidProbe(t *testing.T) string {
	t.Helper()
	path := namesake(t, test.Probe(t), "setuid-probe")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.Remove(path), os.WriteFile(path, text, 0o755), os.Chmod(path, 0o755|os.ModeSetuid)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// A program for another machine, or no program at all, is no script for /bin/sh.
func TestExecFormat(t *testing.T) {
	dir := t.TempDir()
	header := func(class, data byte, machine uint16) string {
		head := make([]byte, 64)
		copy(head, "\x7fELF")
		head[4], head[5], head[6] = class, data, 1
		order := binary.ByteOrder(binary.LittleEndian)
		if data == 2 {
			order = binary.BigEndian
		}
		order.PutUint16(head[16:], 2)
		order.PutUint16(head[18:], machine)
		return string(head)
	}
	var uname unix.Utsname
	if err := unix.Uname(&uname); err != nil {
		t.Fatal(err)
	}
	here := unix.ByteSliceToString(uname.Machine[:])
	own := map[string]uint16{"amd64": 62, "arm64": 183}[runtime.GOARCH]
	other, otherName := uint16(183), "aarch64"
	if runtime.GOARCH == "arm64" {
		other, otherName = 62, "x86_64"
	}
	for _, tc := range []struct{ name, content, want string }{
		{"other", header(2, 1, other), "exec format error: built for " + otherName + ", this machine is " + here},
		{"big", header(2, 2, 22), "exec format error: built for s390x, this machine is " + here},
		{"powerpc", header(2, 1, 21), "exec format error: built for ppc64le, this machine is " + here},
		{"unknown", header(2, 1, 9999), "exec format error: built for another machine, this one is " + here},
		{"damaged", header(2, 1, own), "exec format error: built for " + here + ", as this machine, but damaged or no program"},
		{"macos", "\xcf\xfa\xed\xfe\x07\x00\x00\x01" + strings.Repeat("x", 200), "exec format error: neither a program for Linux nor a script"},
		{"short", "\x7fELF", "exec format error: built for another machine, this one is " + here},
		{"zeros", strings.Repeat("\x00", 200), "exec format error: neither a program for Linux nor a script"},
		{"script", "exit 7\n\x00", ""},
	} {
		path := filepath.Join(dir, tc.name)
		if err := os.WriteFile(path, []byte(tc.content), 0o755); err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"script": 7}[tc.name]
		if tc.want != "" {
			want = 126
		}
		status, _, stderr := test.Run(t, initOf(test.Util(t), path))
		if status != want || tc.want != "" && stderr != fmt.Sprintf("util init: command %q: %s\n", path, tc.want) || tc.want == "" && stderr != "" {
			t.Errorf("%s: status %d, stderr %q", tc.name, status, stderr)
		}
	}
}

// Every line of the format json is one object, whatever the command, the options and the environment are called.
func TestHostileMessages(t *testing.T) {
	probe, util := test.Probe(t), test.Util(t)
	dir := t.TempDir()
	var hostile []string
	for _, part := range []string{"a", `"`, `\`, "\n", "\x1b[31m", "\x00x"[1:], "é", "\u0085", "\x85", "\xff", "\xe2\x82", "€", "𝄞", "\xed\xa0\x80", "\xc0\xaf", "\x7f", "'", "{}", "\u2028"} {
		for _, n := range []int{1, 40, 254, 255, 256, 257, 700, 1600, 4000} {
			hostile = append(hostile, strings.Repeat(part, n/len(part)+1))
		}
	}
	objects := func(t *testing.T, text string) (last map[string]any) {
		t.Helper()
		if text == "" || text[len(text)-1] != '\n' {
			t.Errorf("no line: %q", text)
		}
		for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
			last = nil
			if err := json.Unmarshal([]byte(line), &last); err != nil || !strings.HasPrefix(line, "{") {
				t.Fatalf("%q: %v", line, err)
			}
		}
		return last
	}
	log := filepath.Join(dir, "log")
	for _, text := range hostile {
		// As the command's name: by argv[0] of an existing program, a long path to it, and one that does not exist.
		path := strings.Repeat("/.", min(len(text), 1900)) + probe
		for _, command := range []string{path, "/no/" + text, text} {
			cmd := initOf(util, "-vv", "--log-format", "json", "--termination-log", log, "-r", "USR2:none", "--", command, "orphans", "2", "beside", "2", "raise", "15", "exit", "3")
			status, _, stderr := test.Run(t, cmd)
			last := objects(t, stderr)
			if command == path && (status != 3 || last["event"] != "ended" || last["exit_code"] != 3.0 || last["out_of_memory"] != false || last["status"] != 3.0) {
				t.Fatalf("%.40q: status %d, %v", text, status, last)
			}
			if command != path && (status != 127 && status != 126 || last["event"] != "not started" || last["command"] == nil) {
				t.Fatalf("%.40q: status %d, %v", text, status, last)
			}
			objects(t, read(t, log))
		}
		for _, args := range [][]string{{"-r", text}, {"--" + text}, {"-g", text}, {"--scope=" + text}, {"-p", text}, {"--compat", text}, {"-e", text + ":1"}} {
			cmd := bare(util, append(append([]string{"--log-format=json", "--termination-log", log}, args...), probe)...)
			status, _, stderr := test.Run(t, cmd)
			if status == 0 || strings.HasPrefix(args[0], "--'") || args[0] == "--" {
				continue // it is a command line all the same
			}
			if last := objects(t, stderr); status != 2 || last["event"] != "usage error" {
				t.Fatalf("%.60q: status %d, %v", args, status, last)
			}
			objects(t, read(t, log))
		}
		cmd := initOf(util, "--log-format", "json", probe)
		cmd.Env = []string{"UTIL_INIT_" + strings.ReplaceAll(text, "=", "") + "=1", "PATH=" + text}
		_, _, stderr := test.Run(t, cmd)
		if last := objects(t, stderr); last["event"] != "ended" {
			t.Fatalf("%.40q: %v", text, last)
		}
		for _, name := range []string{"tini", "dumb-init", "catatonit"} {
			for _, args := range [][]string{{"-" + text}, {"--" + text}, {"-p", text}, {"-e", text}, {"-r", text}, {}} {
				cmd := exec.Command(util, append([]string{name}, args...)...)
				cmd.Env = []string{"UTIL_INIT_LOG_FORMAT=json"}
				if status, _, stderr := test.Run(t, cmd); stderr != "" && status != 0 {
					if strings.HasPrefix(stderr, "{") {
						objects(t, stderr)
					} else {
						t.Fatalf("%s %.40q: %q", name, args, stderr)
					}
				}
			}
		}
		// In text, no control character comes through, nor anything that is not UTF-8.
		_, _, stderr = test.Run(t, initOf(util, "-v", "/no/"+text))
		if strings.Count(stderr, "\n") != 1 || !bytes.Equal([]byte(stderr), bytes.ToValidUTF8([]byte(stderr), []byte("?"))) || strings.ContainsFunc(strings.TrimSuffix(stderr, "\n"), func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }) {
			t.Errorf("%.40q: stderr %q", text, stderr)
		}
	}
}

// A small stack is enough, for every name and with all messages.
func TestSmallStack(t *testing.T) {
	probe, util := test.Probe(t), test.Util(t)
	for _, args := range [][]string{
		{"tini", "-vvv", "-w", "-s"},
		{"dumb-init", "-v"},
		{"catatonit"},
		{"init", "-vvw", "-g", "60", "--log-format", "json", "--termination-log", filepath.Join(t.TempDir(), "log")},
		{"init", "-vv", "-g", "60", "--scope", "container"},
		{"init", "-g", "1h", "--scope", "group"},
	} {
		words := slices.Concat([]string{"mountproc", "stacklimit", "16384", "exec", util}, args, []string{"--", probe, "orphans", "3", "beside", "3", "setsid", "sleep", "20", "catch", "echo", "20", "echo", "15", "exit", "4"})
		cmd := test.ProcNamespace(exec.Command(probe, words...))
		cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/", "UTIL_INIT_TYPO=1", "CATATONIT_DEBUG=1"}
		p := test.Start(t, cmd)
		p.Expect("ready")
		p.Signal(unix.SIGUSR1)
		p.Expect("10")
		if !slices.Contains(args, "catatonit") && !slices.Contains(args, "dumb-init") {
			p.Signal(20)
			p.Expect("20")
		} else {
			kill(t, childOf(t, p.Process.Pid), 20)
			p.Expect("20")
		}
		p.Signal(unix.SIGTERM)
		if status := p.Status(); status != 4 {
			t.Errorf("%v: status %d, stderr %q", args, status, p.Stderr())
		}
	}
	for _, args := range [][]string{{"tini", "-x"}, {"dumb-init", "-r"}, {"catatonit", "-h"}, {"tini", "-h"}, {"init", "-v", "/no/such"}} {
		cmd := exec.Command(probe, append([]string{"stacklimit", "16384", "exec", util}, args...)...)
		cmd.Env = []string{"UTIL_INIT_LOG_FORMAT=text"}
		if status, _, stderr := test.Run(t, cmd); status > 127 {
			t.Errorf("%v: status %d, stderr %q", args, status, stderr)
		}
	}
}

// What another room of the program edits in the environment, and what the command could not be started for, does not
// bring init out of step: this ended by SEGV, or printed a variable as PATH.
func TestEnvironmentEdited(t *testing.T) {
	for _, path := range [][]string{nil, {"PATH=/bin"}} {
		for at := range 5 {
			env := []string{"LISTEN_FDS=1", "SECRET=swordfish", "LISTEN_PID=1", "Z=1"}
			env = slices.Insert(env, min(at, 4), "LISTEN_PIDFDID=5")
			env = append(env, path...)
			cmd := initOf(test.Util(t), "nosuch")
			cmd.Env = env
			status, _, stderr := test.Run(t, cmd)
			want := `not found in PATH "/bin"`
			if path == nil {
				want = `not found in PATH "/usr/local/bin:/bin:/usr/bin"`
			}
			if status != 127 || !strings.Contains(stderr, want) || strings.Contains(stderr, "swordfish") {
				t.Errorf("%v: status %d, stderr %q", env, status, stderr)
			}
		}
	}
}

// A descendant whose parent /proc hides does not send init round in circles, nor does a chain of thousands.
func TestDescendants(t *testing.T) {
	probe, util := test.Probe(t), test.Util(t)
	t.Run("hidepid", func(t *testing.T) {
		if os.Geteuid() != 0 {
			test.Missing(t, "root", "only root can make a set-user-ID program and mount /proc with hidepid")
		}
		setuid := setuidProbe(t)
		for _, words := range [][]string{{}, {"fork"}} { // PID 1, subreaper
			args := slices.Concat([]string{"mountproc", "hidepid"}, words, []string{
				"setuid", "65534", "exec", util, "init", "-g", "300ms",
				probe, "beside", "15", "exec", setuid, "setuid", "0", "setsid", "beside", "5", "setuid", "65534", "say", "visible", "pause", "pause", "pause", "say", "here", "pause",
			})
			args[slices.Index(args, "15")] = "14"
			p := test.Start(t, test.ProcNamespace(exec.Command(probe, args...)))
			p.Expect("visible")
			init := p.Process.Pid
			if len(words) > 0 {
				init = childOf(t, init)
			}
			kill(t, init, unix.SIGTERM)
			start := time.Now()
			if status := p.Status(); status != 143 {
				t.Errorf("status %d", status)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("ended after %v", took)
			}
		}
	})
	t.Run("chain", func(t *testing.T) {
		const n = 1000 // without a memory of who was seen, a million looks
		p := test.Start(t, test.ProcNamespace(exec.Command(probe, "mountproc", "exec", util, "init", "-g", "100ms", probe, "ignore", "15", "setsid", "chain", strconv.Itoa(n), "say", "ready", "pause")))
		p.Expect("ready")
		start := time.Now()
		kill(t, childOf(t, p.Process.Pid), unix.SIGKILL) // the first of them; the others are left, and do not end by TERM
		if status := p.Status(); status != 137 {
			t.Errorf("status %d", status)
		}
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("to tell %d processes took %v", n, took)
		}
	})
}

// Where the subreaper is refused, -v says so.
func TestSubreaperRefused(t *testing.T) {
	cmd := exec.Command(test.Probe(t), "deny", strconv.Itoa(unix.SYS_PRCTL), "1", "exec", test.Util(t), "init", "-v", test.Probe(t), "exit", "3")
	status, _, stderr := test.Run(t, cmd)
	if status != 3 || !strings.Contains(stderr, "util init: orphans will not be reaped here: not PID 1, and cannot become a subreaper: operation not permitted\n") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

// dumb-init's users expect TERM alone when the command has ended; CONT comes if somebody of the group is stopped.
func TestDumbInitSweep(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		p := test.Start(t, exec.Command(namesake(t, test.Util(t), "dumb-init"), test.Probe(t), "beside", "4", "catch", "echo", "34", "pause", "pause"))
		p.Expect("ready")
		command := childOf(t, p.Process.Pid)
		kid, _ := strconv.Atoi(children(t, command)[0])
		t.Cleanup(func() { _ = syscall.Kill(kid, unix.SIGKILL) })
		if stopped {
			kill(t, kid, unix.SIGSTOP)
		}
		test.Eventually(t, "its child rests", func() bool { return settled(kid) && (procState(kid) == 'T') == stopped })
		kill(t, command, unix.SIGKILL)
		p.Expect("15")
		kill(t, kid, 34)
		var rest []string
		for line := ""; line != "34"; {
			line = p.Line()
			rest = append(rest, line)
		}
		if got := slices.Contains(rest, "18"); got != stopped {
			t.Errorf("stopped %v: behind TERM it got %q", stopped, rest)
		}
		kill(t, kid, unix.SIGKILL)
		_ = p.Status()
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
