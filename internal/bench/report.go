package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// limit is a ratio that util has to reach.
type limit struct {
	what   string
	of     func(m measured) float64
	most   float64
	names  []string // against whom
	fewest bool     // instead, against the best of all others
}

var limits = []limit{
	{what: "startup and exit", of: func(m measured) float64 { return m.startup }, most: 0.35, names: []string{"tini-static", "dumb-init"}},
	{what: "signal latency", of: func(m measured) float64 { return m.latency }, most: 1, fewest: true},
	{what: "CPU per orphan", of: func(m measured) float64 { return m.orphan }, most: 1, fewest: true},
	{what: "PSS", of: func(m measured) float64 { return m.memory.pss }, most: 0.15, names: []string{"tini-static"}},
}

// report prints everything as Markdown. The first of all is util.
func report(w io.Writer, all []*contender, missing []string, e effort) {
	fmt.Fprintf(w, "| | startup and exit, µs | RSS / PSS / anonymous, kB | mean PSS of %d, kB | threads | signal latency, µs | CPU per orphan, µs | switches per orphan | wakeups in %v idle |\n", instances, e.idle)
	fmt.Fprintf(w, "| --- | --: | --: | --: | --: | --: | --: | --: | --: |\n")
	for _, c := range all {
		m := c.measure
		fmt.Fprintf(w, "| %s | %.0f | %.0f / %.0f / %.0f | %.1f | %d | %.2f | %.2f | %.2f | %d |\n",
			c.name, m.startup, m.memory.rss, m.memory.pss, m.memory.anonymous, m.pss10, m.threads, m.latency, m.orphan, m.switches, m.wakeups)
	}
	fmt.Fprintf(w, "\n| limit | measured | |\n| --- | --: | --- |\n")
	for _, l := range limits {
		l.report(w, all)
	}
	util := all[0].measure
	fmt.Fprintf(w, "| threads: 1 | %d | %s |\n", util.threads, verdict(util.threads == 1))
	fmt.Fprintf(w, "| wakeups: 0 | %d | %s |\n", util.wakeups, verdict(util.wakeups == 0))

	fmt.Fprintf(w, "\nMeasured on %s.\n", machine())
	for _, c := range all {
		fmt.Fprintf(w, "- %s: %s\n", c.name, c.about)
	}
	if len(missing) > 0 {
		fmt.Fprintf(w, "\nNot installed, and so not measured: %s.\n", strings.Join(missing, ", "))
	}
}

// report prints a line for each contender that the limit is about.
func (l limit) report(w io.Writer, all []*contender) {
	util := l.of(all[0].measure)
	line := func(whose string, value float64) {
		if util == 0 || value == 0 {
			return // not measured
		}
		ratio := util / value
		fmt.Fprintf(w, "| %s: at most %.2f of %s | %.2f | %s |\n", l.what, l.most, whose, ratio, verdict(ratio <= l.most))
	}
	if l.fewest {
		best := all[0]
		for _, c := range all[1:] {
			if v := l.of(c.measure); best == all[0] || v < l.of(best.measure) {
				best = c
			}
		}
		if best != all[0] {
			line("the best other's ("+best.name+")", l.of(best.measure))
		}
		return
	}
	for _, c := range all[1:] {
		for _, name := range l.names {
			if c.name == name {
				line(name+"'s", l.of(c.measure))
			}
		}
	}
}

func verdict(ok bool) string {
	if ok {
		return "reached"
	}
	return "**not reached**"
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
