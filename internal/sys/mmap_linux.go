package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Mmap is mmap(2) for memory without a file, which is zero. Pages that are not touched cost
// nothing.
func Mmap(length, protection, flags uintptr) (unsafe.Pointer, Errno) {
	r := mmap(length, protection, flags|unix.MAP_ANONYMOUS)
	if e := errno(r); e != 0 {
		return nil, e
	}
	return *(*unsafe.Pointer)(unsafe.Pointer(&r)), 0
}

// Munmap is munmap(2).
func Munmap(memory unsafe.Pointer, length uintptr) {
	Call(unix.SYS_MUNMAP, uintptr(memory), length, 0, 0, 0, 0)
}

// MmapAnonymous is [Mmap] for private memory.
func MmapAnonymous(length int) (unsafe.Pointer, Errno) {
	return Mmap(uintptr(length), unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_NORESERVE)
}
