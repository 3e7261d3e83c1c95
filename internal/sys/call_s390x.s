#include "textflag.h"

// func Call(nr, a1, a2, a3, a4, a5, a6 uintptr) (r uintptr)
//
// System call convention (syscall(2), "Architecture calling conventions"):
//
//	R1              number
//	R2 to R7        arguments 1 to 6
//	R2              result
TEXT ·Call(SB),NOSPLIT,$0-64
	MOVD	nr+0(FP), R1
	MOVD	a1+8(FP), R2
	MOVD	a2+16(FP), R3
	MOVD	a3+24(FP), R4
	MOVD	a4+32(FP), R5
	MOVD	a5+40(FP), R6
	MOVD	a6+48(FP), R7
	SYSCALL
	MOVD	R2, r+56(FP)
	RET
