package main

import (
	"sync/atomic"
	"unsafe"

	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// entry is called by _rt0_crowd. It does not return.
//
//lint:ignore U1000 the assembly of _rt0_crowd calls it
func entry(stack unsafe.Pointer) {
	argv := sys.Vector((**byte)(unsafe.Add(stack, unsafe.Sizeof(uintptr(0)))))
	if len(argv) < 3 {
		sys.Exit(2)
	}
	n := number(sys.String(argv[2]))
	switch sys.String(argv[1]) {
	case "sleepers":
		for range n {
			if fork() == 0 {
				pause()
			}
		}
		ready()
		pause()
	case "zombies":
		zombies(n, len(argv) > 3)
	case "storm":
		storm(n)
	case "rhythm":
		rhythm(n)
	case "vforks":
		vforks(n)
	case "nap":
		rest(unix.Timespec{Nsec: int64(n) * 1e6})
		sys.Exit(0)
	}
	sys.Exit(2)
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
		pause()
	}
	var info sys.Siginfo
	sys.Sigtimedwait(sig.Of(sig.CHLD), &info, nil) // that of the children
	ready()
	for {
		sys.Sigtimedwait(sig.Of(sig.CHLD), &info, nil)
		sys.Wait4(-1, nil, unix.WNOHANG, nil)
	}
}

// storm makes a tree of n processes that all go on forking: most of their children end at once, some
// join in, until there are twice as many.
func storm(n int) {
	const shared = unix.MAP_SHARED | unix.MAP_ANONYMOUS
	page := sys.Call(unix.SYS_MMAP, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, shared, ^uintptr(0), 0)
	joined := (*atomic.Int32)(*(*unsafe.Pointer)(unsafe.Pointer(&page)))
	joined.Store(1)
	for id := int32(1); ; {
		if fork() == 0 {
			if j := joined.Load(); j >= int32(2*n) || j >= int32(n) && sys.Getpid()%32 != 0 {
				sys.Exit(0)
			}
			id = joined.Add(1)
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
			rest(unix.Timespec{Sec: 2})
		}
	}
}

// rhythm forks a child that waits for ever every n microseconds, 300 in all.
func rhythm(n int) {
	ready()
	for range 300 {
		if fork() == 0 {
			pause()
		}
		rest(unix.Timespec{Nsec: int64(n) * 1e3})
	}
	pause()
}

// vforks makes one child after another that ends after n microseconds, and waits for it as vfork(2) does: in the kernel, where no
// signal but KILL reaches it.
func vforks(n int) {
	ready()
	for {
		if sys.Call(unix.SYS_CLONE, unix.CLONE_VFORK|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0) == 0 {
			rest(unix.Timespec{Nsec: int64(n) * 1e3})
			sys.Exit(0)
		}
		sys.Wait4(-1, nil, 0, nil)
	}
}

// fork is fork(2): it returns 0 in the child. Where no more processes can be made, the crowd ends.
func fork() int32 {
	pid := int(sys.Call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0))
	if pid < 0 {
		sys.Exit(1)
	}
	return int32(pid)
}

func pause() {
	for {
		sys.Call(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
}

func rest(t unix.Timespec) {
	sys.Call(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&t)), 0, 0, 0, 0, 0)
}

func ready() {
	text := [6]byte{'r', 'e', 'a', 'd', 'y', '\n'}
	sys.Write(1, text[:])
}

func number(text string) (n int) {
	for i := 0; i < len(text); i++ {
		n = n*10 + int(text[i]-'0')
	}
	return n
}
