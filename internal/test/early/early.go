// Package early lets a test program run its own code without the Go runtime, as init does. The
// runtime would change what such a program has to show or to measure: the signal mask, the
// dispositions, the signals that arrive, the time that a fork takes.
//
// A program that imports this package declares, in package main,
//
//	//go:linkname entry util/internal/test/early.entry
//	func entry(argv, envp []*byte)
//
// and, in an assembly file, an entry point that jumps to _rt0_early:
//
//	TEXT _rt0_NAME(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
//		JMP	_rt0_early(SB)
//
// It is linked with -ldflags '-E _rt0_NAME'. Its entry, and all that entry calls, keeps to the rule
// of package entry: nothing that needs the runtime.
package early

import (
	"unsafe"

	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// start is called by _rt0_early. stack is what the kernel put on the stack (execve(2)): argc, argv
// and envp.
//
//lint:ignore U1000 the assembly of _rt0_early calls it
func start(stack unsafe.Pointer) {
	const word = int(unsafe.Sizeof(uintptr(0)))
	argc := *(*int)(stack)
	argv := unsafe.Slice((**byte)(unsafe.Add(stack, word)), argc)
	entry(argv, sys.Vector((**byte)(unsafe.Add(stack, (argc+2)*word))))
	sys.Exit(0)
}

// entry is that of package main. argv and envp are the kernel's: the pointer after the last one is
// NULL.
func entry(argv, envp []*byte)

// Fork is fork(2): it returns 0 in the child, and a negative number if no process can be made.
func Fork() int32 { return sys.Clone(uintptr(sig.CHLD)) }

// Pause waits until a signal kills the process.
func Pause() {
	for {
		sys.Call(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
}

// Sleep waits for ns nanoseconds, or until a handler has run.
func Sleep(ns int64) {
	t := unix.NsecToTimespec(ns)
	sys.Call(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0, 0, 0, 0)
}

// Yield lets other processes run.
func Yield() { sys.Call(unix.SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0) }
