package test

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Isolate moves the rest of the test, and every program that it starts, into a network namespace
// that has only a loopback interface, and into a mount namespace. The thread of the test ends with
// it.
func Isolate(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		Missing(t, "root", "a network namespace of the test's own")
	}
	runtime.LockOSThread() // never unlocked, so that the runtime ends the thread with the test
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		Missing(t, "namespaces", err.Error())
	}
	Must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	status, _, stderr := Run(t, exec.Command(Tool(t, "ip"), "link", "set", "lo", "up"))
	if status != 0 {
		t.Fatalf("ip: %s", stderr)
	}
}
