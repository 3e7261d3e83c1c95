package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
)

// result is that of a test.
type result struct {
	action string // pass, fail or skip, as in test2json; empty if it did not end
	output string
}

// results are those of the tests of a program, subtests included.
type results map[string]result

// readResults reads the output of a program that was run with -test.v=test2json.
func readResults(output string) (results, error) {
	cmd := exec.Command("go", "tool", "test2json")
	cmd.Stdin = strings.NewReader(output)
	events, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%q: %w", cmd.Args, err)
	}
	all := results{}
	for line := range strings.Lines(string(events)) {
		var e struct{ Action, Test, Output string }
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			return nil, fmt.Errorf("%q: %w", line, err)
		}
		r := all[e.Test]
		switch e.Action {
		case "output":
			r.output += e.Output
		case "pass", "fail", "skip":
			r.action = e.Action
		}
		all[e.Test] = r
	}
	return all, nil
}

// reason returns why a test was skipped: the line of its output that names a position in a file.
func (r result) reason() string {
	for line := range strings.Lines(r.output) {
		if _, why, found := strings.Cut(line, ".go:"); found {
			_, why, _ = strings.Cut(why, ": ")
			return strings.TrimSpace(why)
		}
	}
	return "no reason"
}

// cell is what a row of the table has for a kernel.
type cell struct {
	text    string   // ok, - or FAIL
	reasons []string // why something was left out
	wrong   []string // why it is FAIL
}

const (
	good    = "ok"
	leftOut = "-"
	bad     = "FAIL"
)

// judge returns the cell of a row. of has the results of each program, nil for one that did not
// run.
func (r row) judge(k kernel, of map[string]results) cell {
	c := cell{text: leftOut}
	for _, name := range r.tests {
		all := of[r.program]
		subtests, skipped := 0, 0
		for test, result := range all {
			isSubtest := strings.HasPrefix(test, name+"/")
			if isSubtest {
				subtests++
			}
			if isSubtest && result.action == "skip" {
				skipped++
			}
			if isSubtest || test == name {
				c.add(k, test, result)
			}
		}
		switch all[name].action {
		case "":
			c.wrong = append(c.wrong, name+": no result")
		case "pass":
			if subtests == 0 || skipped < subtests { // a test passes if all its subtests are skipped
				c.text = good
			}
		}
	}
	if len(r.tests) == 0 {
		c.wrong = append(c.wrong, "no test")
	}
	if len(c.wrong) > 0 {
		c.text = bad
	}
	return c
}

// add adds the result of a test or a subtest.
func (c *cell) add(k kernel, test string, r result) {
	switch r.action {
	case "fail":
		c.wrong = append(c.wrong, test+":\n"+r.output)
	case "skip":
		why := r.reason()
		if strings.HasPrefix(why, "util-init has not: ") { // nothing is missing
			return
		}
		note, known := lacks(k, why)
		if !known {
			c.wrong = append(c.wrong, fmt.Sprintf("%s: skipped: %s", test, why))
			return
		}
		c.reasons = append(c.reasons, note)
	}
}
