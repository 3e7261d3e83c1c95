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
//	R3              argc, argv[0], …, NULL, envp[0], …, NULL, auxv
TEXT _rt0_early(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	// Through registers: the linker counts what is subtracted from R3 against the small stack of a
	// goroutine.
	MOVV	R3, R4
	ADDV	$-FRAME, R4, R5
	MOVV	R5, R3
	MOVV	R4, STACK(R3)
	ADDV	$G, R3, R4
	MOVV	R4, g
	ADDV	$GSIZE, R4, R5
zero:
	MOVV	R0, 0(R4)
	ADDV	$8, R4
	BNE	R4, R5, zero
	JAL	·start(SB)
	BREAK
