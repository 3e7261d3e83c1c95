package main

import (
	"unsafe"

	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
	"util/internal/test/early"

	"golang.org/x/sys/unix"
)

// echo prints each signal that arrives, up to and including last. They must be blocked.
func echo(last sig.Signal) {
	var info sys.Siginfo
	blocked := mask()
	for {
		n, e := sys.Sigtimedwait(blocked, &info, nil)
		if e != 0 {
			continue
		}
		printNumber(n)
		if sig.Signal(n) == last {
			return
		}
	}
}

// await prints each signal that it waits for, without having blocked it.
func await() {
	var info sys.Siginfo
	for {
		n, e := sys.Sigtimedwait(sig.All, &info, nil)
		if e == 0 {
			handled(n)
		}
	}
}

// handle prints each signal in a handler.
func handle() {
	const siginfo = 4 // SA_SIGINFO: the handler ends with rt_sigreturn(2)
	for n := sig.HUP; n <= sig.Max; n++ {
		sys.RtSigaction(n, &sys.Sigaction{
			Handler:  handlerPC(),
			Flags:    sys.Return | siginfo,
			Restorer: restorerPC(),
			Mask:     ^uint64(0),
		}, nil)
	}
	early.Pause()
}

// handled prints the number of a signal, and exits after the last one. The assembly of handler
// calls it too.
func handled(n int) {
	printNumber(n)
	if n == int(sig.Max) {
		sys.Exit(proc.ExitOK)
	}
}

func handlerPC() uintptr
func restorerPC() uintptr

func mask() (set sig.Set) {
	sys.Call(unix.SYS_RT_SIGPROCMASK, 0, 0, uintptr(unsafe.Pointer(&set)), 8, 0, 0)
	return set
}
