#include "textflag.h"

#define SYS_clone 220

// func vfork(flags uintptr, s *Command, size uintptr) (r uintptr)
//
//	R19             s, in parent and child
//	R1              the child's stack pointer, and where its scratch memory begins
//
// Parent and child run on one stack: the parent sleeps in the system call, its frames above R1;
// the child's frames are below. The child never returns from child, so nothing pops what is the
// parent's.
TEXT ·vfork(SB),NOSPLIT|NOFRAME,$0-32
	MOVD	flags+0(FP), R0
	MOVD	s+8(FP), R19
	MOVD	size+16(FP), R2
	MOVD	RSP, R1
	SUB	R2, R1
	AND	$~15, R1
	MOVD	$SYS_clone, R8
	MOVD	ZR, R2
	MOVD	ZR, R3
	MOVD	ZR, R4
	SVC
	CBZ	R0, inchild
	MOVD	R0, r+24(FP)
	RET
inchild:
	MOVD	ZR, R29
	MOVD	RSP, R1
	SUB	$32, RSP
	MOVD	R19, 8(RSP)
	MOVD	R1, 16(RSP)
	BL	·child(SB)
	BRK
