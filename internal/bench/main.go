// Bench compares util init with the other inits of this machine, each as PID 1 of a PID namespace.
// It prints the results, and the limits that util must keep, as Markdown tables.
//
//	go run ./internal/bench [-quick] [-only startup|memory|signals|orphans|idle]
//
// It runs in the root directory of the module, where make must have built bin/util and
// bin/util-init; peers.sh builds further inits in bin/musl. A single number means little on a noisy
// machine. So the inits take turns, in each round in another order: a disturbance affects all of
// them, and the median of many rounds counts. Everything runs on one CPU, so that no wakeup of
// another CPU and no migration is measured. Each init runs from a new copy of its file, with PATH
// as its only variable.
package main

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// measurement is one kind of measurement.
type measurement struct {
	name string
	run  func(all []*contender, e effort) error // the first of all is the command without an init
}

// measures are all kinds of measurement, in the order in which they run.
var measures = []measurement{
	{"startup", measureStartup},
	{"memory", measureMemory},
	{"signals", measureSignals},
	{"orphans", measureOrphans},
	{"idle", measureIdle},
}

func known(name string) bool {
	return slices.ContainsFunc(measures, func(m measurement) bool { return m.name == name })
}

// effort is the number of rounds of each measurement.
type effort struct {
	starts  int
	copies  int // of which the memory of one is measured
	groups  int // of which the mean of each is measured
	signals int
	batches int
	idle    time.Duration
}

var (
	thorough = effort{
		starts: 3000, copies: 99, groups: 9, signals: 20000, batches: 200, idle: 10 * time.Second,
	}
	quick = effort{
		starts: 100, copies: 1, groups: 1, signals: 2000, batches: 10, idle: 2 * time.Second,
	}
)

func main() {
	isQuick := flag.Bool("quick", false, "few rounds: shows that it works, not which init is faster")
	only := flag.String("only", "", "measure only startup, memory, signals, orphans or idle")
	flag.Parse()
	if *only != "" && !known(*only) {
		fmt.Fprintf(os.Stderr, "bench: -only: %q: unknown\n", *only)
		os.Exit(2)
	}
	effort := thorough
	if *isQuick {
		effort = quick
	}
	text, err := bench(effort, *only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	fmt.Print(text)
}

// bench measures and returns the report.
func bench(e effort, only string) (text string, err error) {
	debug.SetGCPercent(-1) // little is allocated, and a collection would disturb a round
	if err := settle(); err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("bin", "bench-")
	if err != nil {
		return "", fmt.Errorf("%w (make builds bin/util)", err)
	}
	defer os.RemoveAll(dir)
	all, missing, err := prepare(dir)
	if err != nil {
		return "", err
	}
	if len(missing) > 0 {
		fmt.Fprintf(os.Stderr, "bench: missing: %s\n", strings.Join(missing, "; "))
	}
	for _, m := range measures {
		if only != "" && only != m.name {
			continue
		}
		fmt.Fprintf(os.Stderr, "bench: %s\n", m.name)
		if err := m.run(all, e); err != nil {
			return "", fmt.Errorf("%s: %w", m.name, err)
		}
	}
	r := report{all: all[1:], missing: missing, effort: e, only: only}
	r.printTable()
	r.printLimits()
	r.printConditions()
	return r.String(), nil
}

// settle binds the calling goroutine, and the processes that it starts, to the last CPU that this
// process may use, because the first one handles most interrupts. It gives them the highest
// priority.
func settle() error {
	runtime.LockOSThread()
	var allowed, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	last := 0
	for cpu := range len(allowed) * 64 {
		if allowed.IsSet(cpu) {
			last = cpu
		}
	}
	one.Set(last)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return fmt.Errorf("sched_setaffinity: %w", err)
	}
	// Other processes on this CPU must wait. Only root may do this; others measure with more noise.
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -20)

	// Files that the caller left open would be inherited, and some inits would have to close them.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close_range: %w", err)
	}
	return nil
}

// inTurns calls f for each of n contenders, in each round in another order. Every run of the
// benchmark has the same orders.
func inTurns(rounds, n int, f func(i int) error) error {
	random := rand.New(rand.NewPCG(1, 1))
	for range rounds {
		for _, i := range random.Perm(n) {
			if err := f(i); err != nil {
				return err
			}
		}
	}
	return nil
}
