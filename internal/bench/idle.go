package main

import "time"

// measureIdle counts how often each init wakes up while nothing happens. All inits run at the same
// time.
func measureIdle(all []*contender, e effort) error {
	all = all[1:]
	running, stop, err := startAll(all, "idle")
	if err != nil {
		return err
	}
	defer stop()
	before := make([]int, len(all))
	for i, p := range running {
		if before[i], err = p.switches(); err != nil {
			return err
		}
	}
	time.Sleep(e.idle)
	for i, p := range running {
		after, err := p.switches()
		if err != nil {
			return err
		}
		all[i].measure.wakeups = after - before[i]
	}
	return nil
}
