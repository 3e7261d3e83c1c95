#include "textflag.h"

#define SYS_clone 120

// func vfork(flags uintptr, s *Command, size uintptr) (r uintptr)
//
//	R8              s, in parent and child
//	R2              the child's stack pointer, and where its scratch memory begins. On s390x it is
//	                the first argument of clone(2), and the flags are the second.
//
// Parent and child run on one stack: the parent sleeps in the system call, its frames above R2;
// the child's frames are below. The child never returns from child, so nothing pops what is the
// parent's.
TEXT ·vfork(SB),NOSPLIT|NOFRAME,$0-32
	MOVD	flags+0(FP), R3
	MOVD	s+8(FP), R8
	MOVD	size+16(FP), R4
	MOVD	R15, R2
	SUB	R4, R2
	MOVD	$~15, R4
	AND	R4, R2
	MOVD	$0, R4
	MOVD	$0, R5
	MOVD	$0, R6
	MOVD	$SYS_clone, R1
	SYSCALL
	CMPBEQ	R2, $0, inchild
	MOVD	R2, r+24(FP)
	RET
inchild:
	MOVD	R15, R4
	ADD	$-32, R15
	MOVD	R8, 8(R15)
	MOVD	R4, 16(R15)
	BL	·child(SB)
	UNDEF
