//go:build riscv64 || loong64

package sys

// Sigaction is the kernel's struct sigaction (sigaction(2), "C library/kernel differences"). On
// these architectures it has no restorer: a handler returns to the vDSO (vdso(7)). The field is
// behind what the kernel reads.
type Sigaction struct {
	Handler  uintptr
	Flags    uintptr // such as [NoCldWait]
	Mask     uint64
	Restorer uintptr
}

// Return is the flag with which a handler returns to Restorer: none.
const Return = 0
