#include "textflag.h"

#define SYS_rt_sigprocmask 175
#define SIG_SETMASK 2

// The stack frame of _rt0_util, from its stack pointer upwards. Offset 0 is where a callee stores
// the link register; 4 and 8 are the arguments of entry.
#define STACK 4          // the kernel's stack pointer: argc, argv, envp, auxv
#define MASK 8           // the signal mask that the process was started with, two words
#define ALL 16           // the mask that blocks everything, two words
#define G 24             // the stand-in g: zero bytes, at least as many as a runtime.g has
#define GSIZE 640
#define FRAME (G+GSIZE)

// _rt0_util is the entry point of the ELF file (linker flag -E): the first instructions of the
// process. It calls entry, which returns if this is not a plain run of init; then the Go runtime
// boots as if nothing had happened.
//
// On entry (execve(2)):
//
//	R13             argc, argv[0], …, NULL, envp[0], …, NULL, auxv
//	all others      nothing that the runtime's entry reads
//
// Go code needs g, in R10: its prologue compares the stack pointer with g.stackguard0, 0 in the
// stand-in, so that every check passes.
TEXT _rt0_util(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	// Through registers, because the linker adds up what it sees subtracted from R13 as if this were
	// a goroutine's stack.
	MOVW	R13, R4
	SUB	$FRAME, R4, R0
	MOVW	R0, R13
	MOVW	R4, STACK(R13)

	// Before anything else: from here on no signal is lost.
	MOVW	$-1, R0
	MOVW	R0, ALL(R13)
	MOVW	R0, (ALL+4)(R13)
	MOVW	$0, R0
	MOVW	R0, MASK(R13)
	MOVW	R0, (MASK+4)(R13)
	MOVW	$SYS_rt_sigprocmask, R7
	MOVW	$SIG_SETMASK, R0
	ADD	$ALL, R13, R1
	ADD	$MASK, R13, R2
	MOVW	$8, R3
	SWI	$0

	ADD	$G, R13, R0
	MOVW	R0, g
	ADD	$GSIZE, R0, R1
	MOVW	$0, R2
zero:
	MOVW	R2, 0(R0)
	ADD	$4, R0
	CMP	R0, R1
	BNE	zero

	BL	·entry(SB)

	MOVW	$SYS_rt_sigprocmask, R7
	MOVW	$SIG_SETMASK, R0
	ADD	$MASK, R13, R1
	MOVW	$0, R2
	MOVW	$8, R3
	SWI	$0
	MOVW	STACK(R13), R0
	MOVW	R0, R13
	B	_rt0_arm_linux(SB)

// func entryPC() uintptr
TEXT ·entryPC(SB),NOSPLIT,$0-4
	MOVW	$_rt0_util(SB), R0
	MOVW	R0, ret+0(FP)
	RET
