#include "textflag.h"

#define SYS_clone 220

// func vfork(flags uintptr, s *Command, size uintptr) (r uintptr)
//
//	R23             s, in parent and child
//	R5              the child's stack pointer, and where its scratch memory begins
//
// Parent and child run on one stack: the parent sleeps in the system call, its frames above R5;
// the child's frames are below. The child never returns from child, so nothing pops what is the
// parent's.
TEXT ·vfork(SB),NOSPLIT|NOFRAME,$0-32
	MOVV	flags+0(FP), R4
	MOVV	s+8(FP), R23
	MOVV	size+16(FP), R5
	SUBV	R5, R3, R5
	AND	$~15, R5
	MOVV	R0, R6
	MOVV	R0, R7
	MOVV	R0, R8
	MOVV	$SYS_clone, R11
	SYSCALL
	BEQ	R4, inchild
	MOVV	R4, r+24(FP)
	RET
inchild:
	MOVV	R3, R5
	ADDV	$-32, R3
	MOVV	R23, 8(R3)
	MOVV	R5, 16(R3)
	JAL	·child(SB)
	BREAK
