package waitfor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"util/internal/cli"
	"util/internal/proc"

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
	open      int           // probes of the attempt without a result
	results   []result      // of the other probes of the attempt
}

// near reports whether the watch can detect changes of the target.
func (t *target) near() bool { return slices.ContainsFunc(t.addresses, address.near) }

// waiting reports whether the target is still waited for.
func (t *target) waiting() bool { return !t.done && !t.hopeless }

// waiter is one wait.
type waiter struct {
	Options
	targets  []*target
	began    time.Time
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
	report *report

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

// wait waits for the targets. The error is a *cli.Exit with the targets that are not ready.
func wait(ctx context.Context, o Options) error {
	w, err := newWaiter(o)
	if err != nil {
		return &cli.Exit{Status: proc.ExitFailed, Err: err}
	}
	defer w.leave()
	stop := context.AfterFunc(ctx, w.wakeUp)
	defer stop()
	err = w.loop(ctx)
	w.report.end(err, time.Now())
	if o.JSON && err != nil { // the error has been printed as an event
		var exit *cli.Exit
		errors.As(err, &exit)
		return &cli.Exit{Status: exit.Status}
	}
	return err
}

func newWaiter(o Options) (*waiter, error) {
	w := &waiter{
		Options: o,
		began:   time.Now(),
		beat:    minBeat,
		probes:  map[int32]*probe{},
		jitter:  rand.Float64(),

		questions: map[topic]*question{},
		exchanges: map[int32]*exchange{},
	}
	if o.Timeout > 0 {
		w.deadline = w.began.Add(o.Timeout)
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
		if spec.Path == "" {
			ports = append(ports, spec.Port)
		}
	}
	w.source = sourcePorts(ephemeralPorts(), ports)
	w.watch = newWatch(w.targets)
	w.report = newReport(w)
	return w, nil
}

func (w *waiter) openEpoll() (err error) {
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

func (w *waiter) addTarget(spec Target) {
	t := &target{Target: spec}
	t.next = w.began
	var err error
	t.addresses, err = spec.fixed(w.Family)
	t.named = len(t.addresses) == 0 || isLocal(spec.Host)
	if err != nil {
		t.hopeless, t.why = true, err.Error()
	}
	w.setFirst(t)
	w.targets = append(w.targets, t)
}

// leave closes the remaining sockets. The other files stay open until the program ends or executes
// the command, because the goroutine that waits for signals may still write to one of them.
func (w *waiter) leave() {
	for _, p := range w.probes {
		w.finish(p)
	}
	for _, e := range w.exchanges {
		w.close(e)
	}
}

// setFirst sets the pause after the first attempt, which depends on the kind of target.
func (w *waiter) setFirst(t *target) {
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
func (w *waiter) wakeUp() {
	_, _ = unix.Write(w.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // EAGAIN: a wake-up is pending
}

// loop runs until the wait is over.
func (w *waiter) loop(ctx context.Context) error {
	for {
		now := time.Now()
		w.expire(now)
		w.checkWatch(now)
		w.startAttempts(now)
		w.continueLookups(now)
		over, err := w.over()
		switch {
		case over:
			return err
		case ctx.Err() != nil:
			return w.failure(context.Cause(ctx))
		case !w.deadline.IsZero() && !now.Before(w.deadline):
			why := fmt.Errorf("timed out after %v", w.Timeout)
			return w.failure(&cli.Exit{Status: proc.ExitTimeout, Err: why})
		}
		w.report.tick(now)
		if err := w.poll(w.sleepUntil()); err != nil {
			return &cli.Exit{Status: proc.ExitFailed, Err: err}
		}
	}
}

// over reports whether the wait has ended because of its targets, and returns the error if it
// failed.
func (w *waiter) over() (bool, error) {
	done, hopeless := 0, 0
	for _, t := range w.targets {
		if t.done {
			done++
		}
		if t.hopeless {
			hopeless++
		}
	}
	switch {
	case done == len(w.targets), done > 0 && w.Any:
		return true, nil
	case hopeless == len(w.targets), hopeless > 0 && !w.Any:
		why := errors.New("failed for good")
		return true, w.failure(&cli.Exit{Status: proc.ExitFailed, Err: why})
	}
	return false, nil
}

// failure adds to err the targets that are not ready.
func (w *waiter) failure(err error) error {
	var exit *cli.Exit
	errors.As(err, &exit)
	why := fmt.Errorf("%w: %s", exit.Err, w.missing(exit.Status))
	return &cli.Exit{Status: exit.Status, Err: why}
}

// continueLookups continues the lookups in progress.
func (w *waiter) continueLookups(now time.Time) {
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
func (w *waiter) checkWatch(now time.Time) {
	if now.Before(w.watch.due) || !w.watched() {
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
func (w *waiter) watched() bool {
	for _, t := range w.targets {
		if t.waiting() && t.near() && w.watch.sees(t) {
			return true
		}
	}
	return false
}

// startAttempts starts the attempts that are due.
func (w *waiter) startAttempts(now time.Time) {
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

// connect starts a probe for each of these addresses of the target.
func (w *waiter) connect(t *target, addresses []address, now time.Time) {
	t.open += len(addresses)
	for _, a := range addresses {
		if !t.busy { // an earlier address has decided the attempt
			return
		}
		w.lastID++
		p := &probe{id: w.lastID, fd: -1, target: t, to: a}
		p.began, p.until = time.Now(), now.Add(w.Connect)
		var err error
		if p.sa, err = a.sockaddr(); err == nil {
			err = p.open(w.source)
		}
		if err != nil {
			v, why := verdictOf(err, a)
			w.record(p, v, why, now)
			continue
		}
		w.probes[p.id] = p
		w.proceed(p, now)
	}
}

// proceed handles the result of a connection in progress, if it is known.
func (w *waiter) proceed(p *probe, now time.Time) {
	err := p.connect()
	switch {
	case errors.Is(err, unix.EINPROGRESS) || errors.Is(err, unix.EALREADY):
		w.register(p, unix.EPOLLOUT, now)
	case err == nil && p.selfConnected():
		w.drop(p)
		w.record(p, refused, "connection refused", now)
	case err == nil:
		w.hold(p, now)
	default:
		w.drop(p)
		v, why := verdictOf(err, p.to)
		w.record(p, v, why, now)
	}
}

// hold handles a connection that has been established.
func (w *waiter) hold(p *probe, now time.Time) {
	if p.to.path == "" {
		p.linger(false)
	}
	p.phase = connected
	if w.Hold > 0 {
		p.until = now.Add(w.Hold)
		w.register(p, unix.EPOLLIN|unix.EPOLLRDHUP, now)
		return
	}
	w.finish(p)
	w.record(p, accepted, "", now)
}

// register registers the socket of a probe with epoll.
func (w *waiter) register(p *probe, events uint32, now time.Time) {
	event := unix.EpollEvent{Events: events, Fd: p.id}
	err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_MOD, p.fd, &event)
	if err == unix.ENOENT { // not registered yet
		err = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, p.fd, &event)
	}
	if err != nil { // ENOMEM, or ENOSPC for the limit of epoll watches
		w.drop(p)
		w.record(p, unclear, "epoll: "+err.Error(), now)
	}
}

// drop closes the socket of a probe and forgets the probe.
func (w *waiter) drop(p *probe) {
	unix.Close(p.fd)
	delete(w.probes, p.id)
}

// record records the result of a probe. If it is the last one or decides the attempt, the attempt
// ends.
func (w *waiter) record(p *probe, v verdict, why string, now time.Time) {
	t := p.target
	w.report.attempt(t, p, v, why, now)
	t.open--
	t.results = append(t.results, result{p.to.String(), v, why})
	if t.open == 0 && t.lookup == nil || v == accepted {
		w.conclude(t, now)
	}
}

// conclude ends the current attempt of a target.
func (w *waiter) conclude(t *target, now time.Time) {
	for _, p := range w.probes {
		if p.target == t { // no longer needed
			w.finish(p)
		}
	}
	before := t.why
	ok, why := conclude(t.results, w.Down)
	if ok {
		t.succeeded(now, t.first, w.Stable)
	} else {
		t.failed(now, why, t.first, w.jitter)
	}
	t.busy, t.open, t.lookup, t.results = false, 0, nil, nil
	if t.done || t.why != before {
		w.report.change(t, before, now)
	}
}

// expire ends the phases of probes whose time is up.
func (w *waiter) expire(now time.Time) {
	for _, p := range w.probes {
		if now.Before(p.until) {
			continue
		}
		switch p.phase {
		case connecting:
			w.drop(p)
			if w.Down && freeToBind(p.to, p.sa) {
				w.record(p, refused, "", now)
			} else {
				why := fmt.Sprintf("no answer within %v", w.Connect)
				w.record(p, unclear, why, now)
			}
		case connected:
			w.finish(p)
			w.record(p, accepted, "", now)
		}
	}
}

// finish closes a probe that is no longer needed. An established connection is closed cleanly.
func (w *waiter) finish(p *probe) {
	if p.phase == connected {
		p.prepareClose()
	}
	w.drop(p)
}

// sleepUntil returns when the loop must run again, or the zero time if it only waits for events.
func (w *waiter) sleepUntil() time.Time {
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
	}
	until.add(w.deadline)
	until.add(w.report.due)
	return until.Time
}

// nextAttempt returns when the next attempt starts or the next connection attempt times out, or the
// zero time.
func (w *waiter) nextAttempt() time.Time {
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
func (w *waiter) nextBeat(t time.Time) time.Time {
	return w.began.Add((t.Sub(w.began) + w.beat - 1) / w.beat * w.beat)
}

// poll waits for events and handles them. It returns at the given time; the zero time is no limit.
func (w *waiter) poll(until time.Time) error {
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
func (w *waiter) handleEvent(id int32, now time.Time) {
	if id == 0 {
		var count [8]byte
		_, _ = unix.Read(w.wake, count[:])
		return
	}
	if e := w.exchanges[id]; e != nil {
		w.receive(e, now)
		return
	}
	p := w.probes[id]
	switch {
	case p == nil: // closed while an earlier event was handled
	case p.phase == connecting:
		w.proceed(p, now)
	case !p.drain():
		p.linger(true)
		w.drop(p)
		why := fmt.Sprintf("accepted, but closed the connection within %v", w.Hold)
		w.record(p, unclear, why, now)
	}
}
