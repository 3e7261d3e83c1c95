#include "textflag.h"

// The stack frame of _rt0_early, from its stack pointer upwards. Offset 0 is where a callee expects
// the link register, 8 is the argument of start.
#define STACK 8          // the kernel's stack pointer: argc, argv, envp, auxv
#define G 16             // the stand-in g: zero bytes, at least as many as a runtime.g has
#define GSIZE 1024
#define FRAME (G+GSIZE)

// _rt0_early gives Go code a stand-in g, as _rt0_util of package entry does, and calls start, which
// does not return. The signal mask stays as it was: a test must be able to see what was inherited.
//
//	RSP             argc, argv[0], …, NULL, envp[0], …, NULL, auxv
TEXT _rt0_early(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	// Through registers: the linker counts what is subtracted from RSP against the small stack of
	// a goroutine.
	MOVD	RSP, R0
	SUB	$FRAME, R0, R1
	MOVD	R1, RSP
	MOVD	R0, STACK(RSP)
	ADD	$G, RSP, R0
	MOVD	R0, g
	ADD	$GSIZE, R0, R1
zero:
	STP.P	(ZR, ZR), 16(R0)
	CMP	R0, R1
	BNE	zero
	BL	·start(SB)
	BRK
