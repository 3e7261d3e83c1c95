// Package test is what the black-box tests share: the programs under test, processes in new PID
// namespaces, and waiting for conditions. It is for tests only.
package test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"util/internal/sig"
	"util/internal/sys"
	"util/internal/test/pidns"

	"golang.org/x/sys/unix"
)

// Deadline is how long a test waits for a condition before it fails. It does not measure how fast
// the product is.
const Deadline = 20 * time.Second

// Missing ends a test that cannot run because the machine lacks something. In CI the test fails,
// elsewhere it is skipped. At its end, make test lists the skipped tests.
func Missing(t testing.TB, what, why string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf("missing in CI: %s: %s", what, why)
	}
	t.Skipf("missing: %s: %s", what, why)
}

// Tool returns the path of a program that a test needs, or ends the test as [Missing].
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(t, name, "not found in PATH")
	}
	return path
}

var (
	buildMutex sync.Mutex
	built      = map[string]string{}
	buildDir   string
)

// Build builds the main package pkg of this module with the given linker flags for the architecture
// arch, once in each test program, and returns its path. The file has the base name of the package.
// armv6 and armv7 are architectures too.
func Build(t testing.TB, pkg, ldflags, arch string) string {
	t.Helper()
	key := buildKey(pkg, ldflags, arch)
	return once(t, key, filepath.Base(pkg), func(path string) *exec.Cmd {
		return buildCommand(path, pkg, ldflags, arch)
	})
}

func buildKey(pkg, ldflags, arch string) string { return pkg + " " + ldflags + " " + arch }

func buildCommand(path, pkg, ldflags, arch string) *exec.Cmd {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", ldflags, "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if version, isARM := strings.CutPrefix(arch, "armv"); isARM {
		cmd.Env = append(cmd.Env, "GOARCH=arm", "GOARM="+version)
	}
	return cmd
}

// once makes a program that has not been made yet under this key, and returns its path, which ends
// with name. builder returns the command that makes the file.
func once(t testing.TB, key, name string, builder func(path string) *exec.Cmd) string {
	t.Helper()
	buildMutex.Lock()
	defer buildMutex.Unlock()
	if path, ok := built[key]; ok {
		return path
	}
	if path := builtOutside(key); path != "" {
		return path
	}
	if buildDir == "" {
		dir, err := os.MkdirTemp("", "util-test-")
		Must(t, err)
		buildDir = dir
		_ = os.Chmod(dir, 0o755) // other users execute the programs too
	}
	dir := filepath.Join(buildDir, fmt.Sprint(len(built)))
	Must(t, os.MkdirAll(dir, 0o755))
	path := filepath.Join(dir, name)
	cmd := builder(path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", cmd.Args, err, out)
	}
	built[key] = path
	return path
}

// Main is a TestMain. It sets the dispositions that a shell gives, enters the namespace of
// [Inside], runs the tests, and removes what they built.
//
// product is the main function of the program that the tests build and run. It must be linked into
// the test program: only then does go test know that the program has changed, and not report a
// result from its cache.
func Main(m *testing.M, product func(argv []string) int) {
	// Programs that posix_spawn(3) of glibc starts, such as those of GNU make, ignore signals 32
	// and 33. The tests would inherit that.
	for _, s := range []sig.Signal{32, 33} {
		var now sys.Sigaction
		if sys.RtSigaction(s, nil, &now) == 0 && now.Handler == sys.SigIgn {
			sys.RtSigaction(s, &sys.Sigaction{}, nil)
		}
	}
	enter()
	if status, ok := asPid1(); ok {
		os.Exit(status)
	}
	status := m.Run()
	runtime.KeepAlive(product)
	if buildDir != "" {
		os.RemoveAll(buildDir)
	}
	os.Exit(status)
}

// The programs that tests run, and their linker flags.
const (
	utilPackage  = "util"
	utilFlags    = "-s -w " + Early
	probePackage = "util/internal/test/probe"
	probeFlags   = "-s -w -E _rt0_probe"
	crowdPackage = "util/internal/test/crowd"
	crowdFlags   = "-s -w -E _rt0_crowd"
)

// Probe returns the program of package probe.
func Probe(t testing.TB) string {
	t.Helper()
	return Build(t, probePackage, probeFlags, runtime.GOARCH)
}

// PendingSignals returns words of the probe that limit how many signals may be pending for a
// process (RLIMIT_SIGPENDING, setrlimit(2)). The kernel counts all that are pending for the user,
// and compares the sum with the limit of the process that is to get one more. Where it is reached,
// tgkill(2) of a real-time signal fails. A program of Go that changes its user in all its threads,
// such as gosu, then never ends: its runtime sends such a signal to each, and does not look whether
// it was sent.
func PendingSignals(n int) []string {
	return []string{"rlimit", strconv.Itoa(unix.RLIMIT_SIGPENDING), strconv.Itoa(n)}
}

// Namespace makes cmd PID 1 of a new PID namespace, as [pidns.Set] does. Its /proc is still that of
// the outer namespace.
func Namespace(cmd *exec.Cmd) *exec.Cmd {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	pidns.Set(cmd.SysProcAttr)
	return cmd
}

// ProcNamespace is Namespace with a new mount namespace too. The command must begin with the word
// mountproc of the probe.
func ProcNamespace(cmd *exec.Cmd) *exec.Cmd {
	Namespace(cmd).SysProcAttr.Cloneflags |= syscall.CLONE_NEWNS
	return cmd
}

// Process is a process under test. Its output is read line by line.
type Process struct {
	*exec.Cmd
	t     testing.TB
	lines chan string
	done  chan struct{}
	seen  []string
	err   bytes.Buffer
}

// Start starts cmd and reads its stdout as lines. It keeps its stderr, unless cmd.Stderr is set. If
// the process still runs at the end of the test, it is killed.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Cmd: cmd, t: t, lines: make(chan string, 4096), done: make(chan struct{})}
	if cmd.Stderr == nil {
		cmd.Stderr = &p.err
	}
	r, w, err := os.Pipe()
	Must(t, err)
	cmd.Stdout = w
	cmd.WaitDelay = Deadline
	err = cmd.Start()
	if errors.Is(err, unix.EPERM) && cmd.SysProcAttr != nil && cmd.SysProcAttr.Cloneflags != 0 {
		Missing(t, "namespaces", "this user may not make any: "+err.Error())
	}
	Must(t, err)
	w.Close()
	go func() {
		defer close(p.lines)
		defer r.Close()
		scan(r, p.lines)
	}()
	t.Cleanup(func() { _ = cmd.Process.Kill(); p.wait() })
	return p
}

func scan(r io.Reader, lines chan<- string) {
	s := bufio.NewScanner(r)
	for s.Scan() {
		lines <- s.Text()
	}
}

// Line returns the next line of stdout. The test fails if the output ends or the deadline passes.
func (p *Process) Line() string {
	p.t.Helper()
	select {
	case line, ok := <-p.lines:
		if !ok {
			p.t.Fatalf("%v: output ended after %q; stderr: %s", p.Args, p.seen, p.err.String())
		}
		p.seen = append(p.seen, line)
		return line
	case <-time.After(Deadline):
		p.t.Fatalf("%v: no line after %q; stderr: %s; running:\n%s", p.Args, p.seen, p.err.String(),
			ProcTree(p.Process.Pid))
	}
	return ""
}

// Expect reads lines until one equals want.
func (p *Process) Expect(want string) {
	p.t.Helper()
	for p.Line() != want {
	}
}

// ExpectAlso is Expect for a line that may have been read already, on the way to another: processes
// print in any order.
func (p *Process) ExpectAlso(want string) {
	p.t.Helper()
	if !slices.Contains(p.seen, want) {
		p.Expect(want)
	}
}

// Lines returns the channel of the lines of stdout, for a test that waits for other events too. It
// is closed after the last line.
func (p *Process) Lines() <-chan string { return p.lines }

// Rest waits for the end of the output and returns the lines that have not been read yet.
func (p *Process) Rest() []string {
	p.t.Helper()
	var rest []string
	timeout := time.After(Deadline)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				return rest
			}
			rest = append(rest, line)
		case <-timeout:
			p.t.Fatalf("%v: output does not end after %q; running:\n%s", p.Args, rest,
				ProcTree(p.Process.Pid))
		}
	}
}

// Signal sends a signal to the process.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.Process.Signal(s); err != nil {
		p.t.Fatalf("signal %d: %v", s, err)
	}
}

// wait waits for the end of the process. It can be called again.
func (p *Process) wait() {
	select {
	case <-p.done:
	default:
		_ = p.Cmd.Wait()
		close(p.done)
	}
}

// Status waits for the end of the process and returns its status (see [StatusOf]).
func (p *Process) Status() int {
	p.t.Helper()
	timer := time.AfterFunc(Deadline, func() { _ = p.Process.Kill() })
	p.wait()
	if !timer.Stop() {
		p.t.Fatalf("%v: did not end; stdout %q, stderr %s", p.Args, p.seen, p.err.String())
	}
	return StatusOf(p.ProcessState)
}

// Stderr returns what the process wrote to stderr. Call it after Status.
func (p *Process) Stderr() string { return p.err.String() }

// StatusOf returns the exit status of a process, or 256+n if signal n killed it. So it differs from
// an exit status of 128+n.
func StatusOf(state *os.ProcessState) int {
	ws := state.Sys().(syscall.WaitStatus)
	if ws.Signaled() {
		return 256 + int(ws.Signal())
	}
	return ws.ExitStatus()
}

// Run runs cmd to its end and returns its status (see [StatusOf]), stdout and stderr.
func Run(t testing.TB, cmd *exec.Cmd) (status int, stdout, stderr string) {
	t.Helper()
	p := Start(t, cmd)
	rest := p.Rest()
	status = p.Status()
	return status, strings.Join(rest, "\n"), p.Stderr()
}

// Eventually waits until cond returns true.
func Eventually(t testing.TB, what string, cond func() bool) {
	t.Helper()
	Within(t, Deadline, what, cond)
}

// Within is [Eventually] with a deadline of its own.
func Within(t testing.TB, deadline time.Duration, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(deadline); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("did not happen within %v: %s", deadline, what)
		}
	}
}
