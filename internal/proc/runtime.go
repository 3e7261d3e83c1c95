package proc

import (
	"unsafe"

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

// RuntimeFiles is how many more files must be free for the Go runtime. It opens an epoll and an
// eventfd when a program opens its first file, and ends with a stack trace if it cannot. An applet
// has a few files open by then.
const RuntimeFiles = 8

// FreeFiles returns how many more files can be opened before a limit is reached (RLIMIT_NOFILE,
// getrlimit(2)), at most [RuntimeFiles]. It opens that many for a moment.
func FreeFiles() (free int) {
	var fds [RuntimeFiles]int
	opened := 0
	for free < len(fds) {
		fd, e := sys.Open(unsafe.StringData("/\x00"), unix.O_PATH|unix.O_CLOEXEC, 0)
		if e == unix.EMFILE || e == unix.ENFILE {
			break
		}
		free++
		if e == 0 { // else a seccomp filter: not a limit
			fds[opened] = fd
			opened++
		}
	}
	for _, fd := range fds[:opened] {
		sys.Close(fd)
	}
	return free
}

// What the Go runtime reserves of the address space before main, in MB, and the part of it that can
// be written: on a machine of 64 bits, 1.2 GB and 32 MB for the tables of its heap. It ends with a
// stack trace if it cannot.
const (
	RuntimeMemory = 32 + is64Bit*1248
	RuntimeData   = 16 + is64Bit*32
	is64Bit       = int(^uint(0) >> 63)
)

// HasMemory reports whether there is as much memory as the Go runtime reserves (RLIMIT_AS,
// RLIMIT_DATA). It reserves that for a moment.
func HasMemory() bool {
	const flags = unix.MAP_PRIVATE | unix.MAP_NORESERVE
	return canMap(RuntimeMemory<<20, unix.PROT_NONE, flags) &&
		canMap(RuntimeData<<20, unix.PROT_READ|unix.PROT_WRITE, flags)
}

func canMap(length int, protection, flags uintptr) bool {
	memory, e := sys.Mmap(uintptr(length), protection, flags)
	if e == 0 {
		sys.Munmap(memory, uintptr(length))
	}
	return e != unix.ENOMEM && e != unix.EAGAIN
}
