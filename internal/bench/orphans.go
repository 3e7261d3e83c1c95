package main

import (
	"fmt"
	"strconv"
	"strings"
)

// batch is how many orphans the command makes at a time. The command has the same constant.
const batch = 100

// measureOrphans measures the CPU time, in user mode and in the kernel, that an init needs for an
// orphan: to wake up, to reap it, to wait again. The orphans end one after another.
func measureOrphans(all []*contender, e effort) error {
	all = all[1:]
	running, stop, err := startAll(all, "orphans")
	if err != nil {
		return err
	}
	defer stop()
	return inTurns(e.batches, len(all), func(i int) error {
		ns, n, err := running[i].orphans()
		if err != nil {
			return fmt.Errorf("%s: %w", all[i].name, err)
		}
		m := &all[i].measure
		m.orphan = append(m.orphan, float64(ns)/1000/batch)
		m.switches = append(m.switches, float64(n)/batch)
		return nil
	})
}

// orphans makes the command make a batch of orphans, and returns the CPU time and the context
// switches of init for the batch.
func (p *process) orphans() (ns, switches int, err error) {
	var cpu, count [2]int
	for i := range 2 {
		if i == 1 {
			if _, err := p.stdin.Write([]byte{0}); err != nil {
				return 0, 0, err
			}
			if err := p.awaitByte(); err != nil {
				return 0, 0, fmt.Errorf("the command made no orphans: %w", err)
			}
			if err := p.awaitSleep(); err != nil { // the CPU time of a running process is not exact
				return 0, 0, err
			}
		}
		if cpu[i], err = p.cpuTime(); err != nil {
			return 0, 0, err
		}
		if count[i], err = p.switches(); err != nil {
			return 0, 0, err
		}
	}
	return cpu[1] - cpu[0], count[1] - count[0], nil
}

// cpuTime returns the CPU time that init has used so far, in ns: the first number of
// /proc/PID/schedstat (Documentation/scheduler/sched-stats.rst in the kernel's source).
func (p *process) cpuTime() (ns int, err error) {
	text, err := p.proc("schedstat")
	if err != nil {
		return 0, err
	}
	first, _, _ := strings.Cut(text, " ")
	return strconv.Atoi(first)
}
