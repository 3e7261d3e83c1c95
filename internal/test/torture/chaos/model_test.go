package chaos

import (
	"time"

	"util/internal/sig"
	"util/internal/test/torture/chaos/wire"
)

// The model says what must happen. It is written from docs/init.md and docs/stopping.md, and for
// what the kernel does from signal(7), wait(2) and setpgid(2); not from the code of init.

// The numbers of some actors. Actor 0 becomes init, or is PID 1 above a bare init.
const (
	first     = 0
	command   = 1
	bystander = 2 // enters from outside, or is a sibling of a bare init in init's process group
	stranger  = 3 // a sibling of a bare init in a session of its own
)

// What the parent of an actor is, if it is not an actor.
const (
	ofInit    = -1
	ofPID1    = -2 // which is not the init of the model
	ofOutside = -3
)

// node is an actor, as the model sees it, with what has been seen of it.
type node struct {
	number         int
	parent         int
	group, session int // the number of the actor that leads it
	outside        bool
	alive          bool
	stopped        bool
	wait, ignore   sig.Set
	user           bool // not root
	traced         bool
	entered        bool
	hadStop        bool      // a stop signal has reached it
	born           time.Time // not before that
	late           bool      // it was started after the stop signal
	noisy          bool      // the kernel may have sent it a SIGCHLD that merges with another one
	frozen         bool      // until the end
	zombies        int       // children that have ended
	unsure         bool      // the documents do not say what happens to it
	fatal          sig.Set
	pending        sig.Set // while it is stopped
	recent         sig.Set // sent to it in this step
	min, max       [sig.Max + 1]int

	seen
	notBefore [sig.Max + 1]time.Time
}

// model is a container.
type model struct {
	config
	nodes    [wire.Actors]*node
	now      time.Time
	noisy    bool      // the kernel may have sent init a SIGCHLD
	held     int       // how many SIGCHLD init may forward later, since it does not read each at once
	stopping bool      // a stop signal has been forwarded
	stopAt   time.Time // when the first one was
	stops    int
	gap      during    // what happens in this step during the stop delay
	deadline time.Time // zero: none
	clock    bool      // there is a deadline, also where there is no time
	ended    bool      // the command has ended
	status   int       // the command's
	over     bool      // init must end
	iced     bool      // nothing else happens before the end of the grace period
	orphans  int       // how many have ended
	killed   bool      // the deadline has ended the command
	dead     *node     // the command has just ended
}

func newModel(c config) *model {
	m := &model{config: c}
	n := m.add(command, ofInit, &node{group: command, session: command})
	n.wait, n.ignore = c.mask, c.ignored
	switch {
	case c.place == bare:
		m.add(bystander, ofPID1, &node{group: first, session: first, outside: true})
		m.add(stranger, ofPID1, &node{group: stranger, session: stranger, outside: true})
	case c.entered:
		n := m.add(bystander, ofOutside, &node{group: first, session: first, outside: true})
		n.entered = true
	}
	return m
}

// add adds an actor with the properties of another one.
func (m *model) add(number, parent int, like *node) *node {
	m.nodes[number] = &node{
		number: number, parent: parent, group: like.group, session: like.session,
		outside: like.outside, alive: true, wait: like.wait, ignore: like.ignore, user: like.user,
		late: m.stopping && !like.outside, born: m.now, seen: seen{asked: 1},
	}
	m.nodes[number].max[sig.CHLD] = m.held
	return m.nodes[number]
}

// living returns the actors that live and for which a condition is true.
func (m *model) living(is func(*node) bool) (found []*node) {
	for _, n := range m.nodes {
		if n != nil && n.alive && is(n) {
			found = append(found, n)
		}
	}
	return found
}

func anyNode(*node) bool   { return true }
func inside(n *node) bool  { return !n.outside }
func inGroup(n *node) bool { return !n.outside && n.group == command }

// inScope reports whether a stop applies to an actor.
func (m *model) inScope(n *node) bool { return inGroup(n) || m.isWide() && inside(n) }

// targets returns the actors that get a signal which init forwards.
func (m *model) targets(isStop bool) []*node {
	switch {
	case m.single:
		return m.living(func(n *node) bool { return n.number == command })
	case isStop && m.scope == "container":
		return m.living(inside)
	}
	return m.living(inGroup)
}

// arrive is what happens when a signal reaches init.
func (m *model) arrive(s sig.Signal) {
	to, ok := m.rewrite[s]
	if !ok {
		to = s
	}
	if to == 0 {
		return
	}
	if s == sig.CHLD && m.noisy {
		m.held++
	}
	c := m.nodes[command]
	switch s {
	case sig.TSTP, sig.TTIN, sig.TTOU:
		if c.alive && !c.wait.Has(s) {
			to = sig.STOP
		}
	}
	wakes := asksToEnd(s) && c.alive && c.stopped
	isStop := m.isStop(s)
	if isStop {
		m.startClock()
	}
	ended := m.ended
	for _, n := range m.targets(isStop) {
		n.hadStop = n.hadStop || isStop && !ended
		m.deliver(n, to)
	}
	if wakes {
		for _, n := range m.targets(false) {
			m.deliver(n, sig.CONT)
		}
	}
	if isStop && !m.stopping && (m.grace > 0 || m.isWide()) {
		m.stopping, m.stopAt = true, m.now
	}
}

func asksToEnd(s sig.Signal) bool {
	return s == sig.TERM || s == sig.INT || s == sig.HUP || s == sig.QUIT
}

// startClock begins the grace period.
func (m *model) startClock() {
	if m.grace > 0 && !m.clock {
		m.clock = true
		m.deadline = m.now.Add(m.grace)
	}
}

// isFatal reports whether the default action of a signal ends a process.
func isFatal(s sig.Signal) bool {
	switch s {
	case sig.CHLD, sig.CONT, sig.STOP, sig.TSTP, sig.TTIN, sig.TTOU, 23, sig.WINCH: // 23: URG
		return false
	}
	return true
}

// deliver is what the kernel does with a signal that is sent to an actor.
func (m *model) deliver(n *node, s sig.Signal) {
	if !n.alive {
		return
	}
	switch s {
	case sig.KILL:
		m.end(n, 128+int(s))
		return
	case sig.STOP:
		n.stopped = true
		m.note(n)
		return
	case sig.CONT:
		m.proceed(n)
		if !n.alive {
			return
		}
	}
	switch {
	case n.wait.Has(s):
		n.max[s]++
		merges := s < sig.RTMin-2 && (n.stopped && n.pending.Has(s) || n.recent.Has(s))
		switch s {
		case sig.TSTP, sig.TTIN, sig.TTOU: // CONT discards them
			merges = merges || n.stopped
		case sig.CHLD:
			merges = merges || n.noisy || m.noisy
		}
		if !merges {
			n.min[s]++
		}
		n.recent |= sig.Of(s)
		if n.stopped {
			n.pending |= sig.Of(s)
		}
	case n.ignore.Has(s) || !isFatal(s):
	case n.stopped:
		n.fatal |= sig.Of(s)
	default:
		m.end(n, 128+int(s))
	}
}

// proceed continues an actor that may be stopped.
func (m *model) proceed(n *node) {
	if !n.stopped {
		return
	}
	n.stopped, n.pending = false, 0
	m.note(n)
	const sync = sig.Set(1<<3 | 1<<4 | 1<<6 | 1<<7 | 1<<10 | 1<<30) // ILL TRAP BUS FPE SEGV SYS
	fatal := n.fatal
	if fatal&sync != 0 { // the kernel takes them first
		fatal &= sync
	}
	for s := sig.HUP; s <= sig.Max; s++ {
		if fatal.Has(s) {
			m.end(n, 128+int(s))
			return
		}
	}
}

// note is what the parent of an actor is told about it.
func (m *model) note(n *node) {
	if n.parent >= 0 && m.nodes[n.parent] != nil {
		m.nodes[n.parent].noisy = true
	}
	if n.parent == ofInit {
		m.noisy = true
	}
}

// end ends an actor. Its children become those of init.
func (m *model) end(n *node, status int) {
	n.alive, n.stopped = false, false
	m.note(n)
	if n.parent == ofInit && n.number != command {
		m.orphans++
	}
	if m.adopts(n) {
		m.orphans += n.zombies
	}
	for _, child := range m.nodes {
		if child != nil && child.parent == n.number {
			m.adopt(child)
		}
	}
	if n.number == command {
		m.ended, m.status, m.dead = true, status, n
	}
}

// adopts reports whether the children of an actor become those of init.
func (m *model) adopts(n *node) bool { return m.place == pid1 || !n.outside }

// adopt gives an actor whose parent has ended a new one.
func (m *model) adopt(n *node) {
	switch {
	case m.place == pid1:
		n.parent, n.outside, m.noisy = ofInit, false, true
	case n.outside:
		n.parent = ofPID1
	default:
		n.parent, m.noisy = ofInit, true
	}
}

// settle is what follows from the end of the command, and of the last process.
func (m *model) settle() {
	if m.dead != nil {
		m.dead = nil
		m.commandEnded()
	}
	if m.ended && !m.over && (m.grace == 0 || len(m.living(m.inScope)) == 0) {
		m.initEnds()
	}
}

// mayEnd reports whether init may end: nobody is left of whom the documents say that it lives.
func (m *model) mayEnd() bool {
	left := m.living(func(n *node) bool { return m.inScope(n) && !n.unsure })
	return m.ended && (m.grace == 0 || len(left) == 0)
}

// tick is more than the resolution of the start times of processes (proc_pid_stat(5)). Within it,
// only PIDs tell whether a process was started after the stop signal. If pid_max is small, they do
// not.
const tick = 30 * time.Millisecond

// commandEnded is what init does when the command has ended.
func (m *model) commandEnded() {
	for _, n := range m.living(m.inScope) {
		isNarrow := m.grace == 0 && !m.isWide()
		if m.stopping && m.pidMax > 0 && n.born.Sub(m.stopAt).Abs() < tick {
			n.max[sig.TERM]++
			n.max[sig.CONT]++
			n.unsure = true
			continue
		}
		if m.stopping && n.late && !isNarrow {
			continue
		}
		wasStopped := n.stopped
		if !n.hadStop || !m.stopping {
			m.deliver(n, sig.TERM)
		}
		switch {
		case !n.alive:
		case m.grace > 0:
			if wasStopped {
				m.deliver(n, sig.CONT)
			}
		default: // the documents do not say
			n.max[sig.CONT]++
			n.unsure = n.unsure || wasStopped
		}
	}
	m.startClock()
}

// initEnds is the end of init. If it is PID 1, or below an init that then ends, nothing is left.
func (m *model) initEnds() {
	m.over = true
	for _, n := range m.living(anyNode) {
		if m.place != bare {
			n.alive = false
		} else if n.parent == ofInit {
			n.parent = ofPID1
		}
	}
}

// expire is the end of the grace period.
func (m *model) expire() {
	m.killed = m.killed || !m.ended
	for _, n := range m.living(m.inScope) {
		n.alive = false
		n.unsure = n.unsure || n.frozen
	}
	m.ended = true
	m.initEnds()
}
