//go:build 386 || arm

package sys

import (
	"math"
	"unsafe"

	"util/internal/ascii"
	"util/internal/sig"

	"golang.org/x/sys/unix"
)

// What differs where a word has 32 bits. Calls with a time have a second form with 64 bits, Linux
// 5.1. The first form of calls with a user, and of stat(2), had 16 bits for them; the second has 32
// (setuid(2), "C library/kernel differences").

const (
	sysGeteuid   = unix.SYS_GETEUID32
	sysGetresuid = unix.SYS_GETRESUID32
	sysGetresgid = unix.SYS_GETRESGID32
	sysSetresuid = unix.SYS_SETRESUID32
	sysSetresgid = unix.SYS_SETRESGID32
	sysGetgroups = unix.SYS_GETGROUPS32
	sysSetgroups = unix.SYS_SETGROUPS32
)

// Fstat is fstat(2).
func Fstat(fd int, st *unix.Stat_t) Errno {
	return errno(Call(unix.SYS_FSTAT64, uintptr(fd), uintptr(unsafe.Pointer(st)), 0, 0, 0, 0))
}

// Fstatfs is fstatfs(2).
func Fstatfs(fd int, st *unix.Statfs_t) Errno {
	return errno(Call(unix.SYS_FSTATFS64, uintptr(fd), unsafe.Sizeof(*st),
		uintptr(unsafe.Pointer(st)), 0, 0, 0))
}

// mmap is mmap(2) for memory without a file.
func mmap(length, protection, flags uintptr) uintptr {
	const none = ^uintptr(0)
	return Call(unix.SYS_MMAP2, 0, length, protection, flags, none, 0)
}

// refused reports whether a call with a time of 64 bits was not made: the kernel is older than Linux
// 5.1, or a seccomp filter does not know the call. The first form is made then. This is the one
// exception to the rule that a function makes one call. None of these calls has EPERM otherwise.
func refused(r uintptr) bool {
	e := errno(r)
	return e == unix.ENOSYS || e == unix.EPERM
}

// first stores a time in old as the first form has it, with 32 bits, and returns where that is. One
// of more than 68 years ends earlier. No time is no time.
func first(t *Timespec, old *unix.Timespec) uintptr {
	if t == nil {
		return 0
	}
	*old = unix.Timespec{Sec: int32(min(t.Sec, math.MaxInt32)), Nsec: int32(t.Nsec)}
	return uintptr(unsafe.Pointer(old))
}

// Sigtimedwait is rt_sigtimedwait(2): it takes one pending signal of set and fills info. A nil
// timeout waits without limit. Errors: EAGAIN when the time is up, EINTR.
func Sigtimedwait(set sig.Set, info *Siginfo, timeout *Timespec) (signal int, e Errno) {
	r := Call(unix.SYS_RT_SIGTIMEDWAIT_TIME64, uintptr(unsafe.Pointer(&set)),
		uintptr(unsafe.Pointer(info)), uintptr(unsafe.Pointer(timeout)), sigsetSize, 0, 0)
	if refused(r) {
		var old unix.Timespec
		r = Call(unix.SYS_RT_SIGTIMEDWAIT, uintptr(unsafe.Pointer(&set)),
			uintptr(unsafe.Pointer(info)), first(timeout, &old), sigsetSize, 0, 0)
	}
	return result(r)
}

// IsSigtimedwait reports whether nr is the number of rt_sigtimedwait(2), in either form.
func IsSigtimedwait(nr int64) bool {
	return nr == unix.SYS_RT_SIGTIMEDWAIT_TIME64 || nr == unix.SYS_RT_SIGTIMEDWAIT
}

// Ppoll is ppoll(2) without a signal mask. A nil timeout waits without limit. Errors: EINTR;
// EINVAL if there are more files than RLIMIT_NOFILE allows.
func Ppoll(files []unix.PollFd, timeout *Timespec) (ready int, e Errno) {
	r := Call(unix.SYS_PPOLL_TIME64, uintptr(unsafe.Pointer(unsafe.SliceData(files))),
		uintptr(len(files)), uintptr(unsafe.Pointer(timeout)), 0, 0, 0)
	if refused(r) {
		var old unix.Timespec
		r = Call(unix.SYS_PPOLL, uintptr(unsafe.Pointer(unsafe.SliceData(files))),
			uintptr(len(files)), first(timeout, &old), 0, 0, 0)
	}
	return result(r)
}

// ClockGettime is clock_gettime(2), in nanoseconds.
func ClockGettime(clock int) int64 {
	var ts Timespec
	r := Call(unix.SYS_CLOCK_GETTIME64, uintptr(clock), uintptr(unsafe.Pointer(&ts)), 0, 0, 0, 0)
	if refused(r) {
		var old unix.Timespec
		Call(unix.SYS_CLOCK_GETTIME, uintptr(clock), uintptr(unsafe.Pointer(&old)), 0, 0, 0, 0)
		ts = Timespec{int64(old.Sec), int64(old.Nsec)}
	}
	return ts.Sec*1e9 + ts.Nsec
}

// HasPidfdInodes reports whether the inode number of a pidfd, where it has one of its own (Linux
// 6.9), identifies a process. Kernels whose words have 32 bits give the same number again before
// Linux 6.14. What the kernel's words have cannot be told for certain, so it counts for all.
func HasPidfdInodes() bool {
	var name unix.Utsname
	if Uname(&name) != 0 {
		return false
	}
	major, rest, _ := ascii.Cut(String(&name.Release[0]), '.')
	minor, _, _ := ascii.Cut(rest, '.')
	v := ascii.ParseDecimal(major)
	return v > 6 || v == 6 && ascii.ParseDecimal(minor) >= 14
}
