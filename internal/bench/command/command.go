// Command is what the benchmark runs under each init. It must take next to no time itself, so it
// runs without the Go runtime. Without arguments it ends at once.
//
//	idle     write a byte to stdout; then do nothing until stdin ends
//	signals  write a byte; then, for each signal that arrives, the time of its arrival on
//	         CLOCK_MONOTONIC, in ns
//	orphan-signals
//	         the same after an orphan
//	orphans  write a byte; then, for each byte on stdin, make a batch of orphans and write a byte
//
// The first byte tells that the command runs. A time is 8 bytes in the byte order of the machine.
package main

import (
	"unsafe"

	"util/internal/sig"
	"util/internal/sys"
	"util/internal/test/early"

	"golang.org/x/sys/unix"
)

// batch is how many orphans the command makes for a byte. The benchmark has the same constant.
const batch = 100

func main() {
	panic("the command must be linked with -E _rt0_command")
}

// entry carries out the argument.
//
//go:linkname entry util/internal/test/early.entry
func entry(argv, _ []*byte) {
	if len(argv) == 1 {
		return
	}
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

// orphan makes a process that is init's child and ends at once, and waits until init has reaped it:
// init could reap two that end together at less cost than two that do not.
//
// With CLONE_PARENT the new process is a child of this one's parent (clone(2)). To init it is the
// same as a process whose parent has ended, and the result does not depend on which of two
// processes ends first.
func orphan() {
	pid := sys.Clone(unix.CLONE_PARENT | uintptr(sig.CHLD))
	switch {
	case pid == 0:
		sys.Exit(0)
	case pid < 0: // a limit on processes: the benchmark sees the command end
		sys.Exit(1)
	}
	for sys.Kill(pid, 0) != unix.ESRCH {
		early.Yield()
	}
}
