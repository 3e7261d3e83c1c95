//go:build !386 && !arm

package sys

import (
	"unsafe"

	"util/internal/sig"

	"golang.org/x/sys/unix"
)

// What differs where a word has 64 bits: see narrow_linux.go.

const (
	sysGeteuid   = unix.SYS_GETEUID
	sysGetresuid = unix.SYS_GETRESUID
	sysGetresgid = unix.SYS_GETRESGID
	sysSetresuid = unix.SYS_SETRESUID
	sysSetresgid = unix.SYS_SETRESGID
	sysGetgroups = unix.SYS_GETGROUPS
	sysSetgroups = unix.SYS_SETGROUPS
)

// Fstatfs is fstatfs(2).
func Fstatfs(fd int, st *unix.Statfs_t) Errno {
	return errno(Call(unix.SYS_FSTATFS, uintptr(fd), uintptr(unsafe.Pointer(st)), 0, 0, 0, 0))
}

// Sigtimedwait is rt_sigtimedwait(2): it takes one pending signal of set and fills info. A nil
// timeout waits without limit. Errors: EAGAIN when the time is up, EINTR.
func Sigtimedwait(set sig.Set, info *Siginfo, timeout *Timespec) (signal int, e Errno) {
	return result(Call(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&set)),
		uintptr(unsafe.Pointer(info)), uintptr(unsafe.Pointer(timeout)), sigsetSize, 0, 0))
}

// IsSigtimedwait reports whether nr is the number of rt_sigtimedwait(2).
func IsSigtimedwait(nr int64) bool { return nr == unix.SYS_RT_SIGTIMEDWAIT }

// Ppoll is ppoll(2) without a signal mask. A nil timeout waits without limit. Errors: EINTR;
// EINVAL if there are more files than RLIMIT_NOFILE allows.
func Ppoll(files []unix.PollFd, timeout *Timespec) (ready int, e Errno) {
	return result(Call(unix.SYS_PPOLL, uintptr(unsafe.Pointer(unsafe.SliceData(files))),
		uintptr(len(files)), uintptr(unsafe.Pointer(timeout)), 0, 0, 0))
}

// ClockGettime is clock_gettime(2), in nanoseconds.
func ClockGettime(clock int) int64 {
	var ts Timespec
	Call(unix.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&ts)), 0, 0, 0, 0)
	return ts.Sec*1e9 + ts.Nsec
}

// HasPidfdInodes reports whether the inode number of a pidfd, where it has one of its own (Linux
// 6.9), identifies a process.
func HasPidfdInodes() bool { return true }
