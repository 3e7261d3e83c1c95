package chaos

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"util/internal/sig"
	"util/internal/test/torture/chaos/wire"
)

// action is what a step does.
type action string

// The actions. Each is one that an actor carries out, or that the driver does to an actor or to
// init.
const (
	doFork     action = "fork"
	doSetsid   action = "setsid"
	doSetpgid  action = "setpgid"
	doSetuid   action = "setuid"
	doTraceme  action = "traceme"
	doExec     action = "exec"
	doTake     action = "take"    // change what it waits for and what it ignores
	doOrphans  action = "orphans" // n of them
	doZombies  action = "zombies" // n of them
	doExit     action = "exit"    // with status n
	doDie      action = "die"     // by a signal
	doKill     action = "kill"    // by the driver
	doHalt     action = "stop"    // by the driver
	doProceed  action = "continue"
	doSignal   action = "signal"          // to init
	doBurst    action = "burst"           // n real-time signals to init
	doFlood    action = "flood"           // n signals to init from an actor
	doForge    action = "forge"           // a SIGCHLD to init
	doHaltInit action = "suspend"         // init, with n signals meanwhile
	doFreeze   action = "freeze"          // everything, with n signals meanwhile
	doIce      action = "freeze for ever" // an actor, so that KILL does not end it
	doRest     action = "rest"            // n milliseconds in which init must not run
	doCheck    action = "check"
)

// step is one step of a script.
type step struct {
	do  action
	who int        // the actor
	n   int        // a number
	sig sig.Signal // a signal
	way wire.Way   // fork
	set [2]sig.Set // take
	by  sender     // signal
	gap during     // signal: what happens during the stop delay
}

// sender says who sends a signal.
type sender int

const (
	byKill sender = iota
	byQueue
	byActor
)

// during says what happens between a stop signal and the end of the stop delay.
type during int

const (
	nothing during = iota
	second         // a second stop signal
	ending         // the command ends
)

func (s step) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s", s.do)
	switch s.do {
	case doSignal, doBurst, doHaltInit, doFreeze, doRest, doCheck:
	default:
		fmt.Fprintf(&b, " by %d", s.who)
	}
	switch s.do {
	case doFork:
		kind := [...]string{"", " vfork", " sibling", " orphan"}[s.way%wire.InSession]
		fmt.Fprintf(&b, " of %d%s", s.n, kind)
		if s.way&wire.InSession != 0 {
			b.WriteString(" setsid")
		}
		if s.way&wire.InGroup != 0 {
			b.WriteString(" setpgid")
		}
	case doTake:
		fmt.Fprintf(&b, " wait %x ignore %x", uint64(s.set[0]), uint64(s.set[1]))
	case doSignal:
		fmt.Fprintf(&b, " %s", s.sig.Name())
		switch s.by {
		case byQueue:
			b.WriteString(" queued")
		case byActor:
			fmt.Fprintf(&b, " by %d", s.who)
		}
		b.WriteString([...]string{"", ", then another", ", then the command ends"}[s.gap])
	case doDie:
		fmt.Fprintf(&b, " %s", s.sig.Name())
	case doFlood:
		fmt.Fprintf(&b, " %s %d", s.sig.Name(), s.n)
	case doOrphans, doZombies, doExit, doBurst, doForge, doHaltInit, doFreeze, doRest:
		fmt.Fprintf(&b, " %d", s.n)
	}
	return b.String()
}

// script is a list of steps.
type script []step

func (s script) String() string {
	var b strings.Builder
	for _, step := range s {
		fmt.Fprintf(&b, "  %v\n", step)
	}
	return b.String()
}

// burstSignal returns the ith signal of a burst.
func (s step) burstSignal(i int) sig.Signal { return 32 + sig.Signal((int(s.sig)+7*i)%33) }

// can reports whether a step makes sense now, and whether the model says what follows.
func (m *model) can(s step) bool {
	if m.over || m.iced {
		return false
	}
	switch s.do {
	case doCheck, doRest:
		return true
	case doSignal:
		return m.canSignal(s)
	case doBurst, doHaltInit, doFreeze:
		return m.canBurst(s)
	}
	n := m.nodes[s.who]
	if n == nil || !n.alive || n.frozen {
		return false
	}
	switch s.do {
	case doKill:
		return !n.outside
	case doProceed:
		return n.stopped
	}
	if n.stopped || n.unsure {
		return false
	}
	switch s.do {
	case doFork:
		return m.nodes[s.n] == nil && (s.way%wire.InSession != wire.Sibling || !n.entered) &&
			(m.jobs || s.way&wire.InGroup == 0)
	case doSetsid:
		return n.group != n.number && !n.hadStop && !n.entered
	case doSetpgid:
		return m.jobs && n.session != n.number && n.group != n.number && !n.hadStop && !n.entered
	case doTraceme:
		return n.parent == ofInit && !n.traced
	case doHalt:
		return !m.jobs && !n.outside
	case doExit, doDie:
		return !n.outside
	case doIce: // the next thing that happens is the end of the grace period
		return m.place == bare && m.clock && m.grace == shortGrace && m.inScope(n) && n.number != command
	case doFlood:
		return !n.user && m.canFlood(s)
	case doForge:
		return !n.user && m.canFlood(step{sig: sig.CHLD})
	}
	return true
}

// canSignal is can for a signal to init.
func (m *model) canSignal(s step) bool {
	if s.by == byActor {
		n := m.nodes[s.who]
		if n == nil || !n.alive || n.stopped || n.user || n.frozen {
			return false
		}
	}
	c := m.nodes[command]
	to, rewritten := m.rewrite[s.sig]
	if rewritten && c.stopped && (asksToEnd(s.sig) || asksToEnd(to)) {
		return false
	}
	if m.delay > 0 && m.isStop(s.sig) && m.stops == 0 && !m.ended {
		takes := c.wait | c.ignore
		switch {
		case c.stopped, s.gap == nothing && (m.delay == longDelay || c.ignore.Has(m.forwarded(s.sig))),
			s.gap == second && (!takes.Has(m.forwarded(s.sig)) || !takes.Has(m.forwarded(s.other()))):
			return false
		}
	}
	switch s.sig {
	case sig.TSTP, sig.TTIN, sig.TTOU:
		// A subreaper stops itself with a command that does not take the signal.
		return !m.jobs && c.alive && !c.stopped && (m.place == pid1 || c.wait.Has(s.sig))
	}
	return true
}

// canBurst is can for many real-time signals to init.
func (m *model) canBurst(s step) bool {
	if s.do != doBurst && m.place == nested {
		return false
	}
	const realtime = sig.All &^ (1<<31 - 1)
	for _, n := range m.targets(false) {
		if realtime&^(n.wait|n.ignore) != 0 {
			return false
		}
	}
	for i := range s.n {
		if m.isStop(s.burstSignal(i)) {
			return false
		}
	}
	return true
}

// canFlood is can for many signals of one number to init.
func (m *model) canFlood(s step) bool {
	to, rewritten := m.rewrite[s.sig]
	if !rewritten {
		to = s.sig
	}
	for _, n := range m.targets(false) {
		if !(n.wait | n.ignore).Has(to) || asksToEnd(to) && n.stopped {
			return false
		}
	}
	return to != 0 && !m.isStop(s.sig)
}

// apply is what a step does to the model.
func (m *model) apply(s step) {
	for _, n := range m.nodes {
		if n != nil {
			n.recent = 0
		}
	}
	m.gap = nothing
	n := m.nodes[s.who]
	switch s.do {
	case doFork:
		m.fork(n, s.n, s.way)
	case doSetsid:
		n.group, n.session = n.number, n.number
	case doSetpgid:
		n.group = n.number
	case doSetuid:
		n.user = true
	case doTraceme:
		n.traced, m.noisy = true, true
	case doExec:
		if n.traced && n.wait.Has(sig.TRAP) { // if it is still traced, it gets one (ptrace(2))
			n.max[sig.TRAP]++
		}
	case doTake:
		if !n.wait.Has(sig.CHLD) {
			n.max[sig.CHLD] += m.held
		}
		n.wait, n.ignore = s.set[0], s.set[1]
	case doOrphans:
		n.noisy, m.noisy = true, true
		if m.adopts(n) && !n.ignore.Has(sig.CHLD) { // else the kernel reaps some (wait(2))
			m.orphans += s.n
		}
	case doZombies:
		n.noisy, m.noisy = true, true
		if !n.ignore.Has(sig.CHLD) {
			n.zombies += s.n
		}
	case doIce:
		n.frozen, m.iced = true, true
	case doExit:
		m.end(n, s.n)
	case doDie:
		m.end(n, 128+int(s.sig))
	case doKill:
		m.deliver(n, sig.KILL)
	case doHalt:
		m.deliver(n, sig.STOP)
	case doProceed:
		m.deliver(n, sig.CONT)
	case doSignal:
		m.signal(s)
	case doBurst, doFreeze:
		m.burst(s)
	case doHaltInit:
		m.burst(s)
		m.arrive(sig.CONT)
	case doFlood:
		m.arrive(s.sig)
		to, ok := m.rewrite[s.sig]
		if !ok {
			to = s.sig
		}
		for _, n := range m.targets(false) {
			if n.wait.Has(to) {
				n.max[to] += s.n - 1
			}
		}
	case doForge:
		m.arrive(sig.CHLD)
	}
	m.settle()
}

func (m *model) burst(s step) {
	for i := range s.n {
		m.arrive(s.burstSignal(i))
	}
}

// fork makes an actor.
func (m *model) fork(parent *node, number int, way wire.Way) {
	n := m.add(number, parent.number, parent)
	switch way % wire.InSession {
	case wire.Sibling:
		n.parent = parent.parent
	case wire.Orphan:
		parent.noisy = true
		m.adopt(n)
		n.late = n.late || m.stopping && !n.outside
	}
	if way&wire.InSession != 0 {
		n.group, n.session = number, number
	} else if way&wire.InGroup != 0 {
		n.group = number
	}
}

// signal is a signal to init, and what happens during the stop delay.
func (m *model) signal(s step) {
	if !m.isStop(s.sig) {
		m.arrive(s.sig)
		return
	}
	m.stops++
	if m.delay == 0 || m.stops > 1 || m.ended {
		m.arrive(s.sig)
		return
	}
	m.gap = s.gap
	m.startClock()
	switch s.gap {
	case nothing:
		for _, n := range m.nodes {
			if n != nil {
				n.notBefore[m.forwarded(s.sig)] = m.now.Add(m.delay)
			}
		}
		m.arrive(s.sig)
	case second:
		m.stops++
		a, b := m.forwarded(s.sig), m.forwarded(s.other())
		m.arrive(s.sig)
		if a == b { // the kernel may merge two signals of one kind
			for _, n := range m.targets(true) {
				if n.wait.Has(b) {
					n.max[b]++
				}
			}
		} else {
			m.arrive(s.other())
		}
	case ending:
		m.end(m.nodes[command], 128+int(sig.KILL))
	}
}

// forwarded returns what init forwards for a signal.
func (m *model) forwarded(s sig.Signal) sig.Signal {
	if to, ok := m.rewrite[s]; ok {
		return to
	}
	return s
}

// other returns the second stop signal.
func (s step) other() sig.Signal {
	if s.sig == sig.TERM {
		return sig.INT
	}
	return sig.TERM
}

// randomScript returns random steps for an init. The model says which make sense.
func randomScript(r *rand.Rand, c config) (script, *model) {
	m := newModel(c)
	var all script
	try := func(s step) {
		if m.can(s) {
			all = append(all, s)
			m.apply(s)
		}
	}
	if chance(r, 90) {
		try(step{do: doTake, who: command, set: randomTake(r, 70)})
	}
	next := stranger + 1
	steps := 5 + r.IntN(30)
	for tries := 0; len(all) < steps && tries < 10*steps && !m.over; tries++ {
		s := randomStep(r, m)
		if s.do == doFork {
			if s.n = next; next == wire.Actors {
				continue
			}
		}
		if before := len(all); s.do == doFork {
			try(s)
			next += len(all) - before
			continue
		}
		if ends := m.endsTooEarly(s); ends && len(all) < steps/2 {
			continue
		}
		try(s)
	}
	if chance(r, 50) {
		try(step{do: doSignal, sig: sig.TERM})
		for _, n := range m.living(inside) {
			try(step{do: doIce, who: n.number})
		}
	}
	try(step{do: doCheck})
	return all, m
}

// endsTooEarly reports whether a step ends the command.
func (m *model) endsTooEarly(s step) bool {
	c := m.nodes[command]
	switch s.do {
	case doExit, doDie, doKill:
		return s.who == command
	case doSignal:
		to := m.forwarded(s.sig)
		return m.isStop(s.sig) && (m.delay > 0 || m.grace == shortGrace) ||
			!(c.wait|c.ignore).Has(to) && isFatal(to)
	}
	return false
}

// randomTake returns what an actor waits for and what it ignores. It waits for everything p times
// of a hundred.
func randomTake(r *rand.Rand, p int) [2]sig.Set {
	const stops = sig.Set(1<<(sig.TERM-1) | 1<<(sig.INT-1) | 1<<(sig.HUP-1) | 1<<(sig.QUIT-1))
	all := sig.All &^ unblockable
	if chance(r, p) {
		return [2]sig.Set{all}
	}
	switch r.IntN(4) {
	case 0:
		return [2]sig.Set{all &^ stops}
	case 1:
		return [2]sig.Set{all &^ stops, stops}
	case 2:
		ignored := sig.Set(r.Uint64()) & all
		return [2]sig.Set{all &^ ignored, ignored}
	}
	some := sig.Set(r.Uint64()) & all
	return [2]sig.Set{some, sig.Set(r.Uint64()) & all &^ some}
}

// randomStep returns a random step, which may make no sense.
func randomStep(r *rand.Rand, m *model) step {
	living := m.living(anyNode)
	s := step{who: command}
	if len(living) > 0 {
		s.who = pick(r, living...).number
	}
	s.do = pick(r,
		doFork, doFork, doFork, doFork, doSetsid, doSetpgid, doSetuid, doTraceme, doExec, doTake,
		doOrphans, doZombies, doIce, doExit, doDie, doKill, doHalt, doHalt, doProceed, doProceed,
		doSignal, doSignal, doSignal, doSignal, doSignal, doSignal, doBurst,
		doFlood, doForge, doHaltInit, doFreeze, doRest, doCheck, doCheck)
	s.sig = sig.Signal(1 + r.IntN(int(sig.Max)))
	for unblockable.Has(s.sig) {
		s.sig++
	}
	switch s.do {
	case doFork:
		s.way = wire.Way(r.IntN(int(wire.Kinds)))
		if chance(r, 40) {
			s.way |= pick(r, wire.InSession, wire.InSession, wire.InGroup)
		}
	case doTake:
		s.set = randomTake(r, 60)
	case doOrphans:
		s.n = 1 + r.IntN(40)
	case doZombies:
		s.n = 1 + r.IntN(10)
	case doExit:
		s.n = pick(r, 0, 1, 3, 42, 137, 255)
	case doDie:
		s.sig = pick(r, sig.HUP, sig.USR1, sig.TERM, sig.RTMin, 6, 11)
	case doHalt:
		if chance(r, 50) {
			s.who = command
		}
	case doSignal:
		s.by = pick(r, byKill, byKill, byQueue, byActor)
		s.gap = pick(r, nothing, nothing, second, ending)
		if chance(r, 50) {
			s.sig = pick(r, sig.TERM, sig.TERM, sig.INT, sig.HUP, sig.QUIT, sig.USR1, sig.CONT, sig.TSTP,
				sig.TTIN, sig.RTMin+3, sig.RTMin+1)
		}
	case doBurst:
		s.n = 1 + r.IntN(200)
	case doHaltInit, doFreeze:
		s.n = 1 + r.IntN(30)
	case doFlood:
		s.n = 1 + r.IntN(500)
		s.sig = pick(r, sig.USR1, 12, sig.WINCH, 23, sig.Signal(29))
	case doForge:
		s.n = r.IntN(6)
	case doRest:
		s.n = 30 + r.IntN(30)
	}
	return s
}
