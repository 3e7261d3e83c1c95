package sendsig

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"util/internal/cli"
	"util/internal/sig"
)

// reporter says what is done: on stdout what was asked for, on stderr what went wrong.
type reporter struct {
	o           *Options
	out, errOut io.Writer
	output      *held
}

func newReporter(o *Options, out, errOut io.Writer) reporter {
	h := &held{}
	return reporter{o, &heldWriter{h, out}, &heldWriter{h, errOut}, h}
}

// held keeps back what is said while others are stopped: a pipe that nobody empties, or a terminal that stops who writes to it
// (TTOU), would keep them so.
type held struct {
	on   bool
	kept []func()
}

func (h *held) begin() { h.on = true }

// end writes what was kept.
func (h *held) end() {
	h.on = false
	for _, write := range h.kept {
		write()
	}
	h.kept = nil
}

// heldWriter writes to w, but not while others are stopped.
type heldWriter struct {
	*held
	w io.Writer
}

func (h *heldWriter) Write(p []byte) (int, error) {
	if h.on {
		kept := slices.Clone(p)
		h.kept = append(h.kept, func() { _, _ = h.w.Write(kept) })
		return len(p), nil
	}
	return h.w.Write(p)
}

// sent is the event of a signal that was sent. 0 is none, and tells that it could have been.
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
		cli.JSON(r.out, "event", event, "pid", m.PID, "inode", m.Inode(), "name", m.stat.Name, "signal", s.Name())
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

// reportFailure says why a process or group was not signalled.
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

// regard says of a state of proc_pid_stat(5) why a process in it does not end.
func regard(state byte) string {
	switch state {
	case 'T', 't':
		return " which is stopped"
	case 'D':
		return " which waits in the kernel (state D)"
	}
	return ""
}

// reportLeft names those that are still there when the time of --wait is up.
func (r *reporter) reportLeft(left []*member) {
	const shown = 10
	var names []string
	for i, m := range left {
		if i < shown {
			names = append(names, m.stat.Title()+regard(m.stat.State))
		}
		if r.o.JSON {
			cli.JSON(r.out, "event", "left", "pid", m.PID, "inode", m.Inode(), "name", m.stat.Name, "state", string(m.stat.State))
		}
	}
	if len(left) > shown {
		names = append(names, fmt.Sprintf("and %d more", len(left)-shown))
	}
	if len(left) > 0 {
		fmt.Fprintf(r.errOut, "util sendsig: still there after %v: %s\n", r.o.WaitLimit, strings.Join(names, ", "))
	}
}
