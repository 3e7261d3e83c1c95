#include "textflag.h"

// handler is a signal handler. The kernel puts the signal into DI (System V ABI, AMD64 supplement)
// and the address of restorer on the stack.
TEXT ·handler(SB),NOSPLIT|NOFRAME,$0
	SUBQ	$24, SP
	MOVQ	DI, 0(SP)
	CALL	·handled(SB)
	ADDQ	$24, SP
	RET

// restorer returns from a handler (rt_sigreturn(2)).
TEXT ·restorer(SB),NOSPLIT|NOFRAME,$0
	MOVL	$15, AX
	SYSCALL
	INT	$3

// func handlerPC() uintptr
TEXT ·handlerPC(SB),NOSPLIT,$0-8
	MOVQ	$·handler(SB), AX
	MOVQ	AX, ret+0(FP)
	RET

// func restorerPC() uintptr
TEXT ·restorerPC(SB),NOSPLIT,$0-8
	MOVQ	$·restorer(SB), AX
	MOVQ	AX, ret+0(FP)
	RET
