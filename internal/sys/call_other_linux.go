//go:build !386 && !amd64 && !arm && !arm64 && !loong64 && !ppc64le && !riscv64 && !s390x

package sys

import "syscall"

// Call makes the system call nr and returns what the kernel returned: a value, or a negative
// errno from -4095 to -1.
func Call(nr, a1, a2, a3, a4, a5, a6 uintptr) (r uintptr) {
	r, _, e := syscall.RawSyscall6(nr, a1, a2, a3, a4, a5, a6)
	if e != 0 {
		return -uintptr(e)
	}
	return r
}
