package proc

import (
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// Exit statuses that every applet shares. They are what shells use (sh(1p), "Exit Status for
// Commands") and timeout(1).
const (
	ExitOK       = 0
	ExitFailed   = 1   // the applet's own failure
	ExitUsage    = 2   // bad usage; nothing was changed
	ExitTimeout  = 124 // the time was up
	ExitCannot   = 126 // the command was found but cannot be run
	ExitNotFound = 127 // the command was not found
	ExitSignal   = 128 // plus n: signal n ended the command
)

// Status says how a process ended: by itself with an exit status, or by a signal.
type Status struct {
	Exit   uint8      // exit status, if Signal is 0
	Signal sig.Signal // the signal that ended it
	Core   bool       // it left a core dump
}

// Code is the status in the form that shells use: the exit status, or 128+n when signal n ended
// the process.
func (s Status) Code() int {
	if s.Signal != 0 {
		return ExitSignal + int(s.Signal)
	}
	return int(s.Exit)
}

// statusOf reads the status out of what waitid(2) or SIGCHLD stored.
func statusOf(info *sys.Siginfo) Status {
	if info.Code == cldExited {
		return Status{Exit: uint8(info.Status)}
	}
	return Status{Signal: sig.Signal(info.Status), Core: info.Code == cldDumped}
}

// Values of si_code for SIGCHLD (sigaction(2)). A tracee that has stopped is reported as trapped
// or as stopped.
const (
	cldExited  = 1
	cldKilled  = 2
	cldDumped  = 3
	cldTrapped = 4
	cldStopped = 5
)

// Child is a child that its parent must handle. Pid 0 is no child.
type Child struct {
	Pid     int32
	Status  Status // how it ended
	Reaped  bool   // it has ended and is reaped already
	Trapped bool   // a tracee of the caller that has stopped (ptrace(2)); see [Detach]
}

// FromSIGCHLD returns the child whose end the SIGCHLD in info announces, or no child if it
// announces something else: a stop, a continuation, or a signal that some process sent. Only the
// kernel can set a positive si_code.
func FromSIGCHLD(info *sys.Siginfo) Child {
	if info.Code < cldExited || info.Code > cldDumped {
		return Child{}
	}
	return Child{Pid: info.Pid, Status: statusOf(info)}
}

// NextChild returns a child that has ended, without reaping it, or a tracee that has stopped, or no
// child if there is neither. The zombie keeps the pid, and with it the number of its process
// group, from being given to another process. Where a seccomp filter refuses waitid(2), the child
// is reaped by wait4(2).
func NextChild() Child {
	var info sys.Siginfo
	switch e := sys.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); {
	case e == unix.ECHILD:
		return Child{}
	case e != 0:
		var status int32
		pid, _ := sys.Wait4(-1, &status, unix.WNOHANG, nil)
		if pid <= 0 {
			return Child{}
		}
		if status&0xff == 0x7f { // stopped
			return Child{Pid: int32(pid), Trapped: true}
		}
		return Child{Pid: int32(pid), Status: FromWait(status), Reaped: true}
	}
	return Child{Pid: info.Pid, Status: statusOf(&info), Trapped: info.Code >= cldTrapped}
}

// Detach continues a tracee that has stopped as if it had never been traced: with the signal that
// it was about to get. PTRACE_TRACEME makes the parent the tracer, whatever it is; programs use
// it to find out whether a debugger is there. The SIGTRAP by which the kernel announces the exec
// of a tracee is not sent to a program that is not traced (ptrace(2)).
func Detach(pid int32) {
	var info sys.Siginfo
	var signal sig.Signal
	if sys.PtraceSiginfo(pid, &info) == 0 {
		signal = sig.Signal(info.Signo)
		const user = 0 // SI_USER: as if the process had sent it to itself with kill(2)
		if signal == sig.TRAP && info.Code == user && info.Pid == pid {
			signal = 0
		}
	}
	sys.PtraceDetach(pid, signal)
}

// Reap removes the zombie of a child that has ended, and stores in usage, unless it is nil, what
// it and the children it waited for have used. It returns false, and nothing happens, if pid is
// no such child.
func Reap(pid int32, usage *unix.Rusage) bool {
	n, e := sys.Wait4(pid, nil, unix.WNOHANG, usage)
	if e == 0 {
		return n > 0
	}
	// ECHILD: reaped before. Else a seccomp filter refuses the call; a zombie that stayed would be
	// found again and again.
	var info sys.Siginfo
	e = sys.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG, usage)
	return e == 0 && info.Pid != 0
}

// Gone reports whether pid is not a child of the caller any more: it has been reaped, or the
// kernel is reaping it (SA_NOCLDWAIT).
func Gone(pid int32) bool {
	var info sys.Siginfo
	return sys.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT,
		nil) == unix.ECHILD
}

// HasEnded reports whether the child pid has ended, reaped or not.
func HasEnded(pid int32) bool {
	var info sys.Siginfo
	e := sys.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	return e == unix.ECHILD || e == 0 && info.Pid != 0
}

// Childless reports whether the caller has no child, neither running nor a zombie. Where a
// seccomp filter refuses waitid(2), that cannot be found out without reaping a child; if mayReap
// is false, the result is false.
func Childless(mayReap bool) bool {
	var info sys.Siginfo
	e := sys.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
	if e != 0 && e != unix.ECHILD && mayReap {
		_, e = sys.Wait4(-1, nil, unix.WNOHANG, nil)
	}
	return e == unix.ECHILD
}

// FromWait reads a status in the format of wait(2).
func FromWait(status int32) Status {
	if n := status & 0x7f; n != 0 {
		return Status{Signal: sig.Signal(n), Core: status&0x80 != 0}
	}
	return Status{Exit: uint8(status >> 8)}
}

// Stopped returns the signal that keeps the child pid stopped, or 0 if it is not stopped.
func Stopped(pid int32) sig.Signal {
	var info sys.Siginfo
	e := sys.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, nil)
	if e != 0 || info.Pid == 0 || info.Code != cldStopped {
		return 0
	}
	return sig.Signal(info.Status)
}
