package main

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// latencyOf are the cases of the signal latency. An init may treat a signal that ends the command in another way than
// others, and it may wait in another way once it knows that there are orphans.
var latencyOf = [...]struct {
	what   string
	mode   string // the command's
	signal syscall.Signal
}{
	{"USR1", "signals", syscall.SIGUSR1},
	{"TERM", "signals", syscall.SIGTERM},
	{"USR1 after an orphan", "orphan-signals", syscall.SIGUSR1},
}

// measureSignals measures the time from the kill(2) of an init until the command has the signal. All inits are there
// the whole time and get a signal in turn.
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
	took := make([][]float64, len(all)*kinds) // µs
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
		all[i/kinds].measure.latency[i%kinds] = median(took[i])
	}
	return nil
}

// signal sends a signal to init and returns how many ns it took to the command. The calls are raw: the scheduler of Go
// is to know nothing of them, as it would hand this thread's work to another thread when they take long.
func (p *process) signal(s syscall.Signal) (ns int64, err error) {
	var arrived int64
	fd := p.stdout.Fd()
	sent := now()
	unix.RawSyscall(unix.SYS_KILL, uintptr(p.pid), uintptr(s), 0)
	n, _, errno := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&arrived)), unsafe.Sizeof(arrived))
	if n != unsafe.Sizeof(arrived) {
		return 0, fmt.Errorf("the command does not answer: read %d bytes: %w", int(n), errno)
	}
	return arrived - sent, nil
}
