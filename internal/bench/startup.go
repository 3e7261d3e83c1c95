package main

import (
	"fmt"
	"os"
)

// measureStartup measures how much longer the command takes under an init, from the fork to the end
// of the namespace: the exec of init, the start of the command, and the end of init. The command
// ends at once.
func measureStartup(all []*contender, e effort) error {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer null.Close()
	took := make([]series, len(all)) // µs, by contender and round
	err = inTurns(e.starts, len(all), func(i int) error {
		begin := now()
		pid, err := launch(all[i].argv, null.Fd(), null.Fd())
		if err != nil {
			return err
		}
		status, err := reap(pid)
		took[i] = append(took[i], float64(now()-begin)/1000)
		if err == nil && status != 0 {
			err = fmt.Errorf("%s: ended with wait status %#x", all[i].name, int(status))
		}
		return err
	})
	if err != nil {
		return err
	}
	for i, c := range all[1:] {
		// Each run is compared with the command alone in the same round: the speed of the machine
		// drifts.
		c.measure.startup = make(series, e.starts)
		for round := range e.starts {
			c.measure.startup[round] = took[i+1][round] - took[0][round]
		}
	}
	return nil
}
