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

// As PID 1, init loses every signal that arrives before it has blocked it, because the kernel drops what has the
// default disposition. Two tests together show that there is no such time: TestFirstInstructions that init needs but a
// few instructions to block all, none of them another system call, and TestEarlySignals that nothing is lost from then
// on. The moment of the exec itself would be no sound beginning: who sees it sees it too late by an unknown time, or,
// for the kernel is not done with the exec then, too early.

// TestFirstInstructions counts the instructions from the exec to the moment when all signals are blocked.
func TestFirstInstructions(t *testing.T) {
	const most = 16
	cmd := test.Namespace(exec.Command(test.Util(t), "init", "--", test.Probe(t), "pause"))
	pid := startTraced(t, cmd)
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	const all = "SigBlk:\tfffffffffffbfeef\n" // but KILL and STOP; and TRAP, which the kernel unblocks for single steps
	for n := 1; n <= most; n++ {
		test.Must(t, unix.PtraceSingleStep(pid))
		stopped(t, pid)
		if strings.Contains(read(t, fmt.Sprintf("/proc/%d/status", pid)), all) {
			t.Logf("%d instructions", n)
			return
		}
	}
	t.Errorf("after %d instructions signals are not blocked", most)
}

// TestEarlySignals sends init, as PID 1, a TERM at a random moment within the 300 µs behind its first system call. Each
// must reach the command and end it.
func TestEarlySignals(t *testing.T) {
	times := 400
	if testing.Short() {
		times = 100
	}
	util, probe := test.Util(t), test.Probe(t)
	for range times {
		delay := time.Duration(rand.Int64N(int64(300 * time.Microsecond)))
		if status := earlyTerm(t, delay, test.Deadline, util, "init", "--", probe, "pause"); status != 128+int(unix.SIGTERM) {
			t.Fatalf("TERM after %v: status %d; 256+9 is a lost signal", delay, status)
		}
	}
}

// TestEarlySignalsCanFail shows that the way of TestEarlySignals finds a loss: an init under the Go runtime has one.
func TestEarlySignalsCanFail(t *testing.T) {
	const patience = time.Second // the signal is on its way for less, and if not, this test passes all the same
	if status := earlyTerm(t, 0, patience, test.Plain(t), "init", "--", test.Probe(t), "pause"); status != 256+int(unix.SIGKILL) {
		t.Errorf("status %d, want the TERM to be lost", status)
	}
}

// earlyTerm starts args as PID 1, lets it make its first system call, and sends it TERM after a delay. It returns the
// status as test.StatusOf does. What has not ended when the patience is at its end is killed.
func earlyTerm(t *testing.T, delay, patience time.Duration, args ...string) int {
	t.Helper()
	cmd := test.Namespace(exec.Command(args[0], args[1:]...))
	pid := startTraced(t, cmd)
	for range 2 { // it stops at the beginning of the call and at its end
		test.Must(t, unix.PtraceSyscall(pid, 0))
		stopped(t, pid)
	}
	test.Must(t, unix.PtraceDetach(pid))
	for start := time.Now(); time.Since(start) < delay; { // a sleep is too coarse
	}
	test.Must(t, unix.Kill(pid, unix.SIGTERM))
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	_ = cmd.Wait()
	return test.StatusOf(cmd.ProcessState)
}
