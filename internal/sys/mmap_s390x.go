package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmap is mmap(2) for memory without a file. On s390x the kernel takes the address of its arguments
// (struct mmap_arg_struct of <linux/syscalls.h>).
func mmap(length, protection, flags uintptr) uintptr {
	const none = ^uintptr(0)
	args := [...]uintptr{0, length, protection, flags, none, 0}
	return Call(unix.SYS_MMAP, uintptr(unsafe.Pointer(&args)), 0, 0, 0, 0, 0)
}
