package faults_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"util/internal/test"
	"util/internal/test/torture"
	"util/internal/test/torture/scenario"
	"util/internal/test/torture/tracer"
)

// fault makes a system call of a scenario fail.
type fault struct {
	scenario *scenario.Scenario
	call     *call
	errno    syscall.Errno
	nth      int  // which of these calls, 1 for the first
	on       bool // that and all later ones
}

func (f *fault) String() string {
	which := "once"
	if f.on {
		which = "from then on"
	}
	return fmt.Sprintf("%s: %s no. %d %s: %v", f.scenario.Name, f.call.name, f.nth, which, f.errno)
}

func (f *fault) hook(_ *scenario.Life, c *tracer.Call) {
	if !c.Made && c.Nr == f.call.nr && (c.Nth == f.nth || f.on && c.Nth > f.nth) {
		c.Refuse(f.errno)
	}
}

// outcome runs a scenario with a fault and says what came of it, "" if all was as without it.
func (f *fault) outcome(t *testing.T, util string) (string, *scenario.Life) {
	l := scenario.Run(t, util, f.scenario, f.hook)
	if len(l.Problems) == 0 {
		return "", l
	}
	if len(f.scenario.Command) > 0 && !l.HasStarted() && l.Status == 1 && l.Stderr != "" {
		return "refuses", l
	}
	return strings.Join(l.Problems, "; "), l
}

func TestExplore(t *testing.T) {
	util := test.Util(t)
	var all []*fault
	for _, sc := range scenario.All() {
		if re := os.Getenv("SC"); re != "" && sc.Name != re {
			continue
		}
		counts := map[int]int{}
		scenario.Run(t, util, sc, func(_ *scenario.Life, c *tracer.Call) {
			if !c.Made {
				counts[c.Nr]++
			}
		})
		for i := range calls {
			c := &calls[i]
			if counts[c.nr] == 0 || os.Getenv("CALL") != "" && os.Getenv("CALL") != c.name {
				continue
			}
			errnos := append(slices.Clone(filter), c.errnos...)
			slices.Sort(errnos)
			for _, e := range slices.Compact(errnos) {
				n := counts[c.nr]
				nths := []int{1, 2, 3, n / 2, n}
				slices.Sort(nths)
				for _, nth := range slices.Compact(nths) {
					if nth < 1 || nth > n {
						continue
					}
					all = append(all, &fault{sc, c, e, nth, false}, &fault{sc, c, e, nth, true})
				}
			}
		}
	}
	r := torture.Random(torture.Seed(t), 0)
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	end := time.Now().Add(torture.Time(t, 10*time.Second))
	var mu sync.Mutex
	seen := map[string]map[string]int{}
	n := 0
	var wg sync.WaitGroup
	todo := make(chan *fault)
	for range 6 {
		wg.Go(func() {
			for f := range todo {
				o, _ := f.outcome(t, util)
				if o != "" && o != "refuses" {
					o, _ = f.outcome(t, util)
				}
				mu.Lock()
				n++
				if o != "" {
					m := map[bool]string{true: "on", false: "once"}[f.on]
					key := fmt.Sprintf("%s %s: %s", f.call.name, m, o)
					if seen[key] == nil {
						seen[key] = map[string]int{}
					}
					seen[key][f.scenario.Name+"/"+unixName(f.errno)+fmt.Sprint("#", f.nth)]++
				}
				mu.Unlock()
			}
		})
	}
	for _, f := range all {
		if time.Now().After(end) {
			break
		}
		todo <- f
	}
	close(todo)
	wg.Wait()
	t.Logf("%d of %d", n, len(all))
	for _, k := range slices.Sorted(maps.Keys(seen)) {
		who := slices.Sorted(maps.Keys(seen[k]))
		sort.Strings(who)
		t.Logf("%s\n      %d: %s", k, len(who), strings.Join(who[:min(len(who), 12)], ", "))
	}
}
