#include "textflag.h"

// func Call(nr, a1, a2, a3, a4, a5, a6 uintptr) (r uintptr)
//
// System call convention (syscall(2), "Architecture calling conventions"):
//
//	AX              number in, result out
//	DI SI DX        arguments 1 to 3
//	R10 R8 R9       arguments 4 to 6
//	CX R11          overwritten by the kernel
TEXT ·Call(SB),NOSPLIT,$0-64
	MOVQ	nr+0(FP), AX
	MOVQ	a1+8(FP), DI
	MOVQ	a2+16(FP), SI
	MOVQ	a3+24(FP), DX
	MOVQ	a4+32(FP), R10
	MOVQ	a5+40(FP), R8
	MOVQ	a6+48(FP), R9
	SYSCALL
	MOVQ	AX, r+56(FP)
	RET
