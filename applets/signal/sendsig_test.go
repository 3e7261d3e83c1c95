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

// inside runs the rest of a test in a namespace of its own; see test.Inside. The programs that
// tests use are built before.
func inside(t testing.TB) bool {
	t.Helper()
	test.Util(t)
	test.Crowd(t)
	return test.Inside(t)
}

// sendsig runs util sendsig to its end.
func sendsig(t testing.TB, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return test.Run(t, exec.Command(test.Util(t), append([]string{"sendsig"}, args...)...))
}

// want runs util sendsig and compares its status.
func want(t testing.TB, status int, args ...string) (stdout, stderr string) {
	t.Helper()
	got, stdout, stderr := sendsig(t, args...)
	if got != status {
		t.Fatalf("sendsig %q: status %d, want %d\nstdout: %s\nstderr: %s", args, got, status, stdout, stderr)
	}
	return stdout, stderr
}

// contains fails the test unless text contains part.
func contains(t testing.TB, text, part string) {
	t.Helper()
	if !strings.Contains(text, part) {
		t.Errorf("%q does not contain %q", text, part)
	}
}

// start starts a program that goes on until a signal ends it.
func start(t testing.TB, name string, args ...string) *test.Process {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Stderr = os.Stderr // a pipe would be waited for until the last descendant has closed it
	return test.Start(t, cmd)
}

// sleeper starts a process that waits for ever.
func sleeper(t testing.TB) *test.Process {
	t.Helper()
	p := start(t, test.Crowd(t), "sleepers", "0")
	p.Expect("ready")
	return p
}

func pid(p *test.Process) string { return strconv.Itoa(p.Process.Pid) }

// script runs a shell that says "ready" when it is so, and waits for ever unless it does something
// else.
func script(t testing.TB, text string) *test.Process {
	t.Helper()
	p := start(t, test.Tool(t, "busybox"), "sh", "-c", text)
	p.Expect("ready")
	return p
}

// forever is a wait that a trap can interrupt.
const forever = `; echo ready; while :; do busybox sleep 1000 >/dev/null 2>&1 & wait; kill $!; done`

func TestUsage(t *testing.T) {
	for _, c := range []struct {
		args   []string
		stderr string
	}{
		{[]string{}, "signal: missing: the signal comes first, then the targets"},
		{[]string{"TREM", "5"}, `signal "TREM": unknown (did you mean TERM?)`},
		{[]string{"-TREM", "5"}, `signal "TREM": unknown (did you mean TERM?)`},
		{[]string{"-s", "TREM", "5"}, `signal "TREM": unknown (did you mean TERM?)`},
		{[]string{"--if-handled", "0", "5"}, `option --if-handled: not together with signal 0`},
		{[]string{"TERM", "5", "--then", "0@1s"}, `signal "0": is none that could be sent`},
		{[]string{"12345", "5"}, `signal "12345": unknown: the signal comes first`},
		{[]string{"TERM"}, "target: missing"},
		{[]string{"-10"}, "target: missing"}, // USR1, not a group
		{[]string{"-s", "KILL", "-TERM", "5"}, `option "-TERM": unknown`},
		{[]string{"-TERM", "-s", "KILL", "5"}, `signal "TERM": there is -s KILL as well`},
		{[]string{"TERM", "-1"}, `target "-1": would be every process: say --all (or --group 1 for process group 1)`},
		{[]string{"-15", "-1"}, `target "-1": would be every process: say --all`},
		{[]string{"TERM", "--", "-1"}, `target "-1": would be every process: say --all`},
		{[]string{"TERM", "--", "-001"}, `target "-001": would be every process: say --all`},
		{[]string{"TERM", "--", "--1"}, `target "--1": would be every process: say --all`},
		{[]string{"TERM", "--group", "-1"}, `--group: "-1": would be every process: say --all`},
		{[]string{"TERM", "0"}, `target "0": would be the process group of sendsig itself`},
		{[]string{"TERM", "-0"}, `target "-0": would be the process group of sendsig itself`},
		{[]string{"TERM", "--group", "0"}, `--group: "0": would be the process group of sendsig itself`},
		{[]string{"TERM", "-10x"}, `target "-10x": is no number`},
		{[]string{"TERM", "10x"}, `target "10x": is no number`},
		{[]string{"TERM", "+5"}, `target "+5": is no number`},
		{[]string{"TERM", ""}, `target "": is no number`},
		{[]string{"TERM", "99999999999"}, `target "99999999999": is no number`},
		{[]string{"TERM", "5:"}, `target "5:": is not of the form PID:INODE`},
		{[]string{"TERM", "5", "--wait", "5s"}, `(the time of --wait is given as --wait=5s)`},
		{[]string{"TERM", "5", "--wait=soon"}, `--wait: "soon": is not a valid duration`},
		{[]string{"TERM", "5", "--then", "KILL"}, `--then: "KILL": is not of the form SIG@DURATION`},
		{[]string{"TERM", "5", "--then", "KILLL@1s"}, `signal "KILLL": unknown (did you mean KILL?)`},
		{[]string{"TERM", "5", "--then", "KILL@x"}, `"x" is not a valid duration`},
		{[]string{"TERM", "5", "--queue", "x"}, `--queue: "x": is no number`},
		{[]string{"TERM", "--name", ""}, `--name: "": is empty`},
		{[]string{"TERM", "--name", "a", "--name", "b"}, `--name: "b": is given twice`},
		{[]string{"TERM", "--exe", "sh"}, `--exe: "sh": is no absolute path`},
		{[]string{"TERM", "--cmdline", "("}, `--cmdline: "(": is no regular expression`},
		{[]string{"TERM", "--user", "nobody-of-this-name"}, `--user: "nobody-of-this-name": no such user`},
		{[]string{"--nonsense", "TERM", "5"}, `option "--nonsense": unknown`},
		{[]string{"-l", "NOPE"}, `signal "NOPE": unknown`},
		{[]string{"-l", "99"}, `number "99": is neither a signal`},
		{[]string{"-l", "0xyz"}, `mask "0xyz": is no hexadecimal number`},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			_, stderr := want(t, 2, c.args...)
			contains(t, stderr, "util sendsig: ")
			contains(t, stderr, c.stderr)
		})
	}
}

func TestList(t *testing.T) {
	for word, text := range map[string]string{
		"TERM": "15", "sigterm": "15", "RTMIN+2": "36", "POLL": "29", "15": "TERM", "143": "TERM", "137": "KILL",
		"64": "RTMAX", "192": "RTMAX", "0x4001": "HUP TERM", "0x0": "none", "0x8000000000000000": "RTMAX",
	} {
		if stdout, _ := want(t, 0, "-l", word); stdout != text {
			t.Errorf("-l %s: %q, want %q", word, stdout, text)
		}
	}
	stdout, _ := want(t, 0, "-l")
	if lines := strings.Split(stdout, "\n"); len(lines) != 64 || lines[14] != "15 TERM" {
		t.Errorf("-l: %d lines: %q", len(lines), stdout)
	}
}

// Ways to write the signal, each tried on a process of its own.
func TestSignalForms(t *testing.T) {
	if !inside(t) {
		return
	}
	for _, form := range [][]string{{"TERM"}, {"term"}, {"SIGTERM"}, {"15"}, {"-15"}, {"-TERM"}, {"-term"}, {"-sTERM"}, {"-s", "TERM"}, {"--signal=TERM"}, {"-v", "TERM"}} {
		p := sleeper(t)
		want(t, 0, append(form, pid(p))...)
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
	for _, form := range [][]string{{"TERM", "-%d"}, {"-TERM", "-%d"}, {"TERM", "--", "-%d"}, {"TERM", "-g", "%d"}, {"TERM", "--group=%d", "--wait=20s"}, {"TERM", "--session=%d"}} {
		cmd := exec.Command(test.Crowd(t), "sleepers", "5")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		p := test.Start(t, cmd)
		p.Expect("ready")
		other := sleeper(t)
		args := slices.Clone(form)
		args[len(args)-1] = strings.ReplaceAll(args[len(args)-1], "%d", pid(p))
		if len(form) == 3 {
			args[1] = strings.ReplaceAll(args[1], "%d", pid(p))
		}
		want(t, 0, args...)
		p.Status()
		test.Eventually(t, "the group ends", func() bool { return unix.Kill(-p.Process.Pid, 0) == unix.ESRCH })
		if unix.Kill(other.Process.Pid, 0) != nil {
			t.Errorf("%q: another process was hit", form)
		}
	}
	// sendsig is in this group itself, and so is its parent, this test: both are spared.
	p := sleeper(t)
	want(t, 0, "TERM", "--group", strconv.Itoa(unix.Getpgrp()))
	if got := p.Status(); got != 256+15 {
		t.Errorf("status %d", got)
	}
	_, stderr := want(t, 1, "TERM", "-99999")
	contains(t, stderr, "process group 99999: TERM: no such process")
}

// Whatever is selected, and by what.
func TestSelectors(t *testing.T) {
	if !inside(t) {
		return
	}
	dir := t.TempDir()
	long := filepath.Join(dir, "a-program-with-a-long-name")
	if err := os.Link(test.Crowd(t), long); err != nil {
		copyFile(t, test.Crowd(t), long)
	}
	longer := long + "-indeed"
	copyFile(t, test.Crowd(t), longer)
	parent := start(t, long, "sleepers", "2")
	parent.Expect("ready")
	twin := start(t, longer, "sleepers", "0")
	twin.Expect("ready")
	cmd := exec.Command(test.Crowd(t), "sleepers", "0")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234}}
	other := test.Start(t, cmd)
	other.Expect("ready")
	pidfile := filepath.Join(dir, "pidfile")
	if err := os.WriteFile(pidfile, []byte(pid(twin)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	for _, c := range []struct {
		args []string
		n    int // how many are selected
	}{
		{[]string{"--name", "a-program-with-a-long-name"}, 3},
		{[]string{"--name", "a-program-with-a-long-name-indeed"}, 1},
		{[]string{"--name", "a-program-with-"}, 0},
		{[]string{"--name", "a-program-with"}, 0},
		{[]string{"--name", "crowd"}, 1},
		{[]string{"--exe", longer}, 1},
		{[]string{"--cmdline", "long-name sleepers [0-9]$"}, 3},
		{[]string{"--cmdline", "sleepers"}, 5}, // not the sendsig with that argument
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
	if err := os.Remove(longer); err != nil { // an upgrade: the program that runs is deleted
		t.Fatal(err)
	}
	want(t, 0, "KILL", "--exe", longer)
	if got := twin.Status(); got != 256+9 {
		t.Errorf("status %d", got)
	}
}

func copyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A script with a long name is found by it; the shell that runs sendsig is spared, though its
// command line matches; by its number it is signalled.
func TestScriptAndAncestors(t *testing.T) {
	if !inside(t) {
		return
	}
	busybox := test.Tool(t, "busybox")
	path := filepath.Join(t.TempDir(), "an-entrypoint-script.sh")
	if err := os.WriteFile(path, []byte("#!"+busybox+" sh\ntrap 'exit 7' TERM"+forever+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	p := start(t, path)
	p.Expect("ready")
	want(t, 0, "TERM", "--name", filepath.Base(path))
	if got := p.Status(); got != 7 {
		t.Errorf("status %d", got)
	}
	status, stdout, stderr := test.Run(t, exec.Command(busybox, "sh", "-c",
		test.Util(t)+` sendsig KILL --cmdline some-word; echo $?; `+test.Util(t)+` sendsig TERM $$; echo no`))
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
	if event.Event != "would send" || event.Name != "crowd" || event.Signal != "TERM" || event.PID != p.Process.Pid {
		t.Errorf("%+v", event)
	}
	if event.Inode == 0 {
		test.Missing(t, "inodes of pidfds", "they need Linux 6.9")
	}
	_, stderr := want(t, 1, "TERM", fmt.Sprintf("%d:%d", event.PID, event.Inode+1))
	contains(t, stderr, fmt.Sprintf("has ended, and its number was given to %d:%d", event.PID, event.Inode))
	want(t, 0, "TERM", fmt.Sprintf("%d:%d", event.PID, event.Inode))
	p.Status()
}

// A number that was given to another process is not that of the target any more.
func TestReuse(t *testing.T) {
	if !inside(t) {
		return
	}
	old := sleeper(t)
	stdout, _ := want(t, 0, "--dry-run", "TERM", pid(old))
	target := strings.Fields(stdout)[4]
	if !strings.Contains(target, ":") {
		test.Missing(t, "inodes of pidfds", "they need Linux 6.9")
	}
	want(t, 0, "KILL", target, "--wait=20s")
	old.Status()
	var p *test.Process
	test.Eventually(t, "a process gets the number of the first", func() bool {
		if err := os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(old.Process.Pid-1)), 0); err != nil {
			test.Missing(t, "/proc/sys/kernel/ns_last_pid", err.Error())
		}
		p = sleeper(t)
		return p.Process.Pid == old.Process.Pid
	})
	_, stderr := want(t, 1, "KILL", target)
	contains(t, stderr, "its number was given to")
	if unix.Kill(p.Process.Pid, 0) != nil {
		t.Error("another process was hit")
	}
}

// With only a few numbers to give, each is given again at once. Processes of one name come and go;
// those of the other name, which get the same numbers, must never be hit.
func TestReuseStorm(t *testing.T) {
	if !inside(t) {
		return
	}
	// Before Linux 6.14 it is the machine's.
	var major, minor int
	if release, err := os.ReadFile("/proc/sys/kernel/osrelease"); err != nil {
		t.Fatal(err)
	} else if _, err := fmt.Sscanf(string(release), "%d.%d", &major, &minor); err != nil || major < 6 || major == 6 && minor < 14 {
		test.Missing(t, "pid_max of a namespace", "it needs Linux 6.14, this is "+strings.TrimSpace(string(release)))
	}
	if err := os.WriteFile("/proc/sys/kernel/pid_max", []byte("400"), 0); err != nil {
		test.Missing(t, "pid_max of a namespace", err.Error())
	}
	victim := filepath.Join(t.TempDir(), "victim")
	copyFile(t, test.Crowd(t), victim)
	bystander := filepath.Join(t.TempDir(), "bystander")
	copyFile(t, test.Crowd(t), bystander)
	p := script(t, fmt.Sprintf(`echo ready
		i=0; while [ $i -lt 1500 ]; do i=$((i+1))
			%s nap 2 & %s nap 1 || echo hit
		done; echo done`, victim, bystander))
	for done := false; !done; {
		sendsig(t, "KILL", "--name", "victim")
		select {
		case line, ok := <-p.Lines():
			if line == "hit" {
				t.Fatal("a process that was not meant was hit")
			}
			done = line == "done" || !ok
		default:
		}
	}
	p.Status()
}

// A storm: 2,000 processes that fork without end, half of which block TERM. Nothing of it is left,
// and nothing else was touched.
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
		if st.Name == "crowd" && !st.Zombie() {
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

// The same by name.
func TestNameStorm(t *testing.T) {
	if !inside(t) {
		return
	}
	name := filepath.Join(t.TempDir(), "tempest")
	copyFile(t, test.Crowd(t), name)
	bystander := start(t, test.Crowd(t), "sleepers", "100")
	bystander.Expect("ready")
	storm := start(t, name, "storm", "500")
	storm.Expect("ready")
	calm(t, "KILL", "--name", "tempest", "--wait=60s")
	for _, st := range processes(t) {
		if st.Name == "tempest" && !st.Zombie() {
			t.Errorf("%s is left", st.Title())
		}
	}
	if unix.Kill(bystander.Process.Pid, 0) != nil {
		t.Error("a bystander was hit")
	}
}

// calm runs util sendsig against a storm: it may take longer than [test.Deadline], for thousands
// want to run beside it.
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

// stat returns what /proc tells of a process that is there.
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

// All of a tree are signalled once.
func TestTreeQuiet(t *testing.T) {
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
	contains(t, stderr, fmt.Sprintf(`--tree: "%s": no such process`, pid(p)))
}

// An unreaped zombie has ended; a process whose first thread has ended while others run has not.
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
	contains(t, stderr, fmt.Sprintf("still there after 300ms: %s (busybox)", pid(p)))
	begin = time.Now()
	want(t, 0, "TERM", pid(p), "--then", "INT@50ms", "--then", "KILL@0.1", "--wait")
	if took := time.Since(begin); took < 150*time.Millisecond {
		t.Errorf("ended after %v", took)
	}
	if got := p.Status(); got != 256+9 {
		t.Errorf("status %d", got)
	}
}

// Who has ended in time is not escalated, and the next stage does not wait.
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

// A supervisor starts its command anew each time it is killed. The new ones are not hunted.
func TestRestarted(t *testing.T) {
	if !inside(t) {
		return
	}
	name := filepath.Join(t.TempDir(), "restarted")
	copyFile(t, test.Crowd(t), name)
	script(t, `echo ready; while :; do `+name+` sleepers 0 >/dev/null 2>&1; busybox sleep 0.05; done`)
	for range 3 {
		test.Eventually(t, "it runs", func() bool {
			return slices.ContainsFunc(processes(t), func(st procfs.Stat) bool { return st.Name == "restarted" })
		})
		stdout, _ := want(t, 0, "-v", "TERM", "--name", "restarted", "--then", "KILL@300ms", "--wait=20s")
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
	contains(t, stdout, fmt.Sprintf("skipped USR1 for %s (crowd)", pid(plain)))
	if got := catches.Status(); got != 5 {
		t.Errorf("status %d", got)
	}
	_, stderr := want(t, 1, "--if-handled", "USR1", pid(plain))
	contains(t, stderr, "nothing sent: processes that neither catch nor block USR1: 1")
	if unix.Kill(plain.Process.Pid, 0) != nil {
		t.Error("the process that does not catch it was hit")
	}
}

// PID 1 is util init, which blocks all signals to wait for them: no warning. A PID 1 without
// handlers is warned of.
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
		contains(t, stderr, "warning: PID 1: the kernel does not let KILL from inside its PID namespace reach it")
		cmd := test.Namespace(exec.Command(busybox, "sh", "-c", "busybox mount -t proc proc /proc; "+util+" sendsig TERM 1; echo $?"))
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNS
		_, stdout, stderr := test.Run(t, cmd)
		if stdout != "0" {
			t.Errorf("status %s", stdout)
		}
		contains(t, stderr, "warning: PID 1: has no handler for TERM, so the kernel drops the signal")
	}
}

// --all is kill -1: everything but PID 1 and sendsig.
func TestAll(t *testing.T) {
	util, busybox, crowd := test.Util(t), test.Tool(t, "busybox"), test.Crowd(t)
	run := func(args string) (status int, stdout, stderr string) {
		cmd := test.Namespace(exec.Command(busybox, "sh", "-c",
			"busybox mount -t proc proc /proc; "+crowd+" sleepers 5 & while ! "+util+" sendsig --dry-run CONT --name crowd --tree $! >/dev/null; do :; done; "+
				util+" sendsig "+args+"; echo $?; wait; echo end"))
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWNS
		return test.Run(t, cmd)
	}
	for _, args := range []string{"TERM --all", "TERM --all --wait", "-v TERM --all --name crowd --wait"} {
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
	python := test.Tool(t, "python3")
	p := start(t, python, "-c", `
import ctypes, signal, sys
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
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234}}
	status, _, stderr := test.Run(t, cmd)
	if status != 1 {
		t.Errorf("status %d", status)
	}
	contains(t, stderr, pid(root)+" (crowd): TERM: operation not permitted: it is of user 0, sendsig of user 1234")

	stdout, _ := want(t, 64, "--json", "TERM", pid(root), "99999")
	for line := range strings.Lines(stdout) {
		var event map[string]any
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			t.Errorf("%q: %v", line, err)
		}
	}
	contains(t, stdout, `"event":"sent","pid":`+pid(root))
	contains(t, stdout, `"error":"no such process"`)
}

func TestStalePidfile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pidfile")
	_, stderr := want(t, 1, "TERM", "--pidfile", path)
	contains(t, stderr, fmt.Sprintf("pidfile %q: no such file or directory", path))
	for _, text := range []string{"nonsense", "-1", "0", "12,13", "+12", "12:", "PID 12", "\x00", " "} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, stderr := want(t, 1, "TERM", "--pidfile", path)
		word, _, _ := strings.Cut(strings.Trim(text, " \x00"), " ")
		contains(t, stderr, fmt.Sprintf("pidfile %q: %q: ", path, word))
	}
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	_, stderr = want(t, 1, "TERM", "--pidfile", path)
	contains(t, stderr, fmt.Sprintf("pidfile %q: is empty", path))
}

// Without /proc, numbers of processes and groups work, and the rest says what it needs. The /proc
// of another namespace is worse than none, because its numbers mean others. With hidepid, it is
// said that there may be more.
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
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234}}
		status, _, stderr := test.Run(t, cmd)
		if status != 1 {
			t.Errorf("status %d", status)
		}
		contains(t, stderr, "no process matches (/proc is mounted with hidepid=invisible: processes of other users cannot be seen)")
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
	contains(t, stderr, "without /proc its members are not known")
	_, stderr = want(t, 1, "TERM", "--name", "x")
	contains(t, stderr, "util sendsig: --name: needs /proc: /proc is not mounted here")
	_, stderr = want(t, 1, "TERM", "--session", "5")
	contains(t, stderr, "--session: needs /proc")

	cmd = test.Namespace(exec.Command(test.Util(t), "sendsig", "TERM", "--name", "x"))
	_ = unix.Unmount("/proc", unix.MNT_DETACH) // the namespace below now has the /proc of this one
	_, _, stderr = test.Run(t, cmd)
	contains(t, stderr, "--name: needs /proc: /proc is that of another PID namespace")
	if err := unix.Mount("tmpfs", "/proc", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
}
