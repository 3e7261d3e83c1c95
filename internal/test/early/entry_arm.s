#include "textflag.h"

// The stack frame of _rt0_early, from its stack pointer upwards. Offset 0 is where a callee stores
// the link register, 4 is the argument of start.
#define STACK 4          // the kernel's stack pointer: argc, argv, envp, auxv
#define G 8              // the stand-in g: zero bytes, at least as many as a runtime.g has
#define GSIZE 1024
#define FRAME (G+GSIZE)

// _rt0_early gives Go code a stand-in g, as _rt0_util of package entry does, and calls start, which
// does not return. The signal mask stays as it was: a test must be able to see what was inherited.
//
//	R13             argc, argv[0], …, NULL, envp[0], …, NULL, auxv
TEXT _rt0_early(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	// Through registers: the linker counts what is subtracted from R13 against the small stack of a
	// goroutine.
	MOVW	R13, R0
	SUB	$FRAME, R0, R1
	MOVW	R1, R13
	MOVW	R0, STACK(R13)
	ADD	$G, R13, R0
	MOVW	R0, g
	ADD	$GSIZE, R0, R1
	MOVW	$0, R2
zero:
	MOVW	R2, 0(R0)
	ADD	$4, R0
	CMP	R0, R1
	BNE	zero
	BL	·start(SB)
	WORD	$0xe7f000f0 // udf
