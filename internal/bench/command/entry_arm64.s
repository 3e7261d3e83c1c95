#include "textflag.h"

#define SYS_exit_group 94
#define GSIZE 1024

// _rt0_command is the entry point (linker flag -E). Without arguments the command ends at once, with status 0; else it
// gives Go code a g of zero bytes, as pid1's _rt0_util does, and calls entry, which does not return.
//
//	8(RSP)  the argument of entry: the kernel's stack
//	16(RSP) g
TEXT _rt0_command(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVD	0(RSP), R1
	CMP	$1, R1
	BNE	arguments
	MOVD	$0, R0
	MOVD	$SYS_exit_group, R8
	SVC
arguments:
	MOVD	RSP, R0
	SUB	$(16+GSIZE), R0, R1 // not from RSP: the linker would count it against the small stack of a goroutine
	MOVD	R1, RSP
	MOVD	R0, 8(RSP)
	ADD	$16, RSP, R0
	MOVD	R0, g
	ADD	$GSIZE, R0, R1
zero:
	STP.P	(ZR, ZR), 16(R0)
	CMP	R0, R1
	BNE	zero
	BL	·entry(SB)
	BRK
