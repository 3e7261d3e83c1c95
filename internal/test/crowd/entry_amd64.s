#include "textflag.h"

// _rt0_crowd is the entry point: it gives Go code a g of zero bytes, as pid1's _rt0_util does, and calls entry, which
// does not return. Signals stay as they were started with: to see that is what a crowd of processes is for.
//
//	0(SP)   the argument of entry: the kernel's stack
//	8(SP)   FS:-8, the address of g
//	16(SP)  g
TEXT _rt0_crowd(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
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
