package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"util/internal/test/pidns"

	"golang.org/x/sys/unix"
)

// process is an init, PID 1 of a PID namespace, with the command as its child.
type process struct {
	pid    int      // in the PID namespace of the benchmark
	stdin  *os.File // of the command
	stdout *os.File // of the command
}

// launch starts argv as PID 1 of a PID namespace and as the leader of a session, as container
// engines do, and returns its pid.
func launch(argv []string, stdin, stdout uintptr) (pid int, err error) {
	sys := &syscall.SysProcAttr{Setsid: true}
	pidns.Set(sys)
	pid, err = syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Env:   []string{"PATH=/usr/bin:/bin"},
		Files: []uintptr{stdin, stdout, 2},
		Sys:   sys,
	})
	if err != nil {
		return 0, fmt.Errorf("start %s: %w", argv[0], err)
	}
	return pid, nil
}

// reap waits for the end of a process and returns its wait status.
func reap(pid int) (status syscall.WaitStatus, err error) {
	for {
		_, err = syscall.Wait4(pid, &status, 0, nil)
		if !errors.Is(err, syscall.EINTR) {
			return status, err
		}
	}
}

// start starts c with the command in the given mode. It returns once the command runs and init
// sleeps.
func (c *contender) start(mode string) (p *process, err error) {
	stdin, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	out, stdout, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer stdout.Close()
	argv := append(append([]string(nil), c.argv...), mode)
	pid, err := launch(argv, stdin.Fd(), stdout.Fd())
	if err != nil {
		return nil, err
	}
	stdout.Close() // so that out ends with the command
	p = &process{pid: pid, stdin: in, stdout: out}
	if err := p.awaitByte(); err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: the command did not start: %w", c.name, err)
	}
	if err := p.awaitSleep(); err != nil {
		p.stop()
		return nil, fmt.Errorf("%s: %w", c.name, err)
	}
	return p, nil
}

// awaitByte waits for a byte from the command.
func (p *process) awaitByte() error {
	var b [1]byte
	_, err := io.ReadFull(p.stdout, b[:])
	return err
}

// awaitSleep waits until init sleeps. Once the command runs, an init sleeps only to wait for a
// signal.
func (p *process) awaitSleep() error {
	for {
		state, err := p.field("status", "State:")
		if err != nil {
			return err
		}
		if state == "S" {
			return nil
		}
		unix.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
	}
}

// field returns the first word after a name in a file of /proc/PID (proc(5)).
func (p *process) field(file, name string) (string, error) {
	text, err := p.proc(file)
	if err != nil {
		return "", err
	}
	_, rest, ok := strings.Cut(text, "\n"+name)
	words := strings.Fields(rest)
	if !ok || len(words) == 0 {
		return "", fmt.Errorf("/proc/%d/%s: has no %s", p.pid, file, name)
	}
	return words[0], nil
}

// number returns a field that is a number.
func (p *process) number(file, name string) (int, error) {
	word, err := p.field(file, name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(word)
}

// switches returns the number of context switches of init so far: it has gone to sleep, or another
// process has preempted it.
func (p *process) switches() (int, error) {
	voluntary, err := p.number("status", "voluntary_ctxt_switches:")
	if err != nil {
		return 0, err
	}
	other, err := p.number("status", "nonvoluntary_ctxt_switches:")
	return voluntary + other, err
}

// proc reads a file of /proc/PID.
func (p *process) proc(file string) (string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", p.pid, file))
	return string(text), err
}

// stop kills init, and with it every process of the namespace.
func (p *process) stop() {
	_ = syscall.Kill(p.pid, syscall.SIGKILL)
	_, _ = reap(p.pid)
	p.stdin.Close()
	p.stdout.Close()
}

// startAll starts every contender with the command in the given mode. stop kills them all.
func startAll(all []*contender, mode string) (running []*process, stop func(), err error) {
	stop = func() {
		for _, p := range running {
			p.stop()
		}
	}
	for _, c := range all {
		p, err := c.start(mode)
		if err != nil {
			stop()
			return nil, nil, err
		}
		running = append(running, p)
	}
	return running, stop, nil
}

// now returns the time on CLOCK_MONOTONIC in ns, which is the same for all processes of the
// machine.
func now() int64 {
	var t unix.Timespec
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&t)), 0)
	return t.Nano()
}
