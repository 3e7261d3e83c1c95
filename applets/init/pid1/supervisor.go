package pid1

import (
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
)

// supervisor is all that init knows. It lives on the stack of entry.
type supervisor struct {
	Options
	argv    **byte  // the command and its arguments
	envp    **byte  // the environment
	mask    sig.Set // the mask that init was started with
	self    int32   // init's pid
	pid     int32   // the command's pid, and the number of its process group
	jobs    bool    // the command's group is a job within init's own session, under an interactive shell
	noStop  bool    // init is PID 1 of its namespace: the kernel does not let it stop itself
	console int     // jobs: the controlling terminal, else -1

	phase    phase
	stops    int         // stop signals that arrived
	delayed  Action      // a stop signal that is still to be forwarded; Do 0 none
	arrived  sig.Signal  // as what it arrived
	told     audience    // who had a stop signal
	toldAt   uint64      // when the first was sent, in ticks since the boot (proc_pid_stat(5), starttime)
	lastPid  int32       // the pid that had been given last then; 0 unknown
	killed   bool        // KILL was sent
	ended    bool        // the command has ended
	reaped   bool        // and is reaped: its number can be given to another process
	maybe    bool        // the command may be stopped
	asked    sig.Set     // the signals by which it was asked to end since SIGCHLD last told how it is
	status   proc.Status // the command's, once it has ended
	noReap   sys.Errno   // why init could not become a subreaper
	isDenied bool        // it was said that a signal is not permitted

	// Times on the monotonic clock in nanoseconds; 0 none.
	due      int64 // when the delayed signal is forwarded
	deadline int64 // the end of the grace period; then, when KILL is sent again
	limit    int64 // when init ends whoever is left
	look     int64 // when it looks again for what nothing announces
	pause    int64 // how long it waited for that the last time

	wait    waiter
	guise   guise
	log     logger
	account account
}

// phase is how far the end of the container has come.
type phase uint8

const (
	running  phase = iota // the command runs, and nobody has asked it to end
	stopping              // it runs, has been asked to end, and the grace period is running
	leaving               // it has ended; the grace period of the processes that are left is running
	killing               // KILL was sent to all in the scope
)

// audience says whom a signal has reached.
type audience uint8

const (
	nobody     audience = iota
	theCommand          // it alone, with --single-child
	theGroup            // the command's process group
	everyone            // every process of the scope
)

// Kind is the kind of an [Event].
type Kind uint8

const (
	Arrived Kind = iota // a signal reached init
	Stopped             // the command has been stopped, by Signal
	Ended               // the command has ended
	Due                 // the time is over by which a stop signal is delayed
	Expired             // the deadline has passed
	Over                // KILL was sent, and the time is over that it takes
	Typed               // a signal that the terminal sent to init's process group, with the command in it
	Alone               // the command has ended, and no process of the scope is left
)

// Event is what the loop waits for.
type Event struct {
	Kind   Kind
	Signal sig.Signal // Arrived, Stopped, Typed
	Taken  bool       // Arrived: the command catches, blocks or waits for the signal. Known for those that stop by default
}

// Do is a set of things to do. They are done in the order of the bits.
type Do uint16

const (
	HandOver   Do = 1 << iota // give the command the terminal, if init's own group has it
	Postpone                  // keep Action.Signal for the time of --stop-delay
	Release                   // send what was kept, now
	Mark                      // take down that a stop begins
	Forward                   // send Action.Signal to the command, or its group
	ForwardAll                // send Action.Signal to every process of the scope, the command's group among them
	Wake                      // continue the command if it is stopped
	StopSelf                  // stop init, by Action.Signal
	Sweep                     // TERM to every process of the scope that is to have it, and continue it if it is stopped
	Arm                       // start the grace period, unless it runs
	Kill                      // KILL to every process of the scope
	End                       // end with the command's status
	Ignore                    // nothing; Action.Signal is dropped
)

// Action says what to do about an event.
type Action struct {
	Do     Do
	Signal sig.Signal
}

// step says what an event means for the command and for init. It never waits and calls nothing, so a test can drive it
// without processes. Everything that init does about signals, ends and deadlines is decided here.
func (s *supervisor) step(ev Event) Action {
	switch ev.Kind {
	case Stopped:
		// The shell above sees its job, init, stop as the command did.
		return Action{StopSelf, ev.Signal}
	case Ended:
		s.delayed, s.due = Action{}, 0 // there is nobody left to forward it to
		switch {
		case s.Grace == 0 && s.noSweep:
			return Action{Do: End}
		case s.Grace == 0:
			return Action{Do: Sweep | End}
		case s.phase == killing:
			return Action{Do: Kill} // what was forked meanwhile
		}
		s.phase = leaving
		return Action{Do: Sweep | Arm}
	case Due:
		return Action{Do: Release}
	case Expired:
		s.phase = killing
		return Action{Do: Kill}
	case Over, Alone:
		return Action{Do: End}
	case Typed:
		a := s.arrives(ev)
		if s.hasHad(ev) {
			a.Do &^= Forward
		}
		return a
	}
	return s.arrives(ev)
}

// arrives is [supervisor.step] for a signal.
func (s *supervisor) arrives(ev Event) Action {
	signal := ev.Signal
	if s.Pause {
		return s.arrivesInPause(signal)
	}
	if s.As != Util {
		if a, ok := s.arrivesAs(signal); ok {
			return a
		}
	}
	a := Action{Forward, signal}
	rewriting := s.Rewrite[signal]
	switch rewriting {
	case Unchanged:
	case Drop:
		return Action{Ignore, signal}
	default:
		a.Signal = sig.Signal(rewriting)
	}

	if asksToEnd(signal) || asksToEnd(a.Signal) {
		a.Do |= Wake // a stopped process cannot act on it
	}
	switch signal {
	case sig.TSTP, sig.TTIN, sig.TTOU:
		if rewriting != Unchanged || s.jobs {
			break // of a job: if it stops the command, that is an event of its own
		}
		if ev.Taken {
			break // to this program it means something else: one worker more, say
		}
		// The group of a session leader is orphaned, and the kernel does not stop an orphaned group by these three.
		a.Signal = sig.STOP
		if !s.noStop {
			a.Do |= StopSelf
		}
	case sig.CONT:
		if s.jobs && rewriting == Unchanged {
			a.Do |= HandOver
		}
	}
	if s.isStop(signal) {
		return s.stop(a, s.hasHad(ev))
	}
	return a
}

// hasHad reports whether the command has had a signal already: from the terminal.
func (s *supervisor) hasHad(ev Event) bool {
	return ev.Kind == Typed && s.Rewrite[ev.Signal] == Unchanged
}

// arrivesInPause is arrives where there is no command. PWR and RTMIN+3 are the stop signals of LXC and of systemd's
// containers.
func (s *supervisor) arrivesInPause(signal sig.Signal) Action {
	switch signal {
	case sig.TERM, sig.INT, sig.PWR, sig.RTMin + 3:
		return Action{Do: End}
	}
	return Action{Ignore, signal}
}

// asksToEnd reports whether a signal is one of those by which people and terminals ask a program to end.
func asksToEnd(signal sig.Signal) bool {
	switch signal {
	case sig.TERM, sig.INT, sig.HUP, sig.QUIT:
		return true
	}
	return false
}

// isStop reports whether a signal asks the command to end. QUIT is none by itself: programs answer it in various ways, a
// Java virtual machine with a list of its threads.
func (s *supervisor) isStop(signal sig.Signal) bool {
	return signal == sig.TERM || signal == sig.INT || s.StopSignals.Has(signal)
}

// stop completes the action for a signal that asks the command to end. The first one starts the grace period, and may have to
// wait for its time, unless the command has had it; all further ones are forwarded at once, and change nothing: only the deadline
// kills.
func (s *supervisor) stop(a Action, had bool) Action {
	if s.atOnce() {
		a.Do = a.Do&^Forward | ForwardAll
	}
	if s.phase < leaving && (s.Grace > 0 || s.wide()) {
		a.Do |= Mark
	}
	s.stops++
	first := s.stops == 1 && s.phase == running
	if first && s.Delay > 0 && !had {
		s.delayed = a
		a = Action{Postpone, a.Signal}
	} else if s.delayed.Do != 0 {
		if s.delayed.Signal == a.Signal { // one of the same kind that is still pending swallows it
			s.delayed, s.due = Action{}, 0
		} else {
			a.Do |= Release
		}
	}
	if s.Grace > 0 && s.phase == running {
		s.phase = stopping
		a.Do |= Arm
	}
	return a
}
