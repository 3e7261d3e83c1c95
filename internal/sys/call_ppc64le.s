#include "textflag.h"

// func Call(nr, a1, a2, a3, a4, a5, a6 uintptr) (r uintptr)
//
// System call convention (syscall(2), "Architecture calling conventions"; the kernel's
// Documentation/powerpc/syscall64-abi.rst):
//
//	R0              number; zero again afterwards, as Go code expects it
//	R3 to R8        arguments 1 to 6
//	R3              result, an errno if the overflow flag of CR0 is set
//	R4 to R12       overwritten by the kernel
TEXT ·Call(SB),NOSPLIT,$0-64
	MOVD	nr+0(FP), R9
	MOVD	a1+8(FP), R3
	MOVD	a2+16(FP), R4
	MOVD	a3+24(FP), R5
	MOVD	a4+32(FP), R6
	MOVD	a5+40(FP), R7
	MOVD	a6+48(FP), R8
	SYSCALL	R9
	BVC	done
	NEG	R3, R3
done:
	MOVD	R3, r+56(FP)
	RET
