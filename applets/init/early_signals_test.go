package initcmd_test

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// The kernel drops a signal for PID 1 that has the default disposition and is not blocked. So init
// loses what arrives before it has blocked all signals. Two tests together show that nothing is
// lost: TestFirstInstructions, that init blocks all signals within a few instructions, none of
// which is another system call; and TestEarlySignals, that nothing is lost from then on. They do
// not start at the exec itself, because another process can only see it too late or, while the
// kernel is not done with it, too early.

// TestFirstInstructions counts the instructions from the exec to the moment when all signals are
// blocked.
func TestFirstInstructions(t *testing.T) {
	const maximum = 16
	cmd := test.Namespace(exec.Command(test.Util(t), "init", "--", test.Probe(t), "pause"))
	pid := startTraced(t, cmd)
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	// All but KILL and STOP, and TRAP, which the kernel unblocks for single steps.
	const all = "SigBlk:\tfffffffffffbfeef\n"
	for n := 1; n <= maximum; n++ {
		if err := unix.PtraceSingleStep(pid); err == unix.EIO { // arm and riscv64 have no single steps
			firstCall(t, pid)
			return
		}
		stopped(t, pid)
		if strings.Contains(read(t, fmt.Sprintf("/proc/%d/status", pid)), all) {
			t.Logf("%d instructions", n)
			return
		}
	}
	t.Errorf("signals are not blocked after %d instructions", maximum)
}

// firstCall fails if a traced process has signals not blocked after its first system call.
func firstCall(t *testing.T, pid int) {
	t.Helper()
	// But KILL and STOP.
	const all = "SigBlk:\tfffffffffffbfeff\n"
	for range 2 { // it stops when it enters the call and when it returns from it
		test.Must(t, unix.PtraceSyscall(pid, 0))
		stopped(t, pid)
	}
	if status := read(t, fmt.Sprintf("/proc/%d/status", pid)); !strings.Contains(status, all) {
		t.Errorf("signals are not blocked after the first system call:\n%s", status)
	}
}

// TestEarlySignals sends init, as PID 1, a TERM at a random moment within 300 µs after its first
// system call. Each must reach the command and terminate it.
func TestEarlySignals(t *testing.T) {
	times := 400
	if testing.Short() {
		times = 100
	}
	util, probe := test.Util(t), test.Probe(t)
	for range times {
		delay := time.Duration(rand.Int64N(int64(300 * time.Microsecond)))
		status := earlyTerm(t, delay, test.Deadline, util, "init", "--", probe, "pause")
		if status != 128+int(unix.SIGTERM) {
			t.Fatalf("TERM after %v: status %d; 256+9 means that the signal was lost", delay, status)
		}
	}
}

// TestEarlySignalsCanFail shows that TestEarlySignals detects a lost signal: an init that runs
// under the Go runtime loses it.
func TestEarlySignalsCanFail(t *testing.T) {
	test.NotAlone(t, "a Go runtime that loses signals")
	const patience = time.Second // a signal that needs longer would pass for a lost one
	status := earlyTerm(t, 0, patience, test.Plain(t), "init", "--", test.Probe(t), "pause")
	if status != 256+int(unix.SIGKILL) {
		t.Errorf("status %d, want the TERM to be lost", status)
	}
}

// earlyTerm starts args as PID 1, lets it make its first system call, and sends it TERM after a
// delay. It kills a process that has not ended after the time of patience. It returns the status as
// [test.StatusOf] does.
func earlyTerm(t *testing.T, delay, patience time.Duration, args ...string) int {
	t.Helper()
	cmd := test.Namespace(exec.Command(args[0], args[1:]...))
	pid := startTraced(t, cmd)
	for range 2 { // it stops when it enters the call and when it returns from it
		test.Must(t, unix.PtraceSyscall(pid, 0))
		stopped(t, pid)
	}
	test.Must(t, unix.PtraceDetach(pid))
	for start := time.Now(); time.Since(start) < delay; { // a sleep is not accurate enough
	}
	test.Must(t, unix.Kill(pid, unix.SIGTERM))
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
	return test.StatusOf(cmd.ProcessState)
}
