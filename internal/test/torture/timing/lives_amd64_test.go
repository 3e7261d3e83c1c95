package timing_test

import (
	"slices"
	"time"

	"util/internal/test/torture/scenario"

	"golang.org/x/sys/unix"
)

// life is a whole life of an init, in which events are to happen.
type life struct {
	scenario.Scenario
	last    unix.Signal // which ends the command, and so the life
	wants   int         // the status then
	events  []string    // which events can happen in it
	orphans []string    // lines of orphans, which wait to be killed
}

// How the lines begin of a process in the command's group.
const mate = "mate:"

// withOrphans are the words of a command that makes three orphans and another process in its group,
// and then prints its signals up to 34.
var withOrphans = slices.Concat(
	anOrphan("one"), anOrphan("two"), anOrphan("three"),
	w("beside", "5", "begin", mate, "catch", "echo", "64"),
	w("catch", "echo", "34", "exit", "7"))

// anOrphan makes a child of init that waits until it is killed, in a session of its own.
func anOrphan(line string) []string {
	return w("beside", "5", "setsid", "orphan", "say", line, "pause")
}

func w(words ...string) []string { return words }

// blocked blocks, for the command, what the events send: else a signal that reaches the command
// before it has blocked all of them would end or stop it, or be ignored.
var blocked = w("block", "1", "block", "2", "block", "10", "block", "15", "block", "17", "block",
	"18", "block", "20", "block", "28", "block", "34", "block", "35", "block", "40", "block", "41")

var (
	always = w("HUP", "RT", "CHLD", "TSTP", "CONT", "end", "end, HUP", "HUP, end", "orphan",
		"orphan, end", "end, orphan", "stop, HUP", "HUP, stop", "stop, orphan, HUP", "orphans, CHLD",
		"stop, end")
	prints    = w("deaf", "deaf, orphan, end")
	terminals = w("^C", "resize", "hang up", "hang up, end", "^C, end")
)

// without removes events that the life does not survive.
func (l *life) without(events ...string) {
	l.events = slices.DeleteFunc(l.events, func(e string) bool { return slices.Contains(events, e) })
}

func lives() (all []*life) {
	add := func(name string, place scenario.Place, init, command []string, more ...[]string) *life {
		l := &life{
			Scenario: scenario.Scenario{
				Name: name, Place: place, Init: init, Command: command, Before: blocked,
			},
			last: 34, wants: 7, events: slices.Concat(append(more, always)...),
			orphans: w("one", "two", "three"),
		}
		all = append(all, l)
		return l
	}
	add("plain", scenario.PID1, w("init"), withOrphans, w("TERM", "TERM, end", "end, TERM"))
	add("-v", scenario.PID1, w("init", "-vv"), withOrphans, prints)
	add("JSON", scenario.PID1,
		w("init", "--log-format", "json", "--termination-log", "{dir}/log"), withOrphans, prints)
	add("-c", scenario.PID1, w("init", "-c"), withOrphans)
	add("subreaper", scenario.Subreaper, w("init"), withOrphans)
	dumbInit := add("dumb-init", scenario.PID1, w("dumb-init", "-v", "--"), withOrphans)
	dumbInit.without("TSTP") // stops the command, and nobody continues it
	add("tini", scenario.PID1, w("tini", "-v", "-g", "--"), withOrphans)
	add("terminal", scenario.PID1, w("init"), withOrphans, terminals).Terminal = true
	job := add("job", scenario.Job, w("init"), withOrphans, terminals)
	job.Terminal = true
	job.without("stop, HUP", "HUP, stop", "stop, orphan, HUP", "stop, end") // init stops too

	// A stop. What the orphans do not do by TERM, they must do by KILL.
	stop := func(name string, place scenario.Place, wide bool, options ...string) *life {
		l := add(name, place, append(w("init", "-g", "60ms"), options...), slices.Concat(
			anOrphan("one"), w("beside", "7", "setsid", "ignore", "15", "orphan", "say", "two", "pause"),
			w("beside", "7", "begin", mate, "ignore", "15", "catch", "echo", "64"),
			w("catch", "echo", "15", "exit", "7")), w("deadline", "deadline, end", "end, deadline",
			"TERM", "end, TERM", "TERM, end", "deadline, orphan", "deadline, RT"))
		l.Grace, l.Wide, l.last, l.orphans = 60*time.Millisecond, wide, unix.SIGTERM, w("one", "two")
		return l
	}
	stop("grace, group", scenario.PID1, false, "--scope", "group")
	stop("grace, ordered", scenario.PID1, true)
	stop("grace, container", scenario.PID1, true, "--scope", "container")
	stop("grace, subreaper", scenario.Subreaper, true)
	stop("delay", scenario.PID1, true, "--stop-delay", "20ms")
	deadline := stop("deadline", scenario.PID1, true, "-v")
	deadline.Command = slices.Concat(anOrphan("one"), anOrphan("two"), w("catch", "echo", "34"))
	deadline.wants = 137
	return all
}
