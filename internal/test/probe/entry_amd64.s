#include "textflag.h"

// _rt0_probe is the entry point: it gives Go code a g of zero bytes, as pid1's _rt0_util does, and calls entry, which
// does not return. Signals stay as they were started with: to see that is what the probe is for.
//
//	0(SP)   the argument of entry: the kernel's stack
//	8(SP)   FS:-8, the address of g
//	16(SP)  g
TEXT _rt0_probe(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVQ	SP, BX
	SUBQ	$1040, SP
	ANDQ	$~15, SP
	MOVQ	BX, 0(SP)
	LEAQ	16(SP), DI
	MOVQ	DI, 8(SP)
	MOVQ	DI, SI
	XORL	AX, AX
	MOVL	$128, CX
	CLD
	REP; STOSQ
	MOVL	$158, AX // arch_prctl
	MOVL	$0x1002, DI // ARCH_SET_FS
	SYSCALL
	CALL	·entry(SB)
	INT	$3

// handler is a signal handler: the kernel puts the signal into DI (System V ABI, AMD64 supplement) and the address of
// restorer on the stack.
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
