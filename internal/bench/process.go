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

	"golang.org/x/sys/unix"
)

// process is an init as PID 1 of a PID namespace, with the command under it.
type process struct {
	pid    int      // as seen from here
	stdin  *os.File // the command's
	stdout *os.File // the command's
}

// launch starts argv as PID 1 of a PID namespace and the leader of a session, as container engines do, and returns its
// pid. Who is not root gets a user namespace along with it.
func launch(argv []string, stdin, stdout uintptr) (pid int, err error) {
	sys := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID, Setsid: true, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		sys.Cloneflags |= unix.CLONE_NEWUSER
		sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
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

// reap waits for the end of a process and returns its status.
func reap(pid int) (status syscall.WaitStatus, err error) {
	for {
		_, err = syscall.Wait4(pid, &status, 0, nil)
		if !errors.Is(err, syscall.EINTR) {
			return status, err
		}
	}
}

// start starts c with the command in the given mode, and returns when the command runs and init waits.
func (c *contender) start(mode string) (p *process, err error) {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirOut.Close()
	argv := append(append([]string(nil), c.argv...), mode)
	pid, err := launch(argv, theirIn.Fd(), theirOut.Fd())
	if err != nil {
		return nil, err
	}
	theirOut.Close()
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

// awaitByte waits for a byte that the command writes.
func (p *process) awaitByte() error {
	var b [1]byte
	_, err := io.ReadFull(p.stdout, b[:])
	return err
}

// awaitSleep waits until init sleeps. When the command runs, the only thing that an init sleeps for is a signal.
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

// field returns the first word behind a name in a file of /proc/PID, proc(5).
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

// number is field for a number.
func (p *process) number(file, name string) (int, error) {
	word, err := p.field(file, name)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(word)
}

// switches returns how often init has been taken off its CPU so far: whenever it has gone to sleep again, and whenever
// another process came first.
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

// stop ends init, and with it all that is in the namespace.
func (p *process) stop() {
	_ = syscall.Kill(p.pid, syscall.SIGKILL)
	_, _ = reap(p.pid)
	p.stdin.Close()
	p.stdout.Close()
}

// startAll starts every contender with the command in the given mode. stop ends them all.
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

// now is the time on CLOCK_MONOTONIC in ns, which processes of one machine share.
func now() int64 {
	var t unix.Timespec
	unix.RawSyscall(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&t)), 0)
	return t.Nano()
}
