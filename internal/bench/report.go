package main

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// report is the result of the benchmark as Markdown.
type report struct {
	strings.Builder
	all     []*contender // util first
	missing []string
	effort  effort
	only    string // the only measurement that was made; "" for all
}

// columns are the columns of the table.
var columns = []struct {
	of    string // the measurement; "" if the column needs none
	title string
	cell  func(m, first measured) string // first are the results of the first contender
}{
	{"", "file, kB", func(m, _ measured) string { return fmt.Sprint(m.kilobytes()) }},
	{"startup", "startup and exit, µs", digits(0, startup)},
	{"startup", "of util init's", func(m, first measured) string {
		return m.startup.over(first.startup).String()
	}},
	{"memory", "RSS / PSS / anonymous, kB", func(m, _ measured) string {
		return fmt.Sprintf("%.0f / %.0f / %.0f", m.memory.rss.median(), m.memory.pss.median(),
			m.memory.anonymous.median())
	}},
	{
		"memory", fmt.Sprintf("mean PSS of %d, kB", instances),
		digits(1, func(m measured) series { return m.pss10 }),
	},
	{"memory", "threads", func(m, _ measured) string { return fmt.Sprint(m.threads) }},
	{"signals", "signal latency, µs: " + latencyOf[0].what, digits(2, latency(0))},
	{"signals", latencyOf[1].what, digits(2, latency(1))},
	{"signals", latencyOf[2].what, digits(2, latency(2))},
	{"orphans", "CPU per orphan, µs", digits(2, orphan)},
	{
		"orphans", "context switches per orphan",
		digits(2, func(m measured) series { return m.switches }),
	},
	{"idle", "wakeups while idle", func(m, _ measured) string { return fmt.Sprint(m.wakeups) }},
}

// ratios are the limits that a contender must keep in comparison with others.
var ratios = []struct {
	name  string // of the contender
	of    string // the measurement
	what  string
	value func(m measured) series
	limit float64
	than  []string // compared with these; nil: with the best that is not of this project
}{
	{utilInit, "startup", "startup and exit", startup, 0.35, []string{"tini-static", "dumb-init"}},
	{utilInit, "signals", signal(0), latency(0), 1, nil},
	{utilInit, "signals", signal(1), latency(1), 1, nil},
	{utilInit, "signals", signal(2), latency(2), 1, nil},
	{utilInit, "orphans", "CPU per orphan", orphan, 1, nil},
	{
		utilInit, "memory", "PSS", func(m measured) series { return m.memory.pss },
		0.15,
		[]string{"tini-static"},
	},

	{ownFile, "startup", "startup and exit", startup, 1, []string{utilInit}},
	{ownFile, "startup", "startup and exit", startup, 0.8, []string{catatonit}},
	// The code is the same. Two measurements of one program can differ by 1 %.
	{ownFile, "signals", signal(0), latency(0), 1.01, []string{utilInit}},
	{ownFile, "signals", signal(1), latency(1), 1.01, []string{utilInit}},
	{ownFile, "signals", signal(2), latency(2), 1.01, []string{utilInit}},
}

func startup(m measured) series { return m.startup }

// signal says what latency(i) is.
func signal(i int) string { return "signal latency, " + latencyOf[i].what + "," }

func latency(i int) func(m measured) series {
	return func(m measured) series { return m.latency[i] }
}

func orphan(m measured) series { return m.orphan }

// kilobytes returns the size of the file in kB of 1000 bytes, rounded up.
func (m measured) kilobytes() int { return int(m.size+999) / 1000 }

// digits formats a median with n digits after the decimal point.
func digits(n int, value func(m measured) series) func(m, _ measured) string {
	return func(m, _ measured) string {
		return strconv.FormatFloat(value(m).median(), 'f', n, 64)
	}
}

// counts are the limits that a contender must keep whatever others do.
var counts = []struct {
	name  string // of the contender
	of    string // the measurement; "" if the limit needs none
	what  string
	value func(m measured) int
	limit int
}{
	{utilInit, "memory", "threads", func(m measured) int { return m.threads }, 1},
	{utilInit, "idle", "wakeups while idle", func(m measured) int { return m.wakeups }, 0},

	{ownFile, "", "file, kB", measured.kilobytes, 160},
	{ownFile, "memory", "RSS, kB", func(m measured) int { return int(m.memory.rss.median()) }, 64},
	{
		ownFile, "memory", "anonymous memory, kB",
		func(m measured) int { return int(m.memory.anonymous.median()) },
		12,
	},
	{ownFile, "memory", "threads", func(m measured) int { return m.threads }, 1},
	{ownFile, "idle", "wakeups while idle", func(m measured) int { return m.wakeups }, 0},
}

func (r *report) made(measurement string) bool {
	return measurement == "" || r.only == "" || r.only == measurement
}

func (r *report) printTable() {
	row := func(first string, cell func(column int) string) {
		fmt.Fprintf(r, "| %s |", first)
		for i, c := range columns {
			if r.made(c.of) {
				fmt.Fprintf(r, " %s |", cell(i))
			}
		}
		fmt.Fprintln(r)
	}
	row("", func(i int) string { return columns[i].title })
	row("---", func(int) string { return "--:" })
	for _, c := range r.all {
		row(c.name, func(i int) string { return columns[i].cell(c.measure, r.all[0].measure) })
	}
}

func (r *report) printLimits() {
	fmt.Fprintf(r, "\n| limit | measured | |\n| --- | --: | --- |\n")
	row := func(limit, measured string, kept bool) {
		verdict := "kept"
		if !kept {
			verdict = "**not kept**"
		}
		fmt.Fprintf(r, "| %s | %s | %s |\n", limit, measured, verdict)
	}
	for _, l := range ratios {
		if !r.made(l.of) {
			continue
		}
		for _, c := range r.named(l.name) {
			for _, other := range r.others(l.than, l.value) {
				ratio := l.value(c.measure).over(l.value(other.measure))
				limit := fmt.Sprintf("%s: %s at most %.2f of that of %s",
					l.name, l.what, l.limit, other.name)
				row(limit, ratio.String(), ratio.middle <= l.limit)
			}
		}
	}
	for _, l := range counts {
		if !r.made(l.of) {
			continue
		}
		for _, c := range r.named(l.name) {
			n := l.value(c.measure)
			row(fmt.Sprintf("%s: %s: at most %d", l.name, l.what, l.limit), fmt.Sprint(n),
				n <= l.limit)
		}
	}
}

// named returns the contenders with these names. One that is missing here has no results.
func (r *report) named(names ...string) (found []*contender) {
	for _, c := range r.all {
		if slices.Contains(names, c.name) {
			found = append(found, c)
		}
	}
	return found
}

// others returns the contenders with these names, or the best one that is not of this project if
// names is nil.
func (r *report) others(names []string, value func(m measured) series) (found []*contender) {
	if names != nil {
		return r.named(names...)
	}
	for _, c := range r.all {
		if c.ours() {
			continue
		}
		if found == nil || value(c.measure).median() < value(found[0].measure).median() {
			found = []*contender{c}
		}
	}
	return found
}

// printConditions prints how and on which machine the results were measured.
func (r *report) printConditions() {
	fmt.Fprintf(r, "\nMeasured on %s.\n", machine())
	fmt.Fprintf(r, `Each init was PID 1 of a PID namespace; all took turns on one CPU.
The results are medians: of %d starts, each compared with the command without an init; of %d signals
of each kind, from kill(2) until the command had the signal; of %d orphans, one after another, in
batches of %d. Wakeups were counted for %v. Memory is the median of %d instances, one by one, or the
mean of %d at the same time, from a file from which no other process ran. A ratio is the median of
those of %d blocks of successive rounds, and in parentheses is its 95 %% confidence interval.
`, r.effort.starts, r.effort.signals, r.effort.batches*batch, batch, r.effort.idle, r.effort.copies,
		instances, blocks)
	for i, c := range r.all {
		separator := ";"
		if i == len(r.all)-1 {
			separator = "."
		}
		fmt.Fprintf(r, "%s: %s%s\n", c.name, c.about, separator)
	}
	if len(r.missing) > 0 {
		fmt.Fprintf(r, "\nNot measured, because missing here: %s.\n", strings.Join(r.missing, "; "))
	}
}

// machine describes the machine.
func machine() string {
	cpu := "unknown CPU"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(text), "model name\t: "); ok { // not on arm64
			cpu, _, _ = strings.Cut(rest, "\n")
		}
	}
	release := "unknown"
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		release = unix.ByteSliceToString(name.Release[:])
	}
	return fmt.Sprintf("%s, %d CPUs, Linux %s, %s, %s",
		cpu, runtime.NumCPU(), release, runtime.GOARCH, runtime.Version())
}
