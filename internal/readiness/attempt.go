package readiness

import (
	"errors"
	"fmt"
	"time"

	"util/internal/readiness/protocol"

	"golang.org/x/sys/unix"
)

// connect tries these addresses of the target: all at the same time if an accepted connection
// decides the attempt. A server with which a protocol is spoken gets one conversation at a time,
// because each one is work for it, and some block a host whose conversations break off.
func (w *Wait) connect(t *target, addresses []address, now time.Time) {
	t.open += len(addresses)
	if t.Protocol != nil {
		t.queue = append(t.queue, addresses...)
		w.startNext(t, now)
		return
	}
	for _, a := range addresses {
		if !t.busy { // an earlier address has decided the attempt
			return
		}
		w.start(t, a, now)
	}
}

// stagger is how long one address may take to connect before the next one is tried too, in an
// attempt that does not try all at the same time (RFC 8305, section 5).
const stagger = 250 * time.Millisecond

// startNext tries the next address in the queue of a target. At the deadline none is tried, because
// its conversation would break off.
func (w *Wait) startNext(t *target, now time.Time) {
	if len(t.queue) == 0 || t.talking != nil || !w.deadline.IsZero() && !now.Before(w.deadline) {
		return
	}
	a := t.queue[0]
	t.queue = t.queue[1:]
	t.nextStart = now.Add(min(stagger, w.share(t, now)/2))
	w.start(t, a, now)
}

// share returns how long one address of a target may take, so that those in its queue can be tried
// too before the deadline.
func (w *Wait) share(t *target, now time.Time) time.Duration {
	limit := w.Connect
	if w.deadline.IsZero() || !w.Once && len(t.queue) == 0 {
		return limit
	}
	left := w.deadline.Sub(now) / time.Duration(1+len(t.queue))
	left = max(left.Truncate(time.Millisecond), time.Millisecond) // a message shows it
	if w.Once {
		return left
	}
	return min(limit, left)
}

// startStaggered tries the next address of each target whose connection takes long.
func (w *Wait) startStaggered(now time.Time) {
	for _, t := range w.targets {
		if t.staggers() && !now.Before(t.nextStart) {
			w.startNext(t, now)
		}
	}
}

// start starts a probe.
func (w *Wait) start(t *target, a address, now time.Time) {
	w.lastID++
	p := &probe{id: w.lastID, fd: -1, target: t, to: a}
	p.limit = w.share(t, now)
	p.began, p.until = time.Now(), now.Add(p.limit)
	if w.Once && len(t.queue) == 0 { // until the deadline; the message has the limit of the user
		p.limit = w.Timeout
	}
	if t.File {
		v, why := look(t.Path)
		w.record(p, v, why, now)
		return
	}
	var err error
	if p.sa, err = a.sockaddr(); err == nil {
		err = p.open(w.source)
	}
	if err != nil {
		v, why := verdictOf(err, a)
		w.record(p, v, why, now)
		return
	}
	w.probes[p.id] = p
	w.proceed(p, now)
}

// look returns whether a file exists.
func look(path string) (verdict, string) {
	var st unix.Stat_t
	switch err := unix.Stat(path, &st); err {
	case nil:
		return accepted, "exists"
	case unix.ENOENT, unix.ENOTDIR:
		return refused, "no such file"
	default:
		return unclear, err.Error()
	}
}

// proceed handles the result of a connection in progress, if it is known.
func (w *Wait) proceed(p *probe, now time.Time) {
	err := p.connect()
	switch {
	case errors.Is(err, unix.EINPROGRESS) || errors.Is(err, unix.EALREADY):
		w.register(p, unix.EPOLLOUT, now)
	case err == nil && p.selfConnected():
		w.drop(p)
		w.record(p, refused, "connection refused", now)
	case err == nil:
		w.established(p, now)
	default:
		w.drop(p)
		v, why := verdictOf(err, p.to)
		w.record(p, v, why, now)
	}
}

// established handles a connection that has been established.
func (w *Wait) established(p *probe, now time.Time) {
	if p.to.path == "" {
		p.linger(false)
	}
	switch {
	case p.target.Protocol != nil:
		w.talk(p, now)
	case w.Hold > 0:
		p.phase = held
		p.until = now.Add(w.Hold)
		w.register(p, unix.EPOLLIN|unix.EPOLLRDHUP, now)
	default:
		p.phase = held
		w.finish(p)
		w.record(p, accepted, acceptsConnections, now)
	}
}

// talk begins the conversation. Until it has a result, no other address is tried.
func (w *Wait) talk(p *probe, now time.Time) {
	t := p.target
	p.phase, t.talking = talking, p
	p.talk = t.Protocol.Begin()
	for _, other := range w.probes {
		switch {
		case other.target != t || other.phase != connecting:
		case now.Sub(other.began) < stagger: // it may still answer
			w.drop(other)
			t.queue = append(t.queue, other.to)
		default:
			w.drop(other)
			w.record(other, unclear, silence(now.Sub(other.began).Round(time.Millisecond)), now)
		}
	}
	if w.step(p, nil, false, now) {
		w.listen(p, now)
	}
}

// continueProbe handles an event of a probe.
func (w *Wait) continueProbe(p *probe, now time.Time) {
	switch {
	case p.phase == connecting:
		w.proceed(p, now)
	case p.phase == talking:
		w.converse(p, now)
	case p.phase == closing:
		if open := p.drain(); !open || p.drained >= closeBytes {
			w.finish(p)
		}
	case p.drain():
	default:
		p.linger(true)
		w.drop(p)
		why := fmt.Sprintf("accepted, but closed the connection within %v", w.Hold)
		w.record(p, unclear, why, now)
	}
}

// converse reads what the server has sent, and writes what it is to get.
func (w *Wait) converse(p *probe, now time.Time) {
	p.flush()
	var buf [4096]byte
	for range 64 { // a server that never stops sending must not block the loop
		n, err := unix.Read(p.fd, buf[:])
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			w.listen(p, now)
			return
		case n <= 0 || err != nil:
			w.step(p, nil, true, now)
			return
		}
		p.answering = true
		if !w.step(p, buf[:n], false, now) {
			return
		}
	}
	w.listen(p, now)
}

// listen makes the loop continue a conversation when the server has sent something, or takes more.
func (w *Wait) listen(p *probe, now time.Time) {
	events := uint32(unix.EPOLLIN | unix.EPOLLRDHUP)
	if len(p.out) > 0 {
		events |= unix.EPOLLOUT
	}
	w.register(p, events, now)
}

// step continues a conversation with data from the server. It reports whether the conversation goes
// on.
func (w *Wait) step(p *probe, data []byte, closed bool, now time.Time) bool {
	reply := p.talk.Step(data, closed)
	p.out = append(p.out, reply.Send...)
	p.flush()
	if reply.Verdict == protocol.Pending && !closed {
		return true
	}
	if reply.Closes && !closed {
		p.phase = closing
		p.until = now.Add(closeLimit)
		w.register(p, unix.EPOLLIN|unix.EPOLLRDHUP, now)
	} else {
		w.finish(p)
	}
	if reply.Verdict == protocol.Ready {
		w.record(p, accepted, acceptsConnections, now)
	} else {
		w.record(p, answered, reply.Why, now)
	}
	return false
}

// closeLimit is how long a server may take to close a connection that it is to close first, and
// closeBytes how much of a body is read in that time.
const (
	closeLimit = 75 * time.Millisecond
	closeBytes = 64 << 10
)

// waitForClosing gives servers the time to close the connections that they are to close first.
func (w *Wait) waitForClosing() {
	for _, p := range w.probes {
		if p.phase != closing {
			w.finish(p)
		}
	}
	for len(w.probes) > 0 {
		var until earliest
		for _, p := range w.probes {
			until.add(p.until)
		}
		if w.poll(until.Time) != nil {
			return
		}
		w.expire(time.Now())
	}
}

// register registers the socket of a probe with epoll.
func (w *Wait) register(p *probe, events uint32, now time.Time) {
	event := unix.EpollEvent{Events: events, Fd: p.id}
	err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_MOD, p.fd, &event)
	if err == unix.ENOENT { // not registered yet
		err = unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, p.fd, &event)
	}
	if err != nil { // ENOMEM, or ENOSPC for the limit of epoll watches
		w.drop(p)
		if p.phase == closing {
			return // the result is known
		}
		w.record(p, unclear, "epoll: "+err.Error(), now)
	}
}

// drop closes the socket of a probe and forgets the probe.
func (w *Wait) drop(p *probe) {
	unix.Close(p.fd)
	delete(w.probes, p.id)
}

// record records the result of a probe. If it is the last one or decides the attempt, the attempt
// ends.
func (w *Wait) record(p *probe, v verdict, why string, now time.Time) {
	t := p.target
	w.Attempted(w.attempt(p, v, why), now)
	t.open--
	t.results = append(t.results, result{p.to.String(), v, why})
	if t.talking == p {
		t.talking = nil
	}
	if t.open == 0 && t.lookup == nil || v == accepted || v == answered && w.Down {
		w.conclude(t, now)
	} else {
		w.startNext(t, now)
	}
}

// attempt describes the result of a probe for the observer.
func (w *Wait) attempt(p *probe, v verdict, why string) Attempt {
	switch {
	case v == accepted && p.target.Protocol != nil:
		why = "ready"
	case v == accepted && !p.target.File:
		why = "accepted"
	case v == refused && why == "":
		why = "no answer, but free to bind"
	}
	address := p.to.path
	if address == "" {
		address = p.to.String()
	}
	return Attempt{p.target.Target, p.target.attempts, address, why, p.began}
}

// conclude ends the current attempt of a target.
func (w *Wait) conclude(t *target, now time.Time) {
	for _, p := range w.probes {
		if p.target == t && p.phase != closing { // no longer needed
			w.finish(p)
		}
	}
	before := t.why
	ok, why := conclude(t.results, w.Down)
	if ok {
		t.succeeded(now, t.first, w.Stable)
	} else {
		t.failed(now, why, t.first, w.jitter)
		t.hopeless = w.Once
	}
	t.busy, t.open, t.lookup, t.results = false, 0, nil, nil
	t.queue, t.talking = nil, nil
	if t.done || t.why != before {
		w.Changed(w.status(t), before, now)
	}
}

// expire ends the phases of probes whose time is up.
func (w *Wait) expire(now time.Time) {
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
				w.record(p, unclear, silence(p.limit), now)
			}
		case talking:
			w.finish(p)
			what := "did not answer"
			if p.answering {
				what = "did not complete its answer"
			}
			why := fmt.Sprintf("accepted, but %s within %v", what, p.limit)
			w.record(p, unclear, why, now)
		case closing:
			w.finish(p)
		case held:
			w.finish(p)
			w.record(p, accepted, acceptsConnections, now)
		}
	}
}

func silence(limit time.Duration) string { return fmt.Sprintf("no answer within %v", limit) }

// finish closes a probe that is no longer needed. An established connection is closed cleanly.
func (w *Wait) finish(p *probe) {
	if p.phase != connecting {
		p.prepareClose()
	}
	w.drop(p)
}
