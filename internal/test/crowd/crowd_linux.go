package main

import (
	"sync/atomic"
	_ "unsafe" // for go:linkname

	"util/internal/ascii"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
	"util/internal/test/early"

	"golang.org/x/sys/unix"
)

// entry makes the crowd.
//
//go:linkname entry util/internal/test/early.entry
func entry(argv, _ []*byte) {
	if len(argv) < 3 {
		sys.Exit(proc.ExitUsage)
	}
	n := int(ascii.ParseDecimal(sys.String(argv[2])))
	switch sys.String(argv[1]) {
	case "sleepers":
		sleepers(n)
	case "zombies":
		zombies(n, len(argv) > 3)
	case "storm":
		storm(n)
	case "rhythm":
		rhythm(n)
	case "vforks":
		vforks(n)
	case "nap":
		early.Sleep(int64(n) * 1e6)
		sys.Exit(proc.ExitOK)
	}
	sys.Exit(proc.ExitUsage)
}

// sleepers has n children that wait.
func sleepers(n int) {
	for range n {
		if fork() == 0 {
			early.Pause()
		}
	}
	ready()
	early.Pause()
}

// zombies has n children that end. With reap it reaps one for each SIGCHLD that arrives later.
func zombies(n int, reap bool) {
	if reap {
		sys.Sigprocmask(sig.Of(sig.CHLD))
	}
	for range n {
		pid := fork()
		if pid == 0 {
			sys.Exit(3)
		}
		var info sys.Siginfo
		sys.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
	}
	if !reap {
		ready()
		early.Pause()
	}
	var info sys.Siginfo
	sys.Sigtimedwait(sig.Of(sig.CHLD), &info, nil) // the one that the children caused
	ready()
	for {
		sys.Sigtimedwait(sig.Of(sig.CHLD), &info, nil)
		sys.Wait4(-1, nil, unix.WNOHANG, nil)
	}
}

// storm makes a tree of n processes that continue to fork. Most of their children end at once, the
// others stay, until there are 2n processes.
func storm(n int) {
	page, _ := sys.Mmap(4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	joined := (*atomic.Int32)(page)
	joined.Store(1)
	for {
		if fork() == 0 {
			if j := joined.Load(); j >= int32(2*n) || j >= int32(n) && sys.Getpid()%32 != 0 {
				sys.Exit(0)
			}
			id := joined.Add(1)
			if id%2 == 0 {
				sys.Sigprocmask(sig.Of(sig.TERM))
			}
			if id%8 == 0 {
				sys.Setsid()
			}
			if id == int32(n) {
				ready()
			}
			continue
		}
		for {
			if pid, _ := sys.Wait4(-1, nil, unix.WNOHANG, nil); pid <= 0 {
				break
			}
		}
		if joined.Load() >= int32(n) {
			early.Sleep(2e9)
		}
	}
}

// rhythm makes 300 children that wait, one every n microseconds.
func rhythm(n int) {
	ready()
	for range 300 {
		if fork() == 0 {
			early.Pause()
		}
		early.Sleep(int64(n) * 1e3)
	}
	early.Pause()
}

// vforks makes one child after another that ends after n microseconds, and waits for it as vfork(2)
// does: in the kernel, where only KILL reaches it.
func vforks(n int) {
	ready()
	for {
		if sys.Clone(unix.CLONE_VFORK|uintptr(sig.CHLD)) == 0 {
			early.Sleep(int64(n) * 1e3)
			sys.Exit(0)
		}
		sys.Wait4(-1, nil, 0, nil)
	}
}

// fork is fork(2). It ends the process where no more processes can be made.
func fork() int32 {
	pid := early.Fork()
	if pid < 0 {
		sys.Exit(proc.ExitFailed)
	}
	return pid
}

func ready() {
	text := [6]byte{'r', 'e', 'a', 'd', 'y', '\n'}
	sys.Write(1, text[:])
}
