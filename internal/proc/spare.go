package proc

import (
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// RuntimeTasks is how many tasks more than the one that it has the Go runtime is given: it starts three to six threads in the applets, and
// dies with a stack trace if it cannot.
const RuntimeTasks = 8

// FreeTasks returns how many more tasks there can be before a limit is reached (the pids limit of a cgroup; RLIMIT_NPROC,
// getrlimit(2)), or most if there can be as many. Nothing tells but trying: limits of outer cgroups cannot be read from inside a
// container. The children that it makes end at once and, as zombies, still count. It is for code that runs before the runtime.
func FreeTasks(most int) (free int) {
	var pids [RuntimeTasks]int32
	known := true
	for most = min(most, len(pids)); free < most; free++ {
		r := shortLived()
		if r > ^uintptr(4095) {
			known = sys.Errno(-r) == unix.EAGAIN // else it is a seccomp filter, or want of memory
			break
		}
		pids[free] = int32(r)
	}
	for _, pid := range pids {
		if pid > 0 {
			_, _ = sys.Wait4(pid, nil, unix.WALL, nil)
		}
	}
	if !known {
		return most
	}
	return free
}

// shortLived makes a child that ends at once, without a signal to the caller, and returns what clone(2) returned.
func shortLived() (r uintptr)
