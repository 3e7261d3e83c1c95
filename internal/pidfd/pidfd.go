// Package pidfd holds on to processes, so that a signal or a wait cannot be meant for another one that was given the
// number since (pidfd_open(2)).
//
// It works without pidfds too, where an old kernel or a container's seccomp filter has none, as well as kill(2) can.
// Which processes to hold is the business of the applets.
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

	"golang.org/x/sys/unix"
)

// Process is a process that is held.
type Process struct {
	PID   int
	fd    int // -1: there is no pidfd
	fs    *procfs.FS
	start uint64 // when there is no pidfd: tells the process from a later one of the same number
}

// ErrThread says that the number is that of a thread which is not the first of its process.
var ErrThread = errors.New("is a thread, not a process")

// Open takes hold of the process with that number. fs may be nil; it makes a process without a pidfd as safe as can be.
// Errors: [procfs.ErrGone], [ErrThread].
func Open(pid int, fs *procfs.FS) (*Process, error) {
	p := &Process{PID: pid, fd: -1, fs: fs}
	fd, err := unix.PidfdOpen(pid, 0)
	if err == nil && fd >= most() { // what reads /proc needs some as well
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
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EPERM): // Linux before 5.3; a seccomp filter
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE): // more processes than descriptors
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

// most returns how many files may be open before no more pidfds are held: some are left for others, where the limit allows any.
var most = sync.OnceValue(func() int {
	const spare = 32
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > math.MaxInt32 {
		return math.MaxInt32
	}
	return max(0, int(limit.Cur)-spare)
})

// Close lets go of the process.
func (p *Process) Close() {
	if p.fd >= 0 {
		unix.Close(p.fd)
		p.fd = -1
	}
}

// Inode returns the inode number of the pidfd, which is that of no other process since the system started (Linux 6.9),
// or 0 where there is none.
func (p *Process) Inode() uint64 {
	const pidfsMagic = 0x50494446 // PID_FS_MAGIC, include/uapi/linux/magic.h
	var fs unix.Statfs_t
	var st unix.Stat_t
	if p.fd < 0 || unix.Fstatfs(p.fd, &fs) != nil || fs.Type != pidfsMagic || unix.Fstat(p.fd, &st) != nil {
		return 0
	}
	return st.Ino
}

// Signal sends a signal, together with a value if value is not nil (sigqueue(3)). Errors: [procfs.ErrGone]; EPERM;
// EAGAIN when the receiver's queue is full, which concerns realtime signals and values only.
func (p *Process) Signal(s sig.Signal, value *int32) error {
	var info *unix.Siginfo
	if value != nil {
		info = siginfo(s, *value)
	}
	err := error(unix.ENOSYS)
	if p.fd >= 0 {
		err = unix.PidfdSendSignal(p.fd, unix.Signal(s), info, 0)
	}
	// EPERM is a seccomp filter, or the truth. kill(2) tells, but the number of a process that has ended may belong to
	// another one by now.
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
	_, _, e := unix.Syscall(unix.SYS_RT_SIGQUEUEINFO, uintptr(pid), uintptr(s), uintptr(unsafe.Pointer(info)))
	if e != 0 {
		return e
	}
	return nil
}

// siginfo is what sigqueue(3) hands to the kernel: the sender and a value.
func siginfo(s sig.Signal, value int32) *unix.Siginfo {
	const siQueue = -1 // SI_QUEUE, sigaction(2)
	info := &unix.Siginfo{Signo: int32(s), Code: siQueue}
	fields := (*struct {
		head  [3]int32
		_     int32
		pid   int32
		uid   uint32
		value int64
	})(unsafe.Pointer(info))
	fields.pid = int32(os.Getpid())
	fields.uid = uint32(os.Getuid())
	fields.value = int64(value)
	return info
}

// gone reports whether the process is certainly not there any more.
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

// zombie reports whether the number is that of a zombie.
func (p *Process) zombie() bool {
	if p.fs == nil {
		return false
	}
	st, err := p.fs.Stat(p.PID)
	return err == nil && st.Zombie()
}

// Ended reports whether the process has ended; a zombie has. Where there is neither pidfd nor /proc, a zombie cannot be
// told from a process that runs.
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
	return errors.Is(err, procfs.ErrGone) || err == nil && (st.Start != p.start || st.Zombie())
}

// Wait waits until all of them have ended or the deadline has come, and returns those that have not. A zero deadline
// is none.
func Wait(all []*Process, deadline time.Time) []*Process {
	left := all
	for {
		left = running(left)
		if len(left) == 0 {
			return nil
		}
		patience := time.Duration(-1)
		if !deadline.IsZero() {
			if patience = time.Until(deadline); patience <= 0 {
				return left
			}
		}
		pause(left, patience)
	}
}

// running returns those that have not ended.
func running(all []*Process) []*Process {
	var left []*Process
	for _, p := range all {
		if !p.Ended() {
			left = append(left, p)
		}
	}
	return left
}

// pause waits until one of them has ended, or for patience, if that is not negative. Without a pidfd there is nothing
// to wait for but time.
func pause(left []*Process, patience time.Duration) {
	const look = 10 * time.Millisecond
	ready := make([]unix.PollFd, 0, len(left))
	for _, p := range left {
		if p.fd >= 0 {
			ready = append(ready, unix.PollFd{Fd: int32(p.fd), Events: unix.POLLIN})
		} else if patience < 0 || patience > look {
			patience = look
		}
	}
	var timeout *unix.Timespec
	if patience >= 0 {
		t := unix.NsecToTimespec(int64(patience))
		timeout = &t
	}
	_, _ = unix.Ppoll(ready, timeout, nil) // EINTR: the caller looks and waits again
}
