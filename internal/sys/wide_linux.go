//go:build !386 && !arm

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// What differs where a word has 64 bits: see narrow_linux.go.

const (
	sysSigtimedwait = unix.SYS_RT_SIGTIMEDWAIT
	sysPpoll        = unix.SYS_PPOLL
	sysClockGettime = unix.SYS_CLOCK_GETTIME

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
