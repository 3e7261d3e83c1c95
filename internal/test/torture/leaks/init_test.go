package leaks_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"util/internal/test"
	"util/internal/test/torture"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// amount is how much happens in a container.
type amount struct{ orphans, signals, stops, terminals, jobs int }

// warmUp is what happens before the first measurement: everything, so that the pages are in memory
// that init ever needs.
var warmUp = amount{300, 500, 5, 3, 5}

// amounts returns how much happens in this run.
func amounts() amount {
	if torture.Long() {
		return amount{1_000_000, 1_000_000, 10_000, 1000, 2000}
	}
	return amount{2000, 2000, 30, 10, 100}
}

// TestLeaks lets many things happen in a container and compares what init uses before and after.
func TestLeaks(t *testing.T) {
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "sessions that enter the container")
	}
	programs := map[string]string{
		"util":      test.Util(t),
		"util-init": test.UtilInit(t, test.Arch(), ""),
	}
	for name, program := range programs {
		for mode, options := range map[string][]string{
			"the kernel reaps": nil,
			"init reaps":       {"-vv", "--grace", "10s"}, // init reports each orphan, to /dev/null
		} {
			t.Run(name+", "+mode, func(t *testing.T) { leaks(t, program, options) })
		}
	}
}

// container is a container of which the test sees init and its command.
type container struct {
	t             *testing.T
	cmd           *exec.Cmd
	init, command int
	signals       []unix.Signal // those that are sent in a row
	numbers       atomic.Int64  // how many signals the command has got
	words         chan string   // what it printed besides
	want          int64         // how many signals it must have got
}

func leaks(t *testing.T, program string, options []string) {
	n := amounts()
	c := start(t, program, options, n.orphans)
	begin := time.Now()
	// Many orphans at once fill the buffers that init has.
	c.stop(c.init)
	c.kill(c.command, unix.SIGUSR1) // it goes on
	c.want++
	c.word("warm")
	c.kill(c.init, unix.SIGCONT)
	c.received(1)
	c.happens(warmUp)
	c.kill(c.command, unix.SIGUSR1)
	c.want++
	before := c.settle()
	c.word("begun")
	c.happens(n)
	c.word("orphaned")
	after := c.settle()
	took := time.Since(begin)
	t.Logf("before: %v", before)
	t.Logf("after:  %v", after)
	if after.exceeds(before) {
		t.Errorf("init uses more than before")
	}
	c.kill(c.init, 64)
	if err := c.cmd.Wait(); err != nil {
		t.Errorf("init: %v", err)
	}
	torture.Result(t, "%d orphans, %d signals, %d stops, %d terminals in %v: %v", n.orphans, c.want,
		2*n.stops, n.terminals, took.Round(time.Second), after)
}

// start starts a container. Its command makes orphans beside the signals that it gets.
func start(t *testing.T, program string, options []string, orphans int) *container {
	t.Helper()
	c := &container{t: t, words: make(chan string, 10)}
	argv := slices.Concat([]string{"mountproc", "exec", program, "init"}, options, []string{
		"--", test.Probe(t), "catch", "echo", "10",
		"orphans", strconv.Itoa(warmUp.orphans), "say", "warm", "echo", "10",
		"say", "begun", "beside", "5", "setsid", "orphans", strconv.Itoa(orphans), "say", "orphaned",
		"echo", "64",
	})
	c.cmd = test.ProcNamespace(exec.Command(test.Probe(t), argv...))
	out, err := c.cmd.StdoutPipe()
	test.Must(t, err)
	test.Must(t, c.cmd.Start())
	t.Cleanup(func() { _ = c.cmd.Process.Kill(); _ = c.cmd.Wait() })
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			switch line := s.Text(); {
			case line == "17": // SIGCHLD of its own children
			case line[0] >= '0' && line[0] <= '9':
				c.numbers.Add(1)
			default:
				c.words <- line
			}
		}
		close(c.words)
	}()
	c.word("ready")
	c.init = c.cmd.Process.Pid
	c.command = test.Children(c.init)[0]
	for s := unix.SIGHUP; s < 64; s++ {
		switch s {
		case unix.SIGKILL, unix.SIGSTOP, unix.SIGUSR1, unix.SIGCHLD: // SIGUSR1 ends a part
		case unix.SIGTERM, unix.SIGINT: // begin a stop
		case unix.SIGCONT, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU: // remove each other
		default:
			c.signals = append(c.signals, s)
		}
	}
	return c
}

// word waits for a word of the command.
func (c *container) word(want string) {
	c.t.Helper()
	timeout := time.After(test.Deadline)
	if torture.Long() {
		timeout = nil // a million orphans take minutes
	}
	select {
	case word := <-c.words:
		if word != want {
			c.t.Fatalf("the command prints %q, want %q", word, want)
		}
	case <-timeout:
		c.t.Fatalf("the command does not print %q", want)
	}
}

func (c *container) kill(pid int, s unix.Signal) {
	c.t.Helper()
	if err := unix.Kill(pid, s); err != nil {
		c.t.Fatalf("signal %d to process %d: %v", s, pid, err)
	}
}

// stop stops a process.
func (c *container) stop(pid int) {
	c.t.Helper()
	c.kill(pid, unix.SIGSTOP)
	c.soon("it stops", func() bool { return test.ProcState(pid) == 'T' })
}

// received waits until the command has got n more signals.
func (c *container) received(n int) {
	c.t.Helper()
	c.want += int64(n)
	c.soon("the command gets each signal", func() bool { return c.numbers.Load() >= c.want })
	if got := c.numbers.Load(); got != c.want {
		c.t.Fatalf("the command has got %d signals, want %d", got, c.want)
	}
}

// soon waits for a condition that is true in some microseconds, thousands of times.
func (c *container) soon(what string, is func() bool) {
	c.t.Helper()
	for end := time.Now().Add(test.Deadline); !is(); time.Sleep(20 * time.Microsecond) {
		if time.Now().After(end) {
			c.t.Fatalf("did not happen: %s", what)
		}
	}
}

// happens lets signals arrive, stops and continues init and its command, and opens terminals.
func (c *container) happens(n amount) {
	c.t.Helper()
	for range max(1, n.signals/(len(c.signals)+4)) {
		for _, s := range c.signals {
			c.kill(c.init, s)
		}
		c.received(len(c.signals))
		for _, s := range []unix.Signal{unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU, unix.SIGCONT} {
			c.kill(c.init, s)
			c.received(1)
		}
	}
	for range n.stops {
		for _, pid := range []int{c.command, c.init} {
			c.stop(pid)
			c.kill(pid, unix.SIGCONT) // init forwards it
			c.received(1)
		}
	}
	for range n.terminals {
		c.enter()
	}
}

// enter runs a program on a terminal in the container, as docker exec -it does. The program leaves
// an orphan.
func (c *container) enter() {
	c.t.Helper()
	cmd := exec.Command(test.Tool(c.t, "nsenter"), "--target", strconv.Itoa(c.init), "--pid",
		"--mount", "--", test.Probe(c.t), "tty", "beside", "2", "sleep", "1", "exit", "0")
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	shown, err := onTerminal(c.t, cmd)
	if err != nil || !strings.HasPrefix(shown, "tty") {
		c.t.Errorf("nsenter: %v, the terminal shows %q", err, shown)
	}
}

// onTerminal runs a command as the leader of the session of a new terminal. It returns what the
// terminal shows, once no process has it open.
func onTerminal(t *testing.T, cmd *exec.Cmd) (shown string, err error) {
	t.Helper()
	master, line, err := pty.Open()
	if err != nil {
		test.Missing(t, "a pseudoterminal", err.Error())
	}
	defer master.Close()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = line, line, line
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	err = cmd.Start()
	line.Close()
	test.Must(t, err)
	text, _ := io.ReadAll(master) // EIO at the end
	return string(text), cmd.Wait()
}

// settle waits until init has nothing to do, and returns what it uses.
func (c *container) settle() use {
	c.t.Helper()
	c.received(0)
	test.Eventually(c.t, "init has no child but the command, and rests", func() bool {
		return len(test.Children(c.init)) == 1 && rests(c.t, c.init)
	})
	return useOf(c.t, c.init)
}

// TestJobLeaks stops and continues init as a job of a shell, so that the terminal changes hands.
func TestJobLeaks(t *testing.T) {
	term := test.NewTerminal(t)
	const prompt = "ready> "
	cmd := exec.Command(test.Tool(t, "sh"), "-i")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PS1=" + prompt, "TERM=dumb"}
	cmd.Stdin, cmd.Stderr = term.Line, term.Line
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Pdeathsig: unix.SIGKILL}
	p := test.Start(t, cmd)
	term.Expect(prompt)
	term.Type(fmt.Sprintf("%s init -- %s say running pause\n", test.Util(t), test.Probe(t)))
	p.Expect("running")
	init := test.Children(p.Process.Pid)[0]
	again := func(n int) {
		for range n {
			term.Type("\x1a")
			term.Expect("topped")
			term.Expect(prompt)
			test.Eventually(t, "^Z stops init", func() bool { return test.ProcState(init) == 'T' })
			term.Type("fg\n")
			test.Eventually(t, "fg continues init", func() bool { return rests(t, init) })
			command := test.Children(init)[0]
			test.Eventually(t, "fg continues the command", func() bool {
				return test.ProcState(command) == 'S'
			})
			test.Eventually(t, "fg gives the command the terminal", func() bool {
				group, err := unix.IoctlGetUint32(int(term.Master.Fd()), unix.TIOCGPGRP)
				return err == nil && int(group) == command
			})
		}
	}
	again(warmUp.jobs)
	before, begin := useOf(t, init), time.Now()
	n := amounts().jobs
	again(n)
	after := useOf(t, init)
	if after.exceeds(before) {
		t.Errorf("init uses more than before:\n%v\n%v", before, after)
	}
	term.Type("\x03")
	term.Expect(prompt)
	term.Type("exit\n")
	_ = p.Status()
	torture.Result(t, "the terminal changed hands %d times in %v: %v", 2*n,
		time.Since(begin).Round(time.Second), after)
}

// TestTerminals starts init on one terminal after another, as docker run -it does. Nothing of it is
// left.
func TestTerminals(t *testing.T) {
	n := amounts().terminals
	util, probe := test.Util(t), test.Probe(t)
	before := useOf(t, os.Getpid())
	begin := time.Now()
	for range n {
		cmd := test.Namespace(exec.Command(util, "init", "--", probe, "tty", "orphans", "3",
			"exit", "7"))
		_, err := onTerminal(t, cmd)
		if got := test.StatusOf(cmd.ProcessState); got != 7 {
			t.Fatalf("init: status %d, %v", got, err)
		}
	}
	after := useOf(t, os.Getpid())
	if after.children > before.children || after.files > before.files+5 { // those of the runtime
		t.Errorf("left: before %v, after %v", before, after)
	}
	torture.Result(t, "%d runs on terminals of their own in %v", n,
		time.Since(begin).Round(time.Second))
}
