package reap

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"util/internal/cli"
	"util/internal/pidfd"
	"util/internal/proc"
	"util/internal/procfs"
	"util/internal/sig"

	"golang.org/x/sys/unix"
)

// A process may be a zombie for settle before it counts as one: a parent that does its duty reaps it by then. A parent
// that wants to run but has to wait for a processor has up to longSettle.
const (
	settle     = 20 * time.Millisecond
	longSettle = time.Second
)

// patience is how long a parent that was nudged has to reap.
const patience = 500 * time.Millisecond

// family is a parent and its zombies.
type family struct {
	parent  procfs.Stat // PID 0: outside this PID namespace
	catches bool        // the parent catches SIGCHLD
	blocks  bool        // the parent blocks SIGCHLD, or waits for signals
	nested  bool        // the parent is in a PID namespace below, a container in this one: that has its own PID 1
	zombies []procfs.Stat
}

// counts reports whether the zombies are the business of this PID namespace.
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
		fmt.Fprintf(r.err, "util reap-once: warning: /proc is mounted with %s: zombies of other users may not be seen\n", hides)
	}
	return nil
}

// zombies returns the zombies of other processes by parent, and the processes that look like zombies because their
// first thread has ended, while others run.
func (r *reaper) zombies() (families []family, leaderless []procfs.Stat, err error) {
	all, err := r.fs.All()
	if err != nil {
		return nil, nil, err
	}
	var dead []procfs.Stat
	for _, st := range all {
		switch {
		case st.State != 'Z' || st.Parent == unix.Getpid():
		case st.Zombie():
			dead = append(dead, st)
		default:
			leaderless = append(leaderless, st)
		}
	}
	if len(dead) > 0 {
		dead = r.settle(dead)
	}
	return r.byParent(dead), leaderless, nil
}

// settle gives the parents the time to reap, and returns the zombies that are left.
func (r *reaper) settle(dead []procfs.Stat) []procfs.Stat {
	for end := time.Now().Add(longSettle); ; {
		time.Sleep(settle)
		dead = r.stillDead(dead)
		parents := map[int]bool{}
		for _, st := range dead {
			parents[st.Parent] = true
		}
		busy := slices.ContainsFunc(r.fs.Stats(slices.Collect(maps.Keys(parents))), func(st procfs.Stat) bool { return st.State == 'R' })
		if !busy || time.Now().After(end) {
			return dead
		}
	}
}

// stillDead returns the zombies that have not been reaped, as they are now: the parent of one may have ended.
func (r *reaper) stillDead(dead []procfs.Stat) []procfs.Stat {
	pids := make([]int, len(dead))
	start := make(map[int]uint64, len(dead))
	for i, st := range dead {
		pids[i] = st.PID
		start[st.PID] = st.Start
	}
	return slices.DeleteFunc(r.fs.Stats(pids), func(now procfs.Stat) bool {
		return !now.Zombie() || now.Start != start[now.PID]
	})
}

func (r *reaper) byParent(dead []procfs.Stat) (families []family) {
	slices.SortFunc(dead, func(a, b procfs.Stat) int {
		return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.PID, b.PID))
	})
	for _, st := range dead {
		if len(families) == 0 || families[len(families)-1].parent.PID != st.Parent {
			f := family{parent: procfs.Stat{PID: st.Parent}}
			if st.Parent != 0 {
				if parent, err := r.fs.Stat(st.Parent); err == nil {
					f.parent = parent
				}
				status, _ := r.fs.Status(st.Parent)
				f.catches = status.Caught.Has(sig.CHLD)
				f.nested = status.Nested
				f.blocks = status.Blocked.Has(sig.CHLD) || r.fs.WaitsForSignals(st.Parent)
			}
			families = append(families, f)
		}
		f := &families[len(families)-1]
		f.zombies = append(f.zombies, st)
	}
	return families
}

// nudge sends SIGCHLD to the parents that do something about it, and waits until they have reaped or have had the time
// to.
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
	for end := time.Now().Add(patience); len(left) > 0 && time.Now().Before(end); {
		time.Sleep(settle / 2)
		left = r.stillDead(left)
	}
}

// nudgeOne sends SIGCHLD to a process, if it is the one that was seen.
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

// reportLeaderless marks a process that has not ended, though tools show it as a zombie.
func (r *reaper) reportLeaderless(st *procfs.Stat) {
	if r.JSON {
		cli.JSON(r.out, "event", "no zombie", "pid", st.PID, "name", st.Name, "threads", st.Threads-1)
		return
	}
	fmt.Fprintf(r.out, "%s is no zombie: its first thread has ended, others run (%d)\n", st.Title(), st.Threads-1)
}

func (r *reaper) reportFamily(f *family) {
	if r.JSON {
		for _, st := range f.zombies {
			cli.JSON(r.out, "event", "zombie", "pid", st.PID, "name", st.Name, "age_seconds", int64(age(&st)/time.Second),
				"parent", f.parent.PID, "parent_name", f.parent.Name, "parent_catches_sigchld", f.catches,
				"parent_blocks_sigchld", f.blocks, "nested", f.nested, "hint", f.hint(r.Nudge))
		}
		return
	}
	who := "a parent outside this PID namespace"
	if f.parent.PID != 0 {
		who = fmt.Sprintf("%s, which %s", f.parent.Title(), f.regard())
	}
	if f.nested {
		who += ", in a PID namespace of its own, so not counted"
	}
	fmt.Fprintf(r.out, "zombies of %s: %d\n", who, len(f.zombies))
	for _, st := range f.zombies {
		fmt.Fprintf(r.out, "  %s, started %v ago\n", st.Title(), age(&st))
	}
	fmt.Fprintf(r.out, "  hint: %s\n", f.hint(r.Nudge))
}

// age is the time since a process was started. The kernel does not tell when it ended.
func age(st *procfs.Stat) time.Duration {
	ticks := procfs.Now() - st.Start
	return (time.Duration(ticks) * time.Second / procfs.TicksPerSecond).Truncate(time.Second)
}

// regard says what the parent does about SIGCHLD.
func (f *family) regard() string {
	switch {
	case f.catches:
		return "catches SIGCHLD"
	case f.blocks:
		return "blocks SIGCHLD"
	}
	return "does not catch SIGCHLD"
}

// hint says what can be done, after a nudge or before.
func (f *family) hint(nudged bool) string {
	switch {
	case f.nested:
		return "they are the business of the PID 1 there: run util reap-once in that container"
	case f.parent.PID == 0:
		return "whoever started them from outside, such as an exec into the container, has to wait for them"
	case f.parent.State == 'T' || f.parent.State == 't':
		return fmt.Sprintf("%d is stopped: util sendsig CONT %d", f.parent.PID, f.parent.PID)
	case (f.catches || f.blocks) && !nudged:
		return "it may have missed a SIGCHLD: util reap-once --nudge"
	case f.parent.PID == 1:
		return "PID 1 reaps nothing: run it under util init"
	}
	return "only it can reap them; once it has ended, PID 1 can: run the container's command under util init"
}
