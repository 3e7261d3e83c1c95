package initcmd_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

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
			test.Must(t, err)
			w := os.NewFile(uintptr(pair[0]), "w")
			full(w)
			return w, os.NewFile(uintptr(pair[1]), "r")
		}},
		{"full device", false, func(t *testing.T) (*os.File, *os.File) {
			w, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			test.Must(t, err)
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

// What a write of a message raises is init's own business, and no message disturbs the command.
func TestMessagesRaiseNothing(t *testing.T) {
	probe := test.Probe(t)
	for _, name := range []string{"init", "dumb-init", "tini"} {
		file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
		test.Must(t, err)
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

// Init goes on when it may not signal the command, which has become another user.
func TestForwardDenied(t *testing.T) {
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "only root can make a set-user-ID program")
	}
	probe, err := os.ReadFile(test.Probe(t))
	test.Must(t, err)
	setuid := filepath.Join(filepath.Dir(test.Probe(t)), "setuid-probe")
	test.Must(t, os.WriteFile(setuid, probe, 0o755))
	test.Must(t, os.Chmod(setuid, 0o755|os.ModeSetuid))
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
	test.Must(t, syscall.Kill(command, unix.SIGUSR1))
	if line := p.Line(); line != "10" {
		t.Errorf("got %s, want 10", line)
	}
	if status := p.Status(); status != 8 || !strings.Contains(p.Stderr(), "cannot forward TERM to process group 2: operation not permitted") {
		t.Errorf("status %d, stderr %q", status, p.Stderr())
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

// Where the subreaper is refused, -v says so.
func TestSubreaperRefused(t *testing.T) {
	cmd := exec.Command(test.Probe(t), "deny", strconv.Itoa(unix.SYS_PRCTL), "1", "exec", test.Util(t), "init", "-v", test.Probe(t), "exit", "3")
	status, _, stderr := test.Run(t, cmd)
	if status != 3 || !strings.Contains(stderr, "util init: orphans will not be reaped here: not PID 1, and cannot become a subreaper: operation not permitted\n") {
		t.Errorf("status %d, stderr %q", status, stderr)
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
