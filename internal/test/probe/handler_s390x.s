#include "textflag.h"

// handler is a signal handler. The kernel puts the signal into R2 and the address of restorer into
// R14.
TEXT ·handler(SB),NOSPLIT|NOFRAME,$0
	XOR	R0, R0
	ADD	$-32, R15
	MOVD	R14, 24(R15)
	MOVD	R2, 8(R15)
	BL	·handled(SB)
	MOVD	24(R15), R14
	ADD	$32, R15
	RET

// restorer returns from a handler (rt_sigreturn(2)).
TEXT ·restorer(SB),NOSPLIT|NOFRAME,$0
	MOVD	$173, R1
	SYSCALL
	UNDEF

// func handlerPC() uintptr
TEXT ·handlerPC(SB),NOSPLIT,$0-8
	MOVD	$·handler(SB), R2
	MOVD	R2, ret+0(FP)
	RET

// func restorerPC() uintptr
TEXT ·restorerPC(SB),NOSPLIT,$0-8
	MOVD	$·restorer(SB), R2
	MOVD	R2, ret+0(FP)
	RET
