package scenario

import (
	"bufio"
	"fmt"
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

	"util/internal/test"
	"util/internal/test/torture/tracer"

	"golang.org/x/sys/unix"
)

const (
	// slack is Scenario.Slack if that is not set.
	slack = 4 * time.Second
	// maxCalls is more system calls than init makes in any scenario. An init that makes more spins.
	maxCalls = 20_000
)

// Life is a run of a scenario.
type Life struct {
	Scenario
	Status   int      // of init, as test.StatusOf returns it
	Stdout   []string // of all processes
	Stderr   string
	Problems []string // what went wrong
	Calls    int      // system calls of init

	t        testing.TB
	cmd      *exec.Cmd
	terminal *test.Terminal
	errRead  *os.File // the reader of init's stderr
	pid      int      // of init, in the namespace of the test
	command  int      // the pid of the command, 0 as long as it is not known
	others   []int
	lines    chan string
	began    chan struct{} // closed when the first process has been started
	blocks   chan struct{} // closed when init has blocked all signals
	stopped  chan struct{} // one element for each time that init was stopped
	ended    chan struct{} // closed when init has ended
	mutex    sync.Mutex    // for Problems
}

// Run lets init live through a scenario. hook, if not nil, is called before and after each system
// call of init.
func Run(t testing.TB, util string, sc *Scenario, hook func(l *Life, c *tracer.Call)) *Life {
	t.Helper()
	l := &Life{
		Scenario: *sc, t: t, lines: make(chan string, 4096),
		began: make(chan struct{}), blocks: make(chan struct{}), ended: make(chan struct{}),
		stopped: make(chan struct{}, 16),
	}
	if l.Slack == 0 {
		l.Slack = slack
	}
	dir, err := os.MkdirTemp("", "util-scenario-")
	test.Must(t, err)
	defer os.RemoveAll(dir)
	l.prepare(util, dir)
	outRead, outWrite, err := os.Pipe()
	test.Must(t, err)
	errRead, errWrite, err := os.Pipe()
	if l.Socket {
		errRead, errWrite, err = socketpair()
	}
	test.Must(t, err)
	l.cmd.Stdout, l.cmd.Stderr = outWrite, errWrite
	if sc.Stderr != nil {
		l.cmd.Stderr = sc.Stderr
	}
	l.errRead = errRead
	var readers sync.WaitGroup
	readers.Go(func() { scan(outRead, func(line string) { l.lines <- line }); close(l.lines) })
	readers.Go(func() { scan(errRead, func(line string) { l.Stderr += line + "\n" }) })
	go l.trace(hook)
	<-l.began
	outWrite.Close()
	errWrite.Close()
	played := make(chan struct{})
	go func() {
		defer close(played)
		select {
		case <-l.blocks:
			l.Play(l)
		case <-l.ended:
		}
	}()
	select {
	case <-played:
	case <-l.ended:
	}
	select {
	case <-l.ended:
	case <-time.After(l.Grace + time.Second + l.Slack):
		l.Problem("init does not end")
		_ = l.cmd.Process.Kill()
		<-l.ended
	}
	if l.Place != PID1 {
		_ = l.cmd.Wait()
	}
	<-played
	for line := range l.lines {
		l.Stdout = append(l.Stdout, line)
	}
	readers.Wait()
	outRead.Close()
	errRead.Close()
	if l.terminal != nil {
		l.terminal.Master.Close()
		l.terminal.Line.Close()
	}
	l.judge()
	return l
}

// socketpair returns two connected sockets.
func socketpair() (a, b *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	return os.NewFile(uintptr(fds[0]), "socket"), os.NewFile(uintptr(fds[1]), "socket"), nil
}

func scan(r *os.File, line func(string)) {
	for s := bufio.NewScanner(r); s.Scan(); {
		line(s.Text())
	}
}

// nobody is a user, and a group, that is not root.
const nobody = 65534

// foreign is the beginning of a program for a machine that this is not: ELF, 64 bits, big endian,
// version 1; a program, for s390 (elf(5)).
const foreign = "\x7fELF\x02\x02\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x16"

// prepare makes the command line, and the files in dir.
func (l *Life) prepare(util, dir string) {
	test.Must(l.t, os.Chmod(dir, 0o755)) // init may be another user
	test.Must(l.t, os.WriteFile(filepath.Join(dir, "log"), nil, 0o666))
	mine := filepath.Join(dir, "mine")
	test.Must(l.t, os.Symlink("log", mine))
	test.Must(l.t, os.Lchown(mine, nobody, nobody))
	program := []byte(foreign + strings.Repeat("\x00", 44))
	test.Must(l.t, os.WriteFile(filepath.Join(dir, "program"), program, 0o755))
	probe := test.Probe(l.t)
	words := []string{"mountproc"}
	if l.Place != PID1 {
		words = append(words, "beside", "6", "begin", bystander, "setsid", "catch", "echo", "64", "fork")
	}
	if l.Place == Job {
		words = append(words, "setpgid", "foreground", "close", "3")
	}
	words = append(words, l.Before...)
	if l.Place != PID1 {
		words = append(words, "raise", "19")
	}
	words = append(words, "exec", util)
	for _, word := range l.Init {
		words = append(words, strings.ReplaceAll(word, "{dir}", dir))
	}
	if len(l.Command) > 0 {
		words = append(words, probe)
		words = append(words, l.Command...)
	}
	l.cmd = test.ProcNamespace(exec.Command(probe, words...))
	l.cmd.Dir = dir
	l.cmd.Env = l.Env
	if l.Terminal {
		l.terminal = test.NewTerminal(l.t)
		l.cmd.SysProcAttr.Setsid, l.cmd.SysProcAttr.Setctty = true, true
		l.cmd.SysProcAttr.Ctty = 3
		l.cmd.ExtraFiles = []*os.File{l.terminal.Line}
		l.cmd.Stdin = l.terminal.Line
	}
}

// trace starts the scenario and traces init until it ends.
func (l *Life) trace(hook func(l *Life, c *tracer.Call)) {
	runtime.LockOSThread() // tracing belongs to a thread; it ends with it
	defer close(l.ended)
	t, err := l.start()
	close(l.began)
	if err != nil {
		l.Problem("tracing init: %v", err)
		return
	}
	t.Hook = func(c *tracer.Call) {
		if c.Seq == 2 && !c.Made { // the first call blocks all signals
			close(l.blocks)
		}
		if c.Seq > maxCalls {
			l.Problem("init spins: more than %d system calls", maxCalls)
			_ = unix.Kill(t.PID, unix.SIGKILL)
		}
		if !c.Made && slices.Contains(l.Refused, c.Nr) {
			c.Refuse(unix.ENOSYS)
		}
		if hook != nil {
			hook(l, c)
		}
	}
	t.AtExit = l.atExit
	t.AtStop = func() {
		select {
		case l.stopped <- struct{}{}:
		default:
		}
	}
	status, err := t.Follow()
	if err != nil {
		l.Problem("tracing init: %v", err)
		_ = l.cmd.Process.Kill()
	}
	l.Calls = t.Calls()
	l.Status = status.ExitStatus()
	if status.Signaled() {
		l.Status = 256 + int(status.Signal())
	}
	if t.Fault != 0 {
		l.Status = 256 + int(t.Fault)
	}
}

// start starts the scenario, and stops init before the exec that makes it init.
func (l *Life) start() (*tracer.Tracee, error) {
	if l.Place == PID1 {
		l.cmd.SysProcAttr.Ptrace = true
		if err := l.cmd.Start(); err != nil {
			return nil, err
		}
		l.pid = l.cmd.Process.Pid
		return tracer.Started(l.pid)
	}
	if err := l.cmd.Start(); err != nil {
		return nil, err
	}
	stopped := func() bool {
		for _, child := range test.Children(l.cmd.Process.Pid) {
			if test.ProcState(child) == 'T' {
				l.pid = child
			}
		}
		return l.pid != 0
	}
	if !l.within(l.Slack, stopped) {
		return nil, fmt.Errorf("no process stopped before it became init")
	}
	for _, child := range test.Children(l.cmd.Process.Pid) {
		if child != l.pid {
			l.others = append(l.others, child)
		}
	}
	return tracer.Seize(l.pid)
}

// within waits until cond is true. It reports whether that was so within d.
func (l *Life) within(d time.Duration, cond func() bool) bool {
	for end := time.Now().Add(d); !cond(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// Problem records what went wrong.
func (l *Life) Problem(format string, args ...any) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if text := fmt.Sprintf(format, args...); !slices.Contains(l.Problems, text) {
		l.Problems = append(l.Problems, text)
	}
}

// Fail records what went wrong, and ends Play.
func (l *Life) Fail(format string, args ...any) {
	l.Problem(format, args...)
	runtime.Goexit()
}

// Expect waits until a process has printed the line, which it may have done before.
func (l *Life) Expect(want string) {
	if slices.Contains(l.Stdout, want) {
		return
	}
	timeout := time.After(l.Grace + time.Second + l.Slack)
	for {
		select {
		case line, ok := <-l.lines:
			if !ok {
				l.Fail("no line %q: the output has ended", want)
			}
			l.Stdout = append(l.Stdout, line)
			if line == want {
				return
			}
		case <-timeout:
			l.Fail("no line %q", want)
		}
	}
}

// Deliver sends init a signal, which the command is to print.
func (l *Life) Deliver(signal syscall.Signal) {
	l.Signal(signal)
	l.Expect(strconv.Itoa(int(signal)))
}

// Signal sends init a signal.
func (l *Life) Signal(signal syscall.Signal) {
	_ = unix.Kill(l.pid, signal) // init may have ended: Run tells how
}

// Type types a text at the terminal.
func (l *Life) Type(text string) { _, _ = l.terminal.Master.WriteString(text) }

// AwaitStop waits until init is stopped.
func (l *Life) AwaitStop() {
	select {
	case <-l.stopped:
	case <-time.After(time.Second + l.Slack):
		l.Fail("init does not stop with the command")
	}
}

// Settle waits until init has no child that is a zombie, and notes which process is the command.
func (l *Life) Settle() {
	zombie := 0
	reaped := func() bool {
		zombie = 0
		for _, child := range test.Children(l.pid) {
			if test.ProcState(child) == 'Z' {
				zombie = child
			}
		}
		return zombie == 0
	}
	if !l.within(time.Second+l.Slack, reaped) {
		l.Fail("a zombie is not reaped")
	}
	if len(l.Command) > 0 && l.command == 0 {
		for _, child := range test.Children(l.pid) {
			l.command = child
			break
		}
	}
}

// atExit checks what holds when init has begun to exit.
func (l *Life) atExit() {
	if l.command != 0 && test.IsLive(l.command) {
		l.Problem("init ends before the command")
	}
	if l.Place != PID1 && l.Wide {
		for _, child := range test.Children(l.pid) {
			if test.IsLive(child) {
				l.Problem("a process of the scope is left after the deadline")
			}
		}
	}
	for _, other := range l.others {
		if !test.IsLive(other) {
			l.Problem("a process outside the scope has ended")
		}
	}
}

// judge checks what holds after each scenario.
func (l *Life) judge() {
	for _, line := range l.Stdout {
		for _, who := range []string{bystander, member} {
			text, ok := strings.CutPrefix(line, who)
			// After the end of the command, the rest of its group gets TERM and CONT.
			if ok && text != "ready" && (who == bystander || text != "15" && text != "18") {
				l.Problem("signal %s reaches a process that is not meant", text)
			}
		}
	}
	if l.Status > 256 {
		l.Problem("init is killed by signal %d", l.Status-256)
	} else if l.Status != l.WantStatus {
		l.Problem("status %d, not %d", l.Status, l.WantStatus)
	}
}

// HasStarted reports whether the command has printed anything.
func (l *Life) HasStarted() bool {
	return slices.ContainsFunc(l.Stdout, func(line string) bool {
		return !strings.HasPrefix(line, bystander)
	})
}
