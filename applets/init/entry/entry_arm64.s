#include "textflag.h"

#define SYS_rt_sigprocmask 135
#define SIG_SETMASK 2

// The stack frame of _rt0_util, from its stack pointer upwards. Offset 0 is where a callee
// expects the link register; 8 and 16 are the arguments of entry.
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
// On entry (execve(2); Linux's arm64 ELF ABI):
//
//	RSP             argc, argv[0], …, NULL, envp[0], …, NULL, auxv
//	all others      nothing that the runtime's entry reads
//
// Go code needs g, in R28: its prologue compares the stack pointer with g.stackguard0, 0 in the
// stand-in, so that every check passes.
TEXT _rt0_util(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	// Through registers, because the linker adds up what it sees subtracted from RSP as if this were
	// a goroutine's stack.
	MOVD	RSP, R19
	SUB	$FRAME, R19, R0
	MOVD	R0, RSP
	MOVD	R19, STACK(RSP)

	// Before anything else: from here on no signal is lost.
	MOVD	$-1, R0
	MOVD	R0, ALL(RSP)
	MOVD	ZR, MASK(RSP)
	MOVD	$SYS_rt_sigprocmask, R8
	MOVD	$SIG_SETMASK, R0
	ADD	$ALL, RSP, R1
	ADD	$MASK, RSP, R2
	MOVD	$8, R3
	SVC

	ADD	$G, RSP, R0
	MOVD	R0, g
	ADD	$GSIZE, R0, R1
zero:
	STP.P	(ZR, ZR), 16(R0)
	CMP	R0, R1
	BNE	zero

	BL	·entry(SB)

	MOVD	$SYS_rt_sigprocmask, R8
	MOVD	$SIG_SETMASK, R0
	ADD	$MASK, RSP, R1
	MOVD	ZR, R2
	MOVD	$8, R3
	SVC
	MOVD	STACK(RSP), R0
	MOVD	R0, RSP
	B	_rt0_arm64_linux(SB)

// func entryPC() uintptr
TEXT ·entryPC(SB),NOSPLIT,$0-8
	MOVD	$_rt0_util(SB), R0
	MOVD	R0, ret+0(FP)
	RET
