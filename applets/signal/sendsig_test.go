package sendsig_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/applets"
	"util/internal/procfs"
	"util/internal/test"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { test.Main(m, applets.Main) }

// inside runs the rest of a test in namespaces of its own: see test.Inside. It first builds the
// programs that the tests use.
func inside(t testing.TB) bool {
	t.Helper()
	test.Util(t)
	test.Crowd(t)
	return test.Inside(t)
}

// sendsig runs util sendsig until it has ended.
func sendsig(t testing.TB, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return test.Run(t, exec.Command(test.Util(t), append([]string{"sendsig"}, args...)...))
}

// want runs util sendsig and compares its status.
func want(t testing.TB, status int, args ...string) (stdout, stderr string) {
	t.Helper()
	got, stdout, stderr := sendsig(t, args...)
	if got != status {
		t.Fatalf("sendsig %q: status %d, want %d\nstdout: %s\nstderr: %s",
			args, got, status, stdout, stderr)
	}
	return stdout, stderr
}

// contains fails the test unless text contains the formatted part.
func contains(t testing.TB, text, format string, args ...any) {
	t.Helper()
	part := fmt.Sprintf(format, args...)
	if !strings.Contains(text, part) {
		t.Errorf("%q does not contain %q", text, part)
	}
}

// start starts a program that runs until a signal ends it.
func start(t testing.TB, name string, args ...string) *test.Process {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr // with a pipe, Wait would wait until the last descendant has closed it
	return test.Start(t, cmd)
}

// sleeper starts a process that sleeps until a signal ends it.
func sleeper(t testing.TB) *test.Process {
	t.Helper()
	p := start(t, test.Crowd(t), "sleepers", "0")
	p.Expect("ready")
	return p
}

func pid(p *test.Process) string { return strconv.Itoa(p.Process.Pid) }

// script runs a shell script and waits until it prints "ready".
func script(t testing.TB, text string) *test.Process {
	t.Helper()
	p := start(t, test.Tool(t, "busybox"), "sh", "-c", text)
	p.Expect("ready")
	return p
}

// forever is the end of a script that waits for signals. A trap can interrupt the wait.
const forever = `; echo ready; while :; do busybox sleep 1000 >/dev/null 2>&1 & wait; kill $!; done`

// The signal can be written in several forms.
func TestSignalForms(t *testing.T) {
	if !inside(t) {
		return
	}
	for _, form := range []string{
		"TERM", "term", "SIGTERM", "15", "-15", "-TERM", "-term",
		"-sTERM", "-s TERM", "--signal=TERM", "-v TERM",
	} {
		p := sleeper(t)
		want(t, 0, append(strings.Fields(form), pid(p))...)
		if got := p.Status(); got != 256+15 {
			t.Errorf("%q: status %d", form, got)
		}
	}
	p := sleeper(t)
	want(t, 0, pid(p), "-s", "KILL") // an option may follow
	if got := p.Status(); got != 256+9 {
		t.Errorf("status %d", got)
	}
}

func TestGroup(t *testing.T) {
	if !inside(t) {
		return
	}
	for _, form := range []string{
		"TERM -%d", "-TERM -%d", "TERM -- -%d", "TERM -g %d", "TERM --group=%d --wait=20s",
		"TERM --session=%d",
	} {
		cmd := exec.Command(test.Crowd(t), "sleepers", "5")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		p := test.Start(t, cmd)
		p.Expect("ready")
		other := sleeper(t)
		want(t, 0, strings.Fields(fmt.Sprintf(form, p.Process.Pid))...)
		p.Status()
		test.Eventually(t, "the group has ended", func() bool {
			return unix.Kill(-p.Process.Pid, 0) == unix.ESRCH
		})
		if unix.Kill(other.Process.Pid, 0) != nil {
			t.Errorf("%s: another process was hit", form)
		}
	}
	// This group also contains sendsig and its parent, the test. Both are spared.
	p := sleeper(t)
	want(t, 0, "TERM", "--group", strconv.Itoa(unix.Getpgrp()))
	if got := p.Status(); got != 256+15 {
		t.Errorf("status %d", got)
	}
	_, stderr := want(t, 1, "TERM", "-99999")
	contains(t, stderr, "process group 99999: TERM: no such process")
}

// Each selector, and some combinations, select the right processes.
func TestSelectors(t *testing.T) {
	if !inside(t) {
		return
	}
	dir := t.TempDir()
	long := filepath.Join(dir, "a-program-with-a-long-name")
	if err := os.Link(test.Crowd(t), long); err != nil {
		test.CopyFile(t, test.Crowd(t), long)
	}
	longer := long + "-indeed"
	test.CopyFile(t, test.Crowd(t), longer)
	parent := start(t, long, "sleepers", "2")
	parent.Expect("ready")
	twin := start(t, longer, "sleepers", "0")
	twin.Expect("ready")
	cmd := exec.Command(test.Crowd(t), "sleepers", "0")
	cmd.SysProcAttr = asUser(1234)
	other := test.Start(t, cmd)
	other.Expect("ready")
	pidfile := filepath.Join(dir, "pidfile")
	test.Must(t, os.WriteFile(pidfile, []byte(pid(twin)+"\n"), 0o600))

	for _, c := range []struct {
		args []string
		n    int // how many processes are selected
	}{
		{[]string{"--name", "a-program-with-a-long-name"}, 3},
		{[]string{"--name", "a-program-with-a-long-name-indeed"}, 1},
		{[]string{"--name", "a-program-with-"}, 0},
		{[]string{"--name", "a-program-with"}, 0},
		{[]string{"--name", "crowd"}, 1},
		{[]string{"--exe", longer}, 1},
		{[]string{"--cmdline", "long-name sleepers [0-9]$"}, 3},
		{[]string{"--cmdline", "sleepers"}, 5}, // does not match sendsig itself
		{[]string{"--parent", pid(parent)}, 2},
		{[]string{"--tree", pid(parent)}, 3},
		{[]string{"--tree", pid(parent), "--parent", pid(parent)}, 2},
		{[]string{"--user", "1234"}, 1},
		{[]string{"--user", "root", "--cmdline", "sleepers"}, 4},
		{[]string{"--pidfile", pidfile}, 1},
		{[]string{"--pidfile", pidfile, "--name", "crowd"}, 0},
		{[]string{"--pidfile", pidfile, "--name", "a-program-with-a-long-name-indeed"}, 1},
		{[]string{pid(parent), pid(twin), "--name", "a-program-with-a-long-name"}, 1},
		{[]string{pid(parent), pid(parent)}, 1},
		{[]string{"--name", "nothing-of-this-name"}, 0},
	} {
		status := 0
		if c.n == 0 {
			status = 1
		}
		stdout, stderr := want(t, status, append([]string{"TERM", "--dry-run"}, c.args...)...)
		if n := strings.Count(stdout, "would send TERM to "); n != c.n {
			t.Errorf("%q: %d, want %d\n%s", c.args, n, c.n, stdout)
		}
		if c.n == 0 {
			contains(t, stderr, "util sendsig: no process matches")
		}
	}
	if err := os.Remove(longer); err != nil { // as in an upgrade of a running program
		t.Fatal(err)
	}
	want(t, 0, "KILL", "--exe", longer)
	if got := twin.Status(); got != 256+9 {
		t.Errorf("status %d", got)
	}
}

// A script is found by its name, even if the name is long. The shell that runs sendsig is spared
// although its command line matches, but is signalled if its PID is given.
func TestScriptAndAncestors(t *testing.T) {
	if !inside(t) {
		return
	}
	path := filepath.Join(t.TempDir(), "an-entrypoint-script.sh")
	// Not busybox: some versions take a name of their own (prctl(2), PR_SET_NAME).
	text := "#!" + test.Tool(t, "sh") + "\ntrap 'exit 7' TERM" + forever + "\n"
	test.Must(t, os.WriteFile(path, []byte(text), 0o755))
	p := start(t, path)
	p.Expect("ready")
	want(t, 0, "TERM", "--name", filepath.Base(path))
	if got := p.Status(); got != 7 {
		t.Errorf("status %d", got)
	}
	cmd := exec.Command(test.Tool(t, "busybox"), "sh", "-c",
		`$0 sendsig KILL --cmdline some-word; echo $?; $0 sendsig TERM $$; echo no`, test.Util(t))
	status, stdout, stderr := test.Run(t, cmd)
	if status != 256+15 || stdout != "1" {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}

func TestInode(t *testing.T) {
	if !inside(t) {
		return
	}
	p := sleeper(t)
	stdout, _ := want(t, 0, "--json", "--dry-run", "TERM", pid(p))
	var event struct {
		Event, Name, Signal string
		PID, Inode          int
	}
	if err := json.Unmarshal([]byte(stdout), &event); err != nil {
		t.Fatalf("%q: %v", stdout, err)
	}
	if event.Event != "would send" || event.Name != "crowd" || event.Signal != "TERM" ||
		event.PID != p.Process.Pid {
		t.Errorf("%+v", event)
	}
	if event.Inode == 0 {
		test.Missing(t, "inodes of pidfds", "they need Linux 6.9")
	}
	_, stderr := want(t, 1, "TERM", fmt.Sprintf("%d:%d", event.PID, event.Inode+1))
	contains(t, stderr, "has ended, and its PID was reused by %d:%d", event.PID, event.Inode)
	want(t, 0, "TERM", fmt.Sprintf("%d:%d", event.PID, event.Inode))
	p.Status()
}

// Every word is checked, also if several words have the same PID. A process that several words name
// is signalled once.
func TestRepeatedTargets(t *testing.T) {
	if !inside(t) {
		return
	}
	p := sleeper(t)
	target := withInode(t, p)
	if !strings.Contains(target, ":") {
		test.Missing(t, "inodes of pidfds", "they need Linux 6.9")
	}
	other := pid(p) + ":1"
	for _, c := range []struct {
		targets                   string
		status, signals, failures int
	}{
		{pid(p) + " " + pid(p), 0, 1, 0},
		{pid(p) + " " + target, 0, 1, 0},
		{target + " " + pid(p) + " " + target, 0, 1, 0},
		{other + " " + target, 64, 1, 1},
		{pid(p) + " " + other, 64, 1, 1},
		{other + " " + pid(p) + ":2", 1, 0, 2},
		{other + " " + other, 1, 0, 1},
	} {
		args := append([]string{"-v", "CONT"}, strings.Fields(c.targets)...)
		stdout, stderr := want(t, c.status, args...)
		signals := strings.Count(stdout, "sent CONT to ")
		failures := strings.Count(stderr, "its PID was reused by")
		if signals != c.signals || failures != c.failures {
			t.Errorf("%s: %d signals, want %d; %d failures, want %d",
				c.targets, signals, c.signals, failures, c.failures)
		}
	}
	stdout, _ := want(t, 1, "--if-handled", "-v", "USR1", pid(p), target)
	if n := strings.Count(stdout, "skipped USR1 for "); n != 1 {
		t.Errorf("skipped %d times", n)
	}
}

// A target with an inode number does not match a later process with the same PID.
func TestReusedPID(t *testing.T) {
	if !inside(t) {
		return
	}
	old := sleeper(t)
	target := withInode(t, old)
	if !strings.Contains(target, ":") {
		test.Missing(t, "inodes of pidfds", "they need Linux 6.9")
	}
	want(t, 0, "KILL", target, "--wait=20s")
	old.Status()
	var p *test.Process
	test.Eventually(t, "another process gets the PID", func() bool {
		const lastPID = "/proc/sys/kernel/ns_last_pid"
		if err := os.WriteFile(lastPID, []byte(strconv.Itoa(old.Process.Pid-1)), 0); err != nil {
			test.Missing(t, lastPID, err.Error())
		}
		p = sleeper(t)
		return p.Process.Pid == old.Process.Pid
	})
	_, stderr := want(t, 1, "KILL", target)
	contains(t, stderr, "its PID was reused by")
	if unix.Kill(p.Process.Pid, 0) != nil {
		t.Error("another process was hit")
	}
}

// With a small pid_max, each PID is soon reused. Processes with two names start and end all the
// time, and reuse the PIDs of each other. Only those with one of the names may be hit.
func TestReusedPIDs(t *testing.T) {
	if !inside(t) {
		return
	}
	// Before Linux 6.14, pid_max is that of the whole machine.
	var major, minor int
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	test.Must(t, err)
	_, err = fmt.Sscanf(string(release), "%d.%d", &major, &minor)
	if err != nil || major < 6 || major == 6 && minor < 14 {
		test.Missing(t, "pid_max of a namespace",
			"it needs Linux 6.14, this is "+strings.TrimSpace(string(release)))
	}
	if err := os.WriteFile("/proc/sys/kernel/pid_max", []byte("400"), 0); err != nil {
		test.Missing(t, "pid_max of a namespace", err.Error())
	}
	victim := filepath.Join(t.TempDir(), "victim")
	test.CopyFile(t, test.Crowd(t), victim)
	bystander := filepath.Join(t.TempDir(), "bystander")
	test.CopyFile(t, test.Crowd(t), bystander)
	p := script(t, fmt.Sprintf(`echo ready
		i=0; while [ $i -lt 1500 ]; do i=$((i+1))
			%s nap 2 & %s nap 1 || echo hit
		done; echo done`, victim, bystander))
	for done := false; !done; {
		sendsig(t, "KILL", "--name", "victim")
		select {
		case line, ok := <-p.Lines():
			if line == "hit" {
				t.Fatal("a process with the other name was hit")
			}
			done = line == "done" || !ok
		default:
		}
	}
	p.Status()
}

// A tree of 2,000 processes that fork without end, half of which block TERM, is ended completely.
// No other process is hit, and none is left stopped.
func TestTreeStorm(t *testing.T) {
	if !inside(t) {
		return
	}
	bystander := start(t, test.Crowd(t), "sleepers", "100")
	bystander.Expect("ready")
	storm := start(t, test.Crowd(t), "storm", "2000")
	storm.Expect("ready")
	calm(t, "TERM", "--tree", pid(storm), "--then", "KILL@200ms", "--wait=60s")
	if got := storm.Status(); got < 256 {
		t.Errorf("status %d", got)
	}
	left := 0
	for _, st := range processes(t) {
		if st.Name == "crowd" && !st.Ended() {
			left++
		}
		if st.State == 'T' {
			t.Errorf("%s was left stopped", st.Title())
		}
	}
	if left != 101 {
		t.Errorf("%d processes of the crowd are left, want the 101 bystanders", left)
	}
}

// As TestTreeStorm, with processes selected by name.
func TestNameStorm(t *testing.T) {
	if !inside(t) {
		return
	}
	name := filepath.Join(t.TempDir(), "tempest")
	test.CopyFile(t, test.Crowd(t), name)
	bystander := start(t, test.Crowd(t), "sleepers", "100")
	bystander.Expect("ready")
	storm := start(t, name, "storm", "500")
	storm.Expect("ready")
	calm(t, "KILL", "--name", "tempest", "--wait=60s")
	for _, st := range processes(t) {
		if st.Name == "tempest" && !st.Ended() {
			t.Errorf("%s has not ended", st.Title())
		}
	}
	if unix.Kill(bystander.Process.Pid, 0) != nil {
		t.Error("a bystander was hit")
	}
}

// calm runs util sendsig against a storm. It may take longer than [test.Deadline], because
// thousands of processes compete for the processors.
func calm(t testing.TB, args ...string) {
	t.Helper()
	begin := time.Now()
	out, err := exec.Command(test.Util(t), append([]string{"sendsig"}, args...)...).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Fatalf("sendsig %q: %v: %s", args, err, out)
	}
	t.Logf("calm after %v", time.Since(begin))
}

func processes(t testing.TB) (all []procfs.Stat) {
	t.Helper()
	fs, err := procfs.Open()
	if err != nil {
		t.Fatal(err)
	}
	all, err = fs.All()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// stat returns the state of a process that exists.
func stat(t testing.TB, pid int) procfs.Stat {
	t.Helper()
	fs, err := procfs.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	st, err := fs.Stat(pid)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// Each process of a tree is signalled once.
func TestTree(t *testing.T) {
	if !inside(t) {
		return
	}
	p := start(t, test.Crowd(t), "sleepers", "20")
	p.Expect("ready")
	stdout, _ := want(t, 0, "-v", "TERM", "--tree", pid(p), "--wait=20s")
	if n := strings.Count(stdout, "sent TERM to"); n != 21 {
		t.Errorf("%d signals, want 21:\n%s", n, stdout)
	}
	p.Status()
	_, stderr := want(t, 1, "TERM", "--tree", pid(p))
	contains(t, stderr, `--tree: "%s": no such process`, pid(p))
}

// A zombie has ended, so --wait does not wait for it. Processes that have not ended in time are
// reported.
func TestWait(t *testing.T) {
	if !inside(t) {
		return
	}
	zombies := start(t, test.Crowd(t), "zombies", "3")
	zombies.Expect("ready")
	begin := time.Now()
	want(t, 0, "KILL", "--parent", pid(zombies), "--wait=20s")
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("waiting for zombies took %v", took)
	}

	p := script(t, `trap '' TERM INT`+forever)
	begin = time.Now()
	_, stderr := want(t, 124, "TERM", pid(p), "--wait=300ms")
	if took := time.Since(begin); took < 300*time.Millisecond {
		t.Errorf("gave up after %v", took)
	}
	contains(t, stderr, "processes that have not ended after 300ms: %s (busybox)", pid(p))
	begin = time.Now()
	want(t, 0, "TERM", pid(p), "--then", "INT@50ms", "--then", "KILL@0.1", "--wait")
	if took := time.Since(begin); took < 150*time.Millisecond {
		t.Errorf("ended after %v", took)
	}
	if got := p.Status(); got != 256+9 {
		t.Errorf("status %d", got)
	}
}

// A process that has ended gets no further signal, and the next stage does not wait.
func TestThen(t *testing.T) {
	if !inside(t) {
		return
	}
	p := script(t, `trap 'exit 3' TERM`+forever)
	begin := time.Now()
	stdout, _ := want(t, 0, "-v", "TERM", pid(p), "--then", "KILL@1h", "--wait")
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	if strings.Contains(stdout, "KILL") {
		t.Errorf("stdout %q", stdout)
	}
	if got := p.Status(); got != 3 {
		t.Errorf("status %d", got)
	}
}

// A supervisor restarts its command each time it ends. The new processes are not signalled.
func TestRestarted(t *testing.T) {
	if !inside(t) {
		return
	}
	name := filepath.Join(t.TempDir(), "restarted")
	test.CopyFile(t, test.Crowd(t), name)
	script(t, "echo ready; "+
		"while :; do "+name+" sleepers 0 >/dev/null 2>&1; busybox sleep 0.05; done")
	for range 3 {
		test.Eventually(t, "the command runs", func() bool {
			return slices.ContainsFunc(processes(t), func(st procfs.Stat) bool {
				return st.Name == "restarted" && st.State != 'Z' // the one before may still be a zombie
			})
		})
		stdout, _ := want(t, 0, "-v", "TERM", "--name", "restarted",
			"--then", "KILL@300ms", "--wait=20s")
		if n := strings.Count(stdout, "sent"); n != 1 {
			t.Errorf("%d signals:\n%s", n, stdout)
		}
	}
}

func TestIfHandled(t *testing.T) {
	if !inside(t) {
		return
	}
	plain := sleeper(t)
	catches := script(t, `trap 'exit 5' USR1`+forever)
	stdout, _ := want(t, 0, "-v", "--if-handled", "USR1", pid(plain), pid(catches))
	contains(t, stdout, "skipped USR1 for %s (crowd)", pid(plain))
	if got := catches.Status(); got != 5 {
		t.Errorf("status %d", got)
	}
	_, stderr := want(t, 1, "--if-handled", "USR1", pid(plain))
	contains(t, stderr, "nothing sent: processes that neither catch nor block USR1: 1")
	if unix.Kill(plain.Process.Pid, 0) != nil {
		t.Error("the process that does not catch the signal was hit")
	}
}

// util init, as PID 1, blocks all signals and waits for them, so sendsig does not warn. It warns
// about a PID 1 without handlers.
func TestPID1(t *testing.T) {
	busybox := test.Tool(t, "busybox")
	util := test.Util(t)
	if test.Inside(t) {
		_, stderr := want(t, 0, "URG", "1")
		if stderr != "" {
			t.Errorf("stderr %q", stderr)
		}
		want(t, 0, "--dry-run", "--if-handled", "TERM", "1")
		_, stderr = want(t, 0, "KILL", "1")
		contains(t, stderr, "warning: PID 1: the kernel drops KILL from inside its PID namespace")
		cmd := test.ProcNamespace(exec.Command(busybox, "sh", "-c",
			"busybox mount -t proc proc /proc; "+util+" sendsig TERM 1; echo $?"))
		_, stdout, stderr := test.Run(t, cmd)
		if stdout != "0" {
			t.Errorf("status %s", stdout)
		}
		contains(t, stderr,
			"warning: PID 1: has no handler for TERM, so the kernel drops the signal")
	}
}

// --all is like kill -1: it signals every process except PID 1 and sendsig.
func TestAll(t *testing.T) {
	util, busybox, crowd := test.Util(t), test.Tool(t, "busybox"), test.Crowd(t)
	run := func(args string) (status int, stdout, stderr string) {
		return test.Run(t, test.ProcNamespace(exec.Command(busybox, "sh", "-c", `
			busybox mount -t proc proc /proc
			$1 sleepers 5 &
			while ! $0 sendsig --dry-run CONT --name crowd --tree $! >/dev/null; do :; done
			$0 sendsig `+args+`; echo $?; wait; echo end`, util, crowd)))
	}
	for _, args := range []string{
		"TERM --all", "TERM --all --wait", "-v TERM --all --name crowd --wait",
	} {
		status, stdout, stderr := run(args)
		if status != 0 || !strings.HasSuffix(stdout, "\n0\nend") && stdout != "ready\n0\nend" {
			t.Errorf("%s: status %d, stdout %q, stderr %q", args, status, stdout, stderr)
		}
	}
}

func TestQueue(t *testing.T) {
	if !inside(t) {
		return
	}
	// The kernel drops the value if too many signals are pending for the user (RLIMIT_SIGPENDING,
	// setrlimit(2)), as root's may be: hence a user of its own.
	python := test.Tool(t, "python3")
	p := start(t, python, "-c", `
import ctypes, os, signal, sys
os.setuid(1235)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("ready", flush=True)
libc = ctypes.CDLL(None)
info = (ctypes.c_int * 32)()
mask = (ctypes.c_ulong * 16)(1 << (signal.SIGUSR1 - 1))
print(libc.sigwaitinfo(mask, info), info[2], info[6], flush=True)`)
	p.Expect("ready")
	want(t, 0, "USR1", "--queue", "-7", pid(p))
	if line := p.Line(); line != "10 -1 -7" { // signal, SI_QUEUE, value
		t.Errorf("got %q", line)
	}
}

func TestStatus(t *testing.T) {
	if !inside(t) {
		return
	}
	p := sleeper(t)
	_, stderr := want(t, 64, "TERM", pid(p), "99999")
	contains(t, stderr, "99999: TERM: no such process")
	_, stderr = want(t, 1, "TERM", "99999")
	contains(t, stderr, "99999: TERM: no such process")
	p.Status()

	root := sleeper(t)
	cmd := exec.Command(test.Util(t), "sendsig", "TERM", pid(root))
	cmd.SysProcAttr = asUser(1234)
	status, _, stderr := test.Run(t, cmd)
	if status != 1 {
		t.Errorf("status %d", status)
	}
	contains(t, stderr, "%s (crowd): TERM: operation not permitted: "+
		"the process belongs to user 0, sendsig runs as user 1234", pid(root))

	stdout, _ := want(t, 64, "--json", "TERM", pid(root), "99999")
	for line := range strings.Lines(stdout) {
		var event map[string]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	contains(t, stdout, `"event":"sent","pid":%s`, pid(root))
	contains(t, stdout, `"error":"no such process"`)
}

// Without /proc, PIDs and process groups can be signalled. Everything else reports that it needs
// /proc. The /proc of another PID namespace is not used, because its PIDs belong to other
// processes. With hidepid, a message reports that processes may be hidden.
func TestWithoutProc(t *testing.T) {
	if !inside(t) {
		return
	}
	p, q := sleeper(t), sleeper(t)
	cmd := exec.Command(test.Crowd(t), "sleepers", "3")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	group := test.Start(t, cmd)
	group.Expect("ready")

	if err := unix.Mount("proc", "/proc", "proc", 0, "hidepid=invisible"); err == nil {
		cmd := exec.Command(test.Util(t), "sendsig", "TERM", "--name", "crowd")
		cmd.SysProcAttr = asUser(1234)
		status, _, stderr := test.Run(t, cmd)
		if status != 1 {
			t.Errorf("status %d", status)
		}
		contains(t, stderr, "no process matches "+
			"(/proc is mounted with hidepid=invisible, which hides processes of other users)")
	}
	if err := unix.Mount("tmpfs", "/proc", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Unmount("/proc", unix.MNT_DETACH) }()
	want(t, 0, "TERM", pid(p))
	p.Status()
	want(t, 0, "TERM", pid(q), "--wait=20s")
	q.Status()
	want(t, 0, "TERM", "-"+pid(group))
	group.Status()
	_, stderr := want(t, 1, "TERM", "--group", strconv.Itoa(unix.Getpgrp()))
	contains(t, stderr, "its other members cannot be found without /proc")
	_, stderr = want(t, 1, "TERM", "--name", "x")
	contains(t, stderr, "util sendsig: --name: needs /proc: /proc is not mounted here")
	_, stderr = want(t, 1, "TERM", "--session", "5")
	contains(t, stderr, "--session: needs /proc")

	cmd = test.Namespace(exec.Command(test.Util(t), "sendsig", "TERM", "--name", "x"))
	_ = unix.Unmount("/proc", unix.MNT_DETACH) // the nested PID namespace sees this /proc
	_, _, stderr = test.Run(t, cmd)
	contains(t, stderr, "--name: needs /proc: /proc belongs to another PID namespace")
	if err := unix.Mount("tmpfs", "/proc", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
}
