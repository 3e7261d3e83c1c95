package initcmd_test

import (
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

// At the deadline init ends within a second, whoever is left: who may not be signalled, who does not show that it ended, who
// cannot be seen.
func TestDeadlineEndsInit(t *testing.T) {
	probe, util := test.Probe(t), test.Util(t)
	const grace = 200 * time.Millisecond
	inTime := func(t *testing.T, p *test.Process, send syscall.Signal, init int) (status int, stderr string) {
		t.Helper()
		start := time.Now()
		if send != 0 {
			kill(t, init, send)
		}
		status = p.Status()
		if took := time.Since(start); took < grace/2 || took > grace+1500*time.Millisecond {
			t.Errorf("ended after %v", took)
		}
		return status, p.Stderr()
	}
	setuid := func(t *testing.T) string {
		if os.Geteuid() != 0 {
			test.Missing(t, "root", "only root can make a set-user-ID program")
		}
		text, err := os.ReadFile(probe)
		test.Must(t, err)
		path := filepath.Join(filepath.Dir(probe), "setuid-for-deadline")
		test.Must(t, os.WriteFile(path, text, 0o755))
		test.Must(t, os.Chmod(path, 0o755|os.ModeSetuid))
		return path
	}
	asNobody := &syscall.Credential{Uid: 65534, Gid: 65534}

	t.Run("may not be signalled", func(t *testing.T) {
		root := setuid(t)
		for _, options := range [][]string{nil, {"-v"}, {"--log-format", "json"}} {
			cmd := initOf(util, append(append([]string{"-g", "200ms"}, options...), root, "setuid", "0", "catch", "pause")...)
			cmd.SysProcAttr.Credential = asNobody
			p := test.Start(t, cmd)
			p.Expect("ready")
			status, stderr := inTime(t, p, unix.SIGTERM, p.Process.Pid)
			if status != 137 || strings.Contains(stderr, "; killed") || !strings.Contains(stderr, "is ended by the kernel with PID 1") {
				t.Errorf("%v: status %d, stderr %q", options, status, stderr)
			}
		}
	})
	t.Run("may not be signalled, subreaper", func(t *testing.T) {
		root := setuid(t)
		// Many others are there, each of which it looks at before it kills.
		others := slices.Repeat([]string{"beside", "1", "pause"}, 1500)
		words := slices.Concat([]string{"mountproc"}, others, []string{"fork", "setuid", "65534", "exec", util, "init", "-v", "-g", "200ms"})
		cmd := test.ProcNamespace(exec.Command(probe, append(words,
			root, "setuid", "0", "catch", "pause")...))
		p := test.Start(t, cmd)
		p.Expect("ready")
		pids := children(t, p.Process.Pid)
		init, _ := strconv.Atoi(pids[len(pids)-1])
		status, stderr := inTime(t, p, unix.SIGTERM, init)
		if status != 137 || !strings.Contains(stderr, "is still alive after KILL") || !strings.Contains(stderr, "not ended by KILL: 1: setuid-for-dead (") || strings.Contains(stderr, "; killed") {
			t.Errorf("status %d, stderr %q", status, stderr)
		}
	})
	t.Run("a zombie in the group", func(t *testing.T) {
		// Its parent has left the group, and does not reap it.
		args := []string{"-v", "-g", "200ms", "--scope", "group", probe, "beside", "8", "beside", "2", "exit", "0", "setsid", "say", "there", "pause", "catch", "echo", "34", "exit", "3"}
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			p.Expect("there")
			start := time.Now()
			kill(t, init, 34)
			if status := p.Status(); status != 3 || strings.Contains(p.Stderr(), "KILL") {
				t.Errorf("status %d, stderr %q", status, p.Stderr())
			}
			if took := time.Since(start); took > grace { // nobody who lives is left in the group
				t.Errorf("ended after %v", took)
			}
		})
	})
	t.Run("no /proc", func(t *testing.T) {
		// A subreaper that cannot see who has left the session.
		cmd := test.Namespace(exec.Command(probe, "fork", "exec", util, "init", "-v", "-g", "200ms",
			probe, "beside", "6", "setsid", "ignore", "15", "say", "there", "pause", "catch", "echo", "34", "exit", "3"))
		p := test.Start(t, cmd)
		p.Expect("there")
		init := childOf(t, p.Process.Pid)
		test.Eventually(t, "the command waits", func() bool { return settled(childOf(t, init)) })
		status, stderr := inTime(t, p, 34, init)
		if status != 3 || strings.Contains(stderr, "; killed") || !strings.Contains(stderr, "not all ended by KILL; who, cannot be seen without a /proc") {
			t.Errorf("status %d, stderr %q", status, stderr)
		}
	})
	t.Run("waitid is refused", func(t *testing.T) {
		for _, scope := range []string{"ordered", "group"} {
			cmd := test.ProcNamespace(exec.Command(probe, "mountproc", "deny", strconv.Itoa(unix.SYS_WAITID), "1", "exec", util, "init", "-g", "200ms", "--scope", scope,
				probe, "orphans", "3", "beside", "2", "ignore", "15", "catch", "pause"))
			p := test.Start(t, cmd)
			p.Expect("ready")
			if status, _ := inTime(t, p, unix.SIGTERM, p.Process.Pid); status != 137 {
				t.Errorf("status %d", status)
			}
		}
	})
}
