#include "textflag.h"

#define SYS_rt_sigprocmask 135
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
//	R3              argc, argv[0], …, NULL, envp[0], …, NULL, auxv
//	all others      nothing that the runtime's entry reads
//
// Go code needs g, in R22: its prologue compares the stack pointer with g.stackguard0, 0 in the
// stand-in, so that every check passes.
TEXT _rt0_util(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	// Through registers, because the linker adds up what it sees subtracted from R3 as if this were
	// a goroutine's stack.
	MOVV	R3, R23
	ADDV	$-FRAME, R23, R4
	MOVV	R4, R3
	MOVV	R23, STACK(R3)

	// Before anything else: from here on no signal is lost.
	MOVV	$-1, R4
	MOVV	R4, ALL(R3)
	MOVV	R0, MASK(R3)
	MOVV	$SYS_rt_sigprocmask, R11
	MOVV	$SIG_SETMASK, R4
	ADDV	$ALL, R3, R5
	ADDV	$MASK, R3, R6
	MOVV	$8, R7
	SYSCALL

	ADDV	$G, R3, R4
	MOVV	R4, g
	ADDV	$GSIZE, R4, R5
zero:
	MOVV	R0, 0(R4)
	ADDV	$8, R4
	BNE	R4, R5, zero

	JAL	·entry(SB)

	MOVV	$SYS_rt_sigprocmask, R11
	MOVV	$SIG_SETMASK, R4
	ADDV	$MASK, R3, R5
	MOVV	R0, R6
	MOVV	$8, R7
	SYSCALL
	MOVV	STACK(R3), R4
	MOVV	R4, R3
	JMP	_rt0_loong64_linux(SB)

// func entryPC() uintptr
TEXT ·entryPC(SB),NOSPLIT,$0-8
	MOVV	$_rt0_util(SB), R4
	MOVV	R4, ret+0(FP)
	RET
