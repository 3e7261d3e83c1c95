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

// quick is how long a wait may take without a word.
const quick = time.Second

// report says on stderr how the wait goes: in lines, as JSON, or on a terminal as one line for each target that is
// kept up to date in place.
type report struct {
	w       *waiter
	live    bool      // keep lines up to date in place
	drawn   int       // lines that are on the screen
	started bool      // the first line has been said
	due     time.Time // when tick has something to do; zero is never
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

// line writes one line. Errors are ignored: a wait goes on without its reader, and a write to the plain file descriptor
// is not one by which a broken pipe ends a Go program.
func (r *report) line(format string, args ...any) {
	_, _ = unix.Write(unix.Stderr, fmt.Appendf(nil, "util wait-for-port: "+format+"\n", args...))
}

// tick does what is due at a time: the first line, once the wait is no longer quick, and the clock on a terminal.
func (r *report) tick(now time.Time) {
	if r.due.IsZero() || now.Before(r.due) {
		return
	}
	if !r.started {
		if _, _, ok := windowSize(); !ok { // it cannot be known how much may be written over
			r.live = false
		}
		r.start(now)
	}
	if r.live {
		r.draw(now)
		r.due = now.Add(time.Second)
	}
}

// start says what is waited for, and what is known so far.
func (r *report) start(now time.Time) {
	r.started = true
	r.due = time.Time{}
	w := r.w
	limit := "without a time limit"
	if w.Timeout > 0 {
		limit = "for at most " + w.Timeout.String()
	}
	if w.JSON {
		o := newObject("start", now, w.began)
		o.text("state", w.state())
		o.list("targets", w.Targets)
		o.number("timeout_ms", w.Timeout.Milliseconds())
		o.write()
	} else if !r.live {
		which := "all are"
		switch {
		case len(w.Targets) == 1:
			which = "it is"
		case w.Any:
			which = "one is"
		}
		r.line("waiting for %s until %s %s, %s", quoteAll(w.Targets), which, w.state(), limit)
	}
	if r.live {
		return
	}
	for _, t := range w.targets {
		switch {
		case t.why != "" || t.done:
			r.change(t, "", now)
		case t.lookup != nil && !r.w.JSON:
			r.line("target %q: %s", t.Name, w.pending(t))
		}
	}
}

// attempt says the result of one connection, with -v.
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
	if r.w.JSON {
		o := newObject("attempt", now, r.w.began)
		o.text("target", t.Name)
		o.number("attempt", int64(t.attempts))
		if p.to.path != "" {
			o.text("address", p.to.path)
		} else {
			o.text("address", p.to.String())
		}
		o.text("result", why)
		o.number("took_us", took.Microseconds())
		o.write()
		return
	}
	r.line("target %q: attempt %d: %v: %s after %v", t.Name, t.attempts, p.to, why, took.Round(10*time.Microsecond))
}

// change says that a target is ready, or that what is wrong with it is something else than before.
func (r *report) change(t *target, before string, now time.Time) {
	switch {
	case !r.started:
	case r.live:
		r.due = now
	case r.w.JSON:
		event := "change"
		if t.done {
			event = "ready"
		}
		o := newObject(event, now, r.w.began)
		o.text("target", t.Name)
		if !t.done {
			o.text("error", t.why)
		}
		o.write()
	case t.done:
		r.line("target %q: is %s after %v", t.Name, r.w.state(), r.w.since(now))
	case before == "":
		r.line("target %q: %s", t.Name, t.why)
	default:
		r.line("target %q: %s (was: %s)", t.Name, t.why, before)
	}
}

// end says that the wait is over. An error goes back to main, except as JSON.
func (r *report) end(err error, now time.Time) {
	r.erase()
	switch {
	case r.w.JSON && err != nil:
		var exit *cli.Exit
		errors.As(err, &exit)
		o := newObject("end", now, r.w.began)
		o.number("status", int64(exit.Status))
		o.text("error", err.Error())
		o.list("missing", r.w.notDone())
		o.write()
	case err != nil || !r.started:
	case r.w.JSON:
		o := newObject("end", now, r.w.began)
		o.number("status", proc.ExitOK)
		o.write()
	case r.w.Any:
		r.line("the wait is over after %v", r.w.since(now))
	case r.live || len(r.w.targets) > 1:
		r.line("%s %s after %v", quoteAll(r.w.Targets), r.w.state(), r.w.since(now))
	}
}

// windowSize returns the size of the terminal, or false if the terminal does not know it.
func windowSize() (rows, cols int, ok bool) {
	size, err := unix.IoctlGetWinsize(unix.Stderr, unix.TIOCGWINSZ)
	if err != nil || size.Row == 0 || size.Col == 0 {
		return 0, 0, false
	}
	return int(size.Row), int(size.Col), true
}

// draw brings the lines on the terminal up to date. The window may have another size each time. Lines that a smaller one
// has pushed out or wrapped are gone; nobody can tell how many there were, so nothing else is cleared for them.
func (r *report) draw(now time.Time) {
	rows, cols, ok := windowSize()
	var lines []string
	if ok && rows > 1 && cols > 1 { // the last row is the cursor's, and the last column stays free: some terminals wrap behind it
		lines = r.status(rows-1, cols-1, now)
	}
	var out strings.Builder
	out.WriteString(up(r.drawn))
	for _, l := range lines {
		out.WriteString(l)
		out.WriteString("\n")
	}
	r.drawn = len(lines)
	_, _ = unix.Write(unix.Stderr, []byte(out.String()))
}

// status returns a line for each target, within a number of lines and a width. If there are too many targets, those that
// are not ready come first.
func (r *report) status(most, width int, now time.Time) []string {
	took := fmt.Sprintf("  (%v)", now.Sub(r.w.began).Truncate(time.Second))
	targets, left := r.w.targets, len(r.w.targets)
	if left > most {
		var done []*target
		targets = nil
		for _, t := range r.w.targets {
			if t.done {
				done = append(done, t)
			} else {
				targets = append(targets, t)
			}
		}
		ready := len(done)
		if most == 1 {
			return []string{cut(fmt.Sprintf("  %d targets, %d of them %s%s", left, ready, r.w.state(), took), width)}
		}
		targets = append(targets, done...)[:most-1]
	}
	longest := 0
	for _, t := range targets {
		longest = min(max(longest, columns(cut(t.Name, width/2))), width/2)
	}
	var lines []string
	for _, t := range targets {
		what := t.why
		if t.done {
			what = r.w.state()
		} else if what == "" {
			what = r.w.pending(t)
		}
		name := cut(t.Name, longest)
		lines = append(lines, "  "+name+strings.Repeat(" ", longest-columns(name)+2)+what)
	}
	if more := left - len(targets); more > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", more))
	}
	for i, l := range lines {
		if i == len(lines)-1 && width > 2*len(took) {
			lines[i] = cut(l, width-len(took)) + took
		} else {
			lines[i] = cut(l, width)
		}
	}
	return lines
}

// erase takes the lines away, so that what follows begins where they did.
func (r *report) erase() {
	if r.drawn > 0 {
		_, _ = unix.Write(unix.Stderr, []byte(up(r.drawn)))
		r.drawn = 0
	}
}

// up moves the cursor up and clears what is below (ECMA-48: CPL, ED).
func up(lines int) string {
	if lines == 0 {
		return ""
	}
	return "\x1b[" + strconv.Itoa(lines) + "F\x1b[J"
}

// cut shortens a line to a number of columns, and replaces what could move the cursor.
func cut(text string, width int) string {
	var out strings.Builder
	used := 0
	for _, c := range text {
		if !strconv.IsPrint(c) {
			c = '?'
		}
		if used += columnsOf(c); used > width {
			break
		}
		out.WriteRune(c)
	}
	return out.String()
}

// columns returns how many columns a text takes at most.
func columns(text string) int {
	n := 0
	for _, c := range text {
		n += columnsOf(c)
	}
	return n
}

// columnsOf returns how many columns a character takes at most. The first that take two are those of Hangul; behind them are
// others that take one or none, which makes a line shorter than it need be.
func columnsOf(c rune) int {
	if c >= 0x1100 {
		return 2
	}
	return 1
}

func (w *waiter) since(now time.Time) time.Duration { return now.Sub(w.began).Round(time.Millisecond) }

func (w *waiter) state() string {
	if w.Down {
		return "down"
	}
	return "up"
}

// pending says why a target whose first attempt has not ended is not ready.
func (w *waiter) pending(t *target) string {
	if t.lookup == nil || t.open > 0 {
		return "no answer yet"
	}
	why := t.lookup.pending(time.Now())
	if t.lookup.found {
		_, so := conclude(t.results, false)
		why = so + ", but " + why
	}
	return why
}

// notDone returns the targets that are not ready.
func (w *waiter) notDone() []Target {
	var all []Target
	for _, t := range w.targets {
		if !t.done {
			all = append(all, t.Target)
		}
	}
	return all
}

// missing says which targets are not ready and why; those with the same reason stand together. If the wait failed for
// good, these are only the ones to blame.
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

// object is one JSON object on one line.
type object struct{ strings.Builder }

// newObject begins the object of an event with the time, and how long the wait has lasted.
func newObject(event string, now, began time.Time) *object {
	o := &object{}
	o.text("time", now.UTC().Format("2006-01-02T15:04:05.000Z"))
	o.text("event", event)
	o.number("elapsed_ms", now.Sub(began).Milliseconds())
	return o
}

func (o *object) key(name string) {
	if o.Len() == 0 {
		o.WriteByte('{')
	} else {
		o.WriteByte(',')
	}
	o.quote(name)
	o.WriteByte(':')
}

func (o *object) text(name, value string) {
	o.key(name)
	o.quote(value)
}

func (o *object) number(name string, value int64) {
	o.key(name)
	o.WriteString(strconv.FormatInt(value, 10))
}

func (o *object) list(name string, targets []Target) {
	o.key(name)
	for i, t := range targets {
		o.WriteByte("[,"[min(i, 1)])
		o.quote(t.Name)
	}
	o.WriteByte(']')
}

func (o *object) quote(text string) { o.Write(cli.AppendJSON(nil, text)) }

// write writes the object out. As in [report.line], a reader that has gone does not matter.
func (o *object) write() {
	_, _ = unix.Write(unix.Stderr, []byte(o.String()+"}\n"))
}
