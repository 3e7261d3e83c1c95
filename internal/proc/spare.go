package proc

import (
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// RuntimeTasks is how many tasks more than the one that it has the Go runtime is given: it starts three to six threads in the applets, and
// dies with a stack trace if it cannot.
const RuntimeTasks = 8

// FreeTasks returns how many more tasks there can be before a limit is reached (the pids limit of a cgroup; RLIMIT_NPROC,
// getrlimit(2)), at most [RuntimeTasks]. Nothing tells but trying: limits of outer cgroups cannot be read from inside a
// container. The children that it makes end at once and, as zombies, still count. It is for code that runs before the runtime.
func FreeTasks() (free int) {
	var pids [RuntimeTasks]int32
	made := 0
	for free < len(pids) {
		r := shortLived()
		if sys.Errno(-r) == unix.EAGAIN {
			break
		}
		free++
		if r <= ^uintptr(4095) { // else a seccomp filter, or want of memory: that is no limit
			pids[made] = int32(r)
			made++
		}
	}
	for _, pid := range pids[:made] {
		_, _ = sys.Wait4(pid, nil, unix.WALL, nil)
	}
	return free
}

// shortLived makes a child that ends at once, without a signal to the caller, and returns what clone(2) returned.
func shortLived() (r uintptr)
