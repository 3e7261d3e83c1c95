package main

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// latencyOf are the cases of the signal latency. An init may handle a signal that ends the command
// differently from others, and it may wait differently once it has had an orphan.
var latencyOf = [...]struct {
	what   string
	mode   string // of the command
	signal syscall.Signal
}{
	{"USR1", "signals", syscall.SIGUSR1},
	{"TERM", "signals", syscall.SIGTERM},
	{"USR1 after an orphan", "orphan-signals", syscall.SIGUSR1},
}

// measureSignals measures the time from kill(2) to an init until the command has the signal. All
// inits run the whole time and get signals in turn.
func measureSignals(all []*contender, e effort) error {
	all = all[1:]
	running := map[string][]*process{}
	for _, l := range latencyOf {
		if running[l.mode] != nil {
			continue
		}
		processes, stop, err := startAll(all, l.mode)
		if err != nil {
			return err
		}
		defer stop()
		running[l.mode] = processes
	}
	const kinds = len(latencyOf)
	took := make([]series, len(all)*kinds) // µs
	err := inTurns(e.signals, len(took), func(i int) error {
		c, l := i/kinds, latencyOf[i%kinds]
		ns, err := running[l.mode][c].signal(l.signal)
		if err != nil {
			return fmt.Errorf("%s: %w", all[c].name, err)
		}
		took[i] = append(took[i], float64(ns)/1000)
		return nil
	})
	if err != nil {
		return err
	}
	for i := range took {
		all[i/kinds].measure.latency[i%kinds] = took[i]
	}
	return nil
}

// signal sends a signal to init and returns how many ns it took to reach the command. The system
// calls are raw because the scheduler of Go must not know of them: when a call takes long, it would
// move the work of this thread to another one.
func (p *process) signal(s syscall.Signal) (ns int64, err error) {
	var arrived int64
	fd := p.stdout.Fd()
	sent := now()
	unix.RawSyscall(unix.SYS_KILL, uintptr(p.pid), uintptr(s), 0)
	const size = unsafe.Sizeof(arrived)
	n, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&arrived)), size)
	if n != size {
		return 0, fmt.Errorf("the command does not answer: read %d bytes: %w", int(n), errno)
	}
	return arrived - sent, nil
}
