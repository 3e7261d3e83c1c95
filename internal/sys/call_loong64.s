#include "textflag.h"

// func Call(nr, a1, a2, a3, a4, a5, a6 uintptr) (r uintptr)
//
// System call convention (syscall(2), "Architecture calling conventions"):
//
//	R11             number
//	R4 to R9        arguments 1 to 6
//	R4              result
//	R12 to R20      overwritten by the kernel
TEXT ·Call(SB),NOSPLIT,$0-64
	MOVV	nr+0(FP), R11
	MOVV	a1+8(FP), R4
	MOVV	a2+16(FP), R5
	MOVV	a3+24(FP), R6
	MOVV	a4+32(FP), R7
	MOVV	a5+40(FP), R8
	MOVV	a6+48(FP), R9
	SYSCALL
	MOVV	R4, r+56(FP)
	RET
