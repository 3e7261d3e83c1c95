package initcmd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// How the tests run init.

// both runs a test with the binary linked through the early entry, and with one that re-executes
// itself. Util-init has no Go runtime, so there is no second way into it.
func both(t *testing.T, f func(t *testing.T, util string)) {
	t.Run("early", func(t *testing.T) { f(t, test.Util(t)) })
	if !test.Alone() {
		t.Run("re-executed", func(t *testing.T) { f(t, test.Plain(t)) })
	}
}

// In the namespaces of test.Inside, the program under test is PID 1.
func TestInside(t *testing.T) {
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "namespaces of the test's own")
	}
	util := test.Util(t)
	if !test.Inside(t) {
		return
	}
	if exe, err := os.Readlink("/proc/1/exe"); err != nil || exe != util {
		t.Errorf("PID 1 is %s, %v, want %s", exe, err, util)
	}
}

// initOf returns a command that runs util init with args, as PID 1 of a namespace.
func initOf(util string, args ...string) *exec.Cmd { return test.Namespace(bare(util, args...)) }

// bare returns a command that runs util init with args, as an ordinary process.
func bare(util string, args ...string) *exec.Cmd {
	return exec.Command(util, append([]string{"init"}, args...)...)
}

// stopOf returns commands that run util init with args in a PID namespace with its own /proc: as
// PID 1, and as a subreaper below another PID 1, which exits with it.
func stopOf(t *testing.T, args ...string) map[string]*exec.Cmd {
	t.Helper()
	init := append([]string{"exec", test.Util(t), "init"}, args...)
	run := func(words ...string) *exec.Cmd {
		return test.ProcNamespace(exec.Command(test.Probe(t), append(words, init...)...))
	}
	return map[string]*exec.Cmd{"PID 1": run("mountproc"), "subreaper": run("mountproc", "fork")}
}

// initPid returns the pid of init in the namespace of the test: p itself, or its child.
func initPid(t *testing.T, p *test.Process, name string) int {
	t.Helper()
	if name == "PID 1" {
		return p.Process.Pid
	}
	return children(t, p.Process.Pid)[0]
}

// eachStop runs a test with init as PID 1 and as a subreaper, once the command has printed "ready".
func eachStop(t *testing.T, args []string, f func(t *testing.T, p *test.Process, init int)) {
	t.Helper()
	for name, cmd := range stopOf(t, args...) {
		t.Run(name, func(t *testing.T) {
			p := test.Start(t, cmd)
			p.Expect("ready")
			f(t, p, initPid(t, p, name))
		})
	}
}

// wantStatus waits for the end of p, and reports a status (see [test.StatusOf]) other than want.
func wantStatus(t *testing.T, p interface{ Status() int }, want int) {
	t.Helper()
	got := p.Status()
	if got == want {
		return
	}
	stderr := ""
	if s, ok := p.(interface{ Stderr() string }); ok {
		stderr = s.Stderr()
	}
	t.Errorf("status %d, want %d; stderr %q", got, want, stderr)
}

// namesake makes a link to the program at path, with another base name, and returns its path.
func namesake(t *testing.T, path, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(test.Probe(t)), "names-")
	test.Must(t, err)
	test.Must(t, os.Chmod(dir, 0o755)) // other users execute it
	link := filepath.Join(dir, name)
	test.Must(t, os.Symlink(path, link))
	return link
}

// setuidProbe returns a set-user-ID copy of the probe: its words "setuid 0" make it root, although
// another user runs it.
func setuidProbe(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "only root can make a set-user-ID program")
	}
	path := namesake(t, test.Probe(t), "setuid-probe")
	test.Must(t, os.Remove(path))
	test.CopyFile(t, test.Probe(t), path)
	test.Must(t, os.Chmod(path, 0o755|os.ModeSetuid))
	return path
}

// nobody is the user of that name, which has no privileges.
func nobody() *syscall.Credential { return &syscall.Credential{Uid: 65534, Gid: 65534} }

// devNull opens /dev/null until the end of the test.
func devNull(t *testing.T) *os.File {
	t.Helper()
	file, err := os.Open("/dev/null")
	test.Must(t, err)
	t.Cleanup(func() { file.Close() })
	return file
}

// state starts a command that runs the probe with the word "state" first, and returns the process
// and the state that it printed.
func state(t *testing.T, cmd *exec.Cmd) (*test.Process, map[string]int) {
	t.Helper()
	p := test.Start(t, cmd)
	return p, parseState(t, p.Line())
}

// parseState parses a line of the probe's word "state". Its sets of signals are hexadecimal.
func parseState(t *testing.T, line string) map[string]int {
	t.Helper()
	values := map[string]int{}
	for field := range strings.FieldsSeq(line) {
		name, value, _ := strings.Cut(field, "=")
		base := 10
		if name == "mask" || name == "ignored" {
			base = 16
		}
		n, err := strconv.ParseUint(strings.TrimPrefix(value, "-"), base, 64)
		if err != nil {
			t.Fatalf("state %q: %v", line, err)
		}
		values[name] = int(n)
		if strings.HasPrefix(value, "-") {
			values[name] = -int(n)
		}
	}
	return values
}

// caught lists the signals that a process can catch. SIGCHLD is among them: init forwards one that
// a process sent.
func caught() []int {
	var all []int
	for n := 1; n <= 64; n++ {
		if n != int(unix.SIGKILL) && n != int(unix.SIGSTOP) {
			all = append(all, n)
		}
	}
	return all
}

func kill(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatalf("kill %d, %d: %v", pid, s, err)
	}
}
