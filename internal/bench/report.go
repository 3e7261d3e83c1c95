package main

import (
	"fmt"
	"os"
	"runtime"
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
	of    string // the measurement
	title string
	cell  func(m measured) string
}{
	{"startup", "startup and exit, µs", digits(0, startup)},
	{"memory", "RSS / PSS / anonymous, kB", func(m measured) string {
		return fmt.Sprintf("%.0f / %.0f / %.0f", m.memory.rss, m.memory.pss, m.memory.anonymous)
	}},
	{
		"memory", fmt.Sprintf("mean PSS of %d, kB", instances),
		digits(1, func(m measured) float64 { return m.pss10 }),
	},
	{"memory", "threads", func(m measured) string { return fmt.Sprint(m.threads) }},
	{"signals", "signal latency, µs: " + latencyOf[0].what, digits(2, latency(0))},
	{"signals", latencyOf[1].what, digits(2, latency(1))},
	{"signals", latencyOf[2].what, digits(2, latency(2))},
	{"orphans", "CPU per orphan, µs", digits(2, orphan)},
	{
		"orphans", "context switches per orphan",
		digits(2, func(m measured) float64 { return m.switches }),
	},
	{"idle", "wakeups while idle", func(m measured) string { return fmt.Sprint(m.wakeups) }},
}

// ratios are the limits that util must keep in comparison with others.
var ratios = []struct {
	of    string // the measurement
	what  string
	value func(m measured) float64
	limit float64
	than  []string // compared with these; nil: with the best of the others
}{
	{"startup", "startup and exit", startup, 0.35, []string{"tini-static", "dumb-init"}},
	{"signals", "signal latency, " + latencyOf[0].what + ",", latency(0), 1, nil},
	{"signals", "signal latency, " + latencyOf[1].what + ",", latency(1), 1, nil},
	{"signals", "signal latency, " + latencyOf[2].what + ",", latency(2), 1, nil},
	{"orphans", "CPU per orphan", orphan, 1, nil},
	{
		"memory", "PSS", func(m measured) float64 { return m.memory.pss },
		0.15,
		[]string{"tini-static"},
	},
}

func startup(m measured) float64 { return m.startup }

func latency(i int) func(m measured) float64 {
	return func(m measured) float64 { return m.latency[i] }
}

func orphan(m measured) float64 { return m.orphan }

// digits formats a value with n digits after the decimal point.
func digits(n int, value func(m measured) float64) func(m measured) string {
	return func(m measured) string { return strconv.FormatFloat(value(m), 'f', n, 64) }
}

// counts are the limits that util must keep whatever others do.
var counts = []struct {
	of    string // the measurement
	what  string
	value func(m measured) int
	limit int
}{
	{"memory", "threads", func(m measured) int { return m.threads }, 1},
	{"idle", "wakeups while idle", func(m measured) int { return m.wakeups }, 0},
}

func (r *report) made(measurement string) bool {
	return r.only == "" || r.only == measurement
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
		row(c.name, func(i int) string { return columns[i].cell(c.measure) })
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
	util := r.all[0].measure
	for _, l := range ratios {
		if !r.made(l.of) {
			continue
		}
		for _, other := range r.others(l.than, l.value) {
			ratio := l.value(util) / l.value(other.measure)
			limit := fmt.Sprintf("%s at most %.2f of that of %s", l.what, l.limit, other.name)
			row(limit, fmt.Sprintf("%.2f", ratio), ratio <= l.limit)
		}
	}
	for _, l := range counts {
		if r.made(l.of) {
			n := l.value(util)
			row(fmt.Sprintf("%s: at most %d", l.what, l.limit), fmt.Sprint(n), n <= l.limit)
		}
	}
}

// others returns the contenders with these names, or the best contender other than util if names is
// nil.
func (r *report) others(names []string, value func(m measured) float64) (found []*contender) {
	for _, c := range r.all[1:] {
		if names == nil {
			if c.program == "bin/util" {
				continue // util under another name
			}
			if found == nil || value(c.measure) < value(found[0].measure) {
				found = []*contender{c}
			}
			continue
		}
		for _, name := range names {
			if c.name == name {
				found = append(found, c)
			}
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
batches of %d. Wakeups were counted for %v. Memory is that of one instance, or the mean of %d, from
a file from which no other process ran.
`, r.effort.starts, r.effort.signals, r.effort.batches*batch, batch, r.effort.idle, instances)
	for i, c := range r.all {
		separator := ";"
		if i == len(r.all)-1 {
			separator = "."
		}
		fmt.Fprintf(r, "%s: %s%s\n", c.name, c.about, separator)
	}
	if len(r.missing) > 0 {
		fmt.Fprintf(r, "\nNot measured, because not installed here: %s.\n",
			strings.Join(r.missing, ", "))
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
