package reap_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/applets"
	"util/internal/test"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { test.Main(m, applets.Main) }

// inside runs the rest of a test in namespaces of its own: see test.Inside. It first builds the
// programs that the tests use.
func inside(t testing.TB) bool {
	t.Helper()
	test.Util(t)
	test.Crowd(t)
	return test.Inside(t)
}

// contains fails the test unless text contains the formatted part.
func contains(t testing.TB, text, format string, args ...any) {
	t.Helper()
	part := fmt.Sprintf(format, args...)
	if !strings.Contains(text, part) {
		t.Errorf("%q does not contain %q", text, part)
	}
}

// reap runs util reap-once and compares its status.
func reap(t testing.TB, status int, args ...string) (stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(test.Util(t), append([]string{"reap-once"}, args...)...)
	got, stdout, stderr := test.Run(t, cmd)
	if got != status {
		t.Fatalf("reap-once %q: status %d, want %d\nstdout: %s\nstderr: %s",
			args, got, status, stdout, stderr)
	}
	return stdout, stderr
}

// script runs a shell script that ends, like an entrypoint, with: exec util reap-once ARGS.
func script(t testing.TB, text, args string) (status int, stdout, stderr string) {
	t.Helper()
	return test.Run(t, shell(t, text+" exec "+test.Util(t)+" reap-once "+args))
}

// shell returns a command that runs a shell script.
func shell(t testing.TB, text string) *exec.Cmd {
	t.Helper()
	return exec.Command(test.Tool(t, "busybox"), "sh", "-c", text)
}

// Children that ended before, and those that end during the wait, are reaped. One line is printed
// for each.
func TestReap(t *testing.T) {
	if !inside(t) {
		return
	}
	const children = `
		(busybox sleep 0.2; exit 3) &
		(busybox sleep 0.2; kill -9 $(busybox sh -c 'echo $PPID')) &
		busybox sleep 0.2 &
		`
	status, stdout, stderr := script(t, children, "--wait 20s -- busybox echo app")
	if status != 0 || stdout != "app" {
		t.Errorf("status %d, stdout %q", status, stdout)
	}
	contains(t, stderr, "(busybox): exit status 3\n")
	contains(t, stderr, "(busybox): ended by KILL\n")
	contains(t, stderr, "(busybox): exit status 0\n")
	if n := strings.Count(stderr, "reaped "); n != 3 {
		t.Errorf("%d lines: %s", n, stderr)
	}

	status, stdout, _ = script(t, children, "--json --wait 20s")
	if status != 0 {
		t.Errorf("status %d", status)
	}
	lines := strings.Split(stdout, "\n")
	if len(lines) != 3 {
		t.Errorf("%q", lines)
	}
	for _, line := range lines {
		var event map[string]any
		if err := json.Unmarshal([]byte(line), &event); err != nil || event["event"] != "reaped" {
			t.Errorf("%q: %v", line, err)
		}
	}
	status, stdout, stderr = script(t, children, "-q --wait 20s")
	if status != 0 || stdout+stderr != "" {
		t.Errorf("-q: status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}

func TestTimeLimit(t *testing.T) {
	if !inside(t) {
		return
	}
	const child = "busybox sleep 1000 </dev/null >/dev/null 2>&1 &"
	status, stdout, stderr := script(t, child, "--wait 0.2 -- busybox echo app")
	if status != 0 || stdout != "app" {
		t.Errorf("status %d, stdout %q", status, stdout)
	}
	contains(t, stderr, "warning: children that have not ended after 200ms: ")
	contains(t, stderr, "(busybox)")
	status, stdout, stderr = script(t, child, "--strict --wait 200ms -- busybox echo app")
	if status != 124 || stdout != "" {
		t.Errorf("--strict: status %d, stdout %q", status, stdout)
	}
	contains(t, stderr, "util reap-once: children that have not ended after 200ms: ")
}

// A signal ends the wait, and the command does not run.
func TestInterrupted(t *testing.T) {
	if !inside(t) {
		return
	}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		p := test.Start(t, shell(t, `
			(busybox sleep 0.2; exit 4) &
			busybox sleep 1000 </dev/null >/dev/null 2>&1 &
			exec `+test.Util(t)+` reap-once --json --wait 0 2>&1 -- busybox echo app`))
		p.Line() // a child has ended during the wait
		p.Signal(s)
		rest := strings.Join(p.Rest(), "\n")
		if got := p.Status(); got != 128+int(s) {
			t.Errorf("status %d", got)
		}
		if strings.Contains(rest, "app") {
			t.Errorf("the command ran: %q", rest)
		}
	}
}

// The command gets the signal mask and the ignored signals that reap-once was started with.
func TestSignalsOfCommand(t *testing.T) {
	probe := test.Probe(t)
	var words []string
	for _, n := range []string{"2", "11", "12", "15", "27", "33", "40"} {
		words = append(words, "block", n)
	}
	for _, n := range []string{"1", "3", "10", "13", "17", "23", "64"} {
		words = append(words, "ignore", n)
	}
	words = append(words, "exec")
	signals := func(command ...string) string {
		_, stdout, stderr := test.Run(t, exec.Command(probe, append(words, command...)...))
		_, state, ok := strings.Cut(stdout, " mask=")
		if !ok {
			t.Fatalf("%q: %q, %q", command, stdout, stderr)
		}
		return state
	}
	want := signals(probe, "state")
	if got := signals(test.Util(t), "reap-once", "--", probe, "state"); got != want {
		t.Errorf("mask and ignored signals are %s, want %s", got, want)
	}
}

// zombies starts a process with n zombies.
func zombies(t testing.TB, n int, more ...string) *test.Process {
	t.Helper()
	args := append([]string{"zombies", strconv.Itoa(n)}, more...)
	p := test.Start(t, exec.Command(test.Crowd(t), args...))
	p.Expect("ready")
	return p
}

func TestAudit(t *testing.T) {
	if !inside(t) {
		return
	}
	if stdout, stderr := reap(t, 0); stdout+stderr != "" {
		t.Errorf("stdout %q, stderr %q", stdout, stderr)
	}
	p := zombies(t, 3)
	stdout, _ := reap(t, 1)
	contains(t, stdout, "zombies of %d (crowd), which does not catch SIGCHLD: 3\n", p.Process.Pid)
	contains(t, stdout, "(crowd), started 0s ago\n")
	contains(t, stdout, "hint: only this parent can reap them; when it has ended, PID 1 can: "+
		"run the container's command under util init")
	if stdout, stderr := reap(t, 1, "-q"); stdout+stderr != "" {
		t.Errorf("stdout %q, stderr %q", stdout, stderr)
	}
	stdout, _ = reap(t, 1, "--json")
	lines := strings.Split(stdout, "\n")
	if len(lines) != 3 {
		t.Errorf("%q", lines)
	}
	var event struct {
		Event      string
		Parent     int
		ParentName string `json:"parent_name"`
		Catches    *bool  `json:"parent_catches_sigchld"`
	}
	if err := json.Unmarshal([]byte(lines[0]), &event); err != nil {
		t.Fatal(err)
	}
	if event.Event != "zombie" || event.Parent != p.Process.Pid || event.ParentName != "crowd" ||
		event.Catches == nil || *event.Catches {
		t.Errorf("%+v", event)
	}
	// reap-once cannot reap them itself, and it does not nudge a parent that neither catches nor
	// blocks SIGCHLD.
	reap(t, 1, "--nudge")

	p.Signal(syscall.SIGSTOP)
	test.Eventually(t, "the parent is stopped", func() bool {
		stdout, _ := reap(t, 1)
		hint := fmt.Sprintf("hint: %d is stopped: util sendsig CONT %[1]d", p.Process.Pid)
		return strings.Contains(stdout, hint)
	})
	p.Signal(syscall.SIGKILL)
	p.Status()
	test.Eventually(t, "PID 1, util init, reaps them", func() bool {
		status, _, _ := test.Run(t, exec.Command(test.Util(t), "reap-once"))
		return status == 0
	})
}

// A parent that reaps one child for each SIGCHLD reaps one more after each nudge.
func TestNudge(t *testing.T) {
	if !inside(t) {
		return
	}
	p := zombies(t, 3, "block")
	stdout, _ := reap(t, 1)
	contains(t, stdout, "which blocks SIGCHLD: 3\n")
	contains(t, stdout, "hint: it may have missed a SIGCHLD: util reap-once --nudge")
	for n := 2; n > 0; n-- {
		stdout, _ = reap(t, 1, "--nudge", "-v")
		contains(t, stdout, "sent SIGCHLD to %d (crowd)\n", p.Process.Pid)
		contains(t, stdout, "which blocks SIGCHLD: %d\n", n)
	}
	reap(t, 0, "--nudge")
}

// A process whose main thread has ended while another thread runs is not a zombie.
func TestMainThreadEnded(t *testing.T) {
	python := test.Tool(t, "python3")
	if !inside(t) {
		return
	}
	p := test.Start(t, exec.Command(python, "-c", `
import ctypes, threading, time
def stay():
    time.sleep(0.05)
    print("ready", flush=True)
    time.sleep(1000)
threading.Thread(target=stay).start()
ctypes.CDLL(None).syscall(60, 0)`))
	p.Expect("ready")
	var stdout string
	test.Eventually(t, "the main thread has ended", func() bool {
		stdout, _ = reap(t, 0)
		return stdout != ""
	})
	contains(t, stdout, "%d (python3) is not a zombie: "+
		"its main thread has ended, but others run: 1", p.Process.Pid)
}

// A PID 1 that does not reap is reported. Seen from the outer PID namespace, its zombies do not
// count.
func TestPID1DoesNotReap(t *testing.T) {
	if !inside(t) {
		return
	}
	// PID 1, a busybox sleep, becomes the parent of an orphan that ends.
	pid1 := test.Start(t, test.ProcNamespace(shell(t, `
		busybox mount -t proc proc /proc
		(busybox sleep 0.1 &)
		(busybox sleep 0.3; `+test.Util(t)+` reap-once; echo status $?) &
		exec busybox sleep 1000`)))
	if line := pid1.Line(); line != "zombies of 1 (busybox), which does not catch SIGCHLD: 1" {
		t.Error(line)
	}
	stdout, _ := reap(t, 0, "--nudge")
	contains(t, stdout, "zombies of %d (busybox), which does not catch SIGCHLD, "+
		"in a nested PID namespace, so not counted: ", pid1.Process.Pid)
	contains(t, stdout, "hint: the PID 1 of that namespace must reap them: "+
		"run util reap-once in that container")
	stdout, _ = reap(t, 0, "--json")
	contains(t, stdout, `"nested":true`)
	pid1.Line()
	const hint = "  hint: PID 1 does not reap: run the container's command under util init"
	if line := pid1.Line(); line != hint {
		t.Error(line)
	}
	pid1.Expect("status 1")
}

// Every process is a zombie for a moment before its parent reaps it. Such zombies are not reported.
func TestMomentaryZombies(t *testing.T) {
	if !inside(t) {
		return
	}
	p := test.Start(t, shell(t, "echo ready; while :; do busybox true; done"))
	p.Expect("ready")
	for range 50 {
		reap(t, 0)
	}
}

// 5,000 zombies are listed in under 200 ms. If other tests use the processors at the same time, the
// processor time of reap-once is what counts: at most that of two processors for 200 ms, less the
// time in which it sleeps.
func TestManyZombies(t *testing.T) {
	if !inside(t) {
		return
	}
	zombies(t, 5000)
	const limit = 200 * time.Millisecond
	var wall, cpu time.Duration
	for end := time.Now().Add(test.Deadline); time.Now().Before(end); {
		cmd := exec.Command(test.Util(t), "reap-once", "--json")
		begin := time.Now()
		out, _ := cmd.Output()
		wall = time.Since(begin)
		cpu = cmd.ProcessState.SystemTime() + cmd.ProcessState.UserTime()
		if n := strings.Count(string(out), `"event":"zombie"`); n != 5000 {
			t.Fatalf("%d zombies, want 5000", n)
		}
		if wall < limit || cpu < limit*3/2 {
			t.Logf("5,000 zombies in %v, %v of processors", wall, cpu)
			return
		}
	}
	t.Errorf("took %v, %v of processors", wall, cpu)
}

// BenchmarkAudit lists 5,000 zombies.
func BenchmarkAudit(b *testing.B) {
	if !inside(b) {
		return
	}
	zombies(b, 5000)
	for b.Loop() {
		_ = exec.Command(test.Util(b), "reap-once", "-q").Run() // status 1
	}
}

func TestWithoutProc(t *testing.T) {
	if !inside(t) {
		return
	}
	if err := unix.Mount("tmpfs", "/proc", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Unmount("/proc", unix.MNT_DETACH) }()
	_, stderr := reap(t, 1)
	contains(t, stderr,
		"the zombies of other processes cannot be listed: /proc is not mounted here")
	status, stdout, stderr := script(t, "(busybox sleep 0.2; exit 3) &",
		"--wait 20s -- busybox echo app")
	if status != 0 || stdout != "app" {
		t.Errorf("status %d, stdout %q", status, stdout)
	}
	contains(t, stderr, ": exit status 3")
}
