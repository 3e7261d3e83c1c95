package waitfor

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

const (
	// patience is how long a name server may be silent before the next one is asked too. It is longer than a packet's way
	// around the world, and short enough for three servers within a second.
	patience = 300 * time.Millisecond
	// longestPause is what the pause between two repetitions grows to.
	longestPause = time.Second
	// doubt is how old a question must be for a "no" of a server to count while one that stands before it in resolv.conf
	// is silent.
	doubt = 2 * patience
)

// topic is what a question is about. The name is absolute.
type topic struct {
	name string
	kind dnsmessage.Type // TypeA or TypeAAAA
}

// question is a topic that the name servers are asked about until one has answered. All look-ups that want to know
// share it.
type question struct {
	topic
	id    uint16
	query []byte
	asked []*exchange // one for each server, in the order in which they are asked
	sent  int         // how often it has been sent
	began time.Time
	next  time.Time // when it is sent again
	until time.Time // when it is given up

	held   *exchange // the server whose "no" counts only if nobody contradicts
	heldNo answer

	ended  bool // nobody is asked any more
	answer answer
	from   *exchange // who gave the answer; nil if nobody did
	taken  bool      // a look-up has read the answer
}

// exchange is the way of a question to one name server.
type exchange struct {
	id       int32 // in epoll
	fd       int   // -1 is none
	question *question
	server   netip.AddrPort
	rank     int       // place in resolv.conf
	first    time.Time // when the server was first asked; zero is never
	tcp      bool
	out, in  []byte // what is left to write over TCP, what has been read
	garbage  bool   // it sent what is no answer
	failed   string // why it is asked no more
}

// ask returns the question about a topic that is on its way, or a new one. An answer that came when nobody wanted it any
// more is used once.
func (w *waiter) ask(about topic, now time.Time) *question {
	if q := w.questions[about]; q != nil && !q.taken && (!q.ended || q.answer.said == addresses) {
		return q
	}
	// The generator is seeded by the kernel and cannot be predicted (math/rand/v2, ChaCha8).
	q := &question{topic: about, id: uint16(rand.Uint32()), began: now, until: now.Add(w.files.limit)}
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

// send sends a question to the next server that may still answer, or ends it if there is none.
func (w *waiter) send(q *question, now time.Time) {
	for range q.asked {
		e := q.asked[q.sent%len(q.asked)]
		round := q.sent / len(q.asked)
		q.sent++
		if e.failed != "" {
			continue
		}
		q.next = now.Add(min(patience<<min(round, 8), longestPause))
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
	w.end(q, answer{said: failure}, nil)
}

// transmit sends the question to one server.
func (w *waiter) transmit(e *exchange) error {
	if e.tcp { // on its way
		return nil
	}
	if e.fd < 0 {
		a := address{AddrPort: e.server}
		sa, err := a.sockaddr()
		if err != nil {
			return err
		}
		if e.fd, err = unix.Socket(a.family(), unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		if err := unix.Connect(e.fd, sa); err != nil {
			return err
		}
		if err := w.listen(e, unix.EPOLLIN); err != nil {
			return err
		}
	}
	switch _, err := unix.Write(e.fd, e.question.query); err {
	case nil, unix.EAGAIN, unix.EINTR, unix.ENOBUFS: // as good as lost on the way
		return nil
	default:
		return err
	}
}

// listen asks for events of an exchange.
func (w *waiter) listen(e *exchange, events uint32) error {
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
func (w *waiter) close(e *exchange) {
	if e.fd >= 0 {
		unix.Close(e.fd)
		e.fd = -1
		delete(w.exchanges, e.id)
	}
}

// end ends a question with the answer of a server, or without one.
func (w *waiter) end(q *question, a answer, from *exchange) {
	q.ended, q.answer, q.from = true, a, from
	if from != nil {
		w.preferred = from.server
	}
	for _, e := range q.asked {
		w.close(e)
	}
}

// receive handles an event of an exchange.
func (w *waiter) receive(e *exchange, now time.Time) {
	if e.tcp {
		w.receiveTCP(e, now)
		return
	}
	for range 64 { // one that never stops must not keep us from the others
		n, err := unix.Read(e.fd, w.message[:])
		switch {
		case err == unix.EAGAIN || err == unix.EINTR:
			return
		case err != nil: // such as ECONNREFUSED, which an ICMP message told
			w.fail(e, err.Error(), now)
			return
		}
		if w.hear(e, w.message[:n], now); e.fd < 0 || e.tcp {
			return
		}
	}
}

// hear handles a message of a server. It reports whether it was an answer.
func (w *waiter) hear(e *exchange, message []byte, now time.Time) bool {
	q := e.question
	a := readAnswer(message, q.id, q.name, q.kind)
	switch a.said {
	case nothing:
		e.garbage = true
	case truncated:
		if e.tcp {
			w.fail(e, "the name server's answer is truncated over TCP too", now)
			return true
		}
		w.overTCP(e, now)
	case failure:
		w.fail(e, a.why, now)
	case addresses:
		w.end(q, a, e)
	case noAddress, noName:
		if q.held == nil || e.rank < q.held.rank {
			q.held, q.heldNo = e, a
		}
		w.close(e)
		w.settleNo(q, now)
	}
	return a.said != nothing
}

// settleNo ends a question with a "no" if that counts by now.
func (w *waiter) settleNo(q *question, now time.Time) {
	if q.ended || q.held == nil {
		return
	}
	if now.Before(q.began.Add(doubt)) {
		for _, e := range q.asked {
			if e.rank < q.held.rank && !e.first.IsZero() && e.failed == "" {
				return
			}
		}
	}
	w.end(q, q.heldNo, q.held)
}

// fail takes down that a server cannot answer the question, and asks the next one if it has not been asked yet.
func (w *waiter) fail(e *exchange, why string, now time.Time) {
	w.close(e)
	e.failed = why
	q := e.question
	switch w.settleNo(q, now); {
	case q.ended:
	case q.sent < len(q.asked) || !slices.ContainsFunc(q.asked, func(e *exchange) bool { return e.failed == "" }):
		w.send(q, now)
	}
}

// overTCP asks the server for an answer that was too long for UDP (RFC 7766).
func (w *waiter) overTCP(e *exchange, now time.Time) {
	w.close(e)
	e.tcp = true
	e.out = append(binary.BigEndian.AppendUint16(nil, uint16(len(e.question.query))), e.question.query...)
	p := &probe{to: address{AddrPort: e.server}} // the rules of one hold: it must not take the port of a target
	sa, err := p.to.sockaddr()
	if err == nil {
		err = p.open(w.source)
	}
	if err == nil {
		e.fd = p.fd
		if err = unix.Connect(e.fd, sa); err == unix.EINPROGRESS {
			err = nil
		}
	}
	if err == nil {
		err = w.listen(e, unix.EPOLLOUT)
	}
	if err != nil {
		w.fail(e, tcpText(err), now)
	}
}

func tcpText(err error) string { return "the answer is too long for UDP, and over TCP " + err.Error() }

// receiveTCP goes on with an exchange over TCP: writes the query, then reads the answer.
func (w *waiter) receiveTCP(e *exchange, now time.Time) {
	if len(e.out) > 0 {
		n, err := unix.Write(e.fd, e.out) // the error of connect, if there was one
		if err == unix.EAGAIN || err == unix.EINTR {
			return
		}
		if err == nil {
			if e.out = e.out[n:]; len(e.out) > 0 {
				return
			}
			err = w.listen(e, unix.EPOLLIN)
		}
		if err != nil {
			w.fail(e, tcpText(err), now)
		}
		return
	}
	size := 2 // of what is to be read, of which the first two bytes tell the length
	if len(e.in) >= 2 {
		size += int(binary.BigEndian.Uint16(e.in))
	}
	n, err := unix.Read(e.fd, w.message[:size-len(e.in)])
	switch {
	case err == unix.EAGAIN || err == unix.EINTR:
		return
	case err != nil:
		w.fail(e, tcpText(err), now)
		return
	case n == 0:
		w.fail(e, "the answer is too long for UDP, and over TCP it is cut off", now)
		return
	}
	if e.in = append(e.in, w.message[:n]...); len(e.in) < 2 {
		return
	}
	if size = 2 + int(binary.BigEndian.Uint16(e.in)); len(e.in) < size {
		return
	}
	if !w.hear(e, e.in[2:], now) {
		w.fail(e, "the name server's answer over TCP is none", now)
	}
}

// attend does what is due for the questions: repeats them, or gives them up.
func (w *waiter) attend(now time.Time) {
	for about, q := range w.questions {
		if !q.ended {
			w.settleNo(q, now)
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

// due returns when attend has something to do for the question.
func (q *question) due() time.Time {
	due := q.until
	if q.ended {
		return due
	}
	if q.next.Before(due) {
		due = q.next
	}
	if no := q.began.Add(doubt); q.held != nil && no.Before(due) {
		due = no
	}
	return due
}

// blame adds to b what the servers did that have not answered: failed, or been silent for longer than [patience]. With
// so far those count that have been silent for less.
func (q *question) blame(b *blame, now time.Time, sofar bool) {
	for _, e := range q.asked {
		switch {
		case e == q.from || e == q.held || e.first.IsZero():
		case e.failed != "":
			b.add(e.failed, e.server)
		case sofar && e.garbage:
			b.add("no valid answer yet", e.server)
		case sofar:
			b.add("no answer yet", e.server)
		case now.Sub(e.first) < patience:
		case e.garbage:
			b.add("no valid answer", e.server)
		default:
			b.add("no answer", e.server)
		}
	}
}
