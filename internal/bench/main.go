// Bench compares util init with the other inits of this machine, each as PID 1 of a PID namespace, and prints a table,
// and the ratios that util has to reach, as Markdown.
//
//	go run ./internal/bench [-quick] [-only startup|memory|signals|orphans|idle]
//
// It runs in the root of the module and expects the binary of `make` there. On a noisy machine a number alone says
// little: all inits take turns, round by round in changing order, so that what disturbs one disturbs all, and the
// median of many rounds counts. Everything runs on one CPU, so that neither waking another one up nor moving between
// them is measured. Each init runs from a fresh copy of its file, with PATH as its whole environment.
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
	"time"

	"golang.org/x/sys/unix"
)

// measurement is one kind of measurement. It takes all contenders, the command without an init first.
type measurement struct {
	name string
	run  func(all []*contender, e effort) error
}

// measures are all kinds of measurement, in the order in which they are made.
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

// effort is how many rounds there are of each measurement.
type effort struct {
	starts  int
	copies  int
	signals int
	batches int
	idle    time.Duration
}

var (
	thorough = effort{starts: 3000, copies: 9, signals: 20000, batches: 200, idle: 10 * time.Second}
	quick    = effort{starts: 100, copies: 1, signals: 2000, batches: 10, idle: 2 * time.Second}
)

func main() {
	isQuick := flag.Bool("quick", false, "few rounds: to see that it works, not what is faster")
	only := flag.String("only", "", "make one kind of measurement: startup, memory, signals, orphans or idle")
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
	debug.SetGCPercent(-1) // little is allocated, and a collection in the middle of a round is noise
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

// settle keeps the calling goroutine, and the processes that it starts, on the last CPU that this process may use,
// since the first one has most of the machine's interrupts, and puts them before all others there.
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
	// Whatever else wants this CPU is to wait. Only root may say so; others measure with more noise.
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -20)

	// Whoever started this program may have left files open, which some inits would have to close.
	if err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return fmt.Errorf("close_range: %w", err)
	}
	return nil
}

// inTurns calls f for each of n contenders, in another order in each round. The order is the same in each run.
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

// median returns the middle of values, which it sorts.
func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
