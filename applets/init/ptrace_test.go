package initcmd_test

import (
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// startTraced starts cmd and stops it between its exec and its first instruction (ptrace(2),
// PTRACE_TRACEME). The goroutine stays on its thread, because only that thread may trace.
func startTraced(t *testing.T, cmd *exec.Cmd) (pid int) {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Ptrace = true
	test.Must(t, cmd.Start())
	stopped(t, cmd.Process.Pid)
	return cmd.Process.Pid
}

// stopped waits until a traced process stops.
func stopped(t *testing.T, pid int) (status unix.WaitStatus) {
	t.Helper()
	if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil || !status.Stopped() {
		t.Fatalf("process %d: did not stop: %v, status %#x", pid, err, status)
	}
	return status
}
