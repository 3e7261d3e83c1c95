package readiness

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// target is a target and the state of its attempts.
type target struct {
	Target
	progress
	addresses []address     // fixed, or found by the last lookup
	named     bool          // it has a name, which is looked up at each attempt
	lookup    *lookup       // the lookup of the current attempt; nil when it has ended
	first     time.Duration // pause after the first attempt
	mark      uint64        // see [watch.mark]
	busy      bool          // an attempt is in progress
	open      int           // addresses of the attempt without a result
	results   []result      // of the other probes of the attempt

	// for a target with which a protocol is spoken
	talking   *probe    // the conversation in progress
	queue     []address // that have not been tried in the attempt
	nextStart time.Time // when the next of them is tried, unless a result comes first
}

// staggers reports whether the next address is tried at [target.nextStart].
func (t *target) staggers() bool { return t.busy && t.talking == nil && len(t.queue) > 0 }

// near reports whether the watch can detect changes of the target.
func (t *target) near() bool { return slices.ContainsFunc(t.addresses, address.near) }

// waiting reports whether the target is still waited for.
func (t *target) waiting() bool { return !t.done && !t.hopeless }

// Wait is one wait.
type Wait struct {
	Options
	Began    time.Time
	targets  []*target
	deadline time.Time // zero for none
	// Attempts start only at multiples of beat, so that many targets do not cause many wake-ups.
	beat   time.Duration
	epoll  int
	wake   int // eventfd for the goroutine that waits for signals
	probes map[int32]*probe
	lastID int32
	source portRange
	jitter float64 // see [progress.failed]; one value for all targets keeps them on the same beat
	watch  *watch
	observer

	files     files
	questions map[topic]*question // to the name servers
	exchanges map[int32]*exchange
	preferred netip.AddrPort // the name server that answered last; the zero value for none
	message   [1 << 16]byte  // buffer for one message of a name server
}

// The beat is short, because the opening of a loopback port is detected at the next beat. With many
// targets or a large table of sockets it is longer, which limits the processor time.
const (
	minBeat   = 10 * time.Millisecond
	perTarget = time.Millisecond
	perSocket = 50 * time.Microsecond // for each socket in the table that the watch reads
)

// New returns a wait, which begins now. The error is about a lack of resources.
func New(o Options) (*Wait, error) {
	w := &Wait{
		Options: o,
		Began:   time.Now(),
		beat:    minBeat,
		probes:  map[int32]*probe{},
		jitter:  rand.Float64(),

		questions: map[topic]*question{},
		exchanges: map[int32]*exchange{},
	}
	if o.Timeout > 0 {
		w.deadline = w.Began.Add(o.Timeout)
	}
	if o.Interval > 0 {
		w.beat = min(w.beat, o.Interval)
	}
	w.beat = max(w.beat, time.Duration(len(o.Targets))*perTarget)
	if err := w.openEpoll(); err != nil {
		return nil, err
	}
	var ports []uint16
	for _, spec := range o.Targets {
		w.addTarget(spec)
		if spec.isTCP() {
			ports = append(ports, spec.Port)
		}
	}
	w.source = sourcePorts(ephemeralPorts(), ports)
	if !o.Once {
		w.watch = newWatch(w.targets)
	}
	return w, nil
}

func (w *Wait) openEpoll() (err error) {
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	if w.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", err)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, w.wake, &event); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

func (w *Wait) addTarget(spec Target) {
	t := &target{Target: spec}
	t.next = w.Began
	var err error
	t.addresses, err = spec.fixed(w.Family)
	t.named = len(t.addresses) == 0 || isLocal(spec.Host)
	if err != nil {
		t.hopeless, t.why = true, err.Error()
	}
	w.setFirst(t)
	w.targets = append(w.targets, t)
}

// Close closes the remaining connections. The other files stay open until the program ends or
// executes a command, because the goroutine that wakes the loop may still write to one of them.
func (w *Wait) Close() {
	for _, p := range w.probes {
		w.finish(p)
	}
	for _, e := range w.exchanges {
		w.close(e)
	}
}

// setFirst sets the pause after the first attempt, which depends on the kind of target.
func (w *Wait) setFirst(t *target) {
	switch {
	case w.Interval > 0:
		t.first = w.Interval
	case t.near():
		t.first = max(10*time.Millisecond, w.beat)
	default:
		t.first = 100 * time.Millisecond
	}
}

// wakeUp wakes the loop. It is the only method that other goroutines may call.
func (w *Wait) wakeUp() {
	_, _ = unix.Write(w.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // EAGAIN: a wake-up is pending
}

// Run waits until the wait is over or ctx is canceled. The error is about a lack of resources.
func (w *Wait) Run(ctx context.Context, o Observer) (Result, error) {
	stop := context.AfterFunc(ctx, w.wakeUp)
	defer stop()
	w.observer = observer{Observer: o}
	for {
		now := time.Now()
		w.expire(now)
		w.startStaggered(now)
		w.checkWatch(now)
		w.startAttempts(now)
		w.continueLookups(now)
		over, result := w.over()
		switch {
		case over:
			w.waitForClosing()
			return result, nil
		case ctx.Err() != nil:
			return Canceled, nil
		case !w.deadline.IsZero() && !now.Before(w.deadline):
			return TimedOut, nil
		}
		w.observer.due = w.Tick(now)
		if err := w.poll(w.sleepUntil()); err != nil {
			return FailedForGood, err
		}
	}
}

// observer is the observer and when it must be called again.
type observer struct {
	Observer
	due time.Time
}

// over reports whether the wait has ended because of its targets, and how.
func (w *Wait) over() (bool, Result) {
	done, hopeless := 0, 0
	for _, t := range w.targets {
		if t.done {
			done++
		}
		if t.hopeless {
			hopeless++
		}
	}
	all := len(w.targets)
	switch {
	case done == all, done > 0 && w.Any:
		return true, Succeeded
	case done+hopeless == all, hopeless > 0 && !w.Any && !w.Once:
		return true, FailedForGood
	}
	return false, FailedForGood
}

// continueLookups continues the lookups in progress.
func (w *Wait) continueLookups(now time.Time) {
	for _, q := range w.questions {
		if !q.ended && !now.Before(q.next) {
			w.refresh(now)
			break
		}
	}
	w.serviceQuestions(now)
	for _, t := range w.targets {
		if t.lookup != nil {
			w.advance(t, now)
		}
	}
}

// checkWatch makes attempts due for the targets that have changed.
func (w *Wait) checkWatch(now time.Time) {
	if !w.watched() || now.Before(w.watch.due) {
		return
	}
	w.watch.update()
	w.watch.due = w.nextBeat(now.Add(1 + time.Duration(w.watch.sockets)*perSocket))
	for _, t := range w.targets {
		if !t.waiting() || t.busy || !t.near() {
			continue
		}
		if mark := w.watch.mark(t); mark != t.mark {
			t.mark = mark
			t.hint(now)
		}
	}
}

// watched reports whether the watch can detect changes of any target that is waited for.
func (w *Wait) watched() bool {
	if w.watch == nil {
		return false
	}
	for _, t := range w.targets {
		if t.waiting() && t.near() && w.watch.sees(t) {
			return true
		}
	}
	return false
}

// startAttempts starts the attempts that are due.
func (w *Wait) startAttempts(now time.Time) {
	for _, t := range w.targets {
		if !t.waiting() || t.busy || now.Before(t.next) {
			continue
		}
		t.busy = true
		t.attempts++
		if t.named {
			w.resolve(t, now)
		} else {
			w.connect(t, t.addresses, now)
		}
	}
}

// sleepUntil returns when the loop must run again, or the zero time if it only waits for events.
func (w *Wait) sleepUntil() time.Time {
	var until earliest
	if next := w.nextAttempt(); !next.IsZero() {
		until.add(w.nextBeat(next))
	}
	if w.watched() {
		until.add(w.watch.due)
	}
	for _, p := range w.probes {
		if p.phase != connecting {
			until.add(p.until)
		}
	}
	for _, q := range w.questions {
		until.add(q.due())
	}
	for _, t := range w.targets {
		if t.lookup != nil {
			until.add(t.lookup.due(w.Down, t.open))
		}
		if t.staggers() {
			until.add(t.nextStart)
		}
	}
	until.add(w.deadline)
	until.add(w.observer.due)
	return until.Time
}

// nextAttempt returns when the next attempt starts or the next connection attempt times out, or the
// zero time.
func (w *Wait) nextAttempt() time.Time {
	var next earliest
	for _, t := range w.targets {
		if t.waiting() && !t.busy {
			next.add(t.next)
		}
	}
	for _, p := range w.probes {
		if p.phase == connecting {
			next.add(p.until)
		}
	}
	return next.Time
}

// earliest is the earliest of several times. Zero times do not count.
type earliest struct{ time.Time }

func (e *earliest) add(t time.Time) {
	if !t.IsZero() && (e.IsZero() || t.Before(e.Time)) {
		e.Time = t
	}
}

// nextBeat returns the first beat that is not before t.
func (w *Wait) nextBeat(t time.Time) time.Time {
	return w.Began.Add((t.Sub(w.Began) + w.beat - 1) / w.beat * w.beat)
}

// poll waits for events and handles them. It returns at the given time; the zero time is no limit.
func (w *Wait) poll(until time.Time) error {
	timeout := -1
	if !until.IsZero() {
		timeout = max(0, int((time.Until(until)+time.Millisecond-1)/time.Millisecond))
	}
	var events [64]unix.EpollEvent
	n, err := unix.EpollWait(w.epoll, events[:], min(timeout, 1<<30))
	if err == unix.EINTR {
		return nil
	}
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	now := time.Now()
	for _, event := range events[:n] {
		w.handleEvent(event.Fd, now)
	}
	return nil
}

// handleEvent handles an event of the wake-up file (id 0), an exchange or a probe.
func (w *Wait) handleEvent(id int32, now time.Time) {
	if id == 0 {
		var count [8]byte
		_, _ = unix.Read(w.wake, count[:])
	} else if e := w.exchanges[id]; e != nil {
		w.receive(e, now)
	} else if p := w.probes[id]; p != nil { // nil: closed while an earlier event was handled
		w.continueProbe(p, now)
	}
}
