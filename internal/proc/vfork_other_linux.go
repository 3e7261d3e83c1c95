//go:build !386 && !amd64 && !arm && !arm64 && !loong64 && !ppc64le && !riscv64 && !s390x

package proc

import "golang.org/x/sys/unix"

// vfork makes no child: only early code calls it, and here is no early entry.
func vfork(uintptr, *Command, uintptr) (r uintptr) {
	e := unix.ENOSYS
	return -uintptr(e)
}
