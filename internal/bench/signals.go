package main

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// measureSignals measures the time from the kill(2) of an init until the command has the signal. All inits are there
// the whole time and get a signal in turn. Two signals are measured because an init may treat one that ends the
// command in another way than others.
func measureSignals(all []*contender, e effort) error {
	all = all[1:]
	running, stop, err := startAll(all, "signals")
	if err != nil {
		return err
	}
	defer stop()
	kinds := []syscall.Signal{syscall.SIGUSR1, syscall.SIGTERM}
	took := make([][]float64, len(all)*len(kinds)) // µs
	err = inTurns(e.signals, len(took), func(i int) error {
		c, kind := i/len(kinds), kinds[i%len(kinds)]
		ns, err := running[c].signal(kind)
		if err != nil {
			return fmt.Errorf("%s: %w", all[c].name, err)
		}
		took[i] = append(took[i], float64(ns)/1000)
		return nil
	})
	if err != nil {
		return err
	}
	for i, c := range all {
		c.measure.usr1 = median(took[i*len(kinds)])
		c.measure.term = median(took[i*len(kinds)+1])
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
