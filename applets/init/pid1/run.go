package pid1

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// run starts the command and is init until the command ends. It does not return.
func (s *supervisor) run() {
	termErr := s.start()
	// From here on the command is running: if init ends, the kernel ends every process of the container. Nothing below
	// may end init but the command's own end.
	s.letGo()
	if s.speaks() {
		s.introduce(termErr)
		s.loop()
	}
	if termErr != 0 {
		s.sayNoTerminal(termErr)
	}
	if s.Verbose > 0 {
		s.sayStarted()
	}
	s.loop()
}

// start prepares init and starts the command. If that fails, it ends init. The errno says why the command did not get
// the terminal, if there is one.
func (s *supervisor) start() (termErr sys.Errno) {
	s.console, s.wait.command = -1, -1
	s.self = sys.Getpid()
	s.noStop = s.self == 1
	if s.strange {
		s.sayStrange()
	}
	if s.self != 1 && !s.noReaper {
		s.noReap = sys.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1) // since Linux 3.4; a seccomp filter may refuse it
	}
	if s.ParentDeath != 0 {
		s.dieWithParent()
	}

	// Where the parent ignores SIGCHLD, init would inherit that, and never hear of a child. All other dispositions stay
	// as they are: what is blocked is queued even if it is ignored, so init gets it and the command inherits the rest.
	var act, chld sys.Sigaction
	if s.Pause && s.canBeQuiet() {
		act.Flags = sys.NoCldWait // the kernel reaps by itself
		s.wait.quiet = true
	}
	sys.RtSigaction(sig.CHLD, &act, &chld)
	if s.Pause {
		return 0
	}

	if s.explains() {
		s.begin()
	}
	cmd := proc.Start{
		Argv:   s.argv,
		Envp:   s.envp,
		Path:   s.searchPath(),
		Listen: s.listenPid != 0 && ascii.Number(s.listenPid.text()[len(listenPidVar):]) == int(s.self),
		Mask:   s.mask,
		Chld:   &chld,
	}
	cmd.Place, cmd.Terminal = s.terminal()
	pid, e := cmd.Run()
	if e != 0 {
		s.sayCannotFork(e)
		sys.Exit(proc.ExitFailed)
	}
	s.pid = pid
	if cmd.Errno != 0 {
		s.endUnstarted(&cmd)
	}
	return cmd.TermErr
}

// dieWithParent asks for the signal of --parent-death. The kernel sends it when the parent ends from now on: a parent that
// ended just before has left init to another one.
//
//go:noinline
func (s *supervisor) dieWithParent() {
	parent := sys.Getppid()
	sys.Prctl(unix.PR_SET_PDEATHSIG, uintptr(s.ParentDeath))
	if sys.Getppid() != parent {
		sys.Kill(s.self, s.ParentDeath)
	}
}

// name is the command as it was called.
func (s *supervisor) name() string { return sys.String(*s.argv) }

// searchPath returns where the command is searched.
func (s *supervisor) searchPath() string {
	if s.path == 0 {
		return proc.DefaultPath
	}
	return s.path.text()[len(pathVar):]
}

// endUnstarted says why the command could not be executed and ends init.
func (s *supervisor) endUnstarted(cmd *proc.Start) {
	if s.As != Util {
		s.endUnstartedAs(cmd)
	}
	s.sayCannotExec(cmd)
	s.takeBack()
	status := uint8(proc.ExitNotFound)
	if cmd.Found {
		status = proc.ExitCannot
	}
	sys.Exit(int(s.ExitCode(status)))
}

// letGo makes init hold nothing that is the command's, so that a file system can be unmounted and the other end of a pipe sees
// the command close it. The standard files stay, under their numbers: /proc/1/fd/1 and its neighbours are where jobs of cron,
// links of logs and docker exec write to. The piece of the program that only the first instructions were in goes too
// (ARCHITECTURE.md, "Weight"); the kernel brings it back if it is needed.
func (s *supervisor) letGo() {
	entry := entryPC() &^ (piece - 1)
	sys.Madvise(entry, piece, unix.MADV_DONTNEED)
	root := [2]byte{'/'}
	sys.Chdir(&root[0])
	s.log.close()
	s.guise.out.close()
	const last = ^uint(0) >> 32
	first := uint(3)
	if s.console > 2 {
		first = uint(s.console) + 1
		if s.console > 3 {
			sys.CloseRange(3, uint(s.console)-1)
		}
	}
	if e := sys.CloseRange(first, last); e != 0 { // before Linux 5.9, or a seccomp filter that does not know it
		s.closeEach()
	}
}

// own moves a file that init has opened for itself away from the numbers of the standard files, which are the command's
// and those of whoever writes to /proc/1/fd, closed or open.
func own(fd int, e sys.Errno) (int, sys.Errno) {
	if e != 0 || fd > 2 {
		return fd, e
	}
	moved, e := sys.FcntlDupfd(fd, 3)
	sys.Close(fd)
	return moved, e
}

// piece is how much of a file the kernel maps around a page that is touched, in bytes and aligned to that
// (fault_around_bytes, Linux 3.15).
const piece = 1 << 16

// closeEach does what letGo wants of close_range(2), file by file.
//
//go:noinline
func (s *supervisor) closeEach() {
	dir, e := own(sys.Open(unsafe.StringData("/proc/self/fd\x00"), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0))
	if e != 0 {
		const most = 1024 // without /proc: the customary limit on open files
		for fd := 3; fd < most; fd++ {
			if fd != s.console {
				sys.Close(fd)
			}
		}
		return
	}
	var entries directory
	for name := entries.next(dir); name != ""; name = entries.next(dir) {
		if fd := ascii.Number(name); fd >= 3 && fd != dir && fd != s.console {
			sys.Close(fd)
		}
	}
	sys.Close(dir)
}

// loop waits for events, one at a time, and does what step says. It does not return.
func (s *supervisor) loop() {
	s.inherited()
	var info sys.Siginfo
	for {
		ev, ok := s.next(&info)
		if s.wait.isLook() {
			s.children(nil)
		}
		if ok && ev.Kind == Over {
			s.children(nil) // the command's end may have come while init was busy
		}
		if ok {
			ok = s.receive(&ev, &info)
		}
		if ok {
			s.handle(ev)
		}
		if s.As != Util && s.Verbose > 0 && s.speaks() && ok {
			s.sayIdleAs()
		}
		if s.phase >= leaving && s.ended {
			s.seeWhetherAlone()
		}
	}
}

// inherited takes care of children that whoever executed init had before: what SIGCHLD told of them is lost, since setting its
// disposition throws it away.
func (s *supervisor) inherited() {
	for child := proc.Ended(); child.Pid != 0; child = proc.Ended() {
		switch {
		case child.Trapped:
			proc.Detach(child.Pid)
		case child.Pid != s.pid:
			s.reapOrphan(child)
		case child.Reaped: // where waitid is refused, nothing else will tell
			s.commandEnded(child.Status, false)
		default: // SIGCHLD tells, or the look that becoming quiet is followed by
			return
		}
		if s.wait.quiet { // it has set the disposition once more, and may have thrown away what told of the command's end
			s.look = now()
		}
	}
}

// receive completes an event, and takes care of the children if it is about them. It reports whether the event is one for
// step.
func (s *supervisor) receive(ev *Event, info *sys.Siginfo) bool {
	if ev.Kind != Arrived {
		return true
	}
	if s.As != Util {
		s.receiveAs(ev, info)
	}
	switch ev.Signal {
	case sig.CHLD:
		s.children(info)
		return info.Code <= 0 // one that a process sent is forwarded like any signal
	case sig.TSTP, sig.TTIN, sig.TTOU:
		ev.Taken = s.As == Util && !s.jobs && s.takes(ev.Signal)
	}
	return true
}

// children takes care of every child that has changed its state: the one that a SIGCHLD tells of, and all others. SIGCHLD
// does not queue: one may stand for many. info may be nil.
func (s *supervisor) children(info *sys.Siginfo) {
	var child proc.Child
	if info != nil && !s.wait.quiet {
		child = proc.FromSIGCHLD(info)
		if child.Pid == s.pid { // of a tracee it also tells the end of the first thread, while others run: Ended knows
			child = proc.Child{}
		}
	}
	if child.Pid == 0 {
		child = proc.Ended()
	}
	for n := 0; child.Pid != 0; n++ {
		if n == often { // whoever makes orphans faster than init reaps is not to keep it from all else
			s.look = now()
			break
		}
		switch {
		case child.Trapped:
			proc.Detach(child.Pid)
		case child.Pid == s.pid && !s.ended:
			s.commandEnded(child.Status, !child.Reaped)
		default:
			s.reapOrphan(child)
		}
		child = proc.Ended()
	}
	if s.wait.quiet && info != nil {
		s.wait.hearNoMore()
	}
	s.lookAtCommand()
	if s.wait.quiet {
		return
	}
	if s.jobs && !s.noStop {
		if by := proc.Stopped(s.pid); by != 0 {
			s.handle(Event{Kind: Stopped, Signal: by})
		}
	}
	if info != nil {
		s.maybe = true
		s.wakeAsked()
	}
}

// commandEnded takes down how the command ended, and does what follows; once, whatever tells of it, and whoever is given the
// command's number later.
func (s *supervisor) commandEnded(status proc.Status, zombie bool) {
	s.status = status
	s.ended = true
	s.reaped = !zombie
	s.handle(Event{Kind: Ended})
	if zombie {
		s.reapCommand()
	}
}

// reapOrphan reaps a child that is not the command. It may have been reaped before: its SIGCHLD can still be pending when
// the look for more children finds it.
func (s *supervisor) reapOrphan(child proc.Child) {
	if !child.Reaped && s.canBeQuiet() && !s.Pause {
		s.becomeQuiet(child.Pid)
		return
	}
	if !child.Reaped && !proc.Reap(child.Pid, nil) {
		return
	}
	s.account.reaped++
	if s.WarnReaped || s.Verbose >= 2 {
		s.sayReaped(child)
	}
}

// reapCommand reaps the command. A pidfd goes on to stand for its process group, whose number is free from now on as
// soon as the group is empty; without a grace period nobody needs it any more.
func (s *supervisor) reapCommand() {
	if s.reaped {
		return
	}
	if s.wait.command < 0 && s.Grace > 0 {
		if fd, e := own(sys.PidfdOpen(s.pid)); e == 0 {
			s.wait.command = fd
		}
	}
	proc.Reap(s.pid, &s.account.usage)
	s.reaped = true
}

// handle does what step says about an event.
func (s *supervisor) handle(ev Event) { s.do(s.step(ev), ev.Signal) }

// do carries out an action. arrived is the signal that it is about, as it reached init.
func (s *supervisor) do(a Action, arrived sig.Signal) {
	if a.Do&HandOver != 0 {
		s.handOver()
	}
	if a.Do&Postpone != 0 {
		s.postpone(arrived)
	}
	if a.Do&Release != 0 {
		s.release()
	}
	s.pass(a, arrived)
	if a.Do&StopSelf != 0 {
		s.stopSelf(a.Signal)
	}
	if a.Do&Sweep != 0 {
		s.sweep()
	}
	if a.Do&Arm != 0 {
		s.arm()
	}
	if a.Do&Kill != 0 {
		s.kill()
	}
	if a.Do&End != 0 {
		s.end()
	}
	if a.Do&Ignore != 0 && s.Verbose > 0 {
		s.sayIgnored(a.Signal)
	}
}

// pass is the part of an action that sends a signal on.
func (s *supervisor) pass(a Action, arrived sig.Signal) {
	if a.Do&Mark != 0 {
		s.mark()
	}
	if a.Do&(Forward|ForwardAll) != 0 {
		s.forward(arrived, a)
	}
	if a.Do&Wake != 0 {
		s.wake(a.Signal)
	}
}

// forward passes a signal on. That there is nobody (ESRCH), or nobody who may be signalled (EPERM), is no reason to do anything
// else; but a signal that is lost for want of a right is worth a message.
func (s *supervisor) forward(arrived sig.Signal, a Action) {
	e := s.send(a.Signal)
	if a.Do&ForwardAll != 0 && s.signalRest(a.Signal) {
		s.told = everyone
	}
	switch {
	case s.Verbose > 0:
		s.sayForwarded(arrived, a.Signal, e)
	case e == unix.EPERM && !s.isDenied && !s.speaks():
		s.isDenied = true
		s.sayForwarded(arrived, a.Signal, e)
	}
}

// postpone keeps a stop signal for the time of --stop-delay.
func (s *supervisor) postpone(arrived sig.Signal) {
	s.arrived = arrived
	s.due = now() + s.Delay
	if s.Verbose > 0 {
		s.sayPostponed(arrived)
	}
}

// release sends what was postponed.
func (s *supervisor) release() {
	a := s.delayed
	s.delayed, s.due = Action{}, 0
	s.pass(a, s.arrived)
}

// mark takes down that a stop begins: whom it reaches, and the time, behind which nobody is started but to finish work.
func (s *supervisor) mark() {
	if s.told != nobody {
		return
	}
	s.told = theGroup
	if s.Single {
		s.told = theCommand
	}
	s.toldAt = uint64(sys.ClockGettime(unix.CLOCK_BOOTTIME)) / (1e9 / ticksPerSecond)
	s.lastPid = lastPid()
}

// wake continues the command if it is stopped, so that it can act on a signal by which it is asked to end. How it is, SIGCHLD
// tells. A SIGCHLD that came before the signal, but has the higher number, is received after it: then wakeAsked does it.
func (s *supervisor) wake(signal sig.Signal) {
	if !s.maybe {
		s.asked |= sig.Of(signal)
		return
	}
	if proc.Stopped(s.pid) != 0 {
		s.send(sig.CONT)
		return
	}
	s.maybe = s.wait.quiet // then SIGCHLD does not tell of all
}

// wakeAsked is wake for a command that was stopped when it was asked to end, which shows in the signal still being pending.
func (s *supervisor) wakeAsked() {
	if s.asked != 0 && proc.Stopped(s.pid) != 0 && s.isPending(s.asked) {
		s.send(sig.CONT)
	}
	s.asked = 0
}

// arm starts the grace period.
func (s *supervisor) arm() {
	if s.deadline == 0 {
		s.deadline = now() + s.Grace
		s.becomeAttentive()
	}
}

// stopSelf stops init as by was to stop, or did stop, the command. It returns when init is continued.
func (s *supervisor) stopSelf(by sig.Signal) {
	if !s.jobs || by == sig.STOP {
		sys.Kill(s.self, sig.STOP)
		return
	}
	// Without init in between, the terminal would have stopped the whole job, the rest of a pipeline included.
	sys.Kill(0, by)
	sys.Sigprocmask(sig.All &^ sig.Of(by)) // init stops here
	sys.Sigprocmask(sig.All)
}

// end ends init with the command's status. A command that KILL has not ended in time is ended by the kernel with PID 1.
func (s *supervisor) end() {
	if s.Pause {
		sys.Exit(proc.ExitOK)
	}
	proc.Reap(s.pid, &s.account.usage)
	if !s.ended {
		s.status = proc.Status{Signal: sig.KILL}
	}
	s.takeBack()
	code := s.ExitCode(uint8(s.status.Code()))
	if s.explains() || s.limit != 0 && (!s.ended || s.self != 1 && now() >= s.limit) {
		s.sayEnded(code)
	}
	sys.Exit(int(code))
}

// now is the time on the monotonic clock in nanoseconds.
func now() int64 { return sys.ClockGettime(unix.CLOCK_MONOTONIC) }
