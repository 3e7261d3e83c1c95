//go:build !386 && !arm && !s390x

package sys

import "golang.org/x/sys/unix"

// mmap is mmap(2) for memory without a file.
func mmap(length, protection, flags uintptr) uintptr {
	const none = ^uintptr(0)
	return Call(unix.SYS_MMAP, 0, length, protection, flags, none, 0)
}
