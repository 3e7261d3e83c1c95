//go:build !386 && !arm && !loong64

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Fstat is fstat(2).
func Fstat(fd int, st *unix.Stat_t) Errno {
	return errno(Call(unix.SYS_FSTAT, uintptr(fd), uintptr(unsafe.Pointer(st)), 0, 0, 0, 0))
}
