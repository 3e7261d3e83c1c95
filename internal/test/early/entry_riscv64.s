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
//	X2              argc, argv[0], …, NULL, envp[0], …, NULL, auxv
TEXT _rt0_early(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	// Through registers: the linker counts what is subtracted from X2 against the small stack of a
	// goroutine.
	MOV	X2, A0
	ADD	$-FRAME, A0, A1
	MOV	A1, X2
	MOV	A0, STACK(X2)
	ADD	$G, X2, A0
	MOV	A0, g
	ADD	$GSIZE, A0, A1
zero:
	MOV	ZERO, 0(A0)
	ADD	$8, A0
	BNE	A0, A1, zero
	CALL	·start(SB)
	EBREAK
