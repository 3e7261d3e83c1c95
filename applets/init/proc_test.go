package initcmd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// What /proc shows of a process.

// parent returns the pid of the parent of a process.
func parent(t *testing.T, pid int) int {
	t.Helper()
	fields := test.ProcStat(pid)
	if fields == nil {
		t.Fatalf("no process %d", pid)
	}
	ppid, err := strconv.Atoi(fields[4])
	test.Must(t, err)
	return ppid
}

// faults returns the number of page faults, minor and major, of a process.
func faults(t *testing.T, pid int) int {
	t.Helper()
	fields := test.ProcStat(pid)
	if fields == nil {
		t.Fatalf("no process %d", pid)
	}
	minor, err := strconv.Atoi(fields[10])
	test.Must(t, err)
	major, err := strconv.Atoi(fields[12])
	test.Must(t, err)
	return minor + major
}

// children returns the pids of the children of a process, zombies included.
func children(t *testing.T, pid int) (pids []int) {
	t.Helper()
	text := read(t, fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for word := range strings.FieldsSeq(text) {
		child, err := strconv.Atoi(word)
		test.Must(t, err)
		pids = append(pids, child)
	}
	return pids
}

// childOf waits until a process has exactly one child, and returns its pid.
func childOf(t *testing.T, parent int) (child int) {
	t.Helper()
	test.Eventually(t, "there is one child", func() bool {
		pids := children(t, parent)
		if len(pids) != 1 {
			return false
		}
		child = pids[0]
		return true
	})
	return child
}

// waitReaped waits until init has reaped all its children but one, the command.
func waitReaped(t *testing.T, init int) {
	t.Helper()
	test.Eventually(t, "all orphans are reaped", func() bool { return len(children(t, init)) == 1 })
}

// settled reports whether a process has nothing to do: it sleeps and no signal is pending, it is
// stopped, or it has ended.
func settled(pid int) bool {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	text := string(data)
	return err != nil || strings.Contains(text, "State:\tZ") || strings.Contains(text, "State:\tT") ||
		strings.Contains(text, "State:\tS") && strings.Contains(text, "\nShdPnd:\t0000000000000000")
}

// waitSettled waits until a process is [settled].
func waitSettled(t *testing.T, pid int) {
	t.Helper()
	test.Eventually(t, "the process has nothing to do", func() bool { return settled(pid) })
}

// waitState waits until a process is in a state, given by its letter.
func waitState(t *testing.T, pid int, state byte) {
	t.Helper()
	test.Eventually(t, fmt.Sprintf("process %d is in state %c", pid, state), func() bool {
		return test.ProcState(pid) == state
	})
}

// waitEnded waits until a process is a zombie or is gone.
func waitEnded(t *testing.T, pid int) {
	t.Helper()
	test.Eventually(t, "the process ends", func() bool { return ended(pid) })
}

func ended(pid int) bool { return !test.IsLive(pid) }

// waitsWithLimit waits until init waits for a signal, and reports whether it does so with a time
// limit: the third argument of rt_sigtimedwait (/proc/PID/syscall).
func waitsWithLimit(t *testing.T, init int) (limited bool) {
	t.Helper()
	waiting := fmt.Sprintf("%d ", test.Number(unix.SYS_RT_SIGTIMEDWAIT))
	test.Eventually(t, "init waits for a signal", func() bool {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", init))
		if !strings.HasPrefix(string(text), waiting) {
			return false
		}
		limited = strings.Fields(string(text))[3] != "0x0"
		return true
	})
	return limited
}

// waitQuiet waits until init lets the kernel reap orphans. It then waits with a signalfd, among
// other files.
func waitQuiet(t *testing.T, init int) {
	t.Helper()
	var name unix.Utsname
	var major, minor int
	test.Must(t, unix.Uname(&name))
	_, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor)
	if err != nil || major < 6 || major == 6 && minor < 15 {
		test.Missing(t, "Linux 6.15",
			"an older kernel does not report the status of a process that it reaped itself")
	}
	test.Eventually(t, "init is quiet", func() bool {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", init))
		return slices.ContainsFunc(files, func(file string) bool {
			to, _ := os.Readlink(file)
			return to == "anon_inode:[signalfd]"
		})
	})
}

// switches returns the number of context switches of a process.
func switches(t *testing.T, pid int) int {
	path := fmt.Sprintf("/proc/%d/status", pid)
	return field(t, path, "voluntary_ctxt_switches:") + field(t, path, "nonvoluntary_ctxt_switches:")
}

// residentOf returns how much of a file is in the memory of a process, and the lines of smaps that
// show which mappings it is in.
func residentOf(t *testing.T, dir, file string) (kB int, where string) {
	t.Helper()
	mapping := ""
	for line := range strings.Lines(read(t, dir+"/smaps")) {
		words := strings.Fields(line)
		switch {
		case strings.Contains(words[0], "-"):
			mapping = line
		case words[0] == "Rss:" && strings.HasSuffix(strings.TrimSpace(mapping), " "+file):
			n, err := strconv.Atoi(words[1])
			if err != nil {
				t.Fatalf("%q", line)
			}
			kB += n
			where += mapping + line
		}
	}
	if where == "" {
		t.Fatalf("%s is not mapped", file)
	}
	return kB, where
}

// field returns the number that follows a name at the beginning of a line.
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
	t.Fatalf("%s: no %s", path, name)
	return 0
}

// standardFilesOnly reports it as an error if a process has other files open than 0, 1 and 2.
func standardFilesOnly(t *testing.T, pid int) {
	t.Helper()
	if files := entries(t, fmt.Sprintf("/proc/%d/fd", pid)); strings.Join(files, " ") != "0 1 2" {
		t.Errorf("open files %v, want the standard files only", files)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	test.Must(t, err)
	return string(text)
}

func entries(t *testing.T, dir string) (names []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	test.Must(t, err)
	for _, e := range all {
		names = append(names, e.Name())
	}
	return names
}
