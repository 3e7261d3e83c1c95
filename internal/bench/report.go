package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// report is what is printed at the end, as Markdown.
type report struct {
	strings.Builder
	all     []*contender // util first
	missing []string
	effort  effort
	only    string // the one measurement that was made, "" for all
}

// columns are those of the table.
var columns = []struct {
	of    string // the measurement
	title string
	cell  func(m measured) string
}{
	{"startup", "startup and exit, µs", func(m measured) string { return fmt.Sprintf("%.0f", m.startup) }},
	{"memory", "RSS / PSS / anonymous, kB", func(m measured) string {
		return fmt.Sprintf("%.0f / %.0f / %.0f", m.memory.rss, m.memory.pss, m.memory.anonymous)
	}},
	{"memory", fmt.Sprintf("mean PSS of %d, kB", instances), func(m measured) string { return fmt.Sprintf("%.1f", m.pss10) }},
	{"memory", "threads", func(m measured) string { return fmt.Sprint(m.threads) }},
	{"signals", "signal latency, µs: " + latencyOf[0].what, func(m measured) string { return fmt.Sprintf("%.2f", m.latency[0]) }},
	{"signals", latencyOf[1].what, func(m measured) string { return fmt.Sprintf("%.2f", m.latency[1]) }},
	{"signals", latencyOf[2].what, func(m measured) string { return fmt.Sprintf("%.2f", m.latency[2]) }},
	{"orphans", "CPU per orphan, µs", func(m measured) string { return fmt.Sprintf("%.2f", m.orphan) }},
	{"orphans", "context switches per orphan", func(m measured) string { return fmt.Sprintf("%.2f", m.switches) }},
	{"idle", "wakeups while idle", func(m measured) string { return fmt.Sprint(m.wakeups) }},
}

// ratios are the limits that util has to keep in comparison.
var ratios = []struct {
	of    string // the measurement
	what  string
	value func(m measured) float64
	most  float64
	than  []string // against whom; nil is the best of the others
}{
	{"startup", "startup and exit", func(m measured) float64 { return m.startup }, 0.35, []string{"tini-static", "dumb-init"}},
	{"signals", "signal latency, " + latencyOf[0].what + ",", func(m measured) float64 { return m.latency[0] }, 1, nil},
	{"signals", "signal latency, " + latencyOf[1].what + ",", func(m measured) float64 { return m.latency[1] }, 1, nil},
	{"signals", "signal latency, " + latencyOf[2].what + ",", func(m measured) float64 { return m.latency[2] }, 1, nil},
	{"orphans", "CPU per orphan", func(m measured) float64 { return m.orphan }, 1, nil},
	{"memory", "PSS", func(m measured) float64 { return m.memory.pss }, 0.15, []string{"tini-static"}},
}

// counts are the limits that util has to keep by itself.
var counts = []struct {
	of    string // the measurement
	what  string
	value func(m measured) int
	most  int
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
			row(fmt.Sprintf("%s at most %.2f of %s's", l.what, l.most, other.name), fmt.Sprintf("%.2f", ratio), ratio <= l.most)
		}
	}
	for _, l := range counts {
		if r.made(l.of) {
			n := l.value(util)
			row(fmt.Sprintf("%s: at most %d", l.what, l.most), fmt.Sprint(n), n <= l.most)
		}
	}
}

// others returns those of the given names, or the best one that is not util if names is nil.
func (r *report) others(names []string, value func(m measured) float64) (found []*contender) {
	for _, c := range r.all[1:] {
		if names == nil {
			if c.program == "bin/util" {
				continue // under another name
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

// printConditions says where and how the numbers were made.
func (r *report) printConditions() {
	fmt.Fprintf(r, "\nMeasured on %s.\n", machine())
	fmt.Fprintf(r, "Each init was PID 1 of a PID namespace, all took turns on one CPU. Medians: of %d starts, over the command without\n"+
		"an init; of %d signals of each kind, from the kill of init until the command had the signal; of %d orphans, one by one, in batches\n"+
		"of %d. Idle means %v. One instance, or %d, ran from a file that nothing else ran from.\n",
		r.effort.starts, r.effort.signals, r.effort.batches*batch, batch, r.effort.idle, instances)
	for i, c := range r.all {
		separator := ";"
		if i == len(r.all)-1 {
			separator = "."
		}
		fmt.Fprintf(r, "%s: %s%s\n", c.name, c.about, separator)
	}
	if len(r.missing) > 0 {
		fmt.Fprintf(r, "\nNot installed here, and so not measured: %s.\n", strings.Join(r.missing, ", "))
	}
}

// machine says what all this was measured on.
func machine() string {
	cpu := "unknown CPU"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := strings.Cut(string(text), "model name\t: "); ok { // arm64 has none
			cpu, _, _ = strings.Cut(rest, "\n")
		}
	}
	release := "unknown"
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		release = unix.ByteSliceToString(name.Release[:])
	}
	return fmt.Sprintf("%s, %d CPUs, Linux %s, %s, %s", cpu, runtime.NumCPU(), release, runtime.GOARCH, runtime.Version())
}
