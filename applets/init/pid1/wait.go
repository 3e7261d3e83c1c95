package pid1

import (
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// waiter is how init waits for the next event: in one system call for signals of all kinds, SIGCHLD among them. Where the
// kernel can do without init (Linux 6.15), the first orphan makes it quiet: from then on the kernel reaps, and the command's
// pidfd tells of its end. SIGCHLD still tells that somebody has ended, or has stopped as a tracee of init, which nothing else
// tells; so a quiet init hears a SIGCHLD once, and leaves the next ones pending for a while. They are one signal then, and wake
// nobody.
type waiter struct {
	quiet   bool  // children that end become no zombies (SA_NOCLDWAIT)
	cannot  bool  // the kernel does not tell the status of those it reaped
	deaf    int64 // quiet: SIGCHLD is not listened to until then, on the monotonic clock in nanoseconds; 0 it is
	signals int   // quiet: a signalfd(2) of all other signals
	command int   // quiet, or the command has ended: its pidfd, else -1
	turns   uint  // of the loop
	late    uint  // quiet: turns since the command's end showed
}

const (
	deafness = 250e6 // how long a quiet init leaves SIGCHLD pending, in nanoseconds

	// The first and the longest time between two looks for what nothing announces, in nanoseconds: that the kernel has reaped
	// the command, which takes it microseconds, but a debugger as long as it likes; that a process of the group has ended
	// whose parent is another one.
	soon  = 1e6
	later = 500e6

	// often is how many events may come in a row before init looks for children that have ended. Without it, signals that
	// arrive without a pause would keep it from ever seeing one: the lower number is received first.
	often = 64
)

// next waits for a signal, or a time. If there is neither, ok is false.
func (s *supervisor) next(info *sys.Siginfo) (ev Event, ok bool) {
	s.wait.turns++
	var timeout *unix.Timespec
	var left unix.Timespec
	if at, kind := s.timer(); at != 0 {
		ns := at - now()
		if ns <= 0 {
			if kind != look {
				return Event{Kind: kind}, true
			}
			s.look, s.wait.turns, ns = 0, 0, 0 // and a signal, if one is pending: looks may follow each other
		}
		left = timespec(ns)
		timeout = &left
	}
	if s.wait.deaf != 0 {
		return s.nextDeaf(info, timeout)
	}
	return received(sig.All, info, timeout)
}

// look is what timer returns for supervisor.look, which is no event.
const look = ^Kind(0)

// timer returns when a time is due next, and what it is; 0 if there is none.
func (s *supervisor) timer() (at int64, kind Kind) {
	if s.due != 0 {
		at, kind = s.due, Due
	}
	if s.deadline != 0 && (at == 0 || s.deadline < at) {
		at, kind = s.deadline, Expired
	}
	if s.look != 0 && (at == 0 || s.look < at) {
		at, kind = s.look, look
	}
	if s.limit != 0 && (at == 0 || s.limit < at) {
		at, kind = s.limit, Over
	}
	return at, kind
}

func timespec(ns int64) unix.Timespec { return unix.NsecToTimespec(ns) }

// received takes a signal of set that is pending or arrives before the time is up.
func received(set sig.Set, info *sys.Siginfo, timeout *unix.Timespec) (ev Event, ok bool) {
	n, e := sys.Sigtimedwait(set, info, timeout)
	return Event{Kind: Arrived, Signal: sig.Signal(n)}, e == 0 // EAGAIN; EINTR: init was stopped and continued
}

// isLook reports whether it is time to look for children without having been told to.
func (w *waiter) isLook() bool { return w.turns%often == 0 }

// hearNoMore makes a quiet init deaf to SIGCHLD for a while.
func (w *waiter) hearNoMore() { w.deaf = now() + deafness }

// nextDeaf is next without SIGCHLD. The signalfd only says that there is a signal: taking it with sigtimedwait, as ever,
// keeps one way for all that is known about a signal.
//
//go:noinline
func (s *supervisor) nextDeaf(info *sys.Siginfo, timeout *unix.Timespec) (ev Event, ok bool) {
	const others = sig.All &^ (1 << (sig.CHLD - 1))
	ns := s.wait.deaf - now()
	if ns <= 0 {
		s.wait.deaf = 0
		return Event{}, false
	}
	left := timespec(ns)
	if timeout == nil || timeout.Nano() > ns {
		timeout = &left
	}
	if s.Pause { // there is no command to wait for
		return received(others, info, timeout)
	}
	files := [2]unix.PollFd{{Fd: int32(s.wait.command), Events: unix.POLLIN}, {Fd: int32(s.wait.signals), Events: unix.POLLIN}}
	_, e := sys.Ppoll(files[:], timeout)
	switch e {
	case 0:
	case unix.EINTR:
		return Event{}, false
	default: // EINVAL: RLIMIT_NOFILE has been lowered below two
		s.becomeAttentive()
		s.wait.cannot = true
		return Event{}, false
	}
	ended, arrived := files[0].Revents != 0, files[1].Revents != 0
	if ended {
		// A signal that came before the end is forwarded before it; there may be one of each kind.
		s.wait.late++
		if !arrived || s.wait.late > often {
			s.wait.deaf = 0
			s.lookAtCommand()
			return Event{}, false
		}
	}
	if !arrived {
		return Event{}, false
	}
	var none unix.Timespec
	return received(others, info, &none)
}

// lookAtCommand sees whether the command has ended where the kernel reaped it: now, or before init became attentive.
func (s *supervisor) lookAtCommand() {
	if s.ended || s.wait.command < 0 {
		return
	}
	if status, ok := sys.PidfdExit(s.wait.command); ok {
		s.commandEnded(proc.FromWait(status), false)
		return
	}
	if readable(s.wait.command) || proc.Gone(s.pid) { // it has ended, and will be reaped any time now
		s.wait.deaf = 0
		s.lookLater()
	}
}

// lookLater sets the time of the next look: the longer nothing shows, the later.
func (s *supervisor) lookLater() {
	if s.look == 0 {
		s.pause = min(max(2*s.pause, soon), later)
		s.look = now() + s.pause
	}
}

// readable reports whether something can be read from a file now; from a pidfd, that the process has ended.
func readable(fd int) bool { return ready(fd, unix.POLLIN) }

// writable reports whether something can be written to a file now.
func writable(fd int) bool { return ready(fd, unix.POLLOUT) }

func ready(fd int, event int16) bool {
	file := [1]unix.PollFd{{Fd: int32(fd), Events: event}}
	var none unix.Timespec
	n, _ := sys.Ppoll(file[:], &none)
	return n == 1 && file[0].Revents&event != 0
}

// becomeQuiet lets the kernel reap orphans by itself from now on, if it can and nobody wants to hear of them. orphan is
// one that has ended; it is reaped in any case, and shows whether the kernel tells the status of the reaped.
//
//go:noinline
func (s *supervisor) becomeQuiet(orphan int32) {
	fd, e := own(sys.PidfdOpen(orphan))
	if !proc.Reap(orphan, nil) {
		if e == 0 {
			sys.Close(fd)
		}
		return
	}
	s.wait.cannot = true
	if e != 0 {
		return
	}
	_, ok := sys.PidfdExit(fd)
	sys.Close(fd)
	if !ok {
		return
	}
	command, e := own(sys.PidfdOpen(s.pid))
	if e != 0 {
		return
	}
	// Once the kernel reaps, only the pidfd is sure to mean the command and its group.
	if e := sys.PidfdSendSignal(command, 0, unix.PIDFD_SIGNAL_PROCESS_GROUP); e != 0 {
		sys.Close(command)
		return
	}
	signals, e := own(sys.Signalfd(sig.All &^ sig.Of(sig.CHLD)))
	if e != 0 {
		sys.Close(command)
		return
	}
	s.wait = waiter{quiet: true, signals: signals, command: command}
	s.maybe = true
	sys.RtSigaction(sig.CHLD, &sys.Sigaction{Flags: sys.NoCldWait}, nil)
	// Who ended before that line is a zombie still: the caller looks for more.
}

// canBeQuiet reports whether nothing needs to know of orphans, of stops, or what the command has used.
func (s *supervisor) canBeQuiet() bool {
	return s.phase == running && !s.wait.quiet && !s.wait.cannot && !s.jobs && !s.WarnReaped && !s.explains()
}

// becomeAttentive makes init hear of every child again. Setting the disposition throws away a SIGCHLD that is pending
// (sigaction(2) of POSIX), so it looks once by itself.
func (s *supervisor) becomeAttentive() {
	if s.wait.quiet {
		s.wait.quiet, s.wait.deaf = false, 0
		sys.Close(s.wait.signals)
		sys.RtSigaction(sig.CHLD, &sys.Sigaction{}, nil)
		s.look = now()
	}
}
