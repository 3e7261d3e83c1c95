#include "textflag.h"

#define SYS_clone 56

// func vfork(flags uintptr, s *Command, size uintptr) (r uintptr)
//
//	R12             s, in parent and child
//	SI              the child's stack pointer, and where its scratch memory begins
//
// Parent and child run on one stack: the parent sleeps in the system call, its frames above SI;
// the child's frames are below. The child never returns from child, so nothing pops what is the
// parent's.
TEXT ·vfork(SB),NOSPLIT,$0-32
	MOVQ	flags+0(FP), DI
	MOVQ	s+8(FP), R12
	MOVQ	SP, SI
	SUBQ	size+16(FP), SI
	ANDQ	$~15, SI
	MOVQ	$SYS_clone, AX
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	SYSCALL
	TESTQ	AX, AX
	JZ	inchild
	MOVQ	AX, r+24(FP)
	RET
inchild:
	XORL	BP, BP
	MOVQ	SP, BX
	SUBQ	$16, SP
	MOVQ	R12, 0(SP)
	MOVQ	BX, 8(SP)
	CALL	·child(SB)
	INT	$3
