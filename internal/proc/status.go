package proc

import (
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// Exit statuses that every applet shares. They are what shells use (sh(1p), "Exit Status for Commands") and timeout(1).
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

// Code is the status in the form that shells use: the exit status, or 128+n when signal n ended the process.
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

// Values of si_code for SIGCHLD (sigaction(2)).
const (
	cldExited = 1
	cldKilled = 2
	cldDumped = 3
)

// Child is a child that has ended and is still to be reaped. Pid 0 is no child.
type Child struct {
	Pid    int32
	Status Status
}

// FromSIGCHLD returns the child whose end the SIGCHLD in info announces, or no child if it announces something else:
// a stop, a continuation, or a signal that some process sent. Only the kernel can set a positive si_code.
func FromSIGCHLD(info *sys.Siginfo) Child {
	if info.Code < cldExited || info.Code > cldDumped {
		return Child{}
	}
	return Child{info.Pid, statusOf(info)}
}

// Ended returns a child that has ended, without reaping it, or no child if there is none. Its zombie keeps the pid, and
// with it the number of its process group, from being given to another process.
func Ended() Child {
	var info sys.Siginfo
	if e := sys.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil); e != 0 || info.Pid == 0 {
		return Child{} // ECHILD: no children at all
	}
	return Child{info.Pid, statusOf(&info)}
}

// Reap removes the zombie of a child that has ended, and stores in usage, unless it is nil, what it and the children it
// waited for have used. It returns false, and nothing happens, if pid is no such child.
func Reap(pid int32, usage *unix.Rusage) bool {
	n, _ := sys.Wait4(pid, unix.WNOHANG, usage) // ECHILD: reaped before
	return n > 0
}

// Childless reports whether the caller has no child, neither a live one nor a zombie.
func Childless() bool {
	var info sys.Siginfo
	return sys.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) == unix.ECHILD
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
	if e := sys.Waitid(unix.P_PID, pid, &info, unix.WSTOPPED|unix.WNOHANG|unix.WNOWAIT, nil); e != 0 || info.Pid == 0 {
		return 0
	}
	return sig.Signal(info.Status)
}
