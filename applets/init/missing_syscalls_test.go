package initcmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// An older kernel says ENOSYS to a system call that it does not know, an older container's seccomp filter EPERM. Init
// must do without each of them.
func TestWithoutSystemCalls(t *testing.T) {
	probe, util := test.Probe(t), test.Util(t)
	for name, nr := range map[string]int{
		"close_range": unix.SYS_CLOSE_RANGE, "pidfd_open": unix.SYS_PIDFD_OPEN, "pidfd_send_signal": unix.SYS_PIDFD_SEND_SIGNAL,
		"signalfd4": unix.SYS_SIGNALFD4, "ioctl": unix.SYS_IOCTL, "pwritev2": unix.SYS_PWRITEV2, "prctl": unix.SYS_PRCTL,
		"waitid": unix.SYS_WAITID, "ppoll": unix.SYS_PPOLL,
	} {
		for _, errno := range []unix.Errno{unix.ENOSYS, unix.EPERM} {
			t.Run(fmt.Sprintf("%s %d", name, errno), func(t *testing.T) {
				denied := func(args ...string) *exec.Cmd {
					words := []string{"mountproc", "deny", strconv.Itoa(nr), strconv.Itoa(int(errno)), "exec", util, "init"}
					return test.ProcNamespace(exec.Command(probe, append(words, args...)...))
				}

				cmd := denied(probe, "orphans", "100", "say", "ready", "catch", "echo", "10", "exit", "5")
				file, err := os.Open("/dev/null")
				test.Must(t, err)
				defer file.Close()
				cmd.ExtraFiles = []*os.File{file, file, file}
				p := test.Start(t, cmd)
				p.Expect("ready")
				p.Expect("ready")
				test.Eventually(t, "all orphans are reaped", func() bool { return len(children(t, p.Process.Pid)) == 1 })
				for _, fd := range []string{"3", "4", "5"} {
					if to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", p.Process.Pid, fd)); to == "/dev/null" {
						t.Errorf("init holds file %s, %v", fd, err)
					}
				}
				p.Signal(unix.SIGUSR1)
				p.Expect("10")
				if status := p.Status(); status != 5 {
					t.Errorf("status %d", status)
				}

				p = test.Start(t, denied("-g", "60", probe, "orphans", "2", "fork", "setsid", "catch", "echo", "15", "say", "finished"))
				p.Expect("ready")
				p.Signal(unix.SIGTERM)
				if rest := p.Rest(); !slices.Equal(rest, []string{"15", "finished"}) {
					t.Errorf("who left the session got and did %q", rest)
				}
				if status := p.Status(); status != 128+15 {
					t.Errorf("status %d", status)
				}

				if status, _, _ := test.Run(t, denied("-g", "50ms", probe, "fork", "setsid", "ignore", "15", "killparent", "9", "pause")); status != 137 {
					t.Errorf("KILL after the grace period: status %d", status)
				}
			})
		}
	}
}
