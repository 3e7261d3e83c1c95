// Command is what the benchmark runs under each init. It must cost next to nothing itself, so it runs before the Go
// runtime, like util's init: linked with -E _rt0_command. Without arguments it ends at once.
//
//	idle     write a byte to stdout when it runs; then do nothing until stdin ends
//	signals  write a byte when it runs; then, for each signal that arrives, the time of that on CLOCK_MONOTONIC, in ns
//	orphan-signals
//	         the same after an orphan
//	orphans  write a byte when it runs; then, for each byte on stdin, give init a batch of orphans, and write a byte
//
// Numbers are written as 8 bytes in the machine's order.
package main

import (
	"unsafe"

	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// batch is how many orphans there are for a byte. The benchmark has the same number.
const batch = 100

func main() {
	panic("the command must be linked with -E _rt0_command")
}

// entry is called by _rt0_command. It does not return.
//
//lint:ignore U1000 the assembly of _rt0_command calls it
func entry(stack unsafe.Pointer) {
	const word = unsafe.Sizeof(uintptr(0))
	argv := sys.Vector((**byte)(unsafe.Add(stack, word)))
	switch mode := sys.String(argv[1]); mode {
	case "idle":
		tell()
		asked()
	case "signals", "orphan-signals":
		sys.Sigprocmask(sig.All)
		if mode == "orphan-signals" {
			orphan()
		}
		tell()
		for {
			tellSignal()
		}
	case "orphans":
		tell()
		for asked() {
			for range batch {
				orphan()
			}
			tell()
		}
	default:
		sys.Exit(2)
	}
	sys.Exit(0)
}

// tell writes a byte to stdout.
func tell() {
	var b [1]byte
	_, _ = sys.Write(1, b[:])
}

// asked reads a byte from stdin. It reports false at the end of the input.
func asked() bool {
	var b [1]byte
	n, _ := sys.Read(0, b[:])
	return n == 1
}

// tellSignal waits for a signal and writes the time at which it arrived.
func tellSignal() {
	var info sys.Siginfo
	_, _ = sys.Sigtimedwait(sig.All, &info, nil)
	var now unix.Timespec
	sys.Call(unix.SYS_CLOCK_GETTIME, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&now)), 0, 0, 0, 0)
	ns := now.Nano()
	_, _ = sys.Write(1, (*[8]byte)(unsafe.Pointer(&ns))[:])
}

// orphan makes a process that is init's child and ends at once, and waits until init has reaped it: two that end
// together would cost init less than two that do not.
//
// With CLONE_PARENT the new process is a child of this one's parent (clone(2)). For init there is no difference to a
// process whose parent has ended, and here nothing depends on which of two processes ends first.
func orphan() {
	r := sys.Call(unix.SYS_CLONE, unix.CLONE_PARENT|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	switch {
	case r == 0:
		sys.Exit(0)
	case r > ^uintptr(4095): // a limit on processes: the benchmark sees the command end
		sys.Exit(1)
	}
	for sys.Kill(int32(r), 0) != unix.ESRCH {
		sys.Call(unix.SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0)
	}
}
