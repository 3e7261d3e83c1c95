package waitfor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"util/internal/cli"
	"util/internal/proc"
	"util/internal/readiness"

	"golang.org/x/sys/unix"
)

// quick is the duration of a wait that prints nothing.
const quick = time.Second

// report prints the progress of the wait to stderr: as lines, as JSON, or on a terminal as a live
// status (live.go).
type report struct {
	w       *readiness.Wait
	o       Options
	live    bool      // print a live status
	drawn   int       // lines of the live status on the screen
	started bool      // the first line has been printed
	due     time.Time // when tick must be called; zero for never
}

func newReport(w *readiness.Wait, o Options) *report {
	r := &report{w: w, o: o, due: w.Began.Add(quick)}
	_, err := unix.IoctlGetTermios(unix.Stderr, unix.TCGETS)
	r.live = err == nil && !o.Verbose && !o.JSON && os.Getenv("TERM") != "dumb"
	switch {
	case o.Quiet:
		r.due = time.Time{}
	case o.Verbose || o.JSON:
		r.start(w.Began)
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
		"elapsed_ms", now.Sub(r.w.Began).Milliseconds(),
	}, fields...)...)
}

// nameList is a list of targets whose text is a JSON array of their names.
type nameList []readiness.Target

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

// Tick prints what is due: the first line, once the wait is no longer [quick], and the live status.
func (r *report) Tick(now time.Time) time.Time {
	if r.due.IsZero() || now.Before(r.due) {
		return r.due
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
	return r.due
}

// start prints what is waited for, and what is known so far.
func (r *report) start(now time.Time) {
	r.started = true
	r.due = time.Time{}
	if r.live {
		return
	}
	if r.o.JSON {
		r.event("start", now, "state", r.o.State(), "targets", nameList(r.o.Targets),
			"timeout_ms", r.o.Timeout.Milliseconds())
	} else {
		r.line("waiting for %s until %s", quoteAll(r.o.Targets), r.o.goal())
	}
	for _, s := range r.w.Statuses() {
		switch {
		case s.Answered:
			r.Changed(s, "", now)
		case s.Resolves && !r.o.JSON:
			r.line("target %q: %s", s.Name, s.Why)
		}
	}
}

// goal returns what ends the wait, as in "all are up, for at most 30s".
func (o *Options) goal() string {
	which := "all are"
	switch {
	case len(o.Targets) == 1:
		which = "it is"
	case o.Any:
		which = "one is"
	}
	limit := "without a time limit"
	if o.Timeout > 0 {
		limit = "for at most " + o.Timeout.String()
	}
	return which + " " + o.State() + ", " + limit
}

// Attempted prints the result of one connection, if -v was given.
func (r *report) Attempted(a readiness.Attempt, now time.Time) {
	if !r.o.Verbose {
		return
	}
	took := time.Since(a.Began)
	if !r.o.JSON {
		address := a.Address
		if a.Target.Path != "" {
			address = strconv.Quote(address)
		}
		r.line("target %q: attempt %d: %s: %s after %v",
			a.Target.Name, a.Number, address, a.Result, took.Round(10*time.Microsecond))
		return
	}
	r.event("attempt", now, "target", a.Target.Name, "attempt", a.Number, "address", a.Address,
		"result", a.Result, "took_us", took.Microseconds())
}

// Changed prints that a target is ready, or that the reason why it is not ready has changed.
func (r *report) Changed(s readiness.Status, before string, now time.Time) {
	switch {
	case !r.started:
	case r.live:
		r.due = now
	case r.o.JSON && s.Done:
		r.event("ready", now, "target", s.Name)
	case r.o.JSON:
		r.event("change", now, "target", s.Name, "error", s.Why)
	case s.Done:
		r.line("target %q: is %s after %v", s.Name, r.o.State(), r.since(now))
	case before == "":
		r.line("target %q: %s", s.Name, s.Why)
	default:
		r.line("target %q: %s (was: %s)", s.Name, s.Why, before)
	}
}

// end prints that the wait is over. Except with JSON, main prints the error.
func (r *report) end(err error, now time.Time) {
	r.erase()
	switch {
	case r.o.JSON && err != nil:
		var exit *cli.Exit
		errors.As(err, &exit)
		r.event("end", now, "status", exit.Status, "error", err.Error(), "missing", r.notDone())
	case err != nil || !r.started:
	case r.o.JSON:
		r.event("end", now, "status", proc.ExitOK)
	case r.o.Any:
		r.line("the wait is over after %v", r.since(now))
	case r.live || len(r.o.Targets) > 1:
		r.line("%s %s after %v", quoteAll(r.o.Targets), r.o.State(), r.since(now))
	}
}

func (r *report) since(now time.Time) time.Duration {
	return now.Sub(r.w.Began).Round(time.Millisecond)
}

// failure returns the error of a wait that has not succeeded: a *cli.Exit that names the targets
// that are not ready.
func (r *report) failure(ctx context.Context, result readiness.Result) error {
	var exit *cli.Exit
	switch result {
	case readiness.Succeeded:
		return nil
	case readiness.FailedForGood:
		exit = &cli.Exit{Status: proc.ExitFailed, Err: errors.New("failed for good")}
	case readiness.TimedOut:
		why := fmt.Errorf("timed out after %v", r.o.Timeout)
		exit = &cli.Exit{Status: proc.ExitTimeout, Err: why}
	case readiness.Canceled:
		errors.As(context.Cause(ctx), &exit)
	}
	why := fmt.Errorf("%w: %s", exit.Err, r.missing(result == readiness.FailedForGood))
	return &cli.Exit{Status: exit.Status, Err: why}
}

// notDone returns the targets that are not ready.
func (r *report) notDone() nameList {
	var all nameList
	for _, s := range r.w.Statuses() {
		if !s.Done {
			all = append(all, s.Target)
		}
	}
	return all
}

// missing returns which targets are not ready and why, grouped by reason. hopeless restricts the
// list to the targets that can never become ready.
func (r *report) missing(hopeless bool) string {
	var order []string
	byReason := map[string][]readiness.Target{}
	for _, s := range r.w.Statuses() {
		if s.Done || hopeless && !s.Hopeless {
			continue
		}
		if byReason[s.Why] == nil {
			order = append(order, s.Why)
		}
		byReason[s.Why] = append(byReason[s.Why], s.Target)
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

func quoteAll(targets []readiness.Target) string {
	var all []string
	for _, t := range targets {
		all = append(all, strconv.Quote(t.Name))
	}
	return strings.Join(all, ", ")
}
