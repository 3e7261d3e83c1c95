#include "textflag.h"

#define SYS_clone 120

// func vfork(flags uintptr, s *Command, size uintptr) (r uintptr)
//
//	R8              s, in parent and child
//	R1              the child's stack pointer, and where its scratch memory begins
//
// Parent and child run on one stack: the parent sleeps in the system call, its frames above R1;
// the child's frames are below. The child never returns from child, so nothing pops what is the
// parent's.
TEXT ·vfork(SB),NOSPLIT|NOFRAME,$0-16
	MOVW	flags+0(FP), R0
	MOVW	s+4(FP), R8
	MOVW	size+8(FP), R2
	SUB	R2, R13, R1
	BIC	$15, R1
	MOVW	$0, R2
	MOVW	$0, R3
	MOVW	$0, R4
	MOVW	$SYS_clone, R7
	SWI	$0
	CMP	$0, R0
	BEQ	inchild
	MOVW	R0, r+12(FP)
	RET
inchild:
	MOVW	R13, R1
	SUB	$16, R13
	MOVW	R8, 4(R13)
	MOVW	R1, 8(R13)
	BL	·child(SB)
	WORD	$0xe7f000f0 // udf
