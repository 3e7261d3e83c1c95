#include "textflag.h"

#define SYS_rt_sigprocmask 175
#define SIG_SETMASK 2

// The stack frame of _rt0_util, from its stack pointer upwards. Offset 0 is where a callee stores
// the link register; 8 and 16 are the arguments of entry.
#define STACK 8          // the kernel's stack pointer: argc, argv, envp, auxv
#define MASK 16          // the signal mask that the process was started with
#define ALL 24           // the mask that blocks everything
#define G 32             // the stand-in g: zero bytes, at least as many as a runtime.g has
#define GSIZE 640
#define FRAME (G+GSIZE)

// _rt0_util is the entry point of the ELF file (linker flag -E): the first instructions of the
// process. It calls entry, which returns if this is not a plain run of init; then the Go runtime
// boots as if nothing had happened.
//
// On entry (execve(2)):
//
//	R15             argc, argv[0], …, NULL, envp[0], …, NULL, auxv
//	all others      nothing that the runtime's entry reads
//
// Go code needs 0 in R0, and g, in R13: its prologue compares the stack pointer with g.stackguard0,
// 0 in the stand-in, so that every check passes.
TEXT _rt0_util(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	XOR	R0, R0

	// Through registers, because the linker adds up what it sees subtracted from R15 as if this were
	// a goroutine's stack.
	MOVD	R15, R6
	ADD	$-FRAME, R6, R2
	MOVD	R2, R15
	MOVD	R6, STACK(R15)

	// Before anything else: from here on no signal is lost.
	MOVD	$-1, R2
	MOVD	R2, ALL(R15)
	MOVD	R0, MASK(R15)
	MOVD	$SYS_rt_sigprocmask, R1
	MOVD	$SIG_SETMASK, R2
	ADD	$ALL, R15, R3
	ADD	$MASK, R15, R4
	MOVD	$8, R5
	SYSCALL

	ADD	$G, R15, R2
	MOVD	R2, g
	ADD	$GSIZE, R2, R3
zero:
	MOVD	R0, 0(R2)
	ADD	$8, R2
	CMPBNE	R2, R3, zero

	BL	·entry(SB)

	MOVD	$SYS_rt_sigprocmask, R1
	MOVD	$SIG_SETMASK, R2
	ADD	$MASK, R15, R3
	MOVD	$0, R4
	MOVD	$8, R5
	SYSCALL
	MOVD	STACK(R15), R2
	MOVD	R2, R15
	BR	_rt0_s390x_linux(SB)

// func entryPC() uintptr
TEXT ·entryPC(SB),NOSPLIT,$0-8
	MOVD	$_rt0_util(SB), R2
	MOVD	R2, ret+0(FP)
	RET
