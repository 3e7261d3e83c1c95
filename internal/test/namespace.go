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

// HideFiles moves the rest of the test into namespaces, as [Isolate] does, where the directories in
// which engines leave files are empty and vanish with it.
func HideFiles(t testing.TB) {
	t.Helper()
	Isolate(t)
	for _, dir := range []string{"/run", "/dev/shm", "/var/lib"} {
		Must(t, unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"))
	}
}

// PodmanConfig is a containers.conf(5) for Podman in such namespaces, with limits that every
// machine allows.
const PodmanConfig = `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
netns = "none"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
`
