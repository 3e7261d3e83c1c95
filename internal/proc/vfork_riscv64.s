#include "textflag.h"

#define SYS_clone 220

// func vfork(flags uintptr, s *Command, size uintptr) (r uintptr)
//
//	S1              s, in parent and child
//	A1              the child's stack pointer, and where its scratch memory begins
//
// Parent and child run on one stack: the parent sleeps in the system call, its frames above A1;
// the child's frames are below. The child never returns from child, so nothing pops what is the
// parent's.
TEXT ·vfork(SB),NOSPLIT|NOFRAME,$0-32
	MOV	flags+0(FP), A0
	MOV	s+8(FP), S1
	MOV	size+16(FP), A2
	SUB	A2, X2, A1
	AND	$~15, A1
	MOV	ZERO, A2
	MOV	ZERO, A3
	MOV	ZERO, A4
	MOV	$SYS_clone, A7
	ECALL
	BEQZ	A0, inchild
	MOV	A0, r+24(FP)
	RET
inchild:
	MOV	X2, A1
	ADD	$-32, X2
	MOV	S1, 8(X2)
	MOV	A1, 16(X2)
	CALL	·child(SB)
	EBREAK
