package initcmd_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// TestWeight looks at what init costs as PID 1 while the command runs and nothing happens.
func TestWeight(t *testing.T) {
	for _, link := range []struct {
		name string
		util func(testing.TB) string
	}{{"early", test.Util}, {"plain", test.Plain}} {
		t.Run(link.name, func(t *testing.T) {
			util, probe := link.util(t), test.Probe(t)
			t.Parallel() // it mostly waits
			cmd := test.Namespace(exec.Command(util, "init", "--", probe, "say", "ready", "pause"))
			cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/", "LANG=C.UTF-8", "LD_LIBRARY_PATH=/lib", "USER=root"}
			p := test.Start(t, cmd)
			p.Expect("ready")
			dir := fmt.Sprintf("/proc/%d", p.Process.Pid)
			waiting := fmt.Sprintf("%d ", unix.SYS_RT_SIGTIMEDWAIT)
			test.Eventually(t, "init waits for a signal", func() bool { return strings.HasPrefix(read(t, dir+"/syscall"), waiting) })

			if threads := entries(t, dir+"/task"); len(threads) != 1 {
				t.Errorf("%d threads", len(threads))
			}
			if files := entries(t, dir+"/fd"); strings.Join(files, " ") != "0 1 2" {
				t.Errorf("open files %v, want the standard files only", files)
			}
			if kB := field(t, dir+"/smaps_rollup", "Rss:"); kB > 96 && link.name == "early" {
				t.Errorf("%d kB resident: the code that a plain run needs lies in two pieces; see ARCHITECTURE.md, Weight", kB)
			}
			if kB := field(t, dir+"/smaps_rollup", "Anonymous:"); kB > 16 {
				t.Errorf("%d kB of anonymous memory", kB)
			}

			seconds := 10
			if testing.Short() {
				seconds = 1
			}
			before := switches(t, dir)
			time.Sleep(time.Duration(seconds) * time.Second) // to see that nothing happens
			if after := switches(t, dir); after != before {
				t.Errorf("woken %d times in %d idle seconds", after-before, seconds)
			}
		})
	}
}

// TestPageFaults counts the page faults of a plain run, which are most of its time: those of init from its first
// instruction to the clone of the child, and those of the child up to its exec. The kernel has one more on the way,
// when it clears the end of the data segment before init's first instruction.
func TestPageFaults(t *testing.T) {
	const most = 3
	util, probe := test.Util(t), test.Probe(t)
	cmd := test.Namespace(exec.Command(util, "init", "--", probe, "pause"))
	cmd.Env = []string{"PATH=/usr/bin:/bin", "HOME=/", "LANG=C.UTF-8", "LD_LIBRARY_PATH=/lib", "USER=root"}
	pid, child := startTraced(t, cmd), 0
	defer func() {
		_ = cmd.Process.Kill()
		if child != 0 { // the tracer has to reap it, and init's namespace waits for that
			_, _ = unix.Wait4(child, nil, unix.WALL, nil)
		}
		_ = cmd.Wait()
	}()

	test.Must(t, unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACEVFORK|unix.PTRACE_O_EXITKILL))
	start := faults(t, pid)
	test.Must(t, unix.PtraceCont(pid, 0))
	if status := stopped(t, pid); status.TrapCause() != unix.PTRACE_EVENT_VFORK {
		t.Fatalf("init stopped by %v, event %d, not by its clone", status.StopSignal(), status.TrapCause())
	}
	ofInit := faults(t, pid) - start

	message, err := unix.PtraceGetEventMsg(pid)
	test.Must(t, err)
	child = int(message)
	for call := -1; call != unix.SYS_EXECVE; {
		stopped(t, child)
		_, _ = fmt.Sscan(read(t, fmt.Sprintf("/proc/%d/syscall", child)), &call)
		if call != unix.SYS_EXECVE {
			test.Must(t, unix.PtraceSyscall(child, 0))
		}
	}
	ofChild := faults(t, child)
	if ofInit+ofChild > most {
		t.Errorf("%d page faults of init and %d of its child, more than %d in all", ofInit, ofChild, most)
	}
	t.Logf("%d page faults of init, %d of its child", ofInit, ofChild)
}
