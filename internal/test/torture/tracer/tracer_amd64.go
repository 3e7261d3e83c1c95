package tracer

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Tracee is a traced process. All its methods must be called on the thread that traces it, which
// the caller locks.
type Tracee struct {
	PID int
	// Hook is called before and after each system call, if it is not nil.
	Hook func(c *Call)
	// AtExit is called when the process has begun to exit, if it is not nil: its children still have
	// it as their parent.
	AtExit func()
	// AtStop is called when the process was stopped as by SIGSTOP, if it is not nil.
	AtStop func()
	// Fault is the signal that the process has got for what it has done, such as SEGV, or 0. It is
	// killed then: as PID 1 it would continue, because a signal that a tracer passes on does not end
	// PID 1.
	Fault syscall.Signal

	seized bool
	counts map[int]int // calls, by number
	all    int
	now    Call // the call between its entry and its exit
}

// Call is a system call that is about to be made, or that has been made.
type Call struct {
	Nr   int
	Args [6]uint64
	Nth  int // 1 for the first call with this number
	Seq  int // 1 for the first call of the process
	Made bool
	// Result is what the call has returned, if it has been made: a negative errno for an error.
	Result int64

	errno syscall.Errno
}

// Refuse makes the kernel skip a call that has not been made, so that it fails with this error.
func (c *Call) Refuse(e syscall.Errno) { c.errno = e }

// EXITKILL: nothing is left behind if the test ends.
const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACEEXEC | unix.PTRACE_O_TRACEEXIT |
	unix.PTRACE_O_EXITKILL

// Started takes a process that was started with syscall.SysProcAttr.Ptrace by this thread, and that
// has stopped at its exec.
func Started(pid int) (*Tracee, error) {
	var status unix.WaitStatus
	if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil {
		return nil, os.NewSyscallError("wait4", err)
	}
	if !status.Stopped() {
		return nil, fmt.Errorf("process %d did not stop at its exec: status %#x", pid, status)
	}
	t := &Tracee{PID: pid}
	return t, os.NewSyscallError("ptrace", unix.PtraceSetOptions(pid, options))
}

// Seize takes a process that is stopped by SIGSTOP, and continues it.
func Seize(pid int) (*Tracee, error) {
	_, _, e := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(pid), 0, options, 0, 0)
	if e != 0 {
		return nil, os.NewSyscallError("ptrace", e)
	}
	return &Tracee{PID: pid, seized: true}, os.NewSyscallError("kill", unix.Kill(pid, unix.SIGCONT))
}

// Follow lets the process run until it ends, and returns how. The hooks are called from its next
// exec on.
func (t *Tracee) Follow() (unix.WaitStatus, error) {
	t.counts = map[int]int{}
	var status unix.WaitStatus
	if !t.seized {
		if err := unix.PtraceSyscall(t.PID, 0); err != nil {
			return 0, os.NewSyscallError("ptrace", err)
		}
	}
	executed, inside := false, false
	for {
		if _, err := unix.Wait4(t.PID, &status, unix.WALL, nil); err != nil {
			return 0, os.NewSyscallError("wait4", err)
		}
		if !status.Stopped() {
			return status, nil
		}
		signal, listen := 0, false
		switch event := int(status) >> 16; {
		case status.StopSignal() == unix.SIGTRAP|0x80:
			if executed {
				inside = !inside
				if err := t.call(inside); err != nil {
					return 0, err
				}
			}
		case event == unix.PTRACE_EVENT_EXEC:
			executed, inside = true, true // between the entry and the exit of execve
			t.now = Call{Nr: -1}
		case event == unix.PTRACE_EVENT_EXIT:
			if executed && t.AtExit != nil {
				t.AtExit()
			}
		case event == unix.PTRACE_EVENT_STOP:
			listen = status.StopSignal() != unix.SIGTRAP // it is to stay stopped until SIGCONT
		default:
			signal = int(status.StopSignal())
			switch status.StopSignal() {
			case unix.SIGSEGV, unix.SIGBUS, unix.SIGILL, unix.SIGFPE:
				t.Fault = status.StopSignal()
				_ = unix.Kill(t.PID, unix.SIGKILL)
			}
		}
		var err error
		if listen {
			if executed && t.AtStop != nil {
				t.AtStop()
			}
			_, _, e := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_LISTEN, uintptr(t.PID), 0, 0, 0, 0)
			if e != 0 {
				err = e
			}
		} else {
			err = unix.PtraceSyscall(t.PID, signal)
		}
		if err := ignoreKilled(err); err != nil {
			return 0, err
		}
	}
}

// Calls returns how many system calls have been made.
func (t *Tracee) Calls() int { return t.all }

// call calls the hook at the entry or at the exit of a system call.
func (t *Tracee) call(entry bool) error {
	c := &t.now
	if entry {
		t.all++
	} else if c.Nr < 0 {
		return nil
	}
	if t.Hook == nil {
		return nil
	}
	var regs unix.PtraceRegs
	if err := unix.PtraceGetRegs(t.PID, &regs); err != nil {
		return ignoreKilled(err)
	}
	if entry {
		nr := int(int32(regs.Orig_rax))
		t.counts[nr]++
		*c = Call{
			Nr: nr, Nth: t.counts[nr], Seq: t.all,
			Args: [6]uint64{regs.Rdi, regs.Rsi, regs.Rdx, regs.R10, regs.R8, regs.R9},
		}
		t.Hook(c)
		if c.errno == 0 {
			return nil
		}
		regs.Orig_rax = ^uint64(0) // no system call has this number
		return ignoreKilled(unix.PtraceSetRegs(t.PID, &regs))
	}
	if c.errno != 0 {
		regs.Rax = uint64(-int64(c.errno))
		if err := unix.PtraceSetRegs(t.PID, &regs); err != nil {
			return ignoreKilled(err)
		}
	}
	c.Made, c.Result = true, int64(regs.Rax)
	t.Hook(c)
	return nil
}

// ignoreKilled returns no error for a process that was killed while it was stopped: the next wait
// tells its end.
func ignoreKilled(err error) error {
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return os.NewSyscallError("ptrace", err)
}
