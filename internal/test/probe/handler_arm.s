#include "textflag.h"

// handler is a signal handler. The kernel puts the signal into R0 and the address of restorer into
// R14.
TEXT ·handler(SB),NOSPLIT|NOFRAME,$0
	SUB	$16, R13
	MOVW	R14, 8(R13)
	MOVW	R0, 4(R13)
	BL	·handled(SB)
	MOVW	8(R13), R14
	ADD	$16, R13
	B	(R14)

// restorer returns from a handler (rt_sigreturn(2)).
TEXT ·restorer(SB),NOSPLIT|NOFRAME,$0
	MOVW	$173, R7
	SWI	$0
	WORD	$0xe7f000f0 // udf

// func handlerPC() uintptr
TEXT ·handlerPC(SB),NOSPLIT,$0-4
	MOVW	$·handler(SB), R0
	MOVW	R0, ret+0(FP)
	RET

// func restorerPC() uintptr
TEXT ·restorerPC(SB),NOSPLIT,$0-4
	MOVW	$·restorer(SB), R0
	MOVW	R0, ret+0(FP)
	RET
