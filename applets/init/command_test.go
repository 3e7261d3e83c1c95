package initcmd_test

import (
	"debug/elf"
	"encoding/binary"
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

// The start of the command, what it inherits, and its exit status. (testdata/script has the
// promises about statuses in short.)

func TestExitStatus(t *testing.T) {
	probe := test.Probe(t)
	for want := range 256 {
		cmd := initOf(test.Util(t), probe, "exit", strconv.Itoa(want))
		if got, _, stderr := test.Run(t, cmd); got != want || stderr != "" {
			t.Errorf("command exits with %d: init exits with %d and prints %q", want, got, stderr)
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
		cmd := initOf(test.Util(t), probe, "raise", strconv.Itoa(n), "pause")
		if got, _, _ := test.Run(t, cmd); got != 128+n {
			t.Errorf("signal %d terminates the command: init exits with %d", n, got)
		}
	}
}

// A program for another machine, and a file that is not a program at all, are not passed to /bin/sh
// as a script.
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
	test.Must(t, unix.Uname(&uname))
	here := unix.ByteSliceToString(uname.Machine[:])
	self, err := os.Executable()
	test.Must(t, err)
	program, err := elf.Open(self)
	test.Must(t, err)
	defer program.Close()
	own := header(byte(program.Class), byte(program.Data), uint16(program.Machine))
	// A file for this machine is named as its programs are: arm, not armv7l.
	ownName := map[string]string{"386": "i386", "arm": "arm"}[runtime.GOARCH]
	if ownName == "" {
		ownName = here
	}
	var (
		unknown   = "built for another machine, this one is " + here
		noProgram = "neither a program for Linux nor a script"
		damaged   = "built for " + ownName + ", as this machine, but damaged or not a program"
		builtFor  = func(name string) string {
			if name == here {
				return damaged
			}
			return "built for " + name + ", this machine is " + here
		}
	)
	for _, tc := range []struct {
		name, content string
		why           string // "" for a script
	}{
		{"x86", header(2, 1, 62), builtFor("x86_64")},
		{"arm", header(2, 1, 183), builtFor("aarch64")},
		{"big", header(2, 2, 22), builtFor("s390x")},
		{"powerpc", header(2, 1, 21), builtFor("ppc64le")},
		{"unknown", header(2, 1, 9999), unknown},
		{"damaged", own, damaged},
		{"macos", "\xcf\xfa\xed\xfe\x07\x00\x00\x01" + strings.Repeat("x", 200), noProgram},
		{"short", "\x7fELF", unknown},
		{"zeros", strings.Repeat("\x00", 200), noProgram},
		{"script", "exit 7\n\x00", ""},
	} {
		path := filepath.Join(dir, tc.name)
		test.Must(t, os.WriteFile(path, []byte(tc.content), 0o755))
		status, message := 7, ""
		if tc.why != "" {
			status = 126
			message = fmt.Sprintf("util init: command %q: exec format error: %s\n", path, tc.why)
		}
		got, _, stderr := test.Run(t, initOf(test.Util(t), path))
		if got != status || stderr != message {
			t.Errorf("%s: status %d, stderr %q, want %d, %q", tc.name, got, stderr, status, message)
		}
	}
}

// PATH is found wherever it is in the environment, although init removes LISTEN_PIDFDID from it.
// (Init once crashed here, or printed another variable as PATH.)
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

// The command inherits what init was started with: mask, dispositions, environment and files.
func TestInherited(t *testing.T) {
	probe, file := test.Probe(t), devNull(t)
	run := func(words ...string) (state map[string]int, rest, stderr string) {
		before := []string{
			"block", "10", "block", "20", "block", "40", "ignore", "15", "ignore", "17",
			"ignore", "13", "exec",
		}
		after := []string{probe, "state", "fds", "env", "LISTEN_PID", "env", "X"}
		cmd := exec.Command(probe, slices.Concat(before, words, after)...)
		cmd.ExtraFiles = []*os.File{file, nil, file}
		cmd.Env = []string{"LISTEN_PID=77", "X=y", "X=z"}
		_, stdout, stderr := test.Run(t, cmd)
		first, rest, _ := strings.Cut(stdout, "\n")
		return parseState(t, first), rest, stderr
	}
	want, wantRest, _ := run()
	got, gotRest, stderr := run(test.Util(t), "init")
	if gotRest != wantRest || stderr != "" {
		t.Errorf("got %q, want %q; stderr %q", gotRest, wantRest, stderr)
	}
	if got["mask"] != want["mask"] || got["ignored"] != want["ignored"] {
		t.Errorf("got %v, want %v", got, want)
	}
	if got["pid"] != got["pgid"] || got["pid"] != got["sid"] {
		t.Errorf("the command does not lead a session: %v", got)
	}
}

// LISTEN_PID names the process for which the sockets are; init changes it to the pid of the command
// (sd_listen_fds(3)).
func TestListenPid(t *testing.T) {
	probe := test.Probe(t)
	both(t, func(t *testing.T, util string) {
		cmd := initOf(util, probe, "state",
			"env", "LISTEN_PID", "env", "LISTEN_FDS", "env", "LISTEN_PIDFDID", "env", "C")
		cmd.Env = []string{"A=b", "LISTEN_PID=1", "LISTEN_PIDFDID=77", "LISTEN_FDS=2", "C=d"}
		p, st := state(t, cmd)
		if got, want := p.Line(), fmt.Sprintf("LISTEN_PID=%d", st["pid"]); got != want || st["pid"] == 1 {
			t.Errorf("got %s, want %s", got, want)
		}
		// LISTEN_PIDFDID is removed: it would identify another process.
		if rest := p.Rest(); !slices.Equal(rest, []string{"LISTEN_FDS=2", "C=d"}) {
			t.Errorf("got %q", rest)
		}
	})
}

// A stack of 16 kB is enough, under every name and with all messages.
func TestSmallStack(t *testing.T) {
	probe, util := test.Probe(t), test.Util(t)
	log := filepath.Join(t.TempDir(), "log")
	const small = 4096 // a page on most machines; where it is larger, the limit is so many pages
	limited := []string{"stacklimit", strconv.Itoa(16384 / small * os.Getpagesize()), "exec", util}
	for _, args := range [][]string{
		{"tini", "-vvv", "-w", "-s"},
		{"dumb-init", "-v"},
		{"catatonit"},
		{"init", "-vvw", "-g", "60", "--log-format", "json", "--termination-log", log},
		{"init", "-vv", "-g", "60", "--scope", "container"},
		{"init", "-g", "1h", "--scope", "group"},
	} {
		command := []string{
			"--", probe, "orphans", "3", "beside", "3", "setsid", "sleep", "20",
			"catch", "echo", "20", "echo", "15", "exit", "4",
		}
		words := slices.Concat([]string{"mountproc"}, limited, args, command)
		cmd := test.ProcNamespace(exec.Command(probe, words...))
		cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/", "UTIL_INIT_TYPO=1", "CATATONIT_DEBUG=1"}
		p := test.Start(t, cmd)
		p.Expect("ready")
		p.Signal(unix.SIGUSR1)
		p.Expect("10")
		if args[0] == "catatonit" || args[0] == "dumb-init" { // theirs is not forwarded as TSTP
			kill(t, childOf(t, p.Process.Pid), unix.SIGTSTP)
		} else {
			p.Signal(unix.SIGTSTP)
		}
		p.Expect("20")
		p.Signal(unix.SIGTERM)
		if status := p.Status(); status != 4 {
			t.Errorf("%v: status %d, stderr %q", args, status, p.Stderr())
		}
	}
	for _, args := range [][]string{
		{"tini", "-x"},
		{"tini", "-h"},
		{"dumb-init", "-r"},
		{"catatonit", "-h"},
		{"init", "-v", "/no/such"},
		{"init", "--help"},
		{"init", "--version"},
		{"init", "-r", "TREM:INT"},
		{"init", "--rewirte"},
		{"init", "--termination-log", log, "--stop-delay", "2", "-g", "1", probe},
	} {
		cmd := exec.Command(probe, slices.Concat(limited, args)...)
		cmd.Env = []string{"UTIL_INIT_LOG_FORMAT=text"}
		status, stdout, stderr := test.Run(t, cmd)
		if status > 127 || stdout == "" && stderr == "" {
			t.Errorf("%v: status %d, stdout %q, stderr %q", args, status, stdout, stderr)
		}
	}
}
