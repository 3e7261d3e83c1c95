package initcmd_test

import (
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"util/internal/test"
)

// TestARM64 runs the arm64 program on other machines, under the emulator of Debian's
// qemu-user-static.
//
// The emulator turns every vfork into a fork, so the parent does not see what the child writes to
// shared memory, such as why an exec failed. And it does not support PR_SET_CHILD_SUBREAPER, so
// init reaps orphans only as PID 1.
func TestARM64(t *testing.T) {
	var emulator []string
	if runtime.GOARCH != "arm64" {
		emulator = []string{test.Tool(t, "qemu-aarch64-static")}
	}
	util := append(emulator, test.UtilOf(t, "arm64", ""))
	const probePackage = "util/internal/test/probe"
	probe := append(emulator, test.Build(t, probePackage, "-s -w -E _rt0_probe", "arm64"))
	command := func(program []string, args ...string) *exec.Cmd {
		argv := append(slices.Clip(program), args...)
		return exec.Command(argv[0], argv[1:]...)
	}
	underInit := func(words ...string) *exec.Cmd {
		return test.Namespace(command(util, slices.Concat([]string{"init", "-w", "--"}, probe, words)...))
	}

	t.Run("Status", func(t *testing.T) {
		for _, tc := range []struct {
			word string
			n    int
			want int
		}{{"exit", 0, 0}, {"exit", 3, 3}, {"exit", 255, 255}, {"raise", 9, 137}, {"raise", 15, 143}} {
			status, _, stderr := test.Run(t, underInit(tc.word, fmt.Sprint(tc.n)))
			if status != tc.want {
				t.Errorf("%s %d: status %d, want %d; %s", tc.word, tc.n, status, tc.want, stderr)
			}
		}
		for _, tc := range []struct {
			file string
			want int
		}{{"/nothing", 127}, {"nothing", 127}, {t.TempDir(), 126}} {
			status, _, _ := test.Run(t, test.Namespace(command(util, "init", tc.file)))
			if status != tc.want {
				t.Errorf("%s: status %d, want %d", tc.file, status, tc.want)
			}
		}
	})

	t.Run("Start", func(t *testing.T) {
		status, stdout, stderr := test.Run(t, underInit("state"))
		if status != 0 || !strings.Contains(stdout, " ppid=1 ") ||
			!strings.HasSuffix(stdout, " mask=0 ignored=0") {
			t.Errorf("status %d, state %q, stderr %q", status, stdout, stderr)
		}
		var pid, pgid, sid int
		_, err := fmt.Sscanf(stdout, "pid=%d ppid=1 pgid=%d sid=%d", &pid, &pgid, &sid)
		if err != nil || pgid != pid || sid != pid {
			t.Errorf("%q: the command does not lead a session", stdout)
		}
	})

	t.Run("Forward", func(t *testing.T) {
		p := test.Start(t, underInit("catch", "echo", "15", "exit", "7"))
		p.Expect("ready")
		for _, s := range []syscall.Signal{1, 2, 3, 10, 12, 17, 18, 28, 15} {
			p.Signal(s)
			if got := p.Line(); got != fmt.Sprint(int(s)) {
				t.Fatalf("signal %d sent: the command got %s", s, got)
			}
		}
		wantStatus(t, p, 7)
	})

	t.Run("Terminate", func(t *testing.T) {
		p := test.Start(t, underInit("say", "ready", "pause"))
		p.Expect("ready")
		p.Signal(syscall.SIGTERM)
		wantStatus(t, p, 143)
	})

	t.Run("Reap", func(t *testing.T) {
		const orphans = 10
		p := test.Start(t, underInit("orphans", fmt.Sprint(orphans), "catch", "echo", "15"))
		p.Expect("ready")
		waitReaped(t, p.Process.Pid)
		p.Signal(syscall.SIGTERM)
		p.Expect("15")
		wantStatus(t, p, 0)
		if got := strings.Count(p.Stderr(), "util init: reaped orphan "); got != orphans {
			t.Errorf("%d orphans reaped, want %d:\n%s", got, orphans, p.Stderr())
		}
	})

	// The emulator maps the file as the kernel does, and touches the pages that the program touches.
	// So this shows what TestWeight and TestPageFaults would find on an arm64 machine, except what the
	// child touches before its exec.
	t.Run("Weight", func(t *testing.T) {
		file := util[len(util)-1]
		args := slices.Concat([]string{"init", "--"}, probe, []string{"say", "ready", "pause"})
		cmd := test.Namespace(command(util, args...))
		cmd.Env = environment
		p := test.Start(t, cmd)
		p.Expect("ready")
		waitsWithLimit(t, p.Process.Pid)
		maximum := 64 + 16 // a part of the code, and the end of the data segment
		if test.Alone() {
			maximum = 44 // the code of a plain run
		}
		kB, where := residentOf(t, fmt.Sprintf("/proc/%d", p.Process.Pid), file)
		if kB > maximum {
			t.Errorf("%d kB of the program are resident, want at most %d; see ARCHITECTURE.md, Weight:\n%s",
				kB, maximum, where)
		}
		t.Logf("%d kB of the program are resident", kB)
	})

	t.Run("Help", func(t *testing.T) {
		status, stdout, stderr := test.Run(t, command(util, "init", "--help"))
		if status != 0 || stderr != "" || !strings.Contains(stdout, "--rewrite FROM:TO") {
			t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
		}
		status, _, stderr = test.Run(t, command(util, "init", "--nonsense"))
		if status != 2 || !strings.Contains(stderr, `option "--nonsense": unknown`) {
			t.Errorf("status %d, stderr %q", status, stderr)
		}
	})
}
