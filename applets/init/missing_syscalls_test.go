package initcmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// For a system call that it does not know, an older kernel returns ENOSYS, and the seccomp filter
// of an older container engine EPERM. Init must work without each of these.
func TestWithoutSystemCalls(t *testing.T) {
	calls := map[string]int{
		"close_range": unix.SYS_CLOSE_RANGE, "pidfd_open": unix.SYS_PIDFD_OPEN,
		"pidfd_send_signal": unix.SYS_PIDFD_SEND_SIGNAL, "signalfd4": unix.SYS_SIGNALFD4,
		"ioctl": unix.SYS_IOCTL, "pwritev2": unix.SYS_PWRITEV2, "prctl": unix.SYS_PRCTL,
		"waitid": unix.SYS_WAITID, "ppoll": unix.SYS_PPOLL, "wait4": unix.SYS_WAIT4,
		"clock_gettime": unix.SYS_CLOCK_GETTIME, "exit_group": unix.SYS_EXIT_GROUP,
	}
	if test.Arch() == "386" { // it has an older form
		calls["rt_sigtimedwait"] = unix.SYS_RT_SIGTIMEDWAIT
	}
	for name, nr := range calls {
		for _, errno := range []unix.Errno{unix.ENOSYS, unix.EPERM} {
			t.Run(fmt.Sprintf("%s %d", name, errno), func(t *testing.T) {
				withoutSystemCall(t, func(args ...string) *exec.Cmd {
					words := []string{
						"mountproc", "deny", strconv.Itoa(test.Number(nr)), strconv.Itoa(int(errno)),
						"exec", test.Util(t), "init",
					}
					return test.ProcNamespace(exec.Command(test.Probe(t), append(words, args...)...))
				})
			})
		}
	}
}

// Without the call that waits for signals, init would be deaf, and its container could not be
// stopped. It does not start the command.
func TestCannotWait(t *testing.T) {
	for _, errno := range []unix.Errno{unix.ENOSYS, unix.EPERM} {
		e := strconv.Itoa(int(errno))
		words := []string{"deny", strconv.Itoa(test.Number(unix.SYS_RT_SIGTIMEDWAIT)), e}
		if test.Arch() == "386" {
			words = append(words, "deny", "177", e) // the older form
		}
		words = append(words, "exec", test.Util(t), "init", test.Probe(t), "say", "started")
		status, stdout, stderr := test.Run(t, test.Namespace(exec.Command(test.Probe(t), words...)))
		want := "util init: cannot wait for signals: rt_sigtimedwait: "
		if status != 1 || stdout != "" || !strings.HasPrefix(stderr, want) {
			t.Errorf("%v: status %d, stdout %q, stderr %q", errno, status, stdout, stderr)
		}
	}
}

// withoutSystemCall tests an init that initOf returns for its arguments.
func withoutSystemCall(t *testing.T, initOf func(args ...string) *exec.Cmd) {
	probe := test.Probe(t)

	// It releases files, reaps orphans and forwards signals.
	cmd := initOf(probe, "orphans", "100", "say", "ready", "catch", "echo", "10", "exit", "5")
	file := devNull(t)
	cmd.ExtraFiles = []*os.File{file, file, file}
	p := test.Start(t, cmd)
	p.Expect("ready")
	p.Expect("ready")
	waitReaped(t, p.Process.Pid)
	for _, fd := range []string{"3", "4", "5"} {
		to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", p.Process.Pid, fd))
		if to == "/dev/null" {
			t.Errorf("init has file %s open, %v", fd, err)
		}
	}
	p.Signal(unix.SIGUSR1)
	p.Expect("10")
	wantStatus(t, p, 5)

	// A stop reaches a process that has left the session, which can finish.
	p = test.Start(t, initOf("-g", "60", probe, "orphans", "2", "fork", "setsid", "catch",
		"echo", "15", "say", "finished"))
	p.Expect("ready")
	p.Signal(unix.SIGTERM)
	if rest := p.Rest(); !slices.Equal(rest, []string{"15", "finished"}) {
		t.Errorf("the process that left the session printed %q", rest)
	}
	wantStatus(t, p, 128+15)

	// Init kills what is left at the end of the grace period.
	p = test.Start(t, initOf("-g", "50ms", probe, "fork", "setsid", "ignore", "15",
		"killparent", "9", "pause"))
	wantStatus(t, p, 137)
}
