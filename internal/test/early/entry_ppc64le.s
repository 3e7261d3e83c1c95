#include "textflag.h"

// The stack frame of _rt0_early, from its stack pointer upwards. The first 32 bytes
// belong to a callee, 32 is the argument of start.
#define STACK 32         // the kernel's stack pointer: argc, argv, envp, auxv
#define G 48             // the stand-in g: zero bytes, at least as many as a runtime.g has
#define GSIZE 1024
#define FRAME (G+GSIZE)

// _rt0_early gives Go code a stand-in g, as _rt0_util of package entry does, and calls start, which
// does not return. The signal mask stays as it was: a test must be able to see what was inherited.
//
//	R1              argc, argv[0], …, NULL, envp[0], …, NULL, auxv
TEXT _rt0_early(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	XOR	R0, R0
	// Through registers: the linker counts what is subtracted from R1 against the small stack of a
	// goroutine.
	MOVD	R1, R3
	ADD	$-FRAME, R3, R4
	MOVD	R4, R1
	MOVD	R3, STACK(R1)
	ADD	$G, R1, R3
	MOVD	R3, g
	ADD	$GSIZE, R3, R4
zero:
	MOVD	R0, 0(R3)
	ADD	$8, R3
	CMP	R3, R4
	BNE	zero
	BL	·start(SB)
	UNDEF
