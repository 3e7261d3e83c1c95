package initcmd_test

import (
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// The deadline of a stop: init exits within a second of it, whatever is left.

const deadlineGrace = 200 * time.Millisecond

// endsInTime sends init a signal, and checks that p ends at the deadline. It returns the status and
// stderr. Init itself ends within a second of the deadline; the rest of the limit is for a machine
// that is busy with other tests, and for the end of the namespace.
func endsInTime(t *testing.T, p *test.Process, send syscall.Signal, init int) (int, string) {
	t.Helper()
	start := time.Now()
	kill(t, init, send)
	status, took := p.Status(), time.Since(start)
	if took < deadlineGrace/2 || took > deadlineGrace+4*time.Second {
		t.Errorf("ended after %v", took)
	}
	return status, p.Stderr()
}

// The command has become root, and init may not signal it.
func TestDeadlineForwardDenied(t *testing.T) {
	root := setuidProbe(t)
	for _, options := range [][]string{nil, {"-v"}, {"--log-format", "json"}} {
		args := slices.Concat([]string{"-g", "200ms"}, options,
			[]string{root, "setuid", "0", "catch", "pause"})
		cmd := initOf(test.Util(t), args...)
		cmd.SysProcAttr.Credential = nobody()
		p := test.Start(t, cmd)
		p.Expect("ready")
		status, stderr := endsInTime(t, p, unix.SIGTERM, p.Process.Pid)
		if status != 137 || strings.Contains(stderr, "; killed") ||
			!strings.Contains(stderr, "the kernel kills it when PID 1 exits") {
			t.Errorf("%v: status %d, stderr %q", options, status, stderr)
		}
	}
}

// The same as a subreaper, among many other processes, each of which init checks before it kills.
func TestDeadlineForwardDeniedSubreaper(t *testing.T) {
	root := setuidProbe(t)
	n := 1500
	if test.Arch() == "386" { // a virtual machine can take a hundred times longer for its calls
		n = 300
	}
	others := slices.Repeat([]string{"beside", "1", "pause"}, n)
	words := slices.Concat([]string{"mountproc"}, others,
		[]string{"fork", "setuid", "65534", "exec", test.Util(t), "init", "-v", "-g", "200ms"},
		[]string{root, "setuid", "0", "catch", "pause"})
	p := test.Start(t, test.ProcNamespace(exec.Command(test.Probe(t), words...)))
	p.Expect("ready")
	pids := children(t, p.Process.Pid)
	status, stderr := endsInTime(t, p, unix.SIGTERM, pids[len(pids)-1])
	if status != 137 || !strings.Contains(stderr, "is still running after KILL") ||
		!strings.Contains(stderr, "not ended by KILL: 1: setuid-probe (") ||
		strings.Contains(stderr, "; killed") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

// A zombie in the group, whose parent has left the group and does not reap it, does not count.
func TestDeadlineZombie(t *testing.T) {
	args := []string{
		"-v", "-g", "10s", "--scope", "group", test.Probe(t),
		"beside", "8", "beside", "2", "exit", "0", "setsid", "say", "there", "pause",
		"catch", "echo", "34", "exit", "3",
	}
	eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
		p.ExpectAlso("there")
		start := time.Now()
		kill(t, init, 34)
		if status := p.Status(); status != 3 || strings.Contains(p.Stderr(), "KILL") {
			t.Errorf("status %d, stderr %q", status, p.Stderr())
		}
		if took := time.Since(start); took > 8*time.Second { // nothing is running in the group
			t.Errorf("ended after %v", took)
		}
	})
}

// Without a /proc, a subreaper cannot see which processes have left the session.
func TestDeadlineWithoutProc(t *testing.T) {
	cmd := test.Namespace(exec.Command(test.Probe(t), "fork",
		"exec", test.Util(t), "init", "-v", "-g", "200ms",
		test.Probe(t), "beside", "6", "setsid", "ignore", "15", "say", "there", "pause",
		"catch", "echo", "34", "exit", "3"))
	p := test.Start(t, cmd)
	p.ExpectAlso("there")
	init := childOf(t, p.Process.Pid)
	waitSettled(t, childOf(t, init))
	const want = "not all ended by KILL; init cannot tell which: that takes a /proc"
	status, stderr := endsInTime(t, p, 34, init)
	if status != 3 || strings.Contains(stderr, "; killed") || !strings.Contains(stderr, want) {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

// The kernel refuses waitid.
func TestDeadlineWithoutWaitid(t *testing.T) {
	for _, scope := range []string{"ordered", "group"} {
		cmd := test.ProcNamespace(exec.Command(test.Probe(t), "mountproc",
			"deny", strconv.Itoa(test.Number(unix.SYS_WAITID)), "1",
			"exec", test.Util(t), "init", "-g", "200ms", "--scope", scope,
			test.Probe(t), "orphans", "3", "beside", "2", "ignore", "15", "catch", "pause"))
		p := test.Start(t, cmd)
		p.Expect("ready")
		if status, stderr := endsInTime(t, p, unix.SIGTERM, p.Process.Pid); status != 137 {
			t.Errorf("status %d, stderr %q", status, stderr)
		}
	}
}
