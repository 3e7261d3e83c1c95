package sendsig

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"util/internal/cli"
	"util/internal/sig"
)

// reporter prints events to stdout and problems to stderr.
type reporter struct {
	o           *Options
	out, errOut io.Writer
	output      *output
}

func newReporter(o *Options, out, errOut io.Writer) reporter {
	shared := &output{}
	return reporter{o, &writer{shared, out}, &writer{shared, errOut}, shared}
}

// output holds back all output while sendsig has stopped other processes. A full pipe would block
// sendsig, and a terminal can stop a process that writes to it (TTOU). The stopped processes would
// then stay stopped.
type output struct {
	held    bool
	pending []func()
}

func (o *output) hold() { o.held = true }

// release writes the output that was held back.
func (o *output) release() {
	o.held = false
	for _, write := range o.pending {
		write()
	}
	o.pending = nil
}

// writer writes to w, except while the output is held back.
type writer struct {
	*output
	w io.Writer
}

func (w *writer) Write(p []byte) (int, error) {
	if w.held {
		text := slices.Clone(p)
		w.pending = append(w.pending, func() { _, _ = w.w.Write(text) })
		return len(p), nil
	}
	return w.w.Write(p)
}

// sent returns the event for a signal that was sent. Signal 0 only checks that the process exists.
func sent(s sig.Signal) string {
	if s == 0 {
		return exists
	}
	return "sent"
}

const exists = "exists"

// say reports an event about a group, or about a process that is not held.
func (r *reporter) say(event string, s sig.Signal, what string) {
	switch {
	case r.o.JSON:
		cli.JSON(r.out, "event", event, "target", what, "signal", s.Name())
	case r.o.Verbose && event == exists:
		fmt.Fprintf(r.out, "%s: %s\n", event, what)
	case r.o.Verbose:
		fmt.Fprintf(r.out, "%s %s %s %s\n", event, s.Name(), preposition(event), what)
	}
}

// sayMember reports an event about a process.
func (r *reporter) sayMember(event string, s sig.Signal, m *member) {
	switch {
	case r.o.JSON:
		cli.JSON(r.out, "event", event, "pid", m.PID, "inode", m.Inode(), "name", m.stat.Name,
			"signal", s.Name())
	case r.o.DryRun:
		what := m.stat.Title()
		if inode := m.Inode(); inode != 0 {
			what = strings.Replace(what, fmt.Sprint(m.PID), Target{m.PID, inode}.String(), 1)
		}
		fmt.Fprintf(r.out, "%s %s to %s\n", event, s.Name(), what)
	default:
		r.say(event, s, m.stat.Title())
	}
}

func preposition(event string) string {
	if event == "skipped" {
		return "for"
	}
	return "to"
}

// reportFailure reports why a process or group was not signalled.
func (r *reporter) reportFailure(s sig.Signal, what string, err error) {
	fmt.Fprintf(r.errOut, "util sendsig: %s: %s: %v\n", what, s.Name(), err)
	if r.o.JSON {
		cli.JSON(r.out, "event", "failed", "target", what, "signal", s.Name(), "error", err.Error())
	}
}

func (r *reporter) warn(text string) {
	fmt.Fprintf(r.errOut, "util sendsig: warning: %s\n", text)
	if r.o.JSON {
		cli.JSON(r.out, "event", "warning", "text", text)
	}
}

// whyLeft returns why a process in a state of proc_pid_stat(5) does not end, if the state tells.
func whyLeft(state byte) string {
	switch state {
	case 'T', 't':
		return " (stopped)"
	case 'D':
		return " (waiting in the kernel, state D)"
	}
	return ""
}

// reportLeft names the processes that have not ended when the time limit of --wait is reached.
func (r *reporter) reportLeft(left []*member) {
	const shown = 10
	var names []string
	for i, m := range left {
		if i < shown {
			names = append(names, m.stat.Title()+whyLeft(m.stat.State))
		}
		if r.o.JSON {
			cli.JSON(r.out, "event", "left", "pid", m.PID, "inode", m.Inode(), "name", m.stat.Name,
				"state", string(m.stat.State))
		}
	}
	if len(left) > shown {
		names = append(names, fmt.Sprintf("and %d more", len(left)-shown))
	}
	if len(left) > 0 {
		fmt.Fprintf(r.errOut, "util sendsig: processes that have not ended after %v: %s\n",
			r.o.WaitLimit, strings.Join(names, ", "))
	}
}
