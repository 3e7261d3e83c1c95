package waitfor

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"util/internal/cli"
	"util/internal/proc"

	"golang.org/x/sys/unix"
)

// quick is the duration of a wait that prints nothing.
const quick = time.Second

// report prints the progress of the wait to stderr: as lines, as JSON, or on a terminal as a live
// status (live.go).
type report struct {
	w       *waiter
	live    bool      // print a live status
	drawn   int       // lines of the live status on the screen
	started bool      // the first line has been printed
	due     time.Time // when tick must be called; zero for never
}

func newReport(w *waiter) *report {
	r := &report{w: w, due: w.began.Add(quick)}
	_, err := unix.IoctlGetTermios(unix.Stderr, unix.TCGETS)
	r.live = err == nil && !w.Verbose && !w.JSON && os.Getenv("TERM") != "dumb"
	switch {
	case w.Quiet:
		r.due = time.Time{}
	case w.Verbose || w.JSON:
		r.start(w.began)
	}
	return r
}

// stderr is standard error as an io.Writer that ignores errors: a wait continues without its
// reader. os.Stderr cannot be used, because package os ends the program by SIGPIPE when a write
// fails with EPIPE.
type stderr struct{}

func (stderr) Write(p []byte) (int, error) {
	_, _ = unix.Write(unix.Stderr, p)
	return len(p), nil
}

// line prints one line.
func (r *report) line(format string, args ...any) {
	_, _ = stderr{}.Write(fmt.Appendf(nil, "util wait-for-port: "+format+"\n", args...))
}

// event prints one JSON object. fields are further names and values, as in [cli.JSON].
func (r *report) event(name string, now time.Time, fields ...any) {
	cli.JSON(stderr{}, append([]any{
		"time", now.UTC().Format("2006-01-02T15:04:05.000Z"),
		"event", name,
		"elapsed_ms", now.Sub(r.w.began).Milliseconds(),
	}, fields...)...)
}

// nameList is a list of targets whose text is a JSON array of their names.
type nameList []Target

func (list nameList) String() string {
	text := []byte{'['}
	for i, t := range list {
		if i > 0 {
			text = append(text, ',')
		}
		text = cli.AppendJSON(text, t.Name)
	}
	return string(append(text, ']'))
}

// tick prints what is due: the first line, once the wait is no longer [quick], and the live status.
func (r *report) tick(now time.Time) {
	if r.due.IsZero() || now.Before(r.due) {
		return
	}
	if !r.started {
		if _, _, ok := windowSize(); !ok { // a live status needs the size
			r.live = false
		}
		r.start(now)
	}
	if r.live {
		r.draw(now)
		r.due = now.Add(time.Second)
	}
}

// start prints what is waited for, and what is known so far.
func (r *report) start(now time.Time) {
	r.started = true
	r.due = time.Time{}
	if r.live {
		return
	}
	w := r.w
	if w.JSON {
		r.event("start", now, "state", w.state(), "targets", nameList(w.Targets),
			"timeout_ms", w.Timeout.Milliseconds())
	} else {
		r.line("waiting for %s until %s", quoteAll(w.Targets), w.goal())
	}
	for _, t := range w.targets {
		switch {
		case t.why != "" || t.done:
			r.change(t, "", now)
		case t.lookup != nil && !w.JSON:
			r.line("target %q: %s", t.Name, w.pending(t))
		}
	}
}

// goal returns what ends the wait, as in "all are up, for at most 30s".
func (w *waiter) goal() string {
	which := "all are"
	switch {
	case len(w.Targets) == 1:
		which = "it is"
	case w.Any:
		which = "one is"
	}
	limit := "without a time limit"
	if w.Timeout > 0 {
		limit = "for at most " + w.Timeout.String()
	}
	return which + " " + w.state() + ", " + limit
}

// attempt prints the result of one connection, if -v was given.
func (r *report) attempt(t *target, p *probe, v verdict, why string, now time.Time) {
	if !r.w.Verbose {
		return
	}
	took := time.Since(p.began)
	switch {
	case v == accepted:
		why = "accepted"
	case v == refused && why == "":
		why = "no answer, but free to bind"
	}
	if !r.w.JSON {
		r.line("target %q: attempt %d: %v: %s after %v",
			t.Name, t.attempts, p.to, why, took.Round(10*time.Microsecond))
		return
	}
	address := p.to.path
	if address == "" {
		address = p.to.String()
	}
	r.event("attempt", now, "target", t.Name, "attempt", t.attempts, "address", address,
		"result", why, "took_us", took.Microseconds())
}

// change prints that a target is ready, or that the reason why it is not ready has changed.
func (r *report) change(t *target, before string, now time.Time) {
	switch {
	case !r.started:
	case r.live:
		r.due = now
	case r.w.JSON && t.done:
		r.event("ready", now, "target", t.Name)
	case r.w.JSON:
		r.event("change", now, "target", t.Name, "error", t.why)
	case t.done:
		r.line("target %q: is %s after %v", t.Name, r.w.state(), r.w.since(now))
	case before == "":
		r.line("target %q: %s", t.Name, t.why)
	default:
		r.line("target %q: %s (was: %s)", t.Name, t.why, before)
	}
}

// end prints that the wait is over. Except with JSON, main prints the error.
func (r *report) end(err error, now time.Time) {
	r.erase()
	switch {
	case r.w.JSON && err != nil:
		var exit *cli.Exit
		errors.As(err, &exit)
		r.event("end", now, "status", exit.Status, "error", err.Error(), "missing", r.w.notDone())
	case err != nil || !r.started:
	case r.w.JSON:
		r.event("end", now, "status", proc.ExitOK)
	case r.w.Any:
		r.line("the wait is over after %v", r.w.since(now))
	case r.live || len(r.w.targets) > 1:
		r.line("%s %s after %v", quoteAll(r.w.Targets), r.w.state(), r.w.since(now))
	}
}

func (w *waiter) since(now time.Time) time.Duration {
	return now.Sub(w.began).Round(time.Millisecond)
}

func (w *waiter) state() string {
	if w.Down {
		return "down"
	}
	return "up"
}

// pending returns why a target is not ready whose first attempt has not ended.
func (w *waiter) pending(t *target) string {
	if t.lookup == nil || t.open > 0 {
		return "no answer yet"
	}
	why := t.lookup.pending(time.Now())
	if t.lookup.found {
		_, known := conclude(t.results, false)
		why = known + ", but " + why
	}
	return why
}

// notDone returns the targets that are not ready.
func (w *waiter) notDone() nameList {
	var all nameList
	for _, t := range w.targets {
		if !t.done {
			all = append(all, t.Target)
		}
	}
	return all
}

// missing returns which targets are not ready and why, grouped by reason. If the wait has failed
// for good, only the targets that can never become ready are listed.
func (w *waiter) missing(status int) string {
	var order []string
	byReason := map[string][]Target{}
	for _, t := range w.targets {
		if t.done || status == proc.ExitFailed && !t.hopeless {
			continue
		}
		why := t.why
		if why == "" {
			why = w.pending(t)
		}
		if byReason[why] == nil {
			order = append(order, why)
		}
		byReason[why] = append(byReason[why], t.Target)
	}
	var parts []string
	for _, why := range order {
		word := "target "
		if len(byReason[why]) > 1 {
			word = "targets "
		}
		parts = append(parts, word+quoteAll(byReason[why])+": "+why)
	}
	return strings.Join(parts, "; ")
}

func quoteAll(targets []Target) string {
	var all []string
	for _, t := range targets {
		all = append(all, strconv.Quote(t.Name))
	}
	return strings.Join(all, ", ")
}
