package waitfor

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"util/internal/cli"
	"util/internal/proc"

	"golang.org/x/sys/unix"
)

// target is a target while it is waited for.
type target struct {
	Target
	progress
	addresses []address     // fixed ones, or those of the last look-up
	named     bool          // it has a name, whose addresses are found out at each attempt
	lookup    *lookup       // what the attempt under way still wants to know of the name servers; nil is nothing
	first     time.Duration // pause after the first attempt
	mark      uint64        // what the watch saw last
	busy      bool          // an attempt is under way
	open      int           // how many of its probes have not told their result
	results   []result      // of those that have
}

// near reports whether the watch can see changes of the target.
func (t *target) near() bool {
	for _, a := range t.addresses {
		if a.near() {
			return true
		}
	}
	return false
}

// waiter is one wait.
type waiter struct {
	Options
	targets  []*target
	began    time.Time
	deadline time.Time     // zero is none
	beat     time.Duration // what is due is done in step with this, so that many targets do not cause many wake-ups
	epoll    int
	wake     int // eventfd for the goroutine that waits for signals
	probes   map[int32]*probe
	lastID   int32
	source   portRange
	jitter   float64 // see [progress.failed]; one for all targets, so that they stay in step
	watch    *watch
	report   *report

	files     files
	questions map[topic]*question // to the name servers
	exchanges map[int32]*exchange
	preferred netip.AddrPort // the name server that answered last; the zero value is none
	message   [1 << 16]byte  // room for one message of a name server
}

// The beat is short, because a port of the loopback that opens is seen at the next one. It is longer for many targets
// and for a large table of sockets, so that they cost no more than a few.
const (
	leastBeat = 10 * time.Millisecond
	perTarget = time.Millisecond
	perSocket = 50 * time.Microsecond // for each socket in the table that the watch reads
)

// wait waits for the targets. The error is a *cli.Exit that says what is still missing.
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
	if o.JSON && err != nil { // it has been said
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
		beat:    leastBeat,
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
	var err error
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if w.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	if err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, w.wake, &unix.EpollEvent{Events: unix.EPOLLIN}); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	var ports []uint16
	for _, spec := range o.Targets {
		t := &target{Target: spec}
		t.next = w.began
		t.addresses, err = spec.fixed(o.Family)
		t.named = len(t.addresses) == 0 || isLocal(spec.Host)
		if err != nil {
			t.hopeless, t.why = true, err.Error()
		}
		w.setFirst(t)
		w.targets = append(w.targets, t)
		if spec.Path == "" {
			ports = append(ports, spec.Port)
		}
	}
	w.source = sourcePorts(ephemeralPorts(), ports)
	w.watch = newWatch(w.targets)
	w.report = newReport(w)
	return w, nil
}

// leave closes the sockets that are left. The other files stay open until the program ends or executes the command,
// because the goroutine that waits for signals may still write to one of them.
func (w *waiter) leave() {
	for _, p := range w.probes {
		w.finish(p)
	}
	for _, e := range w.exchanges {
		w.close(e)
	}
}

// setFirst chooses the first pause by where the target is.
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

// wakeUp makes the loop look around. It is the only thing that other goroutines may call.
func (w *waiter) wakeUp() {
	_, _ = unix.Write(w.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // EAGAIN: it is awake already
}

// loop runs until the wait is over.
func (w *waiter) loop(ctx context.Context) error {
	for {
		now := time.Now()
		w.expire(now)
		w.lookAround(now)
		w.begin(now)
		w.resolveOn(now)
		over, err := w.over()
		switch {
		case over:
			return err
		case ctx.Err() != nil:
			return w.failure(context.Cause(ctx))
		case !w.deadline.IsZero() && !now.Before(w.deadline):
			return w.failure(&cli.Exit{Status: proc.ExitTimeout, Err: fmt.Errorf("timed out after %v", w.Timeout)})
		}
		w.report.tick(now)
		if err := w.poll(w.sleepUntil()); err != nil {
			return &cli.Exit{Status: proc.ExitFailed, Err: err}
		}
	}
}

// over reports whether the wait has ended by itself.
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
		return true, w.failure(&cli.Exit{Status: proc.ExitFailed, Err: errors.New("failed for good")})
	}
	return false, nil
}

// failure adds to err what is still missing.
func (w *waiter) failure(err error) error {
	var exit *cli.Exit
	errors.As(err, &exit)
	return &cli.Exit{Status: exit.Status, Err: fmt.Errorf("%w: %s", exit.Err, w.missing(exit.Status))}
}

// resolveOn goes on with the look-ups.
func (w *waiter) resolveOn(now time.Time) {
	for _, q := range w.questions {
		if !q.ended && !now.Before(q.next) {
			w.refresh(now)
			break
		}
	}
	w.attend(now)
	for _, t := range w.targets {
		if t.lookup != nil {
			w.advance(t, now)
		}
	}
}

// lookAround asks the watch for changes.
func (w *waiter) lookAround(now time.Time) {
	if now.Before(w.watch.due) || !w.watched() {
		return
	}
	w.watch.look()
	w.watch.due = w.nextBeat(now.Add(1 + time.Duration(w.watch.sockets)*perSocket))
	for _, t := range w.targets {
		if t.done || t.hopeless || t.busy || !t.near() {
			continue
		}
		if mark := w.watch.mark(t); mark != t.mark {
			t.mark = mark
			t.hint(now)
		}
	}
}

// watched reports whether the watch can tell about any target that is waited for.
func (w *waiter) watched() bool {
	for _, t := range w.targets {
		if !t.done && !t.hopeless && t.near() && w.watch.sees(t) {
			return true
		}
	}
	return false
}

// begin begins the attempts that are due.
func (w *waiter) begin(now time.Time) {
	for _, t := range w.targets {
		if t.done || t.hopeless || t.busy || now.Before(t.next) {
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

// connect begins a probe for each of these addresses of the target.
func (w *waiter) connect(t *target, addresses []address, now time.Time) {
	t.open += len(addresses)
	for _, a := range addresses {
		if !t.busy { // an earlier address has decided the attempt
			return
		}
		w.lastID++
		p := &probe{id: w.lastID, fd: -1, target: t, to: a, began: time.Now(), until: now.Add(w.Connect)}
		var err error
		if p.sa, err = a.sockaddr(); err == nil {
			err = p.open(w.source)
		}
		if err != nil {
			v, why := verdictOf(err, a)
			w.tell(p, v, why, now)
			continue
		}
		w.probes[p.id] = p
		w.proceed(p, now)
	}
}

// proceed finds out how a connection went that is being made.
func (w *waiter) proceed(p *probe, now time.Time) {
	err := p.connect()
	switch {
	case err == unix.EINPROGRESS || err == unix.EALREADY:
		w.register(p, unix.EPOLLOUT, now)
	case err == nil && p.selfConnected():
		w.drop(p)
		w.tell(p, refused, "connection refused", now)
	case err == nil:
		w.hold(p, now)
	default:
		w.drop(p)
		v, why := verdictOf(err, p.to)
		w.tell(p, v, why, now)
	}
}

// hold goes on with a connection that has been made.
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
	w.tell(p, accepted, "", now)
}

// register asks for events of a probe.
func (w *waiter) register(p *probe, events uint32, now time.Time) {
	event := unix.EpollEvent{Events: events, Fd: p.id}
	err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_MOD, p.fd, &event)
	if err == unix.ENOENT { // epoll does not know it yet
		err = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, p.fd, &event)
	}
	if err != nil { // ENOMEM, ENOSPC (a limit on watches)
		w.drop(p)
		w.tell(p, unclear, "epoll: "+err.Error(), now)
	}
}

// drop closes a probe.
func (w *waiter) drop(p *probe) {
	unix.Close(p.fd)
	delete(w.probes, p.id)
}

// tell takes down the result of a probe, and ends the attempt if it is the last or decides it.
func (w *waiter) tell(p *probe, v verdict, why string, now time.Time) {
	t := p.target
	w.report.attempt(t, p, v, why, now)
	t.open--
	t.results = append(t.results, result{p.to.String(), v, why})
	if t.open == 0 && t.lookup == nil || v == accepted {
		w.conclude(t, now)
	}
}

// conclude ends the attempt of a target.
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

// expire ends the phases whose time is up.
func (w *waiter) expire(now time.Time) {
	for _, p := range w.probes {
		if now.Before(p.until) {
			continue
		}
		switch p.phase {
		case connecting:
			w.drop(p)
			if w.Down && freeToBind(p.to, p.sa) {
				w.tell(p, refused, "", now)
			} else {
				w.tell(p, unclear, fmt.Sprintf("no answer within %v", w.Connect), now)
			}
		case connected:
			w.finish(p)
			w.tell(p, accepted, "", now)
		}
	}
}

// finish closes a probe from which nothing more is needed.
func (w *waiter) finish(p *probe) {
	if p.phase == connected {
		p.leave()
	}
	w.drop(p)
}

// sleepUntil returns when the next thing is due, or the zero time if nothing ever is.
func (w *waiter) sleepUntil() time.Time {
	var until time.Time
	earlier := func(t time.Time) {
		if !t.IsZero() && (until.IsZero() || t.Before(until)) {
			until = t
		}
	}
	for _, t := range w.targets {
		if !t.done && !t.hopeless && !t.busy {
			earlier(t.next)
		}
	}
	for _, p := range w.probes {
		if p.phase == connecting {
			earlier(p.until)
		}
	}
	if !until.IsZero() {
		until = w.nextBeat(until)
	}
	if w.watched() {
		earlier(w.watch.due)
	}
	for _, p := range w.probes {
		if p.phase != connecting {
			earlier(p.until)
		}
	}
	for _, q := range w.questions {
		earlier(q.due())
	}
	for _, t := range w.targets {
		if t.lookup != nil {
			earlier(t.lookup.due(w.Down, t.open))
		}
	}
	earlier(w.deadline)
	earlier(w.report.due)
	return until
}

// nextBeat returns the first beat that is not before t.
func (w *waiter) nextBeat(t time.Time) time.Time {
	return w.began.Add((t.Sub(w.began) + w.beat - 1) / w.beat * w.beat)
}

// poll waits for events until the given time, or without limit for the zero time, and handles them.
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
		if event.Fd == 0 {
			var count [8]byte
			_, _ = unix.Read(w.wake, count[:])
			continue
		}
		if e := w.exchanges[event.Fd]; e != nil {
			w.receive(e, now)
			continue
		}
		p := w.probes[event.Fd]
		if p == nil { // dropped by an event before
			continue
		}
		switch p.phase {
		case connecting:
			w.proceed(p, now)
		case connected:
			if !p.drain() {
				p.linger(true)
				w.drop(p)
				w.tell(p, unclear, fmt.Sprintf("accepts, but closed the connection within %v", w.Hold), now)
			}
		}
	}
	return nil
}
