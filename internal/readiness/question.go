package readiness

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

const (
	// patience is how long a name server may take to answer before the next one is asked too. It is
	// longer than a round trip around the world, and short enough for three servers in a second.
	patience = 300 * time.Millisecond
	// maxRepeatPause is the maximum to which the pause between two repetitions grows.
	maxRepeatPause = time.Second
	// negativeDelay is the minimum age of a question for which a negative answer counts, while a
	// server that precedes the sender in resolv.conf has not answered.
	negativeDelay = 2 * patience
)

// topic is what a question is about. The name is absolute.
type topic struct {
	name string
	kind dnsmessage.Type // TypeA or TypeAAAA
}

// question is a topic that the name servers are asked about until one of them has answered. Lookups
// of the same topic share it.
type question struct {
	topic
	id    uint16
	query []byte
	asked []*exchange // one for each server, in the order in which they are asked
	sent  int         // how often the query has been sent
	began time.Time
	next  time.Time // when the query is sent again
	until time.Time // when the question times out

	held   *exchange // its negative answer counts only if no other server disagrees
	heldNo answer

	ended  bool // no server is asked any more
	answer answer
	from   *exchange // the server that sent the answer; nil if there is none
	taken  bool      // a lookup has read the answer
}

// exchange is the communication with one name server about one question.
type exchange struct {
	id       int32 // in epoll
	fd       int   // -1 for none
	question *question
	server   netip.AddrPort
	rank     int       // the position of the server in resolv.conf
	first    time.Time // when the server was first asked; zero for never
	tcp      bool
	out, in  []byte // over TCP: the bytes still to be written, the bytes read so far
	garbage  bool   // the server sent something that is not an answer
	failed   string // why the server is not asked any more
}

// ask returns the question about a topic, which may already be in progress. An answer that arrived
// after its lookup had ended is used once.
func (w *Wait) ask(about topic, now time.Time) *question {
	q := w.questions[about]
	if q != nil && !q.taken && (!q.ended || q.answer.meaning == addresses) {
		return q
	}
	// The generator is seeded by the kernel and cannot be predicted (math/rand/v2, ChaCha8).
	id := uint16(rand.Uint32())
	q = &question{topic: about, id: id, began: now, until: now.Add(w.files.limit)}
	w.questions[about] = q
	for rank, server := range w.files.servers {
		e := &exchange{fd: -1, question: q, server: server, rank: rank}
		if server == w.preferred {
			q.asked = slices.Insert(q.asked, 0, e)
		} else {
			q.asked = append(q.asked, e)
		}
	}
	var err error
	if q.query, err = newQuery(q.id, about.name, about.kind); err != nil {
		for _, e := range q.asked {
			e.failed = err.Error()
		}
	}
	w.send(q, now)
	return q
}

// send sends a question to the next server that may still answer. If there is none, it ends the
// question.
func (w *Wait) send(q *question, now time.Time) {
	for range q.asked {
		e := q.asked[q.sent%len(q.asked)]
		round := q.sent / len(q.asked)
		q.sent++
		if e.failed != "" {
			continue
		}
		q.next = now.Add(min(patience<<min(round, 8), maxRepeatPause))
		if e.first.IsZero() {
			e.first = now
		}
		err := w.transmit(e)
		if err == nil {
			return
		}
		w.close(e)
		e.failed = err.Error()
	}
	w.end(q, answer{meaning: failure}, nil)
}

// transmit sends the question to one server over UDP.
func (w *Wait) transmit(e *exchange) error {
	if e.tcp { // in progress
		return nil
	}
	if e.fd < 0 {
		if err := w.openUDP(e); err != nil {
			return err
		}
	}
	switch _, err := unix.Write(e.fd, e.question.query); err {
	case nil:
	case unix.EAGAIN, unix.EINTR, unix.ENOBUFS: // like a lost packet: the query is repeated
	default:
		return err
	}
	return nil
}

// openUDP makes the socket of an exchange. The socket is connected, so that the kernel drops
// packets from other senders.
func (w *Wait) openUDP(e *exchange) error {
	a := address{AddrPort: e.server}
	sa, err := a.sockaddr()
	if err != nil {
		return err
	}
	e.fd, err = unix.Socket(a.family(), unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Connect(e.fd, sa); err != nil {
		return err
	}
	return w.listenTo(e, unix.EPOLLIN)
}

// listenTo registers the socket of an exchange with epoll.
func (w *Wait) listenTo(e *exchange, events uint32) error {
	op := unix.EPOLL_CTL_MOD
	if w.exchanges[e.id] != e {
		w.lastID++
		e.id = w.lastID
		w.exchanges[e.id] = e
		op = unix.EPOLL_CTL_ADD
	}
	return unix.EpollCtl(w.epoll, op, e.fd, &unix.EpollEvent{Events: events, Fd: e.id})
}

// close closes the socket of an exchange.
func (w *Wait) close(e *exchange) {
	if e.fd >= 0 {
		unix.Close(e.fd)
		e.fd = -1
		delete(w.exchanges, e.id)
	}
}

// end ends a question. from is the server that sent the answer, or nil.
func (w *Wait) end(q *question, a answer, from *exchange) {
	q.ended, q.answer, q.from = true, a, from
	if from != nil {
		w.preferred = from.server
	}
	for _, e := range q.asked {
		w.close(e)
	}
}

// receive handles an event of an exchange.
func (w *Wait) receive(e *exchange, now time.Time) {
	switch {
	case !e.tcp:
		w.receiveUDP(e, now)
	case len(e.out) > 0:
		w.writeTCP(e, now)
	default:
		w.readTCP(e, now)
	}
}

func (w *Wait) receiveUDP(e *exchange, now time.Time) {
	for range 64 { // a flood from one server must not block the loop
		n, err := unix.Read(e.fd, w.message[:])
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
			return
		case err != nil: // for example ECONNREFUSED, reported by an ICMP message
			w.fail(e, err.Error(), now)
			return
		}
		if w.handle(e, w.message[:n], now); e.fd < 0 || e.tcp {
			return
		}
	}
}

// handle handles a message from a server. It reports whether the message was an answer.
func (w *Wait) handle(e *exchange, message []byte, now time.Time) bool {
	q := e.question
	a := readAnswer(message, q.id, q.name, q.kind)
	switch a.meaning {
	case noAnswer:
		e.garbage = true
	case truncated:
		if e.tcp {
			w.fail(e, "the name server's answer is truncated even over TCP", now)
			return true
		}
		w.switchToTCP(e, now)
	case failure:
		w.fail(e, a.why, now)
	case addresses:
		w.end(q, a, e)
	case noAddress, noName:
		if q.held == nil || e.rank < q.held.rank {
			q.held, q.heldNo = e, a
		}
		w.close(e)
		w.settleNegative(q, now)
	}
	return a.meaning != noAnswer
}

// settleNegative ends a question with its negative answer if that counts by now.
func (w *Wait) settleNegative(q *question, now time.Time) {
	if q.ended || q.held == nil {
		return
	}
	if now.Before(q.began.Add(negativeDelay)) {
		for _, e := range q.asked {
			if e.rank < q.held.rank && !e.first.IsZero() && e.failed == "" {
				return
			}
		}
	}
	w.end(q, q.heldNo, q.held)
}

// fail records that a server cannot answer the question. If the next server has not been asked yet,
// it is asked now.
func (w *Wait) fail(e *exchange, why string, now time.Time) {
	w.close(e)
	e.failed = why
	q := e.question
	mayAnswer := func(e *exchange) bool { return e.failed == "" }
	switch w.settleNegative(q, now); {
	case q.ended:
	case q.sent < len(q.asked) || !slices.ContainsFunc(q.asked, mayAnswer):
		w.send(q, now)
	}
}

// switchToTCP asks the server again, because its answer was too long for UDP (RFC 7766).
func (w *Wait) switchToTCP(e *exchange, now time.Time) {
	w.close(e)
	e.tcp = true
	size := uint16(len(e.question.query))
	e.out = append(binary.BigEndian.AppendUint16(nil, size), e.question.query...)
	if err := w.openTCP(e); err != nil {
		w.fail(e, tcpError(err), now)
	}
}

// openTCP makes the socket of an exchange. As the socket of a probe, it must not take the port of a
// target as its local port.
func (w *Wait) openTCP(e *exchange) error {
	p := &probe{to: address{AddrPort: e.server}}
	sa, err := p.to.sockaddr()
	if err != nil {
		return err
	}
	if err := p.open(w.source); err != nil {
		return err
	}
	e.fd = p.fd
	if err := unix.Connect(e.fd, sa); err != nil && err != unix.EINPROGRESS {
		return err
	}
	return w.listenTo(e, unix.EPOLLOUT)
}

const tooLong = "the answer is too long for UDP, and over TCP"

func tcpError(err error) string { return tooLong + ": " + err.Error() }

// writeTCP writes the query, as far as the socket takes it.
func (w *Wait) writeTCP(e *exchange, now time.Time) {
	n, err := unix.Write(e.fd, e.out) // if connect failed, this is its error
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		return
	}
	if err == nil {
		if e.out = e.out[n:]; len(e.out) > 0 {
			return
		}
		err = w.listenTo(e, unix.EPOLLIN)
	}
	if err != nil {
		w.fail(e, tcpError(err), now)
	}
}

// readTCP reads what has arrived of the answer: its length in two bytes, then the message.
func (w *Wait) readTCP(e *exchange, now time.Time) {
	n, err := unix.Read(e.fd, w.message[:wanted(e.in)-len(e.in)])
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return
	case err != nil:
		w.fail(e, tcpError(err), now)
		return
	case n == 0:
		w.fail(e, tooLong+" it is incomplete", now)
		return
	}
	e.in = append(e.in, w.message[:n]...)
	if len(e.in) < 2 || len(e.in) < wanted(e.in) {
		return
	}
	if !w.handle(e, e.in[2:], now) {
		w.fail(e, "the name server's answer over TCP is invalid", now)
	}
}

// wanted returns the size of a message over TCP as far as it is known from its beginning.
func wanted(in []byte) int {
	if len(in) < 2 {
		return 2
	}
	return 2 + int(binary.BigEndian.Uint16(in))
}

// serviceQuestions repeats the questions that are due and ends those that have timed out.
func (w *Wait) serviceQuestions(now time.Time) {
	for about, q := range w.questions {
		if !q.ended {
			w.settleNegative(q, now)
		}
		switch {
		case q.taken, q.ended && !now.Before(q.until):
			delete(w.questions, about)
		case q.ended:
		case !now.Before(q.until):
			w.end(q, answer{}, nil)
		case !now.Before(q.next):
			w.send(q, now)
		}
	}
}

// due returns when serviceQuestions has something to do for the question.
func (q *question) due() time.Time {
	due := q.until
	if q.ended {
		return due
	}
	if q.next.Before(due) {
		due = q.next
	}
	if counts := q.began.Add(negativeDelay); q.held != nil && counts.Before(due) {
		due = counts
	}
	return due
}

// addFaults adds the servers that have failed or that have not answered within [patience]. With
// sofar, it also adds the servers that still have time to answer.
func (q *question) addFaults(all *faults, now time.Time, sofar bool) {
	for _, e := range q.asked {
		switch {
		case e == q.from || e == q.held || e.first.IsZero():
		case e.failed != "":
			all.add(e.failed, e.server)
		case sofar && e.garbage:
			all.add("no valid answer yet", e.server)
		case sofar:
			all.add("no answer yet", e.server)
		case now.Sub(e.first) < patience:
		case e.garbage:
			all.add("no valid answer", e.server)
		default:
			all.add("no answer", e.server)
		}
	}
}
