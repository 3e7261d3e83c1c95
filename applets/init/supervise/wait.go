package supervise

import (
	"util/internal/files"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// waiter is how init waits for the next event: in one system call for signals of all kinds, SIGCHLD
// among them.
//
// Where the kernel can reap without init (Linux 6.15), it does so from the first orphan on, and
// the command's pidfd announces its end. SIGCHLD still announces ends, and the stop of a tracee
// of init, which nothing else does. So after one SIGCHLD, init leaves the next ones pending for a
// while: they merge into one and do not wake init.
type waiter struct {
	kernelReaps bool  // children that end do not become zombies (SA_NOCLDWAIT)
	noExitInfo  bool  // the kernel does not tell the status of what it has reaped
	pausedUntil int64 // kernelReaps: when SIGCHLD is received again, on the monotonic clock; 0 now
	signals     int   // kernelReaps: a signalfd(2) of all other signals
	command     int   // kernelReaps, or the command has ended: its pidfd, else -1
	turns       uint  // of the loop
	late        uint  // kernelReaps: turns since the command's end showed
}

const (
	pauseCHLDFor = 250e6 // how long SIGCHLD is left pending if the kernel reaps, in nanoseconds

	// The first and the longest time between two checks for what nothing announces, in nanoseconds:
	// that the kernel has reaped the command, which takes microseconds, or as long as a debugger
	// likes; that a member of the group has ended whose parent is another process.
	minRecheck = 1e6
	maxRecheck = 500e6

	// maxBurst is how many events may come in a row before init checks for children that have ended.
	// The lower signal number is received first, so without this check signals that arrive without a
	// pause would hide SIGCHLD for ever.
	maxBurst = 64
)

// next waits for a signal or for a time. If there is neither, ok is false.
func (s *Supervisor) next(info *sys.Siginfo) (ev Event, ok bool) {
	s.wait.turns++
	if s.continued {
		*info = sys.Siginfo{}
		return Event{Kind: Arrived, Signal: sig.CONT}, true
	}
	var timeout *sys.Timespec
	var left sys.Timespec
	if at, kind := s.timer(); at != 0 {
		ns := at - now()
		if ns <= 0 {
			if kind != recheck {
				return Event{Kind: kind}, true
			}
			// A pending signal is received as well, because one check may follow another.
			s.recheckAt, s.wait.turns, ns = 0, 0, 0
		}
		left = sys.Nanoseconds(ns)
		timeout = &left
	}
	if s.wait.pausedUntil != 0 {
		return s.nextPaused(info, timeout)
	}
	return received(sig.All, info, timeout)
}

// recheck is what timer returns for Supervisor.recheckAt, which is not an event.
const recheck = ^Kind(0)

// timer returns which time is due next, and what it is; 0 if there is none.
func (s *Supervisor) timer() (at int64, kind Kind) {
	if s.due != 0 {
		at, kind = s.due, DelayOver
	}
	if s.deadline != 0 && (at == 0 || s.deadline < at) {
		at, kind = s.deadline, GraceOver
	}
	if s.recheckAt != 0 && (at == 0 || s.recheckAt < at) {
		at, kind = s.recheckAt, recheck
	}
	if s.limit != 0 && (at == 0 || s.limit < at) {
		at, kind = s.limit, LimitOver
	}
	return at, kind
}

// received takes a signal of set that is pending or arrives before the timeout.
func received(set sig.Set, info *sys.Siginfo, timeout *sys.Timespec) (ev Event, ok bool) {
	n, e := sys.Sigtimedwait(set, info, timeout)
	return Event{Kind: Arrived, Signal: sig.Signal(n)}, e == 0 // EAGAIN; EINTR: stopped and continued
}

// isRecheck reports whether it is time to check for children that nothing has announced.
func (w *waiter) isRecheck() bool { return w.turns%maxBurst == 0 }

// pauseCHLD leaves SIGCHLD pending for a while.
func (w *waiter) pauseCHLD() { w.pausedUntil = now() + pauseCHLDFor }

// nextPaused is next without SIGCHLD. The signalfd only tells that there is a signal; sigtimedwait
// receives it, so that a siginfo always comes from that call.
//
//go:noinline
func (s *Supervisor) nextPaused(info *sys.Siginfo, timeout *sys.Timespec) (ev Event, ok bool) {
	const others = sig.All &^ (1 << (sig.CHLD - 1))
	ns := s.wait.pausedUntil - now()
	if ns <= 0 {
		s.wait.pausedUntil = 0
		return Event{}, false
	}
	left := sys.Nanoseconds(ns)
	if timeout == nil || timeout.Nano() > ns {
		timeout = &left
	}
	if s.Pause { // there is no command to wait for
		return received(others, info, timeout)
	}
	ready := [2]unix.PollFd{
		{Fd: int32(s.wait.command), Events: unix.POLLIN},
		{Fd: int32(s.wait.signals), Events: unix.POLLIN},
	}
	switch _, e := sys.Ppoll(ready[:], timeout); e {
	case 0:
	case unix.EINTR:
		return Event{}, false
	default: // EINVAL: RLIMIT_NOFILE has been lowered below two
		s.reapAgain()
		s.wait.noExitInfo = true
		return Event{}, false
	}
	ended, arrived := ready[0].Revents != 0, ready[1].Revents != 0
	if ended {
		// A signal that came before the end is forwarded before it. There may be one of each kind.
		s.wait.late++
		if !arrived || s.wait.late > maxBurst {
			s.wait.pausedUntil = 0
			s.checkCommand()
			return Event{}, false
		}
	}
	if !arrived {
		return Event{}, false
	}
	var none sys.Timespec
	return received(others, info, &none)
}

// checkCommand finds out whether the command has ended where the kernel reaped it: now, or before
// reapAgain.
func (s *Supervisor) checkCommand() {
	if s.Ended || s.wait.command < 0 {
		return
	}
	if status, ok := sys.PidfdExit(s.wait.command); ok {
		s.commandEnded(proc.FromWait(status), false)
		return
	}
	gone := proc.Gone(s.PID) // or the kernel is reaping it
	if gone && s.recheckAfter == maxRecheck {
		// For a second, ioctl(2) has not told the status, although it told that of an orphan. It never
		// will: init must not wait for it.
		s.commandEnded(proc.Status{Exit: proc.ExitFailed}, false)
		return
	}
	if gone || files.IsReady(s.wait.command, unix.POLLIN) { // ended, not yet reaped
		s.wait.pausedUntil = 0
		s.recheckLater()
	}
}

// recheckLater sets the time of the next check. Each check without a result doubles it.
func (s *Supervisor) recheckLater() {
	if s.recheckAt == 0 {
		s.recheckAfter = min(max(2*s.recheckAfter, minRecheck), maxRecheck)
		s.recheckAt = now() + s.recheckAfter
	}
}

// pidfd opens a pidfd, or returns -1.
func pidfd(pid int32) int {
	fd, e := files.AboveStdio(sys.PidfdOpen(pid))
	if e != 0 {
		return -1
	}
	return fd
}

// letKernelReap makes the kernel reap orphans from now on, if it can and nothing needs to be told
// about them. orphan is one that has ended. It is reaped in any case, and shows whether the
// kernel tells the status of what has been reaped.
//
//go:noinline
func (s *Supervisor) letKernelReap(orphan int32) {
	fd := pidfd(orphan)
	if !proc.Reap(orphan, nil) {
		closeIfOpen(fd)
		return
	}
	s.wait.noExitInfo = true
	if fd < 0 {
		return
	}
	_, ok := sys.PidfdExit(fd)
	sys.Close(fd)
	if !ok {
		return
	}
	command := pidfd(s.PID)
	if command < 0 {
		return
	}
	// Once the kernel reaps, only the pidfd is sure to mean the command and its group.
	if e := sys.PidfdSendSignal(command, 0, unix.PIDFD_SIGNAL_PROCESS_GROUP); e != 0 {
		sys.Close(command)
		return
	}
	signals, e := files.AboveStdio(sys.Signalfd(sig.All &^ sig.Of(sig.CHLD)))
	if e != 0 {
		sys.Close(command)
		return
	}
	s.wait = waiter{kernelReaps: true, signals: signals, command: command}
	s.maybeStopped = true
	sys.RtSigaction(sig.CHLD, &sys.Sigaction{Flags: sys.NoCldWait}, nil)
	// What ended before that call is still a zombie: the caller checks for more.
}

func closeIfOpen(fd int) {
	if fd >= 0 {
		sys.Close(fd)
	}
}

// kernelMayReap reports whether nothing needs to be told about orphans, about stops, or about
// what the command has used.
func (s *Supervisor) kernelMayReap() bool {
	return s.phase == running && !s.wait.kernelReaps && !s.wait.noExitInfo && !s.Job && !s.Account &&
		s.Notes&Reaped == 0
}

// reapAgain makes init receive SIGCHLD for every child again. Setting the disposition
// discards a SIGCHLD that is pending (sigaction(2) of POSIX), so init checks once by itself.
func (s *Supervisor) reapAgain() {
	if s.wait.kernelReaps {
		s.wait.kernelReaps, s.wait.pausedUntil = false, 0
		sys.Close(s.wait.signals)
		sys.RtSigaction(sig.CHLD, &sys.Sigaction{}, nil)
		s.recheckAt = now()
	}
}
