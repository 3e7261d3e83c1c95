#include "textflag.h"

// handler is a signal handler. The kernel puts the signal into R4 and the address of code in the
// vDSO, which returns from the handler, into R1.
TEXT ·handler(SB),NOSPLIT|NOFRAME,$0
	ADDV	$-32, R3
	MOVV	R1, 24(R3)
	MOVV	R4, 8(R3)
	JAL	·handled(SB)
	MOVV	24(R3), R1
	ADDV	$32, R3
	RET

// func handlerPC() uintptr
TEXT ·handlerPC(SB),NOSPLIT,$0-8
	MOVV	$·handler(SB), R4
	MOVV	R4, ret+0(FP)
	RET

// func restorerPC() uintptr
//
// The kernel does not use a restorer.
TEXT ·restorerPC(SB),NOSPLIT,$0-8
	MOVV	R0, ret+0(FP)
	RET
