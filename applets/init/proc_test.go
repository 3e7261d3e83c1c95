package initcmd_test

import (
	"bytes"
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

// procState returns the letter of a process's state in /proc/PID/stat, or 0.
func procState(pid int) byte {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	return text[bytes.LastIndexByte(text, ')')+2]
}

// children returns the pids of a process's children.
func children(t *testing.T, pid int) []string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	test.Must(t, err)
	return strings.Fields(string(text))
}

// childOf waits for a process to have one child, and returns its pid.
func childOf(t *testing.T, parent int) (child int) {
	t.Helper()
	test.Eventually(t, "there is a child", func() bool {
		pids := children(t, parent)
		if len(pids) == 1 {
			child, _ = strconv.Atoi(pids[0])
		}
		return len(pids) == 1
	})
	return child
}

// settled reports whether a process has nothing to do: it sleeps without a signal pending, is stopped, or is gone.
func settled(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err != nil || strings.Contains(string(text), "State:\tZ") ||
		strings.Contains(string(text), "State:\tT") ||
		strings.Contains(string(text), "State:\tS") && strings.Contains(string(text), "\nShdPnd:\t0000000000000000")
}

// parent returns the pid of a process's parent.
func parent(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	test.Must(t, err)
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+2:]))
	n, err := strconv.Atoi(fields[1])
	test.Must(t, err)
	return n
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
		names = append(names, filepath.Base(e.Name()))
	}
	return names
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

// switches returns how many times the process has begun or ceased to run.
func switches(t *testing.T, dir string) int {
	return field(t, dir+"/status", "voluntary_ctxt_switches:") + field(t, dir+"/status", "nonvoluntary_ctxt_switches:")
}

// quiet waits until init lets the kernel reap: it waits by a signalfd, among others, then.
func quiet(t *testing.T, init int) {
	t.Helper()
	var name unix.Utsname
	var major, minor int
	test.Must(t, unix.Uname(&name))
	if _, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor); err != nil || major < 6 || major == 6 && minor < 15 {
		test.Missing(t, "Linux 6.15", "an older kernel does not tell the status of a process that it reaped by itself")
	}
	test.Eventually(t, "init is quiet", func() bool {
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", init))
		return slices.ContainsFunc(files, func(file string) bool {
			to, _ := os.Readlink(file)
			return to == "anon_inode:[signalfd]"
		})
	})
}

// remaining reports whether init waits with a time limit: the third argument of rt_sigtimedwait (/proc/PID/syscall).
func remaining(t *testing.T, init int) (limited bool) {
	t.Helper()
	waiting := fmt.Sprintf("%d ", unix.SYS_RT_SIGTIMEDWAIT)
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

// residentOf returns how much of a file is in a process's memory, and the lines that say which mappings it is in.
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

// childrenOf returns the children of a process, zombies included.
func childrenOf(t *testing.T, pid int) []string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	test.Must(t, err)
	return strings.Fields(string(text))
}

// faults returns the number of page faults that a process has had (proc_pid_stat(5), fields 10 and 12).
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
