package sendsig_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/procfs"
	"util/internal/test"

	"golang.org/x/sys/unix"
)

// selects fails the test unless a command line selects n processes.
func selects(t *testing.T, n int, args ...string) (stderr string) {
	t.Helper()
	status := 0
	if n == 0 {
		status = 1
	}
	stdout, stderr := want(t, status, append([]string{"--dry-run", "TERM"}, args...)...)
	if got := strings.Count(stdout, "would send TERM to "); got != n {
		t.Errorf("%q: %d processes, want %d:\n%s", args, got, n, stdout)
	}
	return stderr
}

// --exe matches by any path or link that leads to the program.
func TestExeLinks(t *testing.T) {
	if !inside(t) {
		return
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "usr", "bin", "people")
	test.Must(t, os.MkdirAll(filepath.Dir(program), 0o755))
	test.CopyFile(t, test.Crowd(t), program)
	other := filepath.Join(dir, "usr", "bin", "others")
	test.CopyFile(t, test.Crowd(t), other)
	test.Must(t, os.Symlink("usr/bin", filepath.Join(dir, "bin")))
	test.Must(t, os.Symlink(program, filepath.Join(dir, "alternative")))
	test.Must(t, os.Link(program, filepath.Join(dir, "hard")))
	start(t, program, "sleepers", "2").Expect("ready")
	start(t, other, "sleepers", "0").Expect("ready")
	for _, path := range []string{
		program,
		filepath.Join(dir, "bin", "people"),
		filepath.Join(dir, "alternative"),
		filepath.Join(dir, "hard"),
		filepath.Dir(program) + "/../bin/people",
	} {
		selects(t, 3, "--exe", path)
	}
	for _, path := range []string{filepath.Join(dir, "nobody"), dir, "/"} {
		selects(t, 0, "--exe", path)
	}
}

// The first word of a pidfile is the target. Programs write pidfiles in many forms.
func TestPidfileForms(t *testing.T) {
	if !inside(t) {
		return
	}
	p := sleeper(t)
	path := filepath.Join(t.TempDir(), "pidfile")
	for _, form := range []string{
		"%s", "%s\n", " %s\n", "\n%s", "%s\r\n", "%s # the service\n", "%s 7\n", "%s\t7",
		"%s\x00\x00", "%s\x00\n8", "%s\n/var/lib/postgresql/15/main\n1700000000\n5432\n/run\n",
		"%s" + strings.Repeat(" x", 1<<20),
	} {
		test.Must(t, os.WriteFile(path, []byte(strings.Replace(form, "%s", pid(p), 1)), 0o644))
		selects(t, 1, "--pidfile", path)
	}
	test.Must(t, os.WriteFile(path, []byte(strings.Repeat("1", 1<<20)), 0o644))
	_, stderr := want(t, 1, "TERM", "--pidfile", path)
	if len(stderr) > 400 {
		t.Errorf("a message of %d bytes", len(stderr))
	}
	test.Must(t, os.WriteFile(path, []byte("\x00"), 0o644))
	_, stderr = want(t, 1, "TERM", "--pidfile", path)
	contains(t, stderr, "pidfile %q: \"\": ", path)
	// What is not a regular file is refused, and reading it never blocks.
	fifo := filepath.Join(t.TempDir(), "fifo")
	test.Must(t, unix.Mkfifo(fifo, 0o600))
	for _, path := range []string{fifo, "/dev/zero", "/dev/null", t.TempDir()} {
		_, stderr := want(t, 1, "TERM", "--pidfile", path)
		contains(t, stderr, "pidfile %q: is not a regular file", path)
	}
}

// Root does not use a pidfile that another user can write, unless another selector is given.
func TestPidfileOfOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "only root is protected from others' pidfiles")
	}
	if !inside(t) {
		return
	}
	p := sleeper(t)
	top := t.TempDir()
	test.Must(t, os.Chmod(filepath.Dir(top), 0o755))
	write := func(path string, mode os.FileMode, uid int) string {
		test.Must(t, os.WriteFile(path, []byte(pid(p)), 0o600))
		test.Must(t, os.Chmod(path, mode))
		test.Must(t, os.Chown(path, uid, 0))
		return path
	}
	folder := func(name string, mode os.FileMode, uid int) string {
		path := filepath.Join(top, name)
		test.Must(t, os.MkdirAll(path, 0o755))
		test.Must(t, os.Chmod(path, mode))
		test.Must(t, os.Chown(path, uid, 0))
		return path
	}
	good := write(filepath.Join(folder("good", 0o755, 0), "pid"), 0o644, 0)
	sticky := folder("sticky", 0o777|os.ModeSticky, 0)
	goodLink := filepath.Join(folder("link", 0o755, 0), "pid")
	test.Must(t, os.Symlink("../good/pid", goodLink))
	theirs := folder("theirs", 0o755, 1234)
	theirLink := filepath.Join(theirs, "link")
	test.Must(t, os.Symlink(good, theirLink))
	linkToTheirs := filepath.Join(top, "to-theirs")
	test.Must(t, os.Symlink("theirs", linkToTheirs))
	plantedLink := filepath.Join(sticky, "link")
	test.Must(t, os.Symlink(good, plantedLink))
	test.Must(t, os.Lchown(plantedLink, 1234, 0))
	loop := filepath.Join(top, "loop")
	test.Must(t, os.Symlink("loop", loop))

	for _, path := range []string{good, goodLink, write(filepath.Join(sticky, "pid"), 0o644, 0)} {
		selects(t, 1, "--pidfile", path)
	}
	const others = "users other than root may write to"
	type refused struct{ path, why string }
	list := []refused{
		{write(filepath.Join(top, "good", "everybody"), 0o666, 0), others},
		{write(filepath.Join(top, "good", "a-group"), 0o664, 0), others},
		{write(filepath.Join(top, "good", "theirs"), 0o600, 1234), "user 1234 may change"},
		{write(filepath.Join(theirs, "roots"), 0o644, 0), "user 1234 may change"},
		{filepath.Join(linkToTheirs, "roots"), "user 1234 may change"},
		{theirLink, "user 1234 may change"},
		{write(filepath.Join(folder("open", 0o777, 0), "pid"), 0o644, 0), others},
	}
	protected, err := os.ReadFile("/proc/sys/fs/protected_symlinks")
	test.Must(t, err)
	if string(protected) == "0\n" {
		list = append(list, refused{plantedLink, "user 1234 may change"})
	} else { // the kernel does not follow such a link
		contains(t, selects(t, 0, "--pidfile", plantedLink), "permission denied")
	}
	for _, c := range list {
		stderr := selects(t, 0, "--pidfile", c.path)
		contains(t, stderr, "%s", c.why)
		contains(t, stderr, "so another selector is required, such as --name or --exe")
		selects(t, 1, "--pidfile", c.path, "--name", "crowd")
		selects(t, 0, "--pidfile", c.path, "--name", "init")
	}
	contains(t, selects(t, 0, "--pidfile", loop), "too many levels of symbolic links")
}

// Arguments can contain any bytes, and so can the regular expression.
func TestCmdlineBytes(t *testing.T) {
	if !inside(t) {
		return
	}
	for _, arg := range []string{"first\nsecond", "caf\u00e9", "\xff\xfe-not-utf8"} {
		start(t, test.Crowd(t), "sleepers", "0", arg).Expect("ready")
	}
	for _, c := range []struct {
		expression string
		n          int
	}{
		{"first.second", 1},
		{"first\nsecond", 1},
		{"sleepers .*second$", 1},
		{"caf.$", 1},
		{"caf\u00e9$", 1},
		{"caf[\u00e8\u00e9]$", 1},
		{"\xff\xfe-not", 1},
		{"\xff.-not", 1},
		{"[\xfe\xff]{2}-", 1},
		{"\xfe\xff", 0},
		{"crowd sleepers 0", 3},
	} {
		selects(t, c.n, "--cmdline", c.expression)
	}
}

// A stopped process does not handle signals. After a signal that asks it to end, it is continued,
// as under init. After any other signal, there is a warning.
func TestWaitForStopped(t *testing.T) {
	if !inside(t) {
		return
	}
	stopped := func() *test.Process {
		p := sleeper(t)
		p.Signal(syscall.SIGSTOP)
		test.Eventually(t, "the process is stopped", func() bool {
			return stat(t, p.Process.Pid).State == 'T'
		})
		return p
	}
	for _, name := range []string{"TERM", "INT", "HUP", "QUIT"} {
		p := stopped()
		stdout, _ := want(t, 0, "-v", name, pid(p), "--wait=20s")
		contains(t, stdout, "sent CONT to %s (crowd)", pid(p))
		p.Status()
	}
	p := stopped()
	stdout, _ := want(t, 0, "-v", "URG", pid(p), "--then", "TERM@1ms", "--wait=20s")
	contains(t, stdout, "sent CONT to %s (crowd)", pid(p))
	p.Status()

	p = stopped()
	_, stderr := want(t, 124, "USR1", pid(p), "--wait=1ms")
	contains(t, stderr, "warning: %s (crowd): is stopped and handles USR1 only after "+
		"it is continued (util sendsig CONT %[1]s)", pid(p))
	contains(t, stderr, "processes that have not ended after 1ms: %s (crowd) (stopped)", pid(p))
	want(t, 0, "TERM", pid(p)) // without --wait, as kill(1)
	if st := stat(t, p.Process.Pid); st.State != 'T' {
		t.Errorf("without --wait it was continued: state %c", st.State)
	}
	want(t, 0, "KILL", pid(p), "--wait=20s")
}

// Processes in nested PID namespaces are selected too, unless --ns is given.
func TestPIDNamespace(t *testing.T) {
	if !inside(t) {
		return
	}
	own := start(t, test.Crowd(t), "sleepers", "1")
	own.Expect("ready")
	below := test.Start(t, test.Namespace(exec.Command(test.Crowd(t), "sleepers", "2")))
	below.Expect("ready")
	selects(t, 5, "--name", "crowd")
	selects(t, 2, "--name", "crowd", "--ns", pid(own))
	selects(t, 3, "--name", "crowd", "--ns", pid(below))
	selects(t, 3, "--ns", pid(below))
	stderr := selects(t, 0, "--name", "crowd", "--ns", "99999")
	contains(t, stderr, `util sendsig: --ns: "99999": no such process`)
}

// A program can change its command name. The message then names the process that was executed under
// the name.
func TestChangedName(t *testing.T) {
	if !inside(t) {
		return
	}
	cmd := exec.Command(test.Crowd(t), "sleepers", "0")
	cmd.Args[0] = "/opt/node"
	p := test.Start(t, cmd)
	p.Expect("ready")
	stderr := selects(t, 0, "--name", "node")
	contains(t, stderr, "no process matches "+
		"(%s (crowd) was executed as %q: --exe and --cmdline match that", pid(p), "/opt/node")
	renamed := filepath.Join(t.TempDir(), "renamed")
	test.Must(t, os.Symlink(test.Crowd(t), renamed))
	q := start(t, renamed, "sleepers", "0") // /proc has the name of the link
	q.Expect("ready")
	stderr = selects(t, 0, "--name", "crowd", "--pidfile", pidfile(t, q))
	contains(t, stderr, "%s (renamed) was executed as %q", pid(q), test.Crowd(t))
	for _, args := range [][]string{{"--name", "node", "--parent", "1"}, {"--name", "nobody"}} {
		if stderr := selects(t, 0, args...); strings.Contains(stderr, "executed as") {
			t.Errorf("%q: names a process that does not match: %s", args, stderr)
		}
	}
}

// pidfile writes a pidfile for a process.
func pidfile(t testing.TB, p *test.Process) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pidfile")
	test.Must(t, os.WriteFile(path, []byte(pid(p)), 0o644))
	return path
}

// Signal 0 sends nothing. The exit status reports whether the process exists.
func TestSignal0(t *testing.T) {
	if !inside(t) {
		return
	}
	p := sleeper(t)
	want(t, 0, "0", "--name", "crowd")
	want(t, 1, "0", "--name", "nobody")
	want(t, 0, "0", "--tree", pid(p))
	stdout, _ := want(t, 0, "-v", "0", pid(p))
	contains(t, stdout, "exists: %s (crowd)", pid(p))
	want(t, 64, "0", pid(p), "99999")
	want(t, 124, "0", pid(p), "--wait=1ms")
	if st := stat(t, p.Process.Pid); st.State != 'S' {
		t.Errorf("state %c", st.State)
	}
	_ = p.Process.Kill()
	want(t, 0, "0", pid(p), "--wait=20s") // waits without a signal, as pidwait(1); a zombie exists
}

// No child escapes from a tree in which processes fork at regular intervals, even if the root does.
func TestTreeForksRegularly(t *testing.T) {
	if !inside(t) {
		return
	}
	const runs = 30
	for _, us := range []string{"1000", "3000", "10000"} {
		for run := range runs {
			root := start(t, test.Crowd(t), "rhythm", us)
			root.Expect("ready")
			test.Eventually(t, "it has some children", func() bool { return crowd(t) > 3+run%3 })
			want(t, 0, []string{"TERM", "KILL"}[run%2], "--tree", pid(root))
			root.Status()
			noneLeft(t, "a tree with a child every "+us+" µs")
		}
	}
}

// crowd counts the processes of that name that have not ended.
func crowd(t testing.TB) (n int) {
	t.Helper()
	for _, st := range processes(t) {
		if st.Name == "crowd" && !st.Ended() {
			n++
		}
	}
	return n
}

// Two sendsigs that end the same tree, and that belong to it themselves, do not stop each other.
func TestTwoSendsigsInTree(t *testing.T) {
	if !inside(t) {
		return
	}
	const runs = 20
	for range runs {
		root := script(t, test.Crowd(t)+` sleepers 20 &
			echo ready
			`+test.Util(t)+` sendsig TERM --tree $$ &
			`+test.Util(t)+` sendsig TERM --tree $$ &
			wait`)
		if got := root.Status(); got != 0 { // spared, as it is an ancestor of both
			t.Errorf("the root of the tree ended with status %d", got)
		}
		noneLeft(t, "the tree")
		test.Eventually(t, "both sendsigs have ended", func() bool {
			return !slices.ContainsFunc(processes(t), func(st procfs.Stat) bool {
				return st.Name == "util" && st.PID != 1 && !st.Ended()
			})
		})
	}
}

// noneLeft waits until all processes of the crowd have ended.
func noneLeft(t testing.TB, of string) {
	t.Helper()
	test.Eventually(t, "all processes have ended of "+of, func() bool { return crowd(t) == 0 })
}

// A process that waits for its child in vfork(2) cannot be stopped before the child continues. The
// child belongs to the tree too.
func TestTreeOfVforks(t *testing.T) {
	if !inside(t) {
		return
	}
	for _, us := range []string{"0", "2000", "100000000"} {
		for _, signal := range []string{"TERM", "KILL"} {
			best := time.Hour
			for range 3 {
				root := start(t, test.Crowd(t), "vforks", us)
				root.Expect("ready")
				begin := time.Now()
				want(t, 0, signal, "--tree", pid(root), "--wait=20s")
				best = min(best, time.Since(begin))
				root.Status()
				noneLeft(t, "a tree of vforks")
			}
			if best > time.Second {
				t.Errorf("%s, a vfork of %s µs: took %v", signal, us, best)
			}
		}
	}
}

// All processes are signalled even if there are more of them than file descriptors.
func TestFewDescriptors(t *testing.T) {
	probe := test.Probe(t)
	if !inside(t) {
		return
	}
	for _, c := range []struct{ limit, by string }{{"64", "--tree"}, {"40", "--parent"}} {
		root := start(t, test.Crowd(t), "sleepers", "200")
		root.Expect("ready")
		cmd := exec.Command(probe, "openlimit", c.limit, "exec",
			test.Util(t), "sendsig", "-v", "TERM", c.by, pid(root))
		status, stdout, stderr := test.Run(t, cmd)
		if n := strings.Count(stdout, "sent TERM to "); status != 0 || stderr != "" || n < 200 {
			t.Errorf("%v: status %d, %d signals, %s", c, status, n, stderr)
		}
		_ = root.Process.Kill()
		root.Status()
		noneLeft(t, "the tree")
	}
}

// Output is held back while processes are stopped, because nothing may read it before they are
// resumed.
func TestOutputWhileStopped(t *testing.T) {
	if !inside(t) {
		return
	}
	r, w, err := os.Pipe()
	test.Must(t, err)
	defer r.Close()
	defer w.Close()
	fd := int(w.Fd())
	test.Must(t, unix.SetNonblock(fd, true))
	for err == nil { // until it is full
		_, err = unix.Write(fd, make([]byte, 1))
	}
	test.Must(t, unix.SetNonblock(fd, false))
	root := start(t, test.Crowd(t), "sleepers", "20")
	root.Expect("ready")
	cmd := exec.Command(test.Util(t), "sendsig", "-v", "TERM", "--tree", pid(root))
	cmd.Stdout = w
	test.Must(t, cmd.Start())
	root.Status()
	noneLeft(t, "the tree")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}
