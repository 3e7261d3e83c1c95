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

// both runs a test with the binary linked through the early entry, and with one that re-executes itself.
func both(t *testing.T, f func(t *testing.T, util string)) {
	t.Run("early", func(t *testing.T) { f(t, test.Util(t)) })
	t.Run("re-executed", func(t *testing.T) { f(t, test.Plain(t)) })
}

// initOf returns a command that runs util init with args, as PID 1 of a namespace.
func initOf(util string, args ...string) *exec.Cmd { return test.Namespace(bare(util, args...)) }

// bare returns a command that runs util init with args, as an ordinary process.
func bare(util string, args ...string) *exec.Cmd {
	return exec.Command(util, append([]string{"init"}, args...)...)
}

// state starts `util init args… probe state words…` and returns the process and what state printed.
func state(t *testing.T, cmd *exec.Cmd) (*test.Process, map[string]int) {
	t.Helper()
	p := test.Start(t, cmd)
	return p, parseState(t, p.Line())
}

// parseState reads a line of the probe's word "state". The sets are hexadecimal.
func parseState(t *testing.T, line string) map[string]int {
	t.Helper()
	values := map[string]int{}
	for _, field := range strings.Fields(line) {
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

// stopOf returns commands that run util init with args in a PID namespace with a /proc of its own: as its PID 1, and as
// a subreaper below another PID 1, which ends with it.
func stopOf(t *testing.T, args ...string) map[string]*exec.Cmd {
	t.Helper()
	init := append([]string{"exec", test.Util(t), "init"}, args...)
	return map[string]*exec.Cmd{
		"PID 1":     test.ProcNamespace(exec.Command(test.Probe(t), append([]string{"mountproc"}, init...)...)),
		"subreaper": test.ProcNamespace(exec.Command(test.Probe(t), append([]string{"mountproc", "fork"}, init...)...)),
	}
}

// initPid returns the pid of init, seen from here: p itself, or its child.
func initPid(t *testing.T, p *test.Process, name string) int {
	t.Helper()
	if name == "PID 1" {
		return p.Process.Pid
	}
	pid, err := strconv.Atoi(children(t, p.Process.Pid)[0])
	test.Must(t, err)
	return pid
}

// eachStop runs a test for init as PID 1 and as a subreaper.
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

func kill(t *testing.T, pid int, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, s); err != nil {
		t.Fatalf("kill %d, %d: %v", pid, s, err)
	}
}

// namesake makes a directory in which name leads to the program at path.
func namesake(t *testing.T, path, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(test.Probe(t)), "names-")
	test.Must(t, err)
	if err := os.Chmod(dir, 0o755); err != nil { // other users execute it
		t.Fatal(err)
	}
	link := filepath.Join(dir, name)
	test.Must(t, os.Symlink(path, link))
	return link
}

// setuidProbe returns a copy of the probe that becomes root with its word setuid.
func setuidProbe(t *testing.T) string {
	t.Helper()
	path := namesake(t, test.Probe(t), "setuid-probe")
	text, err := os.ReadFile(path)
	test.Must(t, err)
	for _, err := range []error{os.Remove(path), os.WriteFile(path, text, 0o755), os.Chmod(path, 0o755|os.ModeSetuid)} {
		test.Must(t, err)
	}
	return path
}

// caught lists the signals that a process can catch. SIGCHLD is among them: one that a process sends is forwarded.
func caught() []int {
	var all []int
	for n := 1; n <= 64; n++ {
		if n != int(unix.SIGKILL) && n != int(unix.SIGSTOP) {
			all = append(all, n)
		}
	}
	return all
}
