package supervise

import (
	"unsafe"

	"util/applets/init/descendants"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// This file signals the processes of the scope at a stop: the command's group, or every
// descendant of init. A process whose parent ends becomes a child of init, so the descendants are
// all that came from the command, in whatever session. What entered the container from outside
// (docker exec) is not among them.

// signalRest sends a signal to the descendants of init that are not in the command's group. It
// returns false if they cannot be found; then only the group is reached, because kill(-1) would
// reach it twice.
func (s *Supervisor) signalRest(signal sig.Signal) bool {
	var w descendants.Walk
	if !w.Open(s.Self) {
		return false
	}
	for p := w.Next(); p.PID != 0; p = w.Next() {
		if p.Group != s.PID {
			w.Signal(&p, signal)
		}
	}
	w.Close()
	return !w.Incomplete
}

// sweep is what happens after the command has ended: TERM to what is left in the scope, and CONT
// to what is stopped there. Processes that had the stop signal are left alone, and so are those
// that were started after it, since they finish work.
func (s *Supervisor) sweep() {
	if !s.IsWide() {
		if s.stopSentTo == none || !s.sweepEach(s.PID) {
			s.sweepGroup()
		}
		return
	}
	if s.sweepEach(0) {
		return
	}
	if s.Self == 1 { // without /proc: everything but init, also what entered from outside
		sys.Kill(-1, sig.TERM)
		sys.Kill(-1, sig.CONT)
		return
	}
	s.sweepGroup()
}

// sweepGroup is sweep for the command's group.
func (s *Supervisor) sweepGroup() {
	if s.stopSentTo < theGroup {
		s.signalGroup(s.SweepSignal())
	}
	// A stopped process cannot act on the signal. Finding stopped processes means reading all of
	// /proc. Without a grace period init does not wait for that and sends CONT to all, unless that
	// is not wanted.
	switch {
	case s.leftNothing():
	case s.Grace == 0 && !s.NoContinue:
		s.signalGroup(sig.CONT)
	default:
		s.continueGroup()
	}
}

// SweepSignal is what the rest of the command's group gets after the command has ended; 0 is no
// signal.
func (s *Supervisor) SweepSignal() sig.Signal {
	rewriting := s.Rewrite[sig.TERM]
	switch {
	case !s.RewriteSweep || rewriting == Unchanged:
		return sig.TERM
	case rewriting == Drop:
		return 0
	}
	return sig.Signal(rewriting)
}

// leftNothing reports whether the command has left no process: where orphans become init's
// children, init has no child but the zombie of the command, which is reaped to see that.
func (s *Supervisor) leftNothing() bool {
	if s.Self != 1 && (s.NoSubreaper || s.SubreaperErr != 0) {
		return false
	}
	s.reapCommand()
	return proc.Childless(true)
}

// sweepEach is sweep, process by process: for the members of a group, or with 0 for all. It returns
// false if they cannot be found. It is one pass. A process that is forked during it is left for
// KILL. There is no second pass, because that would also reach processes that were forked to finish
// work.
//
//go:noinline
func (s *Supervisor) sweepEach(group int32) bool {
	var w descendants.Walk
	if !w.OpenGroup(s.Self, group) {
		return false
	}
	seen := false
	window := descendants.PIDWindow()
	for p := w.Next(); p.PID != 0; p = w.Next() {
		seen = true
		if s.stopSentTo != none && s.startedSince(&p, window) {
			continue
		}
		if s.stopSentTo < theGroup || s.stopSentTo == theGroup && p.Group != s.PID {
			w.Signal(&p, sig.TERM)
		}
		if p.Stopped() {
			w.Signal(&p, sig.CONT)
		}
	}
	w.Close()
	return seen || !w.Incomplete
}

// startedSince reports whether a process was started after the stop signal was sent. Start times
// have a resolution of a hundredth of a second. Within one, the PIDs decide: they are given in
// ascending order, and then from the lowest again. window is descendants.PIDWindow.
func (s *Supervisor) startedSince(p *descendants.Process, window int32) bool {
	if p.Start != s.stopSentAt || s.lastPID == 0 {
		return p.Start >= s.stopSentAt
	}
	ahead := p.PID - s.lastPID
	return ahead > 0 && ahead <= window || ahead < -window
}

// continueGroup continues the stopped members of the command's group.
//
//go:noinline
func (s *Supervisor) continueGroup() {
	var w descendants.Walk
	if !w.OpenGroup(s.Self, s.PID) {
		if !s.NoContinue {
			s.signalGroup(sig.CONT)
		}
		return
	}
	for p := w.Next(); p.PID != 0; p = w.Next() {
		if p.Stopped() {
			w.Signal(&p, sig.CONT)
		}
	}
	w.Close()
}

// checkEmpty handles the event Empty if no process of the scope is left.
func (s *Supervisor) checkEmpty() {
	if s.IsWide() {
		if proc.Childless(true) {
			s.handle(Event{Kind: Empty})
		}
		return
	}
	if s.signalGroup(0) == unix.ESRCH || s.groupIsEmpty() {
		s.handle(Event{Kind: Empty})
		return
	}
	s.recheckLater() // only its parent is told about a member's end, and that may be in another group
}

// groupIsEmpty reports whether every member of the command's group has ended. Where that cannot
// be found out, it is false.
//
//go:noinline
func (s *Supervisor) groupIsEmpty() bool {
	var w descendants.Walk
	if !w.OpenGroup(s.Self, s.PID) {
		return false
	}
	seen := false // the caller has found that the group exists: if no member shows, /proc hides them
	p := w.Next()
	for p.PID != 0 && p.Ended() {
		seen = true
		p = w.Next()
	}
	w.Close()
	return p.PID == 0 && seen
}

// kill sends KILL to every process of the scope, and sets the time at which that is repeated, for
// what was forked since.
//
//go:noinline
func (s *Supervisor) kill() {
	const (
		again = 50e6
		// killTimeout is the time from the first KILL to init's end, even if processes are left: init
		// can lack the permission to signal a process, or the process is in state D.
		killTimeout = 750e6
	)
	if !s.killing {
		s.killing = true
		s.limit = now() + killTimeout
		s.Killed = s.listSurvivors()
		s.note(Note{Kind: Killing})
	}
	s.deadline = now() + again
	switch {
	case !s.IsWide():
		s.signalGroup(sig.KILL)
	case s.Self == 1:
		sys.Kill(-1, sig.KILL) // atomic, so that no fork escapes; what entered from outside ends too
	default:
		s.killDescendants()
	}
}

// killDescendants sends KILL to the descendants of a subreaper. They are stopped first, because a
// stopped process cannot fork: that way a fork bomb is caught.
//
//go:noinline
func (s *Supervisor) killDescendants() {
	var w descendants.Walk
	if !w.Open(s.Self) {
		s.signalGroup(sig.KILL)
		return
	}
	const (
		maxRounds = 64    // a process that waits for a device does not stop
		reserve   = 500e6 // nanoseconds of the time until init ends that are left for KILL
	)
	for n, moving := 0, true; moving && n < maxRounds && now() < s.limit-reserve; n++ {
		moving = false
		for p := w.Next(); p.PID != 0; p = w.Next() {
			if p.CanFork() && w.Signal(&p, sig.STOP) == 0 {
				moving = true
			}
		}
		w.Rewind()
	}
	for p := w.Next(); p.PID != 0; p = w.Next() {
		w.Signal(&p, sig.KILL)
	}
	w.Close()
	if w.Incomplete {
		s.signalGroup(sig.KILL)
	}
}

// countSurvivors sets Leftover, and corrects Killed, before init exits.
//
//go:noinline
func (s *Supervisor) countSurvivors() {
	if s.limit > now() {
		return
	}
	listed := survivors.n
	s.Leftover = s.listSurvivors()
	switch {
	case s.Leftover > 0:
		s.Killed = max(s.Killed-s.Leftover, 0)
	case s.Leftover == 0:
		survivors.n = listed // the list of those that KILL was sent to, which nothing has replaced
	}
}

// Survivor is a process that is left in the scope.
type Survivor struct {
	PID    int32
	length int
	name   [16]byte // TASK_COMM_LEN, with a NUL byte
}

// survivors are the first processes that listSurvivors found. It is a package variable because it
// is rarely used.
var survivors struct {
	n   int
	all [20]Survivor
}

// listSurvivors records the processes that are left in the scope, and returns their number, or -1
// if that cannot be found out.
//
//go:noinline
func (s *Supervisor) listSurvivors() int {
	survivors.n = 0
	var w descendants.Walk
	if !w.Open(s.Self) {
		return -1
	}
	n := 0
	for p := w.Next(); p.PID != 0; p = w.Next() {
		if p.Ended() || !s.IsWide() && p.Group != s.PID {
			continue
		}
		n++
		if survivors.n < len(survivors.all) {
			l := &survivors.all[survivors.n]
			l.PID, l.length = p.PID, w.Name(p.PID, l.name[:])
			survivors.n++
		}
	}
	w.Close()
	if w.Incomplete {
		return -1
	}
	return n
}

// Survivors returns the first processes that KILL was sent to; after the end, those that it has not
// ended.
func Survivors() []Survivor { return survivors.all[:survivors.n] }

// Name returns the name of the process, "?" if it had ended before that could be read.
func (l *Survivor) Name() string {
	if l.length == 0 {
		return "?"
	}
	return unsafe.String(&l.name[0], l.length)
}
