#include "textflag.h"

#define SYS_clone 120

// func vfork(flags uintptr, s *Command, size uintptr) (r uintptr)
//
//	R14             s, in parent and child
//	R4              the child's stack pointer, and where its scratch memory begins
//
// Parent and child run on one stack: the parent sleeps in the system call, its frames above R4;
// the child's frames are below. The child never returns from child, so nothing pops what is the
// parent's.
TEXT ·vfork(SB),NOSPLIT|NOFRAME,$0-32
	MOVD	flags+0(FP), R3
	MOVD	s+8(FP), R14
	MOVD	size+16(FP), R5
	SUB	R5, R1, R4
	MOVD	$~15, R5
	AND	R5, R4
	MOVD	$0, R5
	MOVD	$0, R6
	MOVD	$0, R7
	SYSCALL	$SYS_clone
	BVS	failed
	CMP	R3, $0
	BEQ	inchild
	MOVD	R3, r+24(FP)
	RET
failed:
	NEG	R3, R3
	MOVD	R3, r+24(FP)
	RET
inchild:
	MOVD	R1, R4
	ADD	$-48, R1
	MOVD	R14, 32(R1)
	MOVD	R4, 40(R1)
	BL	·child(SB)
	UNDEF
