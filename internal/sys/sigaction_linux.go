//go:build !riscv64 && !loong64

package sys

// Sigaction is the kernel's struct sigaction (sigaction(2), "C library/kernel differences").
type Sigaction struct {
	Handler  uintptr
	Flags    uintptr // such as [NoCldWait]
	Restorer uintptr
	Mask     uint64
}

// Return is SA_RESTORER, the flag with which a handler returns to Restorer.
const Return = 0x04000000
