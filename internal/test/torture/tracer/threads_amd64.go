package tracer

import (
	"os"

	"golang.org/x/sys/unix"
)

// FollowThreads lets a process that Started has taken run until it ends or executes another
// program, with all its threads. It calls hook before and after each system call of each thread;
// the others run meanwhile. Call.Nth and Call.Seq count the calls of one thread. After an exec the
// process is not traced any more, and the result is not that of an end.
func (t *Tracee) FollowThreads(hook func(c *Call)) (status unix.WaitStatus, executed bool,
	err error,
) {
	if err := unix.PtraceSetOptions(t.PID, options|unix.PTRACE_O_TRACECLONE); err != nil {
		return 0, false, os.NewSyscallError("ptrace", err)
	}
	type thread struct {
		Tracee
		inside bool
	}
	threads := map[int]*thread{t.PID: {Tracee: Tracee{PID: t.PID, Hook: hook, counts: map[int]int{}}}}
	if err := unix.PtraceSyscall(t.PID, 0); err != nil {
		return 0, false, os.NewSyscallError("ptrace", err)
	}
	for {
		id, err := unix.Wait4(-1, &status, unix.WALL|unix.WNOTHREAD, nil)
		if err != nil {
			return 0, false, os.NewSyscallError("wait4", err)
		}
		if !status.Stopped() {
			if id == t.PID {
				return status, false, nil
			}
			delete(threads, id)
			continue
		}
		th, signal := threads[id], 0
		switch event := int(status) >> 16; {
		case event == unix.PTRACE_EVENT_EXEC:
			return 0, true, ignoreKilled(unix.PtraceDetach(t.PID))
		case th == nil: // a new thread begins with a stop
			threads[id] = &thread{Tracee: Tracee{PID: id, Hook: hook, counts: map[int]int{}}}
		case status.StopSignal() == unix.SIGTRAP|0x80:
			th.inside = !th.inside
			if err := th.call(th.inside); err != nil {
				return 0, false, err
			}
		case event == 0:
			signal = int(status.StopSignal())
		}
		if err := ignoreKilled(unix.PtraceSyscall(id, signal)); err != nil {
			return 0, false, err
		}
	}
}
