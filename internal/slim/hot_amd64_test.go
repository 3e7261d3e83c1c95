package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/sys"
	"util/internal/test"

	"golang.org/x/sys/unix"
)

// hotList is the list of the functions that lie together in the file.
const hotList = root + "/applets/init/alone/hot.txt"

// TestHot runs init step by step, and compares the functions that are executed with the list: those
// of init, and of its child up to the exec. Runs of init are different; the list is for those in
// which nothing goes wrong and nothing is printed. A function that is missing there costs memory as
// soon as it is executed.
func TestHot(t *testing.T) {
	path, probe := makeUtilInit(t, root, "amd64", ""), test.Probe(t)
	// An orphan, and a signal that the command waits for, again and again: so init waits after each of
	// the orphans, in each of the ways in which it does.
	orphans := []string{"--", probe, "catch"}
	for range 20 {
		orphans = append(orphans, "orphans", "1", "echo", "23")
	}
	orphans = append(orphans, "say", "last", "echo", "15")
	executed := map[string]bool{}
	for _, run := range []struct {
		pid1    bool
		name    string // argv[0]
		args    []string
		replies map[string]syscall.Signal // what is sent to init when the command prints a line
	}{
		{true, "other-name", []string{probe, "exit", "0"}, nil},
		{true, "util-init", []string{"--", "probe", "exit", "0"}, nil},
		{false, "init", []string{"--", probe, "exit", "0"}, nil},
		{true, "docker-init", []string{"--", probe, "exit", "0"}, nil},
		{true, "dumb-init", []string{"--", probe, "exit", "0"}, nil},
		{true, "catatonit", []string{"--", probe, "exit", "0"}, nil},
		{
			true, "util-init",
			[]string{"--", probe, "catch", "echo", "10", "echo", "15"},
			map[string]syscall.Signal{"ready": syscall.SIGUSR1, "10": syscall.SIGTERM},
		},
		{
			true, "util-init", orphans, map[string]syscall.Signal{
				"ready": syscall.SIGURG, "23": syscall.SIGURG, "last": syscall.SIGTERM,
			},
		},
	} {
		cmd := test.Namespace(exec.Command(path, run.args...))
		cmd.Args[0] = run.name
		if !run.pid1 {
			cmd.SysProcAttr.Cloneflags = 0
		}
		cmd.Env = []string{"HOME=/", "PATH=/nowhere:" + filepath.Dir(probe), "TINI_VERSION=v0.19.0"}
		maps.Copy(executed, executedBy(t, cmd, run.replies))
	}

	text, err := os.ReadFile(hotList)
	test.Must(t, err)
	listed := strings.Fields(string(text))
	for name := range executed {
		if !slices.Contains(listed, name) {
			t.Errorf("%s: is executed, and not in the list", name)
		}
	}
	var functions []string
	for _, arch := range archs {
		functions = append(functions, namesOf(t, makeUtilInit(t, root, arch, ""))...)
	}
	for _, name := range listed {
		switch {
		case !slices.Contains(functions, name):
			t.Errorf("%s: is in the list, and in no file", name)
		case slices.Contains(namesOf(t, path), name) && !executed[name] && kernelReaps(t):
			t.Errorf("%s: is in the list, and not executed", name)
		}
	}
	if t.Failed() {
		names := slices.Sorted(maps.Keys(executed))
		t.Errorf("%s is to be:\n%s", hotList, strings.Join(names, "\n"))
	}
}

// TestHotElsewhere runs init on all architectures. Their emulators log the code that they execute,
// with the names of the functions.
func TestHotElsewhere(t *testing.T) {
	text, err := os.ReadFile(hotList)
	test.Must(t, err)
	listed := strings.Fields(string(text))
	for _, arch := range archs {
		t.Run(arch, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "log")
			path := makeUtilInit(t, root, arch, "")
			cmd := exec.Command(emulator(t, arch), "-d", "in_asm", "-D", log, path, "--", test.Probe(t),
				"exit", "3")
			if status, _, stderr := test.Run(t, test.Namespace(cmd)); status != 3 || stderr != "" {
				t.Fatalf("status %d, stderr %q", status, stderr)
			}
			content, err := os.ReadFile(log)
			test.Must(t, err)
			executed := map[string]bool{}
			for line := range strings.Lines(string(content)) {
				if name, isName := strings.CutPrefix(line, "IN: "); isName {
					executed[strings.TrimSpace(name)] = true
				}
			}
			if !executed[entry] {
				t.Errorf("%s: is not executed; the log has %d bytes", entry, len(content))
			}
			for name := range executed {
				if !slices.Contains(listed, name) {
					t.Errorf("%s: is executed, and not in the list", name)
				}
			}
		})
	}
}

// kernelReaps reports whether this kernel tells the status of a process that it has reaped. If it
// does not, init reaps all orphans itself, and some functions on the list are not executed.
func kernelReaps(t *testing.T) bool {
	t.Helper()
	cmd := exec.Command(test.Probe(t), "exit", "0")
	test.Must(t, cmd.Start())
	fd, err := unix.PidfdOpen(cmd.Process.Pid, 0)
	test.Must(t, err)
	defer unix.Close(fd)
	test.Must(t, cmd.Wait())
	_, ok := sys.PidfdExit(fd)
	return ok
}

// executedBy runs cmd to its end, which must be a good one, and returns the names of the functions
// of its program that were executed. It sends a signal for each line of the output that is in
// replies.
func executedBy(t *testing.T, cmd *exec.Cmd, replies map[string]syscall.Signal) map[string]bool {
	t.Helper()
	runtime.LockOSThread() // only the thread that started the process may trace it
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr.Ptrace = true
	process := test.Start(t, cmd)
	init := process.Process.Pid
	defer time.AfterFunc(test.Deadline, func() { _ = process.Process.Kill() }).Stop()
	go func() {
		for line := range process.Lines() {
			if s := replies[line]; s != 0 {
				_ = process.Process.Signal(s)
			}
		}
	}()

	var status unix.WaitStatus
	_, err := unix.Wait4(init, &status, unix.WALL, nil)
	test.Must(t, err)
	test.Must(t, unix.PtraceSetOptions(init, unix.PTRACE_O_EXITKILL|unix.PTRACE_O_TRACEVFORK|
		unix.PTRACE_O_TRACEEXEC))
	addresses := map[uint64]bool{}
	for pid := init; pid != init || status.Stopped(); {
		if status.Stopped() {
			var registers unix.PtraceRegsAmd64
			test.Must(t, unix.PtraceGetRegsAmd64(pid, &registers))
			if status.TrapCause() == unix.PTRACE_EVENT_EXEC {
				test.Must(t, unix.PtraceDetach(pid))
			} else {
				addresses[registers.Rip] = true
				test.Must(t, unix.PtraceSingleStep(pid))
			}
		}
		pid, err = unix.Wait4(-1, &status, unix.WALL, nil)
		test.Must(t, err)
	}
	if !status.Exited() || status.ExitStatus() != 0 {
		t.Errorf("%v: status %#x; %s", cmd, status, process.Stderr())
	}
	executed := map[string]bool{}
	for _, f := range functions(t, cmd.Path) {
		for address := range addresses {
			if f.contains(address) {
				executed[f.name] = true
			}
		}
	}
	return executed
}
