//go:build 386 || arm

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// What differs where a word has 32 bits. Calls with a time have a second form with 64 bits, Linux
// 5.1. The first form of calls with a user, and of stat(2), had 16 bits for them; the second has 32
// (setuid(2), "C library/kernel differences").

const (
	sysSigtimedwait = unix.SYS_RT_SIGTIMEDWAIT_TIME64
	sysPpoll        = unix.SYS_PPOLL_TIME64
	sysClockGettime = unix.SYS_CLOCK_GETTIME64

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
