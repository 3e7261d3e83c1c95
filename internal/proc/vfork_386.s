#include "textflag.h"

#define SYS_clone 120

// func vfork(flags uintptr, s *Command, size uintptr) (r uintptr)
//
//	BP              s, in parent and child
//	CX              the child's stack pointer, and where its scratch memory begins
//
// Parent and child run on one stack: the parent sleeps in the system call, its frames above CX;
// the child's frames are below. The child never returns from child, so nothing pops what is the
// parent's.
TEXT ·vfork(SB),NOSPLIT,$0-16
	MOVL	flags+0(FP), BX
	MOVL	s+4(FP), BP
	MOVL	SP, CX
	SUBL	size+8(FP), CX
	ANDL	$~15, CX
	XORL	DX, DX
	XORL	SI, SI
	XORL	DI, DI
	MOVL	$SYS_clone, AX
	INT	$0x80
	TESTL	AX, AX
	JZ	inchild
	MOVL	AX, r+12(FP)
	RET
inchild:
	MOVL	SP, BX
	SUBL	$16, SP
	MOVL	BP, 0(SP)
	MOVL	BX, 4(SP)
	CALL	·child(SB)
	INT	$3
