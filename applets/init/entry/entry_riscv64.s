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
//	X2              argc, argv[0], …, NULL, envp[0], …, NULL, auxv
//	all others      nothing that the runtime's entry reads
//
// Go code needs g, in X27: its prologue compares the stack pointer with g.stackguard0, 0 in the
// stand-in, so that every check passes.
TEXT _rt0_util(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	// Through registers, because the linker adds up what it sees subtracted from X2 as if this were
	// a goroutine's stack.
	MOV	X2, S1
	ADD	$-FRAME, S1, A0
	MOV	A0, X2
	MOV	S1, STACK(X2)

	// Before anything else: from here on no signal is lost.
	MOV	$-1, A0
	MOV	A0, ALL(X2)
	MOV	ZERO, MASK(X2)
	MOV	$SYS_rt_sigprocmask, A7
	MOV	$SIG_SETMASK, A0
	ADD	$ALL, X2, A1
	ADD	$MASK, X2, A2
	MOV	$8, A3
	ECALL

	ADD	$G, X2, A0
	MOV	A0, g
	ADD	$GSIZE, A0, A1
zero:
	MOV	ZERO, 0(A0)
	ADD	$8, A0
	BNE	A0, A1, zero

	CALL	·entry(SB)

	MOV	$SYS_rt_sigprocmask, A7
	MOV	$SIG_SETMASK, A0
	ADD	$MASK, X2, A1
	MOV	ZERO, A2
	MOV	$8, A3
	ECALL
	MOV	STACK(X2), A0
	MOV	A0, X2
	JMP	_rt0_riscv64_linux(SB)

// func entryPC() uintptr
TEXT ·entryPC(SB),NOSPLIT,$0-8
	MOV	$_rt0_util(SB), A0
	MOV	A0, ret+0(FP)
	RET
