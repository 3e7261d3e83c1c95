package initcmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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

// switches returns how many times the process has begun or ceased to run.
func switches(t *testing.T, dir string) int {
	return field(t, dir+"/status", "voluntary_ctxt_switches:") + field(t, dir+"/status", "nonvoluntary_ctxt_switches:")
}

// field returns the number behind a name at the beginning of a line.
func field(t *testing.T, path, name string) int {
	t.Helper()
	for line := range strings.Lines(read(t, path)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == name {
			n, err := strconv.Atoi(words[1])
			if err != nil {
				t.Fatalf("%s: %q", path, line)
			}
			return n
		}
	}
	t.Fatalf("%s: has no %s", path, name)
	return 0
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		names = append(names, filepath.Base(e.Name()))
	}
	return names
}

// TestPageFaults counts the page faults of a plain run, which are most of its time: those of init
// from its first instruction to the clone of the child, and those of the child up to its exec.
// The kernel has one more on the way, when it clears the end of the data segment before init's
// first instruction.
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

	if err := unix.PtraceSetOptions(pid, unix.PTRACE_O_TRACEVFORK|unix.PTRACE_O_EXITKILL); err != nil {
		t.Fatal(err)
	}
	start := faults(t, pid)
	if err := unix.PtraceCont(pid, 0); err != nil {
		t.Fatal(err)
	}
	if status := stopped(t, pid); status.TrapCause() != unix.PTRACE_EVENT_VFORK {
		t.Fatalf("init stopped by %v, event %d, not by its clone", status.StopSignal(), status.TrapCause())
	}
	ofInit := faults(t, pid) - start

	message, err := unix.PtraceGetEventMsg(pid)
	if err != nil {
		t.Fatal(err)
	}
	child = int(message)
	for call := -1; call != unix.SYS_EXECVE; {
		stopped(t, child)
		_, _ = fmt.Sscan(read(t, fmt.Sprintf("/proc/%d/syscall", child)), &call)
		if call != unix.SYS_EXECVE {
			if err := unix.PtraceSyscall(child, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	ofChild := faults(t, child)
	if ofInit+ofChild > most {
		t.Errorf("%d page faults of init and %d of its child, more than %d in all", ofInit, ofChild, most)
	}
	t.Logf("%d page faults of init, %d of its child", ofInit, ofChild)
}

// faults returns the number of page faults that a process has had (proc_pid_stat(5), fields 10
// and 12).
func faults(t *testing.T, pid int) int {
	t.Helper()
	_, behindName, _ := strings.Cut(read(t, fmt.Sprintf("/proc/%d/stat", pid)), ") ")
	fields := strings.Fields(behindName)
	minor, err1 := strconv.Atoi(fields[10-3])
	major, err2 := strconv.Atoi(fields[12-3])
	if err1 != nil || err2 != nil {
		t.Fatalf("/proc/%d/stat: %v", pid, fields)
	}
	return minor + major
}
