package main

import (
	"util/internal/proc"
	"util/internal/sys"
	"util/internal/test/early"

	"golang.org/x/sys/unix"
)

// fork continues in a new child. The parent exits with the child's status.
func fork() {
	pid := early.Fork()
	switch {
	case pid == 0:
		return
	case pid < 0:
		sys.Exit(proc.ExitOK)
	}
	var info sys.Siginfo
	for sys.Waitid(unix.P_PID, pid, &info, unix.WEXITED, nil) != 0 {
	}
	sys.Exit(int(info.Status))
}

// orphan continues in a new child after the parent has exited.
func orphan() {
	parent := sys.Getpid()
	if early.Fork() != 0 {
		sys.Exit(proc.ExitOK)
	}
	awaitEndOf(parent)
}

// awaitEndOf waits until the parent of this process has ended.
func awaitEndOf(parent int32) {
	for sys.Getppid() == parent {
		early.Yield()
	}
}

// chain continues in the nth descendant.
func chain(n int) {
	for range n {
		if early.Fork() != 0 {
			early.Pause()
		}
	}
}

// orphans makes n processes that end after their parent, one after another.
func orphans(n int) {
	for range n {
		if child := early.Fork(); child != 0 {
			_, _ = sys.Wait4(child, nil, 0, nil)
			continue
		}
		parent := sys.Getpid()
		if early.Fork() == 0 {
			awaitEndOf(parent)
		}
		sys.Exit(proc.ExitOK)
	}
}

// busy computes for ns nanoseconds.
func busy(ns int64) {
	for end := sys.ClockGettime(unix.CLOCK_MONOTONIC) + ns; ; {
		if sys.ClockGettime(unix.CLOCK_MONOTONIC) >= end {
			return
		}
	}
}
