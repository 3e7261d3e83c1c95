package main

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
	"util/internal/test/early"
	"util/internal/test/torture/chaos/wire"

	"golang.org/x/sys/unix"
)

// actor is this process.
type actor struct {
	number  int32
	program *byte   // its path
	args    []*byte // those that follow its number
	envp    []*byte
	signals int // a signalfd of what it waits for
}

// entry runs the actor.
//
//go:linkname entry util/internal/test/early.entry
func entry(argv, envp []*byte) {
	a := actor{
		number: int32(ascii.ParseDecimal(sys.String(argv[1]))), program: argv[0], args: argv[2:],
		envp: envp, signals: -1,
	}
	var ignored sig.Set
	for s := sig.HUP; s <= sig.Max; s++ {
		var now sys.Sigaction
		if sys.RtSigaction(s, nil, &now) == 0 && now.Handler == sys.SigIgn {
			ignored |= sig.Of(s)
		}
	}
	blocked := mask()
	a.wait(blocked)
	a.born(ignored, blocked)
	for {
		a.turn()
	}
}

// mask returns the signals that are blocked.
func mask() (set sig.Set) {
	sys.Call(unix.SYS_RT_SIGPROCMASK, 0, 0, uintptr(unsafe.Pointer(&set)), unsafe.Sizeof(set), 0, 0)
	return set
}

// report sends a report.
func (a *actor) report(r wire.Report) {
	r.Actor = a.number
	for {
		_, e := sys.Write(wire.Reports, unsafe.Slice((*byte)(unsafe.Pointer(&r)), unsafe.Sizeof(r)))
		switch e {
		case 0, unix.EPIPE:
			return
		}
	}
}

// born reports that the actor lives.
func (a *actor) born(ignored, blocked sig.Set) {
	a.report(wire.Report{
		Kind: wire.Born, A: int64(sys.Getpid()), B: int64(sys.Getppid()), C: int64(sys.Getpgid()),
		D: int64(sys.Getsid()), E: int64(ignored), F: int64(blocked),
	})
}

// wait blocks the signals of a set, and makes the signalfd by which they are received.
func (a *actor) wait(set sig.Set) {
	if a.signals >= 0 {
		sys.Close(a.signals)
	}
	sys.Sigprocmask(set)
	a.signals, _ = sys.Signalfd(set)
}

// turn waits for a signal or an order. It reports every signal before it reads the next order, so
// the answer to an order is a proof that the signals before it have been reported.
func (a *actor) turn() {
	ready := [2]unix.PollFd{
		{Fd: int32(a.signals), Events: unix.POLLIN},
		{Fd: wire.Orders + a.number, Events: unix.POLLIN},
	}
	if _, e := sys.Ppoll(ready[:], nil); e != 0 {
		return
	}
	if ready[0].Revents != 0 {
		var info [128]byte // struct signalfd_siginfo: ssi_signo, ssi_errno, ssi_code, …
		if _, e := sys.Read(a.signals, info[:]); e == 0 {
			a.report(wire.Report{
				Kind: wire.Got, A: int64(*(*uint32)(unsafe.Pointer(&info[0]))),
				B: int64(*(*int32)(unsafe.Pointer(&info[8]))),
			})
		}
		return
	}
	var o wire.Order
	n, _ := sys.Read(wire.Orders+int(a.number), unsafe.Slice((*byte)(unsafe.Pointer(&o)),
		unsafe.Sizeof(o)))
	if n == 0 { // the driver has ended
		sys.Exit(proc.ExitOK)
	}
	if !a.makesProcesses(&o) {
		a.report(wire.Report{Kind: wire.Done, A: int64(o.Op), B: int64(a.do(&o))})
	}
}

// do carries out an order that only changes this process or signals another one.
func (a *actor) do(o *wire.Order) sys.Errno {
	switch o.Op {
	case wire.Setsid:
		return sys.Setsid()
	case wire.Setpgid:
		return sys.Setpgid()
	case wire.Setuid:
		id := uint32(o.A)
		return sys.Setresuid(sys.IDs{Real: id, Effective: id, Saved: id})
	case wire.Traceme:
		return sys.Errno(-sys.Call(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0, 0, 0, 0))
	case wire.Take:
		for s := sig.HUP; s <= sig.Max; s++ {
			act := sys.Sigaction{}
			if sig.Set(o.B).Has(s) {
				act.Handler = sys.SigIgn
			}
			sys.RtSigaction(s, &act, nil)
		}
		a.wait(sig.Set(o.A))
	case wire.Kill:
		for range o.C {
			if e := sys.Kill(int32(o.A), sig.Signal(o.B)); e != 0 {
				return e
			}
		}
	case wire.Queue:
		const queued = -1 // SI_QUEUE
		info := sys.Siginfo{
			Signo: int32(o.B), Code: queued, Pid: int32(o.C), Status: int32(o.D),
		}
		return sys.Errno(-sys.Call(unix.SYS_RT_SIGQUEUEINFO, uintptr(o.A), uintptr(o.B),
			uintptr(unsafe.Pointer(&info)), 0, 0, 0))
	case wire.MountProc:
		return mountProc()
	case wire.PIDMax:
		return setPIDMax(uint64(o.A))
	}
	return 0
}

// makesProcesses carries out an order that makes or ends a process or has an answer of its own. It
// reports whether it is one.
func (a *actor) makesProcesses(o *wire.Order) bool {
	switch o.Op {
	case wire.Ping:
		a.report(wire.Report{
			Kind: wire.Pong, A: int64(sys.Getpid()), B: int64(sys.Getppid()), C: int64(sys.Getpgid()),
			D: int64(sys.Getsid()),
		})
	case wire.Fork:
		a.fork(o.Other, wire.Way(o.A))
	case wire.Exec:
		a.exec()
	case wire.Orphans:
		orphans(o.A, o.B != 0)
		return false
	case wire.Zombies:
		for range o.A {
			child := early.Fork()
			if child == 0 {
				sys.Exit(proc.ExitOK)
			}
			var info sys.Siginfo
			sys.Waitid(unix.P_PID, child, &info, unix.WEXITED|unix.WNOWAIT, nil)
		}
		return false
	case wire.Exit:
		sys.Exit(int(o.A))
	case wire.Die:
		sys.RtSigaction(sig.Signal(o.A), &sys.Sigaction{}, nil)
		sys.Kill(sys.Getpid(), sig.Signal(o.A))
		sys.Sigprocmask(0)
	case wire.Init:
		a.init(o.A != 0)
	default:
		return false
	}
	return true
}

// fork makes another actor. In the child it returns as that actor.
func (a *actor) fork(number int32, way wire.Way) {
	flags := uintptr(sig.CHLD)
	kind := way % wire.InSession
	switch kind {
	case wire.VFork:
		flags |= unix.CLONE_VFORK
	case wire.Sibling:
		flags |= unix.CLONE_PARENT
	}
	pid := sys.Clone(flags)
	if pid != 0 {
		if pid < 0 {
			a.report(wire.Report{Kind: wire.Done, A: int64(wire.Fork), B: int64(-pid)})
		} else if kind == wire.Orphan {
			_, _ = sys.Wait4(pid, nil, 0, nil)
		}
		return
	}
	if kind == wire.Orphan {
		parent := sys.Getpid()
		if early.Fork() != 0 {
			sys.Exit(proc.ExitOK)
		}
		for sys.Getppid() == parent {
			early.Yield()
		}
	}
	a.number = number
	if way&wire.InSession != 0 {
		sys.Setsid()
	}
	if way&wire.InGroup != 0 {
		sys.Setpgid()
	}
	if kind == wire.VFork {
		a.exec()
	}
	a.born(0, 0)
}

// exec executes the actor again.
func (a *actor) exec() {
	var number [8]byte
	ascii.PutDecimal(number[:], uint64(a.number))
	argv := [3]*byte{a.program, &number[0]}
	sys.Execve(a.program, &argv[0], unsafe.SliceData(a.envp))
	sys.Exit(proc.ExitNotFound)
}

// init executes init, in this process or in a child that it waits for.
func (a *actor) init(inChild bool) {
	if !inChild || early.Fork() == 0 {
		sys.Execve(a.args[0], &a.args[0], unsafe.SliceData(a.envp))
		sys.Exit(proc.ExitNotFound)
	}
	sys.RtSigaction(sig.CHLD, &sys.Sigaction{}, nil) // init may have to find it ignored
	for {
		var status int32
		pid, e := sys.Wait4(-1, &status, 0, nil)
		if e == unix.ECHILD {
			return
		}
		a.report(wire.Report{Kind: wire.Ended, A: int64(pid), B: int64(status)})
	}
}

// orphans makes n processes that lose their parent and end: after it has been reaped, or at any
// time.
func orphans(n int64, atAnyTime bool) {
	for range n {
		if child := early.Fork(); child != 0 {
			_, _ = sys.Wait4(child, nil, 0, nil)
			continue
		}
		parent := sys.Getpid()
		if early.Fork() == 0 {
			for !atAnyTime && sys.Getppid() == parent {
				early.Yield()
			}
		}
		sys.Exit(proc.ExitOK)
	}
}

// mountProc mounts the /proc of this PID namespace. The mount namespace must not be that of others.
func mountProc() sys.Errno {
	const flags = unix.MS_REC | unix.MS_PRIVATE
	sys.Call(unix.SYS_MOUNT, 0, address("/\x00"), 0, flags, 0, 0)
	return sys.Errno(-sys.Call(unix.SYS_MOUNT, address("proc\x00"), address("/proc\x00"),
		address("proc\x00"), 0, 0, 0))
}

// address returns where the bytes of a constant are.
func address(text string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(text))) }

// setPIDMax sets the number below which the PIDs of this namespace are (Linux 6.14).
func setPIDMax(n uint64) sys.Errno {
	fd, e := sys.Open(unsafe.StringData("/proc/sys/kernel/pid_max\x00"), unix.O_WRONLY, 0)
	if e != 0 {
		return e
	}
	var text [20]byte
	_, e = sys.Write(fd, text[:ascii.PutDecimal(text[:], n)])
	sys.Close(fd)
	return e
}
