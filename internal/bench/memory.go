package main

// memory is what an init has in memory, in kB (proc_pid_smaps(5)).
type memory struct {
	rss       float64 // pages it has in its page table
	pss       float64 // the same, a page that n processes share counted as 1/n
	anonymous float64 // those that are its own: its stack, and the variables that it has written to
}

// instances is how many containers there are for the mean PSS.
const instances = 10

// measureMemory measures one instance of each init, and the mean of several from the same file, with nothing else
// running from it. What of it belongs to the shared C library is shared with all the machine's processes.
func measureMemory(all []*contender, e effort) error {
	for _, c := range all[1:] {
		var one, many [3][]float64
		for range e.copies {
			if err := c.weigh(1, &one); err != nil {
				return err
			}
			if err := c.weigh(instances, &many); err != nil {
				return err
			}
		}
		c.measure.memory = memory{median(one[0]), median(one[1]), median(one[2])}
		c.measure.pss10 = median(many[1])
	}
	return nil
}

// weigh starts n instances of an init and appends their mean RSS, PSS and anonymous memory to into.
func (c *contender) weigh(n int, into *[3][]float64) error {
	same := make([]*contender, n)
	for i := range same {
		same[i] = c
	}
	running, stop, err := startAll(same, "idle")
	if err != nil {
		return err
	}
	defer stop()
	for i, name := range []string{"Rss:", "Pss:", "Anonymous:"} {
		sum := 0
		for _, p := range running {
			kB, err := p.number("smaps_rollup", name)
			if err != nil {
				return err
			}
			sum += kB
		}
		into[i] = append(into[i], float64(sum)/float64(n))
	}
	if c.measure.threads, err = running[0].number("status", "Threads:"); err != nil {
		return err
	}
	return nil
}
