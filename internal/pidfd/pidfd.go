// Package pidfd holds processes by a pidfd (pidfd_open(2)), so that a signal or a wait cannot
// affect a later process with the same PID.
//
// Without pidfds, because of an old kernel or a container's seccomp filter, it is as safe as
// kill(2) can be. It does not decide which processes to hold: the applets do.
package pidfd

import (
	"errors"
	"math"
	"os"
	"sync"
	"time"
	"unsafe"

	"util/internal/procfs"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// Process is a process that is held. Its methods act on no other process.
type Process struct {
	PID   int
	fd    int // -1: there is no pidfd
	fs    *procfs.FS
	start uint64 // start time, if there is no pidfd: distinguishes the process from a later one
}

// ErrThread means that the number is the ID of a thread other than the main thread of its process.
var ErrThread = errors.New("is a thread, not a process")

// Open holds the process with that PID. Without a pidfd, fs is used to detect that the process has
// ended; fs may be nil. Errors: [procfs.ErrGone], [ErrThread].
func Open(pid int, fs *procfs.FS) (*Process, error) {
	p := &Process{PID: pid, fd: -1, fs: fs}
	fd, err := unix.PidfdOpen(pid, 0)
	if err == nil && fd >= maxOpen() { // reading /proc needs descriptors too
		unix.Close(fd)
		err = unix.EMFILE
	}
	switch {
	case err == nil:
		p.fd = fd
		return p, nil
	case errors.Is(err, unix.ESRCH):
		return nil, procfs.ErrGone
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOENT):
		return nil, ErrThread
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM):
		// Linux before 5.3, or a seccomp filter.
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		// More processes than descriptors.
	default:
		return nil, err
	}
	if errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
		return nil, procfs.ErrGone
	}
	if fs != nil {
		if st, err := fs.Stat(pid); err == nil {
			p.start = st.Start
		}
	}
	return p, nil
}

// maxOpen returns the file descriptor number at which Open stops using pidfds. It leaves some
// descriptors for other files, if the resource limit allows that many.
var maxOpen = sync.OnceValue(func() int {
	const spare = 32
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return max(0, int(limit.Cur)-spare)
})

// Close releases the process.
func (p *Process) Close() {
	if p.fd >= 0 {
		unix.Close(p.fd)
		p.fd = -1
	}
}

// Inode returns the inode number of the pidfd. Since Linux 6.9 no two processes have the same one
// until the system reboots. The result is 0 on older kernels (see [sys.HasPidfdInodes]), and if
// there is no pidfd.
func (p *Process) Inode() uint64 {
	const pidfsMagic = 0x50494446 // PID_FS_MAGIC, include/uapi/linux/magic.h
	var fs unix.Statfs_t
	var st unix.Stat_t
	if p.fd < 0 || !sys.HasPidfdInodes() || unix.Fstatfs(p.fd, &fs) != nil || fs.Type != pidfsMagic {
		return 0
	}
	if unix.Fstat(p.fd, &st) != nil {
		return 0
	}
	return st.Ino
}

// Signal sends a signal, together with a value if value is not nil (sigqueue(3)). Errors:
// [procfs.ErrGone]; EPERM; EAGAIN if the queue of the receiver is full, which can happen only for a
// realtime signal or with a value.
func (p *Process) Signal(s sig.Signal, value *int32) error {
	var info *unix.Siginfo
	if value != nil {
		info = siginfo(s, *value)
	}
	err := error(unix.ENOSYS)
	if p.fd >= 0 {
		err = unix.PidfdSendSignal(p.fd, unix.Signal(s), info, 0)
	}
	// EPERM comes from a seccomp filter, or the caller really lacks permission. kill(2) tells
	// which, but the PID of a process that has ended may have been reused.
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		switch {
		case !p.gone():
			err = kill(p.PID, s, info)
		case p.zombie(): // a signal to a zombie has no effect
			err = nil
		default:
			err = unix.ESRCH
		}
	}
	if errors.Is(err, unix.ESRCH) {
		return procfs.ErrGone
	}
	return err
}

func kill(pid int, s sig.Signal, info *unix.Siginfo) error {
	if info == nil {
		return unix.Kill(pid, unix.Signal(s))
	}
	_, _, e := unix.Syscall(unix.SYS_RT_SIGQUEUEINFO,
		uintptr(pid), uintptr(s), uintptr(unsafe.Pointer(info)))
	if e != 0 {
		return e
	}
	return nil
}

// siginfo is what sigqueue(3) passes to the kernel: the sender and a value.
func siginfo(s sig.Signal, value int32) *unix.Siginfo {
	const siQueue = -1 // SI_QUEUE, sigaction(2)
	info := &unix.Siginfo{Signo: int32(s), Code: siQueue}
	fields := (*struct {
		head  [3]int32
		_     [unsafe.Sizeof(uintptr(0)) - 4]byte // the union behind is aligned to a word
		pid   int32
		uid   uint32
		value int32 // at the beginning of union sigval, whatever the order of bytes
	})(unsafe.Pointer(info))
	fields.pid = int32(os.Getpid())
	fields.uid = uint32(os.Getuid())
	fields.value = value
	return info
}

// gone reports whether the process is known to have ended.
func (p *Process) gone() bool {
	switch {
	case p.fd >= 0:
		return p.Ended()
	case p.fs == nil:
		return false
	}
	st, err := p.fs.Stat(p.PID)
	return errors.Is(err, procfs.ErrGone) || err == nil && st.Start != p.start
}

// zombie reports whether the PID belongs to a zombie.
func (p *Process) zombie() bool {
	if p.fs == nil {
		return false
	}
	st, err := p.fs.Stat(p.PID)
	return err == nil && st.Zombie()
}

// Ended reports whether the process has ended. A zombie has ended. With neither a pidfd nor /proc,
// a zombie cannot be distinguished from a running process.
func (p *Process) Ended() bool {
	if p.fd >= 0 {
		ready := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLIN}}
		n, _ := unix.Poll(ready, 0)
		return n == 1
	}
	if p.fs == nil {
		return errors.Is(unix.Kill(p.PID, 0), unix.ESRCH)
	}
	st, err := p.fs.Stat(p.PID)
	return errors.Is(err, procfs.ErrGone) || err == nil && (st.Start != p.start || st.Ended())
}

// Wait waits until all processes have ended or the deadline is reached, and returns those that have
// not ended, in the same order. The zero deadline means no deadline.
func Wait(all []*Process, deadline time.Time) []*Process {
	left := all
	for {
		left = running(left)
		if len(left) == 0 {
			return nil
		}
		limit := time.Duration(-1)
		if !deadline.IsZero() {
			if limit = time.Until(deadline); limit <= 0 {
				return left
			}
		}
		pause(left, limit)
	}
}

// running returns the processes that have not ended.
func running(all []*Process) []*Process {
	var left []*Process
	for _, p := range all {
		if !p.Ended() {
			left = append(left, p)
		}
	}
	return left
}

// pause waits until one of the processes has ended, or until limit has passed, unless limit is
// negative. The end of a process without a pidfd cannot be waited for, so pause then returns soon.
func pause(left []*Process, limit time.Duration) {
	const interval, longest = 10 * time.Millisecond, time.Hour
	ready := make([]unix.PollFd, 0, len(left))
	for _, p := range left {
		if p.fd >= 0 {
			ready = append(ready, unix.PollFd{Fd: int32(p.fd), Events: unix.POLLIN})
		} else if limit < 0 || limit > interval {
			limit = interval
		}
	}
	var timeout *unix.Timespec
	if limit >= 0 {
		// Not longer, because unix.Timespec has seconds of 32 bits on 386 and arm. The caller checks
		// and waits again.
		t := unix.NsecToTimespec(int64(min(limit, longest)))
		timeout = &t
	}
	_, _ = unix.Ppoll(ready, timeout, nil) // after EINTR the caller checks and waits again
}
