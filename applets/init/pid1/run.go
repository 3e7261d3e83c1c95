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
	s.self = sys.Getpid()
	s.noStop = s.self == 1
	if s.self != 1 {
		sys.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1) // never fails since Linux 3.4
	}
	if s.ParentDeath != 0 {
		sys.Prctl(unix.PR_SET_PDEATHSIG, uintptr(s.ParentDeath))
	}

	// Where the parent ignores SIGCHLD, init would inherit that, and never hear of a child. All other dispositions stay
	// as they are: what is blocked is queued even if it is ignored, so init gets it and the command inherits the rest.
	var dfl, chld sys.Sigaction
	sys.RtSigaction(sig.CHLD, &dfl, &chld)

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
	s.name = *s.argv // the child may move it
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

// searchPath returns where the command is searched.
func (s *supervisor) searchPath() string {
	if s.path < 0 {
		return proc.DefaultPath
	}
	return sys.String(*s.env(s.path))[len(pathVar):]
}

// endUnstarted says why the command could not be executed and ends init.
func (s *supervisor) endUnstarted(cmd *proc.Start) {
	s.sayCannotExec(cmd)
	s.takeBack()
	if cmd.Found {
		sys.Exit(proc.ExitCannot)
	}
	sys.Exit(proc.ExitNotFound)
}

// letGo makes init hold nothing that is the command's: a file system can be unmounted, and the other end of a pipe sees
// the command close it. stderr stays for messages.
func (s *supervisor) letGo() {
	root := [2]byte{'/'}
	sys.Chdir(&root[0])
	if s.console >= 0 {
		sys.Dup3(s.console, 0, 0)
		s.console = 0
		sys.Close(1)
	} else {
		sys.CloseRange(0, 1)
	}
	if e := sys.CloseRange(3, ^uint(0)>>32); e != 0 { // before Linux 5.9, or a seccomp filter that does not know it
		closeEach(s.console >= 0)
	}
}

// closeEach does what letGo wants of close_range(2), file by file.
//
//go:noinline
func closeEach(keepStdin bool) {
	if !keepStdin {
		sys.Close(0)
		sys.Close(1)
	}
	dir, e := sys.Open(unsafe.StringData("/proc/self/fd\x00"), unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if e != 0 {
		const most = 1024 // without /proc: the customary limit on open files
		for fd := 3; fd < most; fd++ {
			sys.Close(fd)
		}
		return
	}
	var buf [1024]byte
	for {
		n, e := sys.Getdents(dir, buf[:])
		if e != 0 || n == 0 {
			break
		}
		for entry := buf[:n]; len(entry) > 19; {
			// struct linux_dirent64 (getdents(2)): 16 bytes, the record's length, the type, the name.
			size := int(entry[16]) | int(entry[17])<<8
			if fd := number(sys.String(&entry[19])); fd >= 3 && fd != dir {
				sys.Close(fd)
			}
			entry = entry[size:]
		}
	}
	sys.Close(dir)
}

// number reads a decimal number, or returns -1.
func number(text string) int {
	if len(text) == 0 || len(text) > 10 {
		return -1
	}
	n := 0
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return -1
		}
		n = n*10 + int(text[i]-'0')
	}
	return n
}

// loop waits for signals, one at a time, and does what step says. It does not return.
func (s *supervisor) loop() {
	var info sys.Siginfo
	for {
		n, e := sys.Sigtimedwait(sig.All, &info, nil)
		if e != 0 {
			continue // EINTR: init was stopped and continued
		}
		arrived := sig.Signal(n)
		if arrived == sig.CHLD {
			s.children(&info)
			if info.Code > 0 {
				continue // from the kernel. One that a process sent is forwarded like any signal
			}
		}
		s.handle(Event{Kind: Arrived, Signal: arrived})
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
			s.handle(Event{Kind: Ended, Status: child.Status})
		}
		s.reapOrphan(child)
		child = proc.Ended()
	}
	if s.jobs && !s.noStop {
		if by := proc.Stopped(s.pid); by != 0 {
			s.handle(Event{Kind: Stopped, Signal: by})
		}
	}
}

// reapOrphan reaps a child that is not the command.
func (s *supervisor) reapOrphan(child proc.Child) {
	if s.WarnReaped || s.Verbose >= 2 {
		s.sayReaped(child)
	}
	proc.Reap(child.Pid)
	s.reaped++
}

// handle does what step says about an event.
func (s *supervisor) handle(ev Event) {
	a := s.step(ev)
	if a.Do&HandOver != 0 {
		s.handOver()
	}
	if a.Do&Forward != 0 {
		// ESRCH, EPERM: there is nobody, or nobody who may be signalled; neither is a reason to do anything else.
		e := sys.Kill(s.target(), a.Signal)
		if s.Verbose > 0 {
			s.sayForwarded(ev.Signal, a.Signal, e)
		}
	}
	if a.Do&Wake != 0 && proc.Stopped(s.pid) != 0 {
		sys.Kill(s.target(), sig.CONT)
	}
	if a.Do&StopSelf != 0 {
		s.stopSelf(a.Signal)
	}
	if a.Do&SweepAndEnd != 0 {
		s.end(ev.Status)
	}
	if a.Do&Ignore != 0 && s.Verbose > 0 {
		s.sayIgnored(a.Signal)
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

// end ends init with the command's status. The command's zombie is still there, so the number of its group is still
// its own.
func (s *supervisor) end(status proc.Status) {
	sys.Kill(-s.pid, sig.TERM)
	sys.Kill(-s.pid, sig.CONT) // a stopped process cannot act on it
	proc.Reap(s.pid)
	s.takeBack()
	if s.Verbose > 0 {
		s.sayEnded(status)
	}
	sys.Exit(status.Code())
}
