package main

// memory is the memory of an init, in kB (proc_pid_smaps(5)).
type memory struct {
	rss       float64 // the pages in its page table
	pss       float64 // the same, but a page that n processes share counts as 1/n
	anonymous float64 // the pages without a file: its stack, and the variables that it has changed
}

// instances is the number of containers for the mean PSS.
const instances = 10

// measureMemory measures one instance of each init, and the mean of several from the same file. No
// other process runs from that file. The pages of the C library, however, are shared with other
// processes of the machine.
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

// weigh starts n instances of an init and appends the means of RSS, PSS and anonymous memory to
// into.
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
