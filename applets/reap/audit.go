package reap

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"time"

	"util/internal/cli"
	"util/internal/pidfd"
	"util/internal/proc"
	"util/internal/procfs"
	"util/internal/sig"

	"golang.org/x/sys/unix"
)

// A process counts as a zombie only if it is still one after settleTime, because a parent that
// reaps has reaped it by then. A parent that is runnable but waits for a processor has up to
// maxSettleTime.
const (
	settleTime    = 20 * time.Millisecond
	maxSettleTime = time.Second
)

// nudgeTime is how long a parent has to reap after it was nudged.
const nudgeTime = 500 * time.Millisecond

// family is a parent and its zombies.
type family struct {
	parent  procfs.Stat // PID 0 if it is outside this PID namespace
	catches bool        // the parent catches SIGCHLD
	blocks  bool        // the parent blocks SIGCHLD, or waits for signals
	nested  bool        // the parent is in a nested PID namespace, which has its own PID 1
	zombies []procfs.Stat
}

// counts reports whether the zombies belong to this PID namespace.
func (f family) counts() bool { return !f.nested }

// audit lists the zombies of other processes.
func (r *reaper) audit() error {
	families, leaderless, err := r.zombies()
	if err == nil && r.Nudge && slices.ContainsFunc(families, family.counts) {
		r.nudge(families)
		families, leaderless, err = r.zombies()
	}
	if err != nil {
		return &cli.Exit{Status: proc.ExitFailed, Err: err}
	}
	for _, st := range leaderless {
		r.reportLeaderless(&st)
	}
	for _, f := range families {
		r.reportFamily(&f)
	}
	if slices.ContainsFunc(families, family.counts) {
		return &cli.Exit{Status: proc.ExitFailed}
	}
	if hides := r.fs.HidePID(); hides != "" && r.Verbose {
		fmt.Fprintf(r.err, "util reap-once: warning: /proc is mounted with %s, "+
			"which hides zombies of other users\n", hides)
	}
	return nil
}

// zombies returns the zombies of other processes by parent. It also returns the processes that look
// like zombies because their main thread has ended while other threads run.
func (r *reaper) zombies() (families []family, leaderless []procfs.Stat, err error) {
	all, err := r.fs.All()
	if err != nil {
		return nil, nil, err
	}
	var zombies []procfs.Stat
	for _, st := range all {
		switch {
		case st.State != 'Z' || st.Parent == unix.Getpid():
		case st.Zombie():
			zombies = append(zombies, st)
		default:
			leaderless = append(leaderless, st)
		}
	}
	if len(zombies) > 0 {
		zombies = r.settle(zombies)
	}
	return r.byParent(zombies), leaderless, nil
}

// settle gives the parents time to reap, and returns the zombies that are left.
func (r *reaper) settle(zombies []procfs.Stat) []procfs.Stat {
	for end := time.Now().Add(maxSettleTime); ; {
		time.Sleep(settleTime)
		zombies = r.remaining(zombies)
		if !r.parentsRun(zombies) || time.Now().After(end) {
			return zombies
		}
	}
}

// parentsRun reports whether a parent of a zombie is running or runnable.
func (r *reaper) parentsRun(zombies []procfs.Stat) bool {
	parents := map[int]bool{}
	for _, st := range zombies {
		parents[st.Parent] = true
	}
	return slices.ContainsFunc(r.fs.Stats(slices.Collect(maps.Keys(parents))),
		func(st procfs.Stat) bool { return st.State == 'R' })
}

// remaining returns the zombies that have not been reaped, with their current parents: the parent
// of a zombie may have ended.
func (r *reaper) remaining(zombies []procfs.Stat) []procfs.Stat {
	pids := make([]int, len(zombies))
	start := make(map[int]uint64, len(zombies))
	for i, st := range zombies {
		pids[i] = st.PID
		start[st.PID] = st.Start
	}
	return slices.DeleteFunc(r.fs.Stats(pids), func(now procfs.Stat) bool {
		return !now.Zombie() || now.Start != start[now.PID]
	})
}

// byParent groups zombies by parent.
func (r *reaper) byParent(zombies []procfs.Stat) (families []family) {
	// slices.SortFunc would be another 10 kB of code for each type.
	sort.Slice(zombies, func(i, j int) bool {
		a, b := zombies[i], zombies[j]
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.PID, b.PID)) < 0
	})
	for _, st := range zombies {
		if len(families) == 0 || families[len(families)-1].parent.PID != st.Parent {
			families = append(families, r.familyOf(st.Parent))
		}
		f := &families[len(families)-1]
		f.zombies = append(f.zombies, st)
	}
	return families
}

// familyOf returns the family of a parent, without zombies.
func (r *reaper) familyOf(parent int) family {
	f := family{parent: procfs.Stat{PID: parent}}
	if parent == 0 {
		return f
	}
	if st, err := r.fs.Stat(parent); err == nil {
		f.parent = st
	}
	status, _ := r.fs.Status(parent)
	f.catches = status.Caught.Has(sig.CHLD)
	f.nested = status.Nested
	f.blocks = status.Blocked.Has(sig.CHLD) || r.fs.WaitsForSignals(parent)
	return f
}

// nudge sends SIGCHLD to the parents that catch or block it. It waits until they have reaped, or
// until they have had enough time to.
func (r *reaper) nudge(families []family) {
	var left []procfs.Stat
	for _, f := range families {
		if !f.catches && !f.blocks || f.nested {
			continue
		}
		if err := r.nudgeOne(&f.parent); err != nil {
			fmt.Fprintf(r.err, "util reap-once: %s: SIGCHLD: %v\n", f.parent.Title(), err)
			continue
		}
		if r.Verbose && !r.JSON {
			fmt.Fprintf(r.out, "sent SIGCHLD to %s\n", f.parent.Title())
		}
		left = append(left, f.zombies...)
	}
	for end := time.Now().Add(nudgeTime); len(left) > 0 && time.Now().Before(end); {
		time.Sleep(settleTime / 2)
		left = r.remaining(left)
	}
}

// nudgeOne sends SIGCHLD to a process, if it is still the one that was found.
func (r *reaper) nudgeOne(parent *procfs.Stat) error {
	p, err := pidfd.Open(parent.PID, r.fs)
	if err != nil {
		return err
	}
	defer p.Close()
	if now, err := r.fs.Stat(parent.PID); err != nil || !now.Same(parent) {
		return procfs.ErrGone
	}
	return p.Signal(sig.CHLD, nil)
}

// reportLeaderless reports a process that has not ended, although tools show it as a zombie.
func (r *reaper) reportLeaderless(st *procfs.Stat) {
	if r.JSON {
		cli.JSON(r.out, "event", "no zombie", "pid", st.PID, "name", st.Name,
			"threads", st.Threads-1)
		return
	}
	fmt.Fprintf(r.out, "%s is not a zombie: its main thread has ended, but others run: %d\n",
		st.Title(), st.Threads-1)
}

func (r *reaper) reportFamily(f *family) {
	if r.JSON {
		for _, st := range f.zombies {
			cli.JSON(r.out, "event", "zombie", "pid", st.PID, "name", st.Name,
				"age_seconds", int64(age(&st)/time.Second),
				"parent", f.parent.PID, "parent_name", f.parent.Name,
				"parent_catches_sigchld", f.catches, "parent_blocks_sigchld", f.blocks,
				"nested", f.nested, "hint", f.hint(r.Nudge))
		}
		return
	}
	who := "a parent outside this PID namespace"
	if f.parent.PID != 0 {
		who = fmt.Sprintf("%s, which %s", f.parent.Title(), f.disposition())
	}
	if f.nested {
		who += ", in a nested PID namespace, so not counted"
	}
	fmt.Fprintf(r.out, "zombies of %s: %d\n", who, len(f.zombies))
	for _, st := range f.zombies {
		fmt.Fprintf(r.out, "  %s, started %v ago\n", st.Title(), age(&st))
	}
	fmt.Fprintf(r.out, "  hint: %s\n", f.hint(r.Nudge))
}

// age returns the time since a process was started. The kernel does not report when it ended.
func age(st *procfs.Stat) time.Duration {
	ticks := procfs.Now() - st.Start
	return (time.Duration(ticks) * time.Second / procfs.TicksPerSecond).Truncate(time.Second)
}

// disposition returns what the parent does with SIGCHLD.
func (f *family) disposition() string {
	switch {
	case f.catches:
		return "catches SIGCHLD"
	case f.blocks:
		return "blocks SIGCHLD"
	}
	return "does not catch SIGCHLD"
}

// hint returns what can be done. nudged means that the parent was nudged before.
func (f *family) hint(nudged bool) string {
	switch {
	case f.nested:
		return "the PID 1 of that namespace must reap them: run util reap-once in that container"
	case f.parent.PID == 0:
		return "the process that started them from outside, such as docker exec, must wait for them"
	case f.parent.State == 'T' || f.parent.State == 't':
		return fmt.Sprintf("%d is stopped: util sendsig CONT %d", f.parent.PID, f.parent.PID)
	case (f.catches || f.blocks) && !nudged:
		return "it may have missed a SIGCHLD: util reap-once --nudge"
	case f.parent.PID == 1:
		return "PID 1 does not reap: run the container's command under util init"
	}
	return "only this parent can reap them; when it has ended, PID 1 can: " +
		"run the container's command under util init"
}
