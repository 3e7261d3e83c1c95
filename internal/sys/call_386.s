#include "textflag.h"

// func Call(nr, a1, a2, a3, a4, a5, a6 uintptr) (r uintptr)
//
// System call convention (syscall(2), "Architecture calling conventions"):
//
//	AX              number in, result out
//	BX CX DX        arguments 1 to 3
//	SI DI BP        arguments 4 to 6
TEXT ·Call(SB),NOSPLIT,$0-32
	MOVL	nr+0(FP), AX
	MOVL	a1+4(FP), BX
	MOVL	a2+8(FP), CX
	MOVL	a3+12(FP), DX
	MOVL	a4+16(FP), SI
	MOVL	a5+20(FP), DI
	MOVL	a6+24(FP), BP
	INT	$0x80
	MOVL	AX, r+28(FP)
	RET
