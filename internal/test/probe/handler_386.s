#include "textflag.h"

// handler is a signal handler. The kernel puts the signal and the address of restorer on the stack.
TEXT ·handler(SB),NOSPLIT|NOFRAME,$0
	MOVL	4(SP), AX
	SUBL	$12, SP
	MOVL	AX, 0(SP)
	CALL	·handled(SB)
	ADDL	$12, SP
	RET

// restorer returns from a handler (rt_sigreturn(2)).
TEXT ·restorer(SB),NOSPLIT|NOFRAME,$0
	MOVL	$173, AX
	INT	$0x80
	INT	$3

// func handlerPC() uintptr
TEXT ·handlerPC(SB),NOSPLIT,$0-4
	MOVL	$·handler(SB), AX
	MOVL	AX, ret+0(FP)
	RET

// func restorerPC() uintptr
TEXT ·restorerPC(SB),NOSPLIT,$0-4
	MOVL	$·restorer(SB), AX
	MOVL	AX, ret+0(FP)
	RET
