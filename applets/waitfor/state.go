package waitfor

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// verdict is what one connection to one address told.
type verdict uint8

const (
	unclear  verdict = iota // neither up nor down
	accepted                // up
	refused                 // down
	absent                  // this host cannot use addresses of that family, so it does not count beside another
)

// result is a verdict with its reason, for an error.
type result struct {
	address string
	verdict verdict
	why     string
}

// conclude says what an attempt, the results of all its addresses, means: whether the target has the state that is
// waited for, and if not, why.
func conclude(results []result, down bool) (ok bool, why string) {
	var counted []result
	for _, r := range results {
		switch {
		case r.verdict == accepted && down:
			return false, "still accepts connections"
		case r.verdict == accepted:
			return true, ""
		case r.verdict != absent:
			counted = append(counted, r)
		}
	}
	if len(counted) == 0 {
		counted = results
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
	slices.Sort(texts) // results come in any order
	return false, strings.Join(texts, ", ")
}

// maxPause is what the pause between two attempts grows to.
const maxPause = time.Second

// progress is what is known of a target.
type progress struct {
	pause    time.Duration // before the attempt after the next
	next     time.Time     // when the next attempt is due
	attempts int
	row      int    // successes in a row
	why      string // why it is not ready; "" before the first attempt has ended
	done     bool   // it is ready
	hopeless bool   // it never will be
}

// succeeded takes down an attempt that found what is waited for, and that it takes stable of them in a row.
func (p *progress) succeeded(now time.Time, first time.Duration, stable int) {
	p.row++
	p.pause = first
	p.next = now.Add(first)
	if p.done = p.row >= stable; !p.done {
		p.why = fmt.Sprintf("not yet %d times in a row", stable)
	}
}

// failed takes down an attempt that did not. jitter, from 0 to 1, takes away up to a quarter of the pause, so that many
// programs that wait for one server do not ask it in step.
func (p *progress) failed(now time.Time, why string, first time.Duration, jitter float64) {
	p.row = 0
	p.why = why
	if p.pause == 0 {
		p.pause = first
	}
	p.next = now.Add(time.Duration(float64(p.pause) * (1 - jitter/4)))
	p.pause = max(first, min(2*p.pause, maxPause))
}

// hint makes the next attempt due at once and begins with short pauses again.
func (p *progress) hint(now time.Time) {
	p.next = now
	p.pause = 0
}
