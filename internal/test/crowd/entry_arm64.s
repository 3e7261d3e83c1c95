#include "textflag.h"

// _rt0_crowd is the entry point: it gives Go code a g of zero bytes, as pid1's _rt0_util does, and calls entry, which
// does not return. Signals stay as they were started with: to see that is what a crowd of processes is for.
//
//	8(RSP)  the argument of entry: the kernel's stack
//	16(RSP) g
TEXT _rt0_crowd(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVD	RSP, R0
	SUB	$1056, R0, R1 // not from RSP: the linker would count it against the small stack of a goroutine
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
