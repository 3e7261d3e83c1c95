#include "textflag.h"

// _rt0_probe is the entry point: it gives Go code a g of zero bytes, as pid1's _rt0_util does, and calls entry, which
// does not return. Signals stay as they were started with: to see that is what the probe is for.
//
//	8(RSP)  the argument of entry: the kernel's stack
//	16(RSP) g
TEXT _rt0_probe(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVD	RSP, R0
	SUB	$1056, R0, R1
	MOVD	R1, RSP
	MOVD	R0, 8(RSP)
	ADD	$16, RSP, R0
	MOVD	R0, g
	ADD	$1040, R0, R1
zero:
	STP.P	(ZR, ZR), 16(R0)
	CMP	R0, R1
	BNE	zero
	BL	·entry(SB)
	BRK

// handler is a signal handler: the kernel puts the signal into R0, and the address of restorer into R30.
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
