#include "textflag.h"

// handler is a signal handler. The kernel puts the signal into R0 and the address of restorer into
// R30.
TEXT ·handler(SB),NOSPLIT|NOFRAME,$0
	SUB	$32, RSP
	MOVD	R30, 24(RSP)
	MOVD	R0, 8(RSP)
	BL	·handled(SB)
	MOVD	24(RSP), R30
	ADD	$32, RSP
	RET

// restorer returns from a handler (rt_sigreturn(2)).
TEXT ·restorer(SB),NOSPLIT|NOFRAME,$0
	MOVD	$139, R8
	SVC
	BRK

// func handlerPC() uintptr
TEXT ·handlerPC(SB),NOSPLIT,$0-8
	MOVD	$·handler(SB), R0
	MOVD	R0, ret+0(FP)
	RET

// func restorerPC() uintptr
TEXT ·restorerPC(SB),NOSPLIT,$0-8
	MOVD	$·restorer(SB), R0
	MOVD	R0, ret+0(FP)
	RET
