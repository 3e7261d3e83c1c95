package initcmd_test

import (
	"fmt"
	"os/exec"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// environment is a small one, so that its size does not count.
var environment = []string{
	"PATH=/usr/bin:/bin", "HOME=/", "LANG=C.UTF-8", "LD_LIBRARY_PATH=/lib", "USER=root",
}

// TestWeight measures what init costs as PID 1 while the command runs and nothing happens.
func TestWeight(t *testing.T) {
	const unlimited = 1 << 20
	type run struct {
		name                string
		util                func(testing.TB) string
		argv                []string
		resident, anonymous int // the maximum in kB
	}
	runs := []run{
		{"early", test.Util, []string{"util", "init"}, 96, 16},
		{"plain", test.Plain, []string{"util", "init"}, unlimited, 16},
	}
	if test.Alone() {
		runs = nil
		for name, argv := range map[string][]string{
			"alone": {"/sbin/init"}, "as util": {"util", "init"}, "under another name": {"myinit"},
			"as tini": {"docker-init"}, "as dumb-init": {"dumb-init"}, "as catatonit": {"catatonit"},
		} {
			runs = append(runs, run{name, test.Util, argv, 56, 12})
		}
	}
	for _, run := range runs {
		t.Run(run.name, func(t *testing.T) {
			util, probe := run.util(t), test.Probe(t)
			t.Parallel() // it mostly waits
			cmd := as(util, append(run.argv, "--", probe, "say", "ready", "pause")...)
			cmd.Env = environment
			p := test.Start(t, cmd)
			p.Expect("ready")
			dir := fmt.Sprintf("/proc/%d", p.Process.Pid)
			waitsWithLimit(t, p.Process.Pid)

			if threads := entries(t, dir+"/task"); len(threads) != 1 {
				t.Errorf("%d threads", len(threads))
			}
			standardFilesOnly(t, p.Process.Pid)
			resident := field(t, dir+"/smaps_rollup", "Rss:")
			if resident > run.resident {
				_, where := residentOf(t, dir, util)
				t.Errorf("%d kB resident: the linker has placed the code of a plain run in two parts; "+
					"see ARCHITECTURE.md, Weight\n%s", resident, where)
			}
			anonymous := field(t, dir+"/smaps_rollup", "Anonymous:")
			if anonymous > run.anonymous {
				t.Errorf("%d kB of anonymous memory", anonymous)
			}
			t.Logf("%d kB resident, of which %d kB are anonymous", resident, anonymous)

			seconds := 10
			if testing.Short() {
				seconds = 1
			}
			before := switches(t, p.Process.Pid)
			time.Sleep(time.Duration(seconds) * time.Second) // nothing must happen
			if after := switches(t, p.Process.Pid); after != before {
				t.Errorf("init woke up %d times in %d idle seconds", after-before, seconds)
			}
		})
	}
}

// TestPageFaults counts the page faults of a plain run, which take most of its time: those of init
// from its first instruction to the clone of the child, and those of the child up to its exec. One
// more, of the kernel, precedes the first instruction: it clears the end of the data segment.
func TestPageFaults(t *testing.T) {
	maximum := 3
	if test.Alone() {
		maximum = 2
	}
	util, probe := test.Util(t), test.Probe(t)
	cmd := test.Namespace(exec.Command(util, "init", "--", probe, "pause"))
	cmd.Env = environment
	pid, child := startTraced(t, cmd), 0
	defer func() {
		_ = cmd.Process.Kill()
		if child != 0 { // the namespace of init ends only when the tracer has reaped it
			_, _ = unix.Wait4(child, nil, unix.WALL, nil)
		}
		_ = cmd.Wait()
	}()

	test.Must(t, unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACEVFORK|unix.PTRACE_O_EXITKILL))
	start := faults(t, pid)
	test.Must(t, unix.PtraceCont(pid, 0))
	if status := stopped(t, pid); status.TrapCause() != unix.PTRACE_EVENT_VFORK {
		t.Fatalf("init stopped by %v, event %d, not by its clone",
			status.StopSignal(), status.TrapCause())
	}
	ofInit := faults(t, pid) - start

	message, err := unix.PtraceGetEventMsg(pid)
	test.Must(t, err)
	child = int(message)
	for call := -1; call != test.Number(unix.SYS_EXECVE); {
		stopped(t, child)
		_, _ = fmt.Sscan(read(t, fmt.Sprintf("/proc/%d/syscall", child)), &call)
		if call != test.Number(unix.SYS_EXECVE) {
			test.Must(t, unix.PtraceSyscall(child, 0))
		}
	}
	ofChild := faults(t, child)
	if ofInit+ofChild > maximum {
		t.Errorf("%d page faults of init and %d of its child, want at most %d in all",
			ofInit, ofChild, maximum)
	}
	t.Logf("%d page faults of init, %d of its child", ofInit, ofChild)
}
