package waitfor

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"util/internal/readiness"

	"golang.org/x/sys/unix"
)

// windowSize returns the size of the terminal, or false if it is unknown.
func windowSize() (rows, cols int, ok bool) {
	size, err := unix.IoctlGetWinsize(unix.Stderr, unix.TIOCGWINSZ)
	if err != nil || size.Row == 0 || size.Col == 0 {
		return 0, 0, false
	}
	return int(size.Row), int(size.Col), true
}

// draw redraws the live status in place. The window may have a different size each time. If it has
// become smaller, some of the old lines have scrolled out or wrapped. Their number is unknown, so
// they are not cleared.
func (r *report) draw(now time.Time) {
	rows, cols, ok := windowSize()
	var lines []string
	if ok && rows > 1 && cols > 1 {
		// The last row is for the cursor. The last column stays free, because some terminals wrap
		// after it.
		lines = r.status(rows-1, cols-1, now)
	}
	var out strings.Builder
	out.WriteString(up(r.drawn))
	for _, l := range lines {
		out.WriteString(l)
		out.WriteString("\n")
	}
	r.drawn = len(lines)
	_, _ = stderr{}.Write([]byte(out.String()))
}

// status returns one line for each target, at most rows lines of at most width columns. If there
// are too many targets, those that are not ready come first.
func (r *report) status(rows, width int, now time.Time) []string {
	clock := fmt.Sprintf("  (%v)", now.Sub(r.w.Began).Truncate(time.Second))
	targets := r.w.Statuses()
	if len(targets) > rows {
		if rows == 1 {
			return []string{cut(r.summary()+clock, width)}
		}
		targets = notReadyFirst(targets)[:rows-1]
	}
	var lines []string
	longest := longestName(targets, width/2)
	for _, t := range targets {
		name := cut(t.Name, longest)
		gap := strings.Repeat(" ", longest-columns(name)+2)
		lines = append(lines, cut("  "+name+gap+r.statusOf(t), width))
	}
	if more := len(r.o.Targets) - len(targets); more > 0 {
		lines = append(lines, cut(fmt.Sprintf("  and %d more", more), width))
	}
	if width > 2*len(clock) {
		last := &lines[len(lines)-1]
		*last = cut(*last, width-len(clock)) + clock
	}
	return lines
}

// statusOf returns the state of a target, or why it is not ready.
func (r *report) statusOf(t readiness.Status) string {
	if t.Done {
		return r.o.State()
	}
	return t.Why
}

// summary returns the status of all targets in one line.
func (r *report) summary() string {
	ready := len(r.o.Targets) - len(r.notDone())
	return fmt.Sprintf("  %d targets, %d of them %s", len(r.o.Targets), ready, r.o.State())
}

// notReadyFirst returns the targets in the order in which they are shown if there are too many.
func notReadyFirst(all []readiness.Status) []readiness.Status {
	var done, rest []readiness.Status
	for _, t := range all {
		if t.Done {
			done = append(done, t)
		} else {
			rest = append(rest, t)
		}
	}
	return append(rest, done...)
}

// longestName returns the number of columns for the names of targets.
func longestName(targets []readiness.Status, limit int) int {
	longest := 0
	for _, t := range targets {
		longest = max(longest, min(columns(cut(t.Name, limit)), limit))
	}
	return longest
}

// erase removes the live status from the screen.
func (r *report) erase() {
	if r.drawn > 0 {
		_, _ = stderr{}.Write([]byte(up(r.drawn)))
		r.drawn = 0
	}
}

// up returns the sequences that move the cursor up and clear the screen below it (ECMA-48: CPL,
// ED).
func up(lines int) string {
	if lines == 0 {
		return ""
	}
	return "\x1b[" + strconv.Itoa(lines) + "F\x1b[J"
}

// cut shortens a text to a number of columns and replaces characters that could move the cursor.
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

// columns returns the maximum number of columns that a text occupies.
func columns(text string) int {
	n := 0
	for _, c := range text {
		n += columnsOf(c)
	}
	return n
}

// columnsOf returns the maximum number of columns that a character occupies. Hangul is the first
// script with characters of two columns. Some of the later characters are narrower, for which a
// line may become shorter than necessary.
func columnsOf(c rune) int {
	if c >= 0x1100 {
		return 2
	}
	return 1
}
