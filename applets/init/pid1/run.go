package pid1

import (
	"unsafe"

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
	if s.self != 1 && !s.noReaper {
		sys.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1) // never fails since Linux 3.4
	}
	if s.ParentDeath != 0 {
		sys.Prctl(unix.PR_SET_PDEATHSIG, uintptr(s.ParentDeath))
	}

	// Where the parent ignores SIGCHLD, init would inherit that, and never hear of a child. All other dispositions stay
	// as they are: what is blocked is queued even if it is ignored, so init gets it and the command inherits the rest.
	var act, chld sys.Sigaction
	if s.Pause && s.canBeQuiet() {
		act.Handler = sys.SigIgn // the kernel reaps by itself
	}
	sys.RtSigaction(sig.CHLD, &act, &chld)
	if s.Pause {
		return 0
	}

	if s.explains() {
		s.account.begin()
	}
	cmd := proc.Start{
		Argv: s.argv,
		Envp: s.envp,
		Path: s.searchPath(),
		Mask: s.mask,
		Chld: &chld,
	}
	if s.listenPid >= 0 {
		if entry := s.env(s.listenPid); number(sys.String(*entry)[len(listenPidVar):]) == int(s.self) {
			cmd.Listen = entry
		}
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

// env returns the address of the environment's entry i.
func (s *supervisor) env(i int) **byte {
	return (**byte)(unsafe.Add(unsafe.Pointer(s.envp), i*int(unsafe.Sizeof(s.envp))))
}

// name is the command as it was called.
func (s *supervisor) name() string { return sys.String(*s.argv) }

// searchPath returns where the command is searched.
func (s *supervisor) searchPath() string {
	if s.path < 0 {
		return proc.DefaultPath
	}
	return sys.String(*s.env(s.path))[len(pathVar):]
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

// letGo makes init hold nothing that is the command's: a file system can be unmounted, and the other end of a pipe sees
// the command close it. stderr stays for messages. The piece of the program that only the first instructions were in goes
// too (ARCHITECTURE.md, "Weight"); the kernel brings it back if it is needed.
func (s *supervisor) letGo() {
	entry := entryPC() &^ (piece - 1)
	sys.Madvise(entry, piece, unix.MADV_DONTNEED)
	root := [2]byte{'/'}
	sys.Chdir(&root[0])
	first, last := uint(0), uint(1)
	if s.console >= 0 {
		sys.Dup3(s.console, 0, 0)
		s.console = 0
		first = 1
	}
	if s.keepsStdout() {
		last = 0
	}
	if first <= last {
		sys.CloseRange(first, last)
	}
	if e := sys.CloseRange(3, ^uint(0)>>32); e != 0 { // before Linux 5.9, or a seccomp filter that does not know it
		closeEach(first, last)
	}
}

// piece is how much of a file the kernel maps around a page that is touched, in bytes and aligned to that
// (fault_around_bytes, Linux 3.15).
const piece = 1 << 16

// closeEach does what letGo wants of close_range(2), file by file.
//
//go:noinline
func closeEach(first, last uint) {
	for fd := first; fd <= last; fd++ {
		sys.Close(int(fd))
	}
	dir, e := sys.Open(unsafe.StringData("/proc/self/fd\x00"), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if e != 0 {
		const most = 1024 // without /proc: the customary limit on open files
		for fd := 3; fd < most; fd++ {
			sys.Close(fd)
		}
		return
	}
	var entries directory
	for name := entries.next(dir); name != ""; name = entries.next(dir) {
		if fd := number(name); fd >= 3 && fd != dir {
			sys.Close(fd)
		}
	}
	sys.Close(dir)
}

// loop waits for events, one at a time, and does what step says. It does not return.
func (s *supervisor) loop() {
	var info sys.Siginfo
	for {
		ev, ok := s.next(&info)
		if !ok {
			continue
		}
		if s.As != Util && ev.Kind == Arrived {
			s.arrives(&ev, &info)
		}
		if ev.Kind == Arrived && ev.Signal == sig.CHLD {
			s.children(&info)
			// One that a process sent is forwarded like any signal.
			ok = info.Code <= 0
		}
		if ok {
			s.handle(ev)
		}
		if s.As != Util && s.Verbose > 0 && s.speaks() {
			s.sayIdleAs()
		}
		if s.phase >= leaving && s.alone() {
			s.handle(Event{Kind: Alone})
		}
	}
}

// children takes care of every child that has changed its state. SIGCHLD does not queue: one may stand for many.
func (s *supervisor) children(info *sys.Siginfo) {
	child := proc.FromSIGCHLD(info)
	if child.Pid == 0 {
		child = proc.Ended()
	}
	for child.Pid != 0 {
		if child.Pid == s.pid {
			s.status = child.Status
			s.handle(Event{Kind: Ended})
			s.reapCommand()
		} else {
			s.reapOrphan(child)
		}
		if s.wait.quiet {
			return
		}
		child = proc.Ended()
	}
	if s.jobs && !s.noStop {
		if by := proc.Stopped(s.pid); by != 0 {
			s.handle(Event{Stopped, by})
		}
	}
}

// reapOrphan reaps a child that is not the command. It may have been reaped before: its SIGCHLD can still be pending when
// the look for more children finds it.
func (s *supervisor) reapOrphan(child proc.Child) {
	if s.canBeQuiet() && !s.Pause {
		s.becomeQuiet(child.Pid)
		return
	}
	if !proc.Reap(child.Pid, nil) {
		return
	}
	s.account.reaped++
	if s.WarnReaped || s.Verbose >= 2 {
		s.sayReaped(child)
	}
}

// reapCommand reaps the command. A pidfd goes on to stand for its process group, whose number is free from now on as
// soon as the group is empty.
func (s *supervisor) reapCommand() {
	if s.wait.command < 0 {
		if fd, e := sys.PidfdOpen(s.pid); e == 0 {
			s.wait.command = fd
		}
	}
	proc.Reap(s.pid, &s.account.usage)
}

// handle does what step says about an event.
func (s *supervisor) handle(ev Event) {
	s.ended = s.ended || ev.Kind == Ended
	a := s.step(ev)
	if a.Do&HandOver != 0 {
		s.handOver()
	}
	if a.Do&(Forward|ForwardAll) != 0 {
		s.forward(ev.Signal, a)
	}
	if a.Do&Wake != 0 && proc.Stopped(s.pid) != 0 {
		s.send(sig.CONT)
	}
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
		s.kill(ev)
	}
	if a.Do&End != 0 {
		s.end()
	}
	if a.Do&Ignore != 0 && s.Verbose > 0 {
		s.sayIgnored(a.Signal)
	}
}

// forward passes a signal on. ESRCH and EPERM, that there is nobody or nobody who may be signalled, are no reason to do
// anything else.
func (s *supervisor) forward(arrived sig.Signal, a Action) {
	e := s.send(a.Signal)
	if a.Do&ForwardAll != 0 {
		s.signalRest(a.Signal)
	}
	if s.Verbose > 0 {
		s.sayForwarded(arrived, a.Signal, e)
	}
}

// arm starts the grace period.
func (s *supervisor) arm() {
	if s.deadline == 0 {
		s.deadline = sys.ClockGettime(unix.CLOCK_MONOTONIC) + s.Grace
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

// end ends init with the command's status.
func (s *supervisor) end() {
	if s.Pause {
		sys.Exit(proc.ExitOK)
	}
	proc.Reap(s.pid, &s.account.usage)
	s.takeBack()
	code := s.ExitCode(uint8(s.status.Code()))
	if s.explains() {
		s.sayEnded(code)
	}
	sys.Exit(int(code))
}
