// Package test is what the black-box tests share: the binaries under test, processes in PID namespaces of their own,
// and waiting for conditions. It is for tests only.
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
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// Deadline is how long a test waits for anything before it gives up. It says how patient a test is, not how fast the
// product is.
const Deadline = 20 * time.Second

// Missing ends a test that cannot run because something of the machine is missing: as failed in CI, else as skipped.
// The runner of make test lists the skipped ones at its end.
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

// Early is the linker flag of the early entry.
const Early = "-E _rt0_util"

var (
	buildMutex sync.Mutex
	built      = map[string]string{}
	buildDir   string
)

// Build builds the main package pkg of this module with the given linker flags for the architecture arch, once for
// each test program, and returns its path. The file has the base name of the package.
func Build(t testing.TB, pkg, ldflags, arch string) string {
	t.Helper()
	buildMutex.Lock()
	defer buildMutex.Unlock()
	key := pkg + " " + ldflags + " " + arch
	if path, ok := built[key]; ok {
		return path
	}
	if path := builtOutside(key); path != "" {
		return path
	}
	if buildDir == "" {
		dir, err := os.MkdirTemp("", "util-test-")
		if err != nil {
			t.Fatal(err)
		}
		buildDir = dir
		_ = os.Chmod(dir, 0o755) // other users of a namespace execute what is in it
	}
	dir := filepath.Join(buildDir, fmt.Sprint(len(built)))
	path := filepath.Join(dir, filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", ldflags, "-o", path, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build %s: %v\n%s", pkg, err, out)
	}
	built[key] = path
	return path
}

// Clean removes what Build made. Call it at the end of TestMain.
func Clean() {
	if buildDir != "" {
		os.RemoveAll(buildDir)
	}
}

// Main is a TestMain that begins with the dispositions that a shell gives, enters the namespace that
// [Inside] needs, and cleans up. product is what the tests build
// and run as another program: only if it is linked into the test program as well does go test see that it has changed,
// and not report an old result from its cache.
func Main(m *testing.M, product func(argv []string) int) {
	// glibc's posix_spawn(3), and so GNU make, starts programs with 32 and 33 ignored, which the tests would inherit.
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
	Clean()
	os.Exit(status)
}

// Util returns the binary as the Makefile links it.
func Util(t testing.TB) string { t.Helper(); return Build(t, "util", "-s -w "+Early, runtime.GOARCH) }

// Plain returns the binary as `go build` makes it, without the early entry.
func Plain(t testing.TB) string { t.Helper(); return Build(t, "util", "", runtime.GOARCH) }

// Probe returns the program of package probe.
func Probe(t testing.TB) string {
	t.Helper()
	return Build(t, "util/internal/test/probe", "-s -w -E _rt0_probe", runtime.GOARCH)
}

// Namespace makes cmd PID 1 of a new PID namespace with a /proc of the outer one. Who is not root gets a user namespace
// along with it. When cmd ends, the kernel ends all that is left in the namespace.
func Namespace(cmd *exec.Cmd) *exec.Cmd {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	a := cmd.SysProcAttr
	a.Pdeathsig = syscall.SIGKILL
	a.Cloneflags |= syscall.CLONE_NEWPID
	if os.Geteuid() != 0 {
		a.Cloneflags |= syscall.CLONE_NEWUSER
		a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}

// ProcNamespace is Namespace for a command that begins with the probe and its word mountproc: it gets a mount namespace too.
func ProcNamespace(cmd *exec.Cmd) *exec.Cmd {
	Namespace(cmd).SysProcAttr.Cloneflags |= syscall.CLONE_NEWNS
	return cmd
}

// Process is a process under test whose output is read line by line.
type Process struct {
	*exec.Cmd
	t     testing.TB
	lines chan string
	done  chan struct{}
	seen  []string
	err   bytes.Buffer
}

// Start starts cmd. Its stdout is read as lines; stderr is kept, unless cmd has one. At the end of the test it is killed
// if it still runs.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p := &Process{Cmd: cmd, t: t, lines: make(chan string, 4096), done: make(chan struct{})}
	if cmd.Stderr == nil {
		cmd.Stderr = &p.err
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout = w
	cmd.WaitDelay = Deadline
	err = cmd.Start()
	if errors.Is(err, unix.EPERM) && cmd.SysProcAttr != nil && cmd.SysProcAttr.Cloneflags != 0 {
		Missing(t, "namespaces", "the kernel does not let this user make any: "+err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
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

// Line returns the next line of stdout. At the end of the output, or the deadline, the test fails.
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
		p.t.Fatalf("%v: no line after %q; stderr: %s", p.Args, p.seen, p.err.String())
	}
	return ""
}

// Expect reads lines until one equals want.
func (p *Process) Expect(want string) {
	p.t.Helper()
	for p.Line() != want {
	}
}

// Lines is where the lines of stdout arrive, for a test that does other things meanwhile. It is closed at their end.
func (p *Process) Lines() <-chan string { return p.lines }

// Rest returns the lines that come until the output ends.
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
			p.t.Fatalf("%v: output does not end after %q", p.Args, rest)
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

// wait waits for the end of the process once.
func (p *Process) wait() {
	select {
	case <-p.done:
	default:
		_ = p.Cmd.Wait()
		close(p.done)
	}
}

// Status waits for the end of the process and returns its exit status, or 256+n if signal n ended it, so that an
// exit status of 128+n and a death by signal n differ.
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

// StatusOf returns an exit status, or 256+n for a death by signal n.
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
	for end := time.Now().Add(Deadline); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("did not happen: %s", what)
		}
	}
}
