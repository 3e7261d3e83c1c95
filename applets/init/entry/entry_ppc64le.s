#include "textflag.h"

#define SYS_rt_sigprocmask 174
#define SIG_SETMASK 2

// The stack frame of _rt0_util, from its stack pointer upwards. The first 32 bytes belong to a
// callee; 32 and 40 are the arguments of entry.
#define STACK 32         // the kernel's stack pointer: argc, argv, envp, auxv
#define MASK 40          // the signal mask that the process was started with
#define ALL 48           // the mask that blocks everything
#define G 64             // the stand-in g: zero bytes, at least as many as a runtime.g has
#define GSIZE 640
#define FRAME (G+GSIZE)

// _rt0_util is the entry point of the ELF file (linker flag -E): the first instructions of the
// process. It calls entry, which returns if this is not a plain run of init; then the Go runtime
// boots as if nothing had happened.
//
// On entry (execve(2); 64-Bit ELF V2 ABI for OpenPOWER, "Process Initialization"):
//
//	R1              argc, argv[0], …, NULL, envp[0], …, NULL, auxv
//	R13             0, which the runtime's entry reads; no Go code changes it
//	all others      nothing that the runtime's entry reads
//
// Go code needs 0 in R0, and g, in R30: its prologue compares the stack pointer with g.stackguard0,
// 0 in the stand-in, so that every check passes.
TEXT _rt0_util(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	XOR	R0, R0

	// Through registers, because the linker adds up what it sees subtracted from R1 as if this were
	// a goroutine's stack.
	MOVD	R1, R14
	ADD	$-FRAME, R14, R3
	MOVD	R3, R1
	MOVD	R14, STACK(R1)

	// Before anything else: from here on no signal is lost.
	MOVD	$-1, R3
	MOVD	R3, ALL(R1)
	MOVD	R0, MASK(R1)
	MOVD	$SIG_SETMASK, R3
	ADD	$ALL, R1, R4
	ADD	$MASK, R1, R5
	MOVD	$8, R6
	SYSCALL	$SYS_rt_sigprocmask

	ADD	$G, R1, R3
	MOVD	R3, g
	ADD	$GSIZE, R3, R4
zero:
	MOVD	R0, 0(R3)
	ADD	$8, R3
	CMP	R3, R4
	BNE	zero

	BL	·entry(SB)

	MOVD	$SIG_SETMASK, R3
	ADD	$MASK, R1, R4
	MOVD	$0, R5
	MOVD	$8, R6
	SYSCALL	$SYS_rt_sigprocmask
	MOVD	STACK(R1), R3
	MOVD	R3, R1
	BR	_rt0_ppc64le_linux(SB)

// func entryPC() uintptr
TEXT ·entryPC(SB),NOSPLIT,$0-8
	MOVD	$_rt0_util(SB), R3
	MOVD	R3, ret+0(FP)
	RET
