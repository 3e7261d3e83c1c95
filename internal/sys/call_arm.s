#include "textflag.h"

// func Call(nr, a1, a2, a3, a4, a5, a6 uintptr) (r uintptr)
//
// System call convention (syscall(2), "Architecture calling conventions", arm/EABI):
//
//	R7              number
//	R0 to R5        arguments 1 to 6
//	R0              result
TEXT ·Call(SB),NOSPLIT,$0-32
	MOVW	nr+0(FP), R7
	MOVW	a1+4(FP), R0
	MOVW	a2+8(FP), R1
	MOVW	a3+12(FP), R2
	MOVW	a4+16(FP), R3
	MOVW	a5+20(FP), R4
	MOVW	a6+24(FP), R5
	SWI	$0
	MOVW	R0, r+28(FP)
	RET
