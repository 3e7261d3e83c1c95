#include "textflag.h"

// The stack frame of _rt0_early, from its stack pointer upwards. Offset 0 is where a callee stores
// the link register, 8 is the argument of start.
#define STACK 8          // the kernel's stack pointer: argc, argv, envp, auxv
#define G 16             // the stand-in g: zero bytes, at least as many as a runtime.g has
#define GSIZE 1024
#define FRAME (G+GSIZE)

// _rt0_early gives Go code a stand-in g, as _rt0_util of package entry does, and calls start, which
// does not return. The signal mask stays as it was: a test must be able to see what was inherited.
//
//	R15             argc, argv[0], …, NULL, envp[0], …, NULL, auxv
TEXT _rt0_early(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	XOR	R0, R0
	// Through registers: the linker counts what is subtracted from R15 against the small stack of a
	// goroutine.
	MOVD	R15, R2
	ADD	$-FRAME, R2, R3
	MOVD	R3, R15
	MOVD	R2, STACK(R15)
	ADD	$G, R15, R2
	MOVD	R2, g
	ADD	$GSIZE, R2, R3
zero:
	MOVD	R0, 0(R2)
	ADD	$8, R2
	CMPBNE	R2, R3, zero
	BL	·start(SB)
	UNDEF
