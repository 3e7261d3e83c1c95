package supervise

import (
	"fmt"

	"util/internal/sig"
)

// happening is what can happen in a container at any moment: between two turns of init's loop, and
// between two system calls of a turn.
type happening struct {
	what what
	arg  int8 // a signal, or the index of a process
}

type what uint8

const (
	nothing   what = iota
	arrives        // a process sends a signal to init
	types          // the terminal sends a signal to its foreground group
	ends           // a process ends by itself
	dies           // a process is ended by the signal that it has
	halts          // a process is stopped by the signal that it has
	halted         // another process has stopped it
	continues      // another process continues it
	traces         // the command makes init its tracer, and stops
	releases       // the kernel has reaped the command
	spawns         // the command makes a process in its group
	orphans        // the command makes an orphan, which is in a group of its own
	nephews        // an orphan makes a process in the command's group
	enters         // a process enters from outside
	reuses         // a process that enters gets the command's number
	ticks          // time passes, but init has nothing to do
	delays         // time passes, and init gets no processor until its next time has come
	bursts         // many signals have arrived before
	numWhat
)

var whatNames = [numWhat]string{
	nothing: "a turn", arrives: "signal to init", types: "typed", ends: "ends", dies: "dies",
	halts:  "stops by its signal",
	halted: "is stopped", continues: "is continued", traces: "the command is traced by init",
	releases: "the command is released", spawns: "the command forks",
	orphans: "the command leaves an orphan",
	nephews: "an orphan forks into the command's group", enters: "a process enters",
	reuses: "the command's number is given again", ticks: "10 ms pass", delays: "init is late",
	bursts: "a burst of signals",
}

func (h happening) String() string {
	switch h.what {
	case arrives, types:
		return whatNames[h.what] + ": " + sig.Signal(h.arg).Name()
	case ends, dies, halts, halted, continues:
		if h.arg == 0 {
			return "the command " + whatNames[h.what]
		}
		return fmt.Sprintf("process %d %s", h.arg, whatNames[h.what])
	}
	return whatNames[h.what]
}

// inTurn reports whether it matters that this happens in the middle of a turn. Signals that reach
// init do not: it sees them where it waits, at the beginning. Nor is a number given again so soon:
// the kernel gives all others before.
func (h happening) inTurn() bool {
	switch h.what {
	case ends, dies, halts, halted, continues, releases, spawns, orphans, nephews, traces:
		return true
	case arrives:
		return sig.Signal(h.arg) == sig.CHLD
	}
	return false
}

// happenings are all that can happen in a container.
func (c *container) happenings() (all []happening) {
	for _, s := range c.signals {
		all = append(all, happening{arrives, int8(s)})
	}
	for _, s := range c.types {
		all = append(all, happening{types, int8(s)})
	}
	for w := numWhat - 1; w > types; w-- {
		switch w {
		case ends, dies, halts, halted, continues:
			for i := range int8(len(kernel{}.tasks)) {
				all = append(all, happening{w, i})
			}
		default:
			all = append(all, happening{w, 0})
		}
	}
	return all
}

// can reports whether something can happen now.
func (k *kernel) can(m *machine, h happening) bool {
	c, command := m.c, k.command()
	t := &k.tasks[0]
	if h.what != arrives && h.what != types {
		t = &k.tasks[h.arg]
	}
	switch h.what {
	case arrives:
		return !k.pending.Has(sig.Signal(h.arg))
	case types:
		return k.foreground == command.pid && command.lives() || k.foreground == m.s.Self
	case ends:
		return t.state == runs && (h.arg > 0 || !c.unkillable)
	case dies:
		return t.endBy != 0 && (t.state == runs || t.lives() && t.endBy == sig.KILL)
	case halts:
		return t.stopPending && t.state == runs
	case halted:
		return c.stopping && t.state == runs && !t.bystander && !t.stopPending
	case continues:
		return c.stopping && t.state == stopped
	case traces:
		return c.tracing && command.state == runs
	case releases:
		return command.state == dead
	case spawns, orphans:
		return command.state == runs && k.forks > 0 && k.hasRoom()
	case nephews:
		return c.nephews && k.orphan() != nil && k.forks > 0 && k.hasRoom() &&
			command.state != noTask && k.groupExists()
	case enters:
		return c.enters && k.forks > 0 && k.hasRoom()
	case reuses:
		return c.enters && command.state == gone && !k.isUsed(commandID) && k.forks > 0 && k.hasRoom()
	case ticks:
		return k.ticks > 0 && m.untilNext() > tickTime
	case delays:
		return c.late && m.untilNext() > 0 && k.pending != 0
	case bursts:
		return c.late && !k.burst && k.pending != 0
	}
	return false
}

func (k *kernel) hasRoom() bool {
	for i := range k.tasks {
		if i > 0 && k.tasks[i].state == noTask {
			return true
		}
	}
	return false
}

// orphan returns a running orphan, or nil.
func (k *kernel) orphan() *task {
	for i := range k.tasks {
		if t := &k.tasks[i]; i > 0 && t.state == runs && t.group == t.pid && !t.bystander {
			return t
		}
	}
	return nil
}

// groupExists reports whether the command's group has a member, so that a process can join it.
func (k *kernel) groupExists() bool {
	for i := range k.tasks {
		if k.tasks[i].inGroup(commandID, 0) {
			return true
		}
	}
	return false
}

// untilNext returns how long it is until init's next time, or 0 if there is none.
func (m *machine) untilNext() int64 {
	next, _ := m.s.timer()
	if p := m.s.wait.pausedUntil; p != 0 && (next == 0 || p < next) {
		next = p
	}
	return max(0, next-m.k.now)
}

// happen makes something happen.
func (k *kernel) happen(m *machine, h happening) {
	if !k.can(m, h) {
		m.stop(failed) // without a problem: this path does not exist
	}
	k.make(m, h)
}

func (k *kernel) make(m *machine, h happening) {
	c, command := m.c, k.command()
	t := &k.tasks[0]
	if h.what != arrives && h.what != types {
		t = &k.tasks[h.arg]
	}
	// How a process is treated that is started in the middle of a turn, or after the command's end,
	// depends on what init has seen by then.
	spare := either
	if len(m.calls) == 0 && !k.hasCommandEnded() {
		spare = mustGet
		if m.s.stopSentTo != none {
			spare = mustNotGet
		}
	}
	switch h.what {
	case arrives:
		k.arrive(m, sig.Signal(h.arg))
	case types:
		k.types(m, sig.Signal(h.arg))
	case ends:
		const status = 3 << 8
		k.end(c, t, status)
		m.endsNow = m.endsNow || t == command
	case dies:
		m.endsNow = m.endsNow || t == command
		k.end(c, t, int32(t.endBy))
	case halts, halted:
		if h.what == halted {
			t.stopBy = sig.STOP
		}
		if spare != mustGet && h.arg > 0 {
			t.spared = either
		}
		t.stopPending, t.state = false, stopped
		k.notify(t, c.self(), cldStopped, int32(t.stopBy))
	case continues:
		t.state = runs
		if t == command {
			k.mustWake = false
		}
		k.notify(t, c.self(), cldContinued, int32(sig.CONT))
	case traces:
		t.state = trapped
		k.notify(t, c.self(), cldTrapped, int32(sig.TRAP))
	case releases:
		k.release(t)
		k.endedAt = k.now // nothing tells the status before
	case spawns:
		k.fork(task{parent: commandID, group: commandID, spared: spare})
	case orphans:
		k.fork(task{parent: c.reaper(), spared: spare, bystander: c.reaper() != c.self()})
	case nephews:
		k.fork(task{parent: k.orphan().pid, group: commandID, spared: spare})
	case enters:
		k.fork(task{parent: c.outside(), bystander: true})
	case reuses:
		k.fork(task{
			parent: c.outside(), bystander: true, pid: commandID, generation: 1,
			groupGen: 1,
		})
	case ticks:
		k.ticks--
		k.passes(tickTime)
	case delays:
		k.passes(m.untilNext())
		// What init has not seen yet begins after that for it.
		if k.hasCommandEnded() && !m.s.Ended {
			k.endedAt = k.now
		}
		if k.stopAt != 0 && m.s.phase == running {
			k.stopAt = k.now
		}
	case bursts:
		k.burst = true
	}
}

// arrive sends a signal to init.
func (k *kernel) arrive(m *machine, s sig.Signal) {
	switch {
	case s == sig.CONT:
		k.flush(stops)
		k.removed = false
	case s.Stops():
		k.removed = k.removed || k.pending.Has(sig.CONT)
		k.flush(sig.Of(sig.CONT))
	}
	if k.pending.Has(s) {
		return
	}
	k.pending |= sig.Of(s)
	if s == sig.CHLD {
		k.chldPid, k.chldCode, k.chldStatus = 99, 0, 0 // SI_USER
	}
	k.hasArrived(m, s)
	if m.c.owes(s) && k.command().lives() {
		k.owed |= sig.Of(s)
	}
}

// flush discards pending signals.
func (k *kernel) flush(set sig.Set) {
	k.owed &^= k.pending & set
	k.pending &^= set
}

// hasArrived records what follows from the arrival of a signal.
func (k *kernel) hasArrived(m *machine, s sig.Signal) {
	if m.s.Grace > 0 && m.s.isStop(s) && k.stopAt == 0 {
		k.stopAt = k.now
	}
	if r := m.s.Rewrite[s]; r != Drop && (asksToEnd(s) || asksToEnd(sig.Signal(r))) {
		k.asked = true
		if k.command().state == stopped && m.s.Delay == 0 {
			k.mustWake = true
		}
	}
}

// types sends a signal of the terminal to its foreground group.
func (k *kernel) types(m *machine, s sig.Signal) {
	shared := m.s.Placement == SharedGroup
	if k.foreground == commandID || shared {
		for i := range k.tasks {
			if t := &k.tasks[i]; t.inGroup(commandID, 0) && t.lives() {
				k.take(m.c, t, s)
			}
		}
	}
	if k.foreground == m.s.Self && !k.pending.Has(s) {
		if !shared {
			k.arrive(m, s)
			return
		}
		k.pending |= sig.Of(s)
		k.typed |= sig.Of(s)
		k.hasArrived(m, s)
		if k.command().lives() && m.s.Rewrite[s] != Unchanged && m.c.owes(s) {
			k.owed |= sig.Of(s)
		}
	}
}
