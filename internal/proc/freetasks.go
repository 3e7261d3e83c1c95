package proc

import (
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// RuntimeTasks is how many more tasks must be free for the Go runtime: it starts three to six
// threads in the applets, and ends with a stack trace if it cannot.
const RuntimeTasks = 8

// FreeTasks returns how many more tasks can be made before a limit is reached (the pids limit of
// a cgroup; RLIMIT_NPROC, getrlimit(2)), at most [RuntimeTasks]. It makes that many children,
// because limits of outer cgroups cannot be read from inside a container. The children end at
// once and, as zombies, still count. It is for code that runs before the runtime.
func FreeTasks() (free int) {
	var pids [RuntimeTasks]int32
	made := 0
	for free < len(pids) {
		r := vfork(unix.CLONE_VFORK|unix.CLONE_VM, nil, 0) // no signal when it ends
		if sys.Errno(-r) == unix.EAGAIN {
			break
		}
		free++
		if r <= ^uintptr(4095) { // else a seccomp filter or lack of memory: not a limit
			pids[made] = int32(r)
			made++
		}
	}
	for _, pid := range pids[:made] {
		_, _ = sys.Wait4(pid, nil, unix.WALL, nil)
	}
	return free
}
