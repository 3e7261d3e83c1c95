package readiness

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// verdict is what the result of one connection means.
type verdict uint8

const (
	unclear  verdict = iota // neither up nor down
	accepted                // up
	answered                // a connection was accepted, and the server answered that it is not ready
	refused                 // down
	absent                  // this host cannot use that address family; other results prevail
)

// result is the verdict about one address. why is the reason, for messages.
type result struct {
	address string
	verdict verdict
	why     string
}

// conclude combines the results of all addresses of an attempt. It returns whether the target has
// the expected state, and if not, why.
func conclude(results []result, down bool) (ok bool, why string) {
	var counted []result
	for _, r := range results {
		switch {
		case r.verdict == accepted && down:
			return false, "still " + r.why
		case r.verdict == answered && down:
			return false, "still " + acceptsConnections
		case r.verdict == accepted:
			return true, ""
		case r.verdict != absent:
			counted = append(counted, r)
		}
	}
	if len(counted) == 0 {
		counted = results
	}
	if slices.ContainsFunc(counted, isAnswer) { // what a server says prevails over other addresses
		counted = slices.DeleteFunc(counted, func(r result) bool { return !isAnswer(r) })
	}
	if down && !slices.ContainsFunc(counted, func(r result) bool { return r.verdict != refused }) {
		return true, ""
	}
	if !slices.ContainsFunc(counted, func(r result) bool { return r.why != counted[0].why }) {
		return false, counted[0].why
	}
	var texts []string
	for _, r := range counted {
		texts = append(texts, r.address+" "+r.why)
	}
	slices.Sort(texts) // the order in which the results arrive must not matter
	return false, strings.Join(texts, ", ")
}

func isAnswer(r result) bool { return r.verdict == answered }

// acceptsConnections is the reason of a result that is [accepted]; of a file it is "exists".
const acceptsConnections = "accepts connections"

// maxPause is the maximum to which the pause between two attempts grows.
const maxPause = time.Second

// progress is what is known about a target.
type progress struct {
	pause    time.Duration // before the attempt after the next
	next     time.Time     // when the next attempt is due
	attempts int
	row      int    // successes in a row
	why      string // why the target is not ready; "" before the first attempt has ended
	done     bool   // the target is ready
	hopeless bool   // no further attempt is made: it could not succeed, or was not asked for
}

// succeeded records an attempt that found the expected state. stable is the number of successes in
// a row that are needed.
func (p *progress) succeeded(now time.Time, first time.Duration, stable int) {
	p.row++
	p.pause = first
	p.next = now.Add(first)
	if p.done = p.row >= stable; !p.done {
		p.why = fmt.Sprintf("not yet %d successes in a row", stable)
	}
}

// failed records an attempt that did not find the expected state. jitter, from 0 to 1, shortens the
// pause by up to a quarter, so that many programs that wait for one server do not connect to it at
// the same times.
func (p *progress) failed(now time.Time, why string, first time.Duration, jitter float64) {
	p.row = 0
	p.why = why
	if p.pause == 0 {
		p.pause = first
	}
	p.next = now.Add(time.Duration(float64(p.pause) * (1 - jitter/4)))
	p.pause = max(first, min(2*p.pause, maxPause))
}

// hint makes the next attempt due now and resets the pause to its first value.
func (p *progress) hint(now time.Time) {
	p.next = now
	p.pause = 0
}
