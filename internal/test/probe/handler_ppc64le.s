#include "textflag.h"

// handler is a signal handler. The kernel puts the signal into R3 and the address of code in the
// vDSO, which returns from the handler, into LR. R0 has what the interrupted system call left.
TEXT ·handler(SB),NOSPLIT|NOFRAME,$0
	XOR	R0, R0
	MOVD	LR, R4
	ADD	$-48, R1
	MOVD	R4, 40(R1)
	MOVD	R3, 32(R1)
	BL	·handled(SB)
	MOVD	40(R1), R4
	MOVD	R4, LR
	ADD	$48, R1
	RET

// func handlerPC() uintptr
TEXT ·handlerPC(SB),NOSPLIT,$0-8
	MOVD	$·handler(SB), R3
	MOVD	R3, ret+0(FP)
	RET

// func restorerPC() uintptr
//
// The kernel does not use a restorer.
TEXT ·restorerPC(SB),NOSPLIT,$0-8
	MOVD	R0, ret+0(FP)
	RET
