package chaos

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"util/internal/sig"
)

// place says where init is.
type place int

const (
	pid1   place = iota // PID 1 of a PID namespace
	bare                // a subreaper, with siblings, below an actor that is PID 1
	nested              // a subreaper below an init without options, which is PID 1
)

func (p place) String() string { return [...]string{"PID 1", "a subreaper", "nested"}[p] }

// config is a random init.
type config struct {
	place    place
	grace    time.Duration // 0, short or long
	delay    time.Duration // 0, short or long
	scope    string        // "" is the default
	single   bool
	rewrite  map[sig.Signal]sig.Signal // 0 is none
	stops    sig.Set                   // those of --stop-signal
	exit     map[int]int               // -1 is any
	messages string                    // an option that makes init print messages, or ""
	mask     sig.Set                   // the signals that init finds blocked
	ignored  sig.Set                   // and those that it finds ignored
	pidMax   int                       // or 0
	jobs     bool                      // actors make process groups, and none is stopped
	entered  bool                      // a process enters from outside
}

// A short time is one that the run waits for. A long one never ends in it.
const (
	shortGrace = 300 * time.Millisecond
	shortDelay = 40 * time.Millisecond
	longGrace  = time.Minute
	longDelay  = 30 * time.Second
)

// pick returns one of some values.
func pick[T any](r *rand.Rand, values ...T) T { return values[r.IntN(len(values))] }

// chance is true p times of a hundred.
func chance(r *rand.Rand, p int) bool { return r.IntN(100) < p }

// randomConfig returns a random init.
func randomConfig(r *rand.Rand) config {
	c := config{
		place: pick(r, pid1, pid1, pid1, bare, bare, nested),
		grace: pick(r, 0, 0, shortGrace, longGrace, longGrace),
		scope: pick(r, "", "", "group", "ordered", "container"),
		jobs:  chance(r, 40),
	}
	if chance(r, 25) {
		c.delay = pick(r, shortDelay, longDelay)
		if c.grace == shortGrace { // which must be longer
			c.delay = shortDelay
		}
	}
	c.single = c.scope != "container" && chance(r, 25)
	c.entered = c.place != bare && chance(r, 40)
	if chance(r, 40) {
		c.stops = pick(r, sig.Of(sig.QUIT), sig.Of(sig.USR1)|sig.Of(sig.HUP), sig.Of(sig.RTMin+3))
	}
	c.rewrite = map[sig.Signal]sig.Signal{}
	for range pick(r, 0, 0, 0, 1, 2) {
		from := pick(r, sig.HUP, sig.INT, sig.USR1, sig.TERM, sig.QUIT, sig.WINCH, 12, 14, 29)
		c.rewrite[from] = pick(r, sig.QUIT, sig.USR1, sig.INT, sig.PWR, 0)
		if c.isStop(from) && c.rewrite[from] == 0 { // the documents do not say what this is
			delete(c.rewrite, from)
		}
	}
	if chance(r, 15) {
		c.rewrite[sig.RTMin+1] = sig.RTMin + 7
	}
	c.exit = map[int]int{}
	for range pick(r, 0, 0, 1, 2) {
		c.exit[pick(r, -1, 1, 3, 42, 128+1, 128+10, 128+15, 128+34)] = pick(r, 0, 5, 200)
	}
	c.messages = pick(r, "", "", "", "-v", "-vv", "-w", "--log-format=json")
	if chance(r, 30) {
		c.mask = sig.Set(r.Uint64()) &^ unblockable
	}
	if chance(r, 30) {
		c.ignored = sig.Set(r.Uint64()&r.Uint64()) &^ unblockable
	}
	if chance(r, 25) {
		c.pidMax = pick(r, 400, 500, 700)
	}
	return c
}

// unblockable are the signals that cannot be blocked, caught or ignored.
var unblockable = sig.Set(1<<(sig.KILL-1) | 1<<(sig.STOP-1))

// args are the options of init.
func (c *config) args() []string {
	var args []string
	add := func(format string, a ...any) { args = append(args, fmt.Sprintf(format, a...)) }
	if c.grace > 0 {
		add("--grace=%v", c.grace.Seconds())
	}
	if c.delay > 0 {
		add("--stop-delay=%dms", c.delay.Milliseconds())
	}
	if c.scope != "" {
		add("--scope=%s", c.scope)
	}
	if c.single {
		add("--single-child")
	}
	for s := sig.HUP; s <= sig.Max; s++ {
		if to, ok := c.rewrite[s]; ok {
			name := to.Name()
			if to == 0 {
				name = "none"
			}
			add("--rewrite=%s:%s", s.Name(), name)
		}
		if c.stops.Has(s) {
			add("--stop-signal=%s", s.Name())
		}
	}
	for from := -1; from < 256; from++ {
		if to, ok := c.exit[from]; ok {
			switch {
			case from < 0:
				add("--exit-code=any:%d", to)
			case from > 128:
				add("--exit-code=%s:%d", sig.Signal(from-128).Name(), to)
			default:
				add("--exit-code=%d:%d", from, to)
			}
		}
	}
	if c.messages != "" {
		add("%s", c.messages)
	}
	return args
}

func (c *config) String() string {
	text := fmt.Sprintf("init is %v: %s", c.place, strings.Join(c.args(), " "))
	if c.mask != 0 || c.ignored != 0 {
		text += fmt.Sprintf("; blocked %x, ignored %x", uint64(c.mask), uint64(c.ignored))
	}
	if c.pidMax > 0 {
		text += "; pid_max " + strconv.Itoa(c.pidMax)
	}
	if c.entered {
		text += "; a process enters"
	}
	return text
}

// isStop reports whether a signal begins a stop.
func (c *config) isStop(s sig.Signal) bool {
	return s == sig.TERM || s == sig.INT || c.stops.Has(s)
}

// isWide reports whether a stop applies to all descendants of init.
func (c *config) isWide() bool {
	return c.scope == "ordered" || c.scope == "container" || c.scope == "" && c.grace > 0
}

// code returns init's status for the command's.
func (c *config) code(status int) int {
	if to, ok := c.exit[status]; ok {
		return to
	}
	if to, ok := c.exit[-1]; ok && status != 0 {
		return to
	}
	return status
}
