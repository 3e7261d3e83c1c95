package initcmd_test

import (
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
	test.Must(t, unix.Uname(&uname))
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
		test.Must(t, os.WriteFile(path, []byte(tc.content), 0o755))
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

// The command gets what init was started with: mask, dispositions, environment, directory and files.
func TestInherited(t *testing.T) {
	probe := test.Probe(t)
	file, err := os.Open("/dev/null")
	test.Must(t, err)
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
