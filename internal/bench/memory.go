package main

// memory is the memory of an init, in kB (proc_pid_smaps(5)).
type memory struct {
	rss       series // the pages in its page table
	pss       series // the same, but a page that n processes share counts as 1/n
	anonymous series // the pages without a file: its stack, and the variables that it has changed
}

// instances is the number of containers for the mean PSS.
const instances = 10

// measureMemory measures one instance of each init, and the mean of several from the same file. No
// other process runs from that file. The pages of the C library, however, are shared with other
// processes of the machine.
func measureMemory(all []*contender, e effort) error {
	for _, c := range all[1:] {
		var one, many [3]series
		// The kernel puts the stack at a random address, so the same stack takes one page more in some
		// instances than in others. Only the median of many is the same in each run.
		for range e.copies {
			if err := c.weigh(1, &one); err != nil {
				return err
			}
		}
		for range e.groups {
			if err := c.weigh(instances, &many); err != nil {
				return err
			}
		}
		c.measure.memory = memory{one[0], one[1], one[2]}
		c.measure.pss10 = many[1]
	}
	return nil
}

// weigh starts n instances of an init and appends the means of RSS, PSS and anonymous memory to
// into.
func (c *contender) weigh(n int, into *[3]series) error {
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
