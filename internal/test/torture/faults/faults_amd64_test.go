package faults_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"util/internal/test"
	"util/internal/test/torture"
	"util/internal/test/torture/scenario"
	"util/internal/test/torture/tracer"

	"golang.org/x/sys/unix"
)

// fault is a system call that fails in a scenario.
type fault struct {
	scenario *scenario.Scenario
	call     *call
	errno    syscall.Errno
	nth      int  // the first that fails of these calls, 1 for the first
	on       bool // all later ones fail too
}

func (f *fault) String() string {
	when := "alone"
	if f.on {
		when = "and all after it"
	}
	return fmt.Sprintf("%s/%s no. %d %s/%s", f.scenario.Name, f.call.name, f.nth, when,
		unix.ErrnoName(f.errno))
}

func (f *fault) hook(_ *scenario.Life, c *tracer.Call) {
	if !c.Made && c.Nr == f.call.nr && (c.Nth == f.nth || f.on && c.Nth > f.nth) {
		c.Refuse(f.errno)
	}
}

// run runs the scenario with the fault.
func (f *fault) run(t *testing.T, util string) (outcome, *scenario.Life) {
	l := scenario.Run(t, util, f.scenario, f.hook)
	return outcomeOf(l), l
}

// outcome is what comes of a fault. The table of exceptions has the words for it.
type outcome string

const (
	same     outcome = "as without the fault"
	refuses  outcome = "init ends with status 1, and says why"
	crashes  outcome = "init is killed by SIGSEGV"
	spins    outcome = "init spins"
	lost     outcome = "a signal does not reach the command"
	hangs    outcome = "init does not end"
	survives outcome = "a process outlives the deadline"
	early    outcome = "KILL comes too early"
	other    outcome = "another status"
)

// outcomeOf names the worst problem of a life. The others follow from it.
func outcomeOf(l *scenario.Life) outcome {
	has := func(part string) bool {
		return slices.ContainsFunc(l.Problems, func(p string) bool { return strings.Contains(p, part) })
	}
	switch {
	case len(l.Problems) == 0:
		return same
	case (len(l.Command) == 0 || !l.HasStarted()) && l.Status == 1 && l.Stderr != "":
		return refuses
	case has("killed by signal 11"):
		return crashes
	case has("spins"):
		return spins
	case has("the output has ended") && l.Status == 137:
		return early
	case has("no line"):
		return lost
	case has("does not end"):
		return hangs
	case has("is left"), has("before the command"):
		return survives
	}
	return other
}

// faults returns the faults of a scenario: each of its calls fails with each error, the first, the
// second, the third, one in the middle and the last of these calls, alone and with all after it.
func faults(t *testing.T, util string, sc *scenario.Scenario) (all []*fault) {
	counts := map[int]int{}
	scenario.Run(t, util, sc, func(_ *scenario.Life, c *tracer.Call) {
		if !c.Made {
			counts[c.Nr]++
		}
	})
	for i := range calls {
		c := &calls[i]
		n := counts[c.nr]
		if n == 0 {
			continue
		}
		places := []int{1, 2, 3, n / 2, n}
		slices.Sort(places)
		for _, nth := range slices.Compact(places) {
			if nth < 1 || nth > n {
				continue
			}
			for _, e := range c.errors() {
				all = append(all, &fault{sc, c, e, nth, false}, &fault{sc, c, e, nth, true})
			}
		}
	}
	return all
}

// tried is what has become of the faults.
type tried struct {
	mutex    sync.Mutex
	outcomes map[outcome]int
	used     map[*exception]bool
}

// Whatever system call fails, what must hold in each scenario holds, but for the exceptions.
func TestFaults(t *testing.T) {
	seed := torture.Seed(t)
	util := test.Util(t)
	var all []*fault
	for _, sc := range scenario.All() {
		all = append(all, faults(t, util, sc)...)
	}
	n := len(all)
	for i := range calls {
		c := &calls[i]
		if c.nr == unix.SYS_MADVISE && test.Alone() {
			continue // util-init has nothing to give back
		}
		tried := slices.ContainsFunc(all, func(f *fault) bool { return f.call == c })
		if tried == (c.elsewhere != "") {
			t.Errorf("%s: fails in a scenario: %v; listed as %q", c.name, tried, c.elsewhere)
		}
	}
	torture.Random(seed, 0).Shuffle(n, func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = sample(t, all)
	r := tried{outcomes: map[outcome]int{}, used: map[*exception]bool{}}
	todo := make(chan *fault)
	var workers sync.WaitGroup
	for range 8 { // most of the time they wait
		workers.Go(func() {
			for f := range todo {
				r.try(t, util, f)
			}
		})
	}
	for _, f := range all {
		todo <- f
	}
	close(todo)
	workers.Wait()
	if torture.Long() {
		for i := range exceptions {
			if !r.used[&exceptions[i]] {
				t.Errorf("no fault needs the exception %v", &exceptions[i])
			}
		}
	}
	torture.Result(t, "%d of %d faults in %d scenarios", len(all), n, len(scenario.All()))
	for _, o := range slices.SortedFunc(maps.Keys(r.outcomes), func(a, b outcome) int {
		return cmp.Compare(r.outcomes[b], r.outcomes[a])
	}) {
		torture.Result(t, "%6d %s", r.outcomes[o], o)
	}
}

// sample returns the faults that are tried: 250 of them in make test, and otherwise all, but in a
// short run of make torture only some that are exceptions. These take seconds, because they go
// wrong.
func sample(t *testing.T, all []*fault) []*fault {
	most := 20
	if !torture.Long() {
		most = 0
	} else if torture.Time(t, 0) >= 10*time.Minute {
		return all
	}
	number := map[*exception]int{}
	all = slices.DeleteFunc(all, func(f *fault) bool {
		e := exceptionOf(f)
		number[e]++
		return e != nil && number[e] > most
	})
	if !torture.Long() {
		all = all[:250]
	}
	return all
}

// try runs a fault. A run that goes wrong is repeated: on a busy machine the command can be too
// late for the deadline.
func (r *tried) try(t *testing.T, util string, f *fault) {
	expected := exceptionOf(f)
	var got outcome
	var l *scenario.Life
	for range 3 {
		got, l = f.run(t, util)
		if got == same || expected != nil && slices.Contains(expected.what, got) {
			break
		}
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.outcomes[got]++
	switch {
	case got == same:
	case expected != nil && slices.Contains(expected.what, got):
		r.used[expected] = true
	default:
		t.Errorf("%v: %s\nproblems: %q\nstdout: %q\nstderr: %s", f, got, l.Problems, l.Stdout, l.Stderr)
	}
}
