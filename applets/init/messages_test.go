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
	"unicode/utf8"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// What init prints, where that depends on signals and files. (testdata/script has the rest.)

// The messages of -w and -v about signals and orphans.
func TestMessages(t *testing.T) {
	verbose := []string{
		`util init: started "` + test.Probe(t) + `" as pid `,
		"util init: forwarded USR1 to process group ",
		"util init: dropped USR2\n",
		"util init: forwarded HUP for INT to process group ",
		", pid 2, exited with status 3 after ", "s (user ", ", peak memory ",
		" kB); orphans reaped: 1\n",
	}
	warned := []string{"util init: reaped orphan ", ": exited with status 0\n"}
	const variables = "UTIL_INIT_VERBOSE=1 UTIL_INIT_WARN_REAPED=yes"
	for _, tc := range []struct {
		name, env, args string
		want            []string
		not             string
	}{
		{"quiet", "", "", nil, "util"},
		{"-w", "", "-w", warned, "started"},
		{"-v", "", "-v", verbose, "reaped orphan"},
		{"-vv", "", "-vv", []string{"started", "reaped"}, ""},
		{"variables", variables, "", []string{"started", "reaped"}, ""},
		{"options and variables", variables, "--verbose=0 --warn-reaped=false", nil, "util"},
		{"single child", "", "-v -c", []string{"forwarded USR1 to pid "}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			args := append([]string{"-r", "USR2:none", "-r", "INT:HUP"}, strings.Fields(tc.args)...)
			args = append(args, test.Probe(t), "orphans", "1", "catch", "echo", "1", "exit", "3")
			cmd := initOf(test.Util(t), args...)
			cmd.Env = append(os.Environ(), strings.Fields(tc.env)...)
			p := test.Start(t, cmd)
			p.Expect("ready")
			waitReaped(t, p.Process.Pid)
			p.Signal(unix.SIGUSR1)
			p.Expect("10")
			p.Signal(unix.SIGUSR2)
			p.Signal(unix.SIGINT)
			p.Expect("1")
			_ = p.Status()
			for _, want := range tc.want {
				if !strings.Contains(p.Stderr(), want) {
					t.Errorf("%q is missing in %q", want, p.Stderr())
				}
			}
			if tc.not != "" && strings.Contains(p.Stderr(), tc.not) {
				t.Errorf("%q is in %q", tc.not, p.Stderr())
			}
		})
	}
}

// Whatever stderr is, the command runs as it should: messages never block init.
func TestLogTrouble(t *testing.T) {
	for _, tc := range []struct {
		name  string
		other bool // run init as another user, who cannot open the pipe
		make  func(t *testing.T) (stderr, keep *os.File)
	}{
		{"closed pipe", false, func(t *testing.T) (*os.File, *os.File) {
			r, w, err := os.Pipe()
			test.Must(t, err)
			r.Close()
			return w, w
		}},
		{"full pipe", false, fullPipe},
		{"full pipe of another user", true, fullPipe},
		{"full socket", false, func(t *testing.T) (*os.File, *os.File) {
			pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
			test.Must(t, err)
			w := os.NewFile(uintptr(pair[0]), "w")
			fill(w)
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
			cmd := initOf(test.Util(t), "-vvw", test.Probe(t), "catch", "echo", "64", "exit", "6")
			if tc.other {
				cmd.SysProcAttr.Credential = nobody()
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
			wantStatus(t, p, 6)
		})
	}
}

// fullPipe makes a pipe with no room for another byte.
func fullPipe(t *testing.T) (w, r *os.File) {
	r, w, err := os.Pipe()
	test.Must(t, err)
	fill(w)
	return w, r
}

// fill writes to a file until that would block.
func fill(w *os.File) {
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

// A failing write of a message may raise XFSZ or PIPE in init. Neither reaches the command, but
// those that another process sends do.
func TestMessagesRaiseNothing(t *testing.T) {
	for name, verbose := range map[string]string{"init": "-vv", "dumb-init": "-v", "tini": "-vv"} {
		file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
		test.Must(t, err)
		defer file.Close()
		cmd := test.Namespace(exec.Command(test.Probe(t), "filelimit", "100",
			"exec", test.Util(t), name, verbose,
			test.Probe(t), "orphans", "3", "catch", "echo", "64", "exit", "3"))
		cmd.Stderr = file
		p := test.Start(t, cmd)
		p.Expect("ready")
		for _, n := range []syscall.Signal{unix.SIGUSR1, unix.SIGXFSZ, unix.SIGPIPE, 64} {
			p.Signal(n)
			for line := p.Line(); line != strconv.Itoa(int(n)); line = p.Line() {
				if !strings.HasPrefix(line, "[") { // tini prints messages on stdout
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

// When the command has become another user, init may not signal it. It reports that once, with -v
// each time, and continues.
func TestForwardDenied(t *testing.T) {
	const want = "util init: cannot forward TERM to process group 2: operation not permitted" +
		" (the command runs as another user; init needs CAP_KILL to signal it)\n"
	setuid := setuidProbe(t)
	for _, tc := range []struct {
		options  []string
		messages int
	}{{nil, 1}, {[]string{"--log-format", "text"}, 1}, {[]string{"-v"}, 3}} {
		args := append(tc.options, setuid, "setuid", "0", "catch", "echo", "10", "exit", "8")
		cmd := initOf(test.Util(t), args...)
		cmd.SysProcAttr.Credential = nobody()
		p := test.Start(t, cmd)
		p.Expect("ready")
		for range 3 {
			p.Signal(unix.SIGTERM)
			waitSettled(t, p.Process.Pid)
		}
		kill(t, childOf(t, p.Process.Pid), unix.SIGUSR1)
		if line := p.Line(); line != "10" {
			t.Errorf("%v: got %s, want 10", tc.options, line)
		}
		if status := p.Status(); status != 8 || strings.Count(p.Stderr(), want) != tc.messages {
			t.Errorf("%v: status %d, stderr %q", tc.options, status, p.Stderr())
		}
	}
}

// If init cannot become a subreaper, -v reports it.
func TestSubreaperRefused(t *testing.T) {
	cmd := exec.Command(test.Probe(t), "deny", strconv.Itoa(test.Number(unix.SYS_PRCTL)), "1",
		"exec", test.Util(t), "init", "-v", test.Probe(t), "exit", "3")
	const want = "util init: orphans will not be reaped here: " +
		"not PID 1, and cannot become a subreaper: operation not permitted\n"
	if status, _, stderr := test.Run(t, cmd); status != 3 || !strings.Contains(stderr, want) {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

// The last line tells why the command ended. It is the same on stderr and in the termination log.
func TestWhyItEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "termination")
	before := time.Now().Add(-time.Second)
	p := test.Start(t, initOf(test.Util(t), "-v", "--log-format=json", "-r", "USR2:none",
		"--termination-log="+path,
		test.Probe(t), "orphans", "2", "catch", "echo", "10", "exit", "3"))
	p.Expect("ready")
	waitReaped(t, p.Process.Pid)
	p.Signal(unix.SIGUSR2)
	p.Signal(unix.SIGUSR1)
	wantStatus(t, p, 3)
	lines := slices.Collect(strings.Lines(p.Stderr()))
	var last map[string]any
	for _, text := range lines {
		last = object(t, text)
		at, err := time.Parse(time.RFC3339, fmt.Sprint(last["time"]))
		if err != nil || at.Before(before) || at.After(time.Now().Add(time.Second)) {
			t.Errorf("time %v, %v", last["time"], err)
		}
	}
	for name, want := range map[string]any{
		"event": "ended", "command": test.Probe(t), "pid": 2.0, "status": 3.0, "exit_code": 3.0,
		"orphans_reaped": 2.0, "killed": 0.0, "out_of_memory": false,
	} {
		if last[name] != want {
			t.Errorf("%s is %v, want %v, in %s", name, last[name], want, lines[len(lines)-1])
		}
	}
	if file := read(t, path); file != lines[len(lines)-1] {
		t.Errorf("termination log %q", file)
	}
}

// object parses a line of the format json.
func object(t *testing.T, line string) (fields map[string]any) {
	t.Helper()
	if !strings.HasPrefix(line, "{") || !strings.HasSuffix(line, "\n") {
		t.Fatalf("%q is not a line that begins with {", line)
	}
	if err := json.Unmarshal([]byte(line), &fields); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	return fields
}

// lastObject parses all lines of text, and returns the last.
func lastObject(t *testing.T, text string) (last map[string]any) {
	t.Helper()
	if text == "" {
		t.Fatal("no line")
	}
	for line := range strings.Lines(text) {
		last = object(t, line)
	}
	return last
}

// Every line of the format json is one object, and no line of text has a control character,
// whatever is in a command line or in the environment.
func TestHostileMessages(t *testing.T) {
	var hostile []string
	for _, part := range []string{
		"a", `"`, `\`, "\n", "\x1b[31m", "\x00x"[1:], "é", "\u0085", "\x85", "\xff", "\xe2\x82",
		"€", "𝄞", "\xed\xa0\x80", "\xc0\xaf", "\x7f", "'", "{}", "\u2028",
	} {
		for _, n := range []int{1, 40, 254, 255, 256, 257, 700, 1600, 4000} {
			hostile = append(hostile, strings.Repeat(part, n/len(part)+1))
		}
	}
	log := filepath.Join(t.TempDir(), "log")
	for _, text := range hostile {
		hostileCommand(t, log, text)
		hostileOption(t, log, text)
		hostileEnvironment(t, text)
		hostileOtherInit(t, text)

		_, _, stderr := test.Run(t, initOf(test.Util(t), "-v", "/no/"+text))
		line, isLine := strings.CutSuffix(stderr, "\n")
		control := func(r rune) bool { return r < ' ' || r >= 0x7f && r < 0xa0 }
		if !isLine || strings.ContainsFunc(line, control) || !utf8.ValidString(line) {
			t.Errorf("%.40q: stderr %q", text, stderr)
		}
	}
}

// hostileCommand uses text as the name of the command: in a long path to it, and as one that does
// not exist.
func hostileCommand(t *testing.T, log, text string) {
	t.Helper()
	path := strings.Repeat("/.", min(len(text), 1900)) + test.Probe(t)
	for _, command := range []string{path, "/no/" + text, text} {
		cmd := initOf(test.Util(t), "-vv", "--log-format", "json", "--termination-log", log,
			"-r", "USR2:none", "--",
			command, "orphans", "2", "beside", "2", "raise", "15", "exit", "3")
		status, _, stderr := test.Run(t, cmd)
		last := lastObject(t, stderr)
		good := (status == 127 || status == 126) && last["event"] == "not started" &&
			last["command"] != nil
		if command == path {
			good = status == 3 && last["event"] == "ended" && last["exit_code"] == 3.0 &&
				last["out_of_memory"] == false && last["status"] == 3.0
		}
		if !good {
			t.Fatalf("%.40q: status %d, %v", text, status, last)
		}
		lastObject(t, read(t, log))
	}
}

// hostileOption uses text as an option and as the value of one.
func hostileOption(t *testing.T, log, text string) {
	t.Helper()
	for _, args := range [][]string{
		{"-r", text},
		{"--" + text},
		{"-g", text},
		{"--scope=" + text},
		{"-p", text},
		{"--compat", text},
		{"-e", text + ":1"},
	} {
		words := slices.Concat([]string{"--log-format=json", "--termination-log", log}, args,
			[]string{test.Probe(t)})
		status, _, stderr := test.Run(t, bare(test.Util(t), words...))
		if status == 0 || strings.HasPrefix(args[0], "--'") || args[0] == "--" {
			continue // a good command line after all
		}
		if last := lastObject(t, stderr); status != 2 || last["event"] != "usage error" {
			t.Fatalf("%.60q: status %d, %v", args, status, last)
		}
		lastObject(t, read(t, log))
	}
}

// hostileEnvironment uses text as the name of a variable of init, and in PATH.
func hostileEnvironment(t *testing.T, text string) {
	t.Helper()
	cmd := initOf(test.Util(t), "--log-format", "json", test.Probe(t))
	cmd.Env = []string{"UTIL_INIT_" + strings.ReplaceAll(text, "=", "") + "=1", "PATH=" + text}
	_, _, stderr := test.Run(t, cmd)
	if last := lastObject(t, stderr); last["event"] != "ended" {
		t.Fatalf("%.40q: %v", text, last)
	}
}

// hostileOtherInit uses text in the command line of another init.
func hostileOtherInit(t *testing.T, text string) {
	t.Helper()
	for _, name := range []string{"tini", "dumb-init", "catatonit"} {
		for _, args := range [][]string{
			{"-" + text}, {"--" + text}, {"-p", text}, {"-e", text}, {"-r", text}, {},
		} {
			cmd := exec.Command(test.Util(t), append([]string{name}, args...)...)
			cmd.Env = []string{"UTIL_INIT_LOG_FORMAT=json"}
			if status, _, stderr := test.Run(t, cmd); stderr != "" && status != 0 {
				lastObject(t, stderr)
			}
		}
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
