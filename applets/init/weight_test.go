package initcmd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// environment is a small one, so that its size does not count. Some of its names begin like those
// that init or one of the other inits reads, which must not cost anything.
var environment = []string{
	"PATH=/usr/bin:/bin", "HOME=/", "LANG=C.UTF-8", "LD_LIBRARY_PATH=/lib", "USER=root",
	"LISTENER=0.0.0.0:80", "UTILITIES=/opt", "POSTGRES_VERSION=18", "TINI_VERSION=v0.19.0",
	"DUMB_INIT_VERSION=1.2.5", "CATATONIT_VERSION=0.2.1",
}

// elsewhere is what a plain run uses besides, in kB, and how many page faults that costs: functions
// of the runtime in other parts of the program. For 386 and arm the compiler clears and copies
// structs by duffzero and duffcopy, for arm and s390x it multiplies by MulUintptr in unsafe.Slice.
// In util-init they are with the rest.
func elsewhere() (kB, faults int) {
	if test.Alone() {
		return 0, 0
	}
	switch test.Arch() {
	case "386", "s390x":
		return 64, 1
	case "arm":
		return 128, 2
	}
	return 0, 0
}

// TestWeight measures what init costs as PID 1 while the command runs and nothing happens. The
// limits in kB are for pages of 4 kB. Larger pages are counted one by one: the stack begins at a
// random address and is in one or two, the end of the data segment is in one more.
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
		{"as tini", test.Util, []string{"tini"}, 96, 16},
		{"as dumb-init", test.Util, []string{"dumb-init"}, 96, 16},
		{"as catatonit", test.Util, []string{"catatonit"}, 96, 16},
	}
	page := os.Getpagesize() >> 10
	far, _ := elsewhere()
	code, pages := 64, 3 // kB of the program, and pages of memory of its own
	if test.Alone() {
		code, pages = 44, 2
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
			// The command is searched for. The last PATH replaces that of environment.
			command := filepath.Base(probe)
			start := func() (p *test.Process, dir string, resident, anonymous int) {
				cmd := as(util, append(run.argv, "--", command, "say", "ready", "pause")...)
				cmd.Env = append(slices.Clone(environment), "PATH=/nowhere:"+filepath.Dir(probe))
				p = test.Start(t, cmd)
				p.Expect("ready")
				dir = fmt.Sprintf("/proc/%d", p.Process.Pid)
				waitsWithLimit(t, p.Process.Pid)
				return p, dir, field(t, dir+"/smaps_rollup", "Rss:"),
					field(t, dir+"/smaps_rollup", "Anonymous:")
			}
			mostAnonymous := max(run.anonymous, pages*page)
			mostResident := max(run.resident, (code+page-1)/page*page+mostAnonymous) + far
			p, dir, resident, anonymous := start()
			// The kernel puts the stack, and what it has on it for the program, at random addresses. So
			// they are rarely in a page more than usual.
			const tries = 4
			for n := 1; n < tries && (resident > mostResident || anonymous > mostAnonymous); n++ {
				p, dir, resident, anonymous = start()
			}

			if threads := entries(t, dir+"/task"); len(threads) != 1 {
				t.Errorf("%d threads", len(threads))
			}
			standardFilesOnly(t, p.Process.Pid)
			if resident > mostResident {
				_, where := residentOf(t, dir, util)
				t.Errorf("%d kB resident, want at most %d: a plain run uses several parts of the file; "+
					"see ARCHITECTURE.md, Weight\n%s", resident, mostResident, where)
			}
			if anonymous > mostAnonymous {
				t.Errorf("%d kB of anonymous memory, want at most %d", anonymous, mostAnonymous)
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
	_, far := elsewhere()
	maximum := 3 + far
	if test.Alone() {
		maximum = 2
	}
	for _, name := range []string{"init", "tini", "dumb-init", "catatonit"} {
		t.Run(name, func(t *testing.T) {
			ofInit, ofChild := countFaults(t, name)
			const tries = 4 // for the same reason as in TestWeight
			for n := 1; n < tries && ofInit+ofChild > maximum; n++ {
				ofInit, ofChild = countFaults(t, name)
			}
			if ofInit+ofChild > maximum {
				t.Errorf("%d page faults of init and %d of its child, want at most %d in all",
					ofInit, ofChild, maximum)
			}
			t.Logf("%d page faults of init, %d of its child", ofInit, ofChild)
		})
	}
}

func countFaults(t *testing.T, name string) (ofInit, ofChild int) {
	t.Helper()
	cmd := as(test.Util(t), name, "--", test.Probe(t), "pause")
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
	ofInit = faults(t, pid) - start

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
	return ofInit, faults(t, child)
}
