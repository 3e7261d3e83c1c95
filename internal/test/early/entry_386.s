#include "textflag.h"

#define SYS_set_thread_area 243
#define DATA 0x51        // a segment of 32 bits that is counted in pages and may be used

// The stack frame of _rt0_early, from its stack pointer upwards. Offset 0 is the argument of start.
#define STACK 0          // the kernel's stack pointer: argc, argv, envp, auxv
#define AREA 4           // struct user_desc: number, base, limit, flags
#define SLOT 20          // what Go code finds 4 below the base of GS: the address of g
#define BASE 24          // the base of GS, which Go code finds there
#define G 28             // the stand-in g: zero bytes, at least as many as a runtime.g has
#define GSIZE 1024
#define FRAME (G+GSIZE)

// _rt0_early gives Go code a stand-in g, as _rt0_util of package entry does, and calls start, which
// does not return. The signal mask stays as it was: a test must be able to see what was inherited.
//
//	SP              argc, argv[0], …, NULL, envp[0], …, NULL, auxv
TEXT _rt0_early(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVL	SP, BX
	SUBL	$FRAME, SP
	ANDL	$~15, SP
	MOVL	BX, STACK(SP)
	LEAL	G(SP), DI
	MOVL	DI, SLOT(SP)
	XORL	AX, AX
	MOVL	$(GSIZE/4), CX
	CLD
	REP; STOSL
	LEAL	BASE(SP), AX
	MOVL	AX, BASE(SP)
	MOVL	$-1, AREA(SP)
	MOVL	AX, (AREA+4)(SP)
	MOVL	$0xfffff, (AREA+8)(SP)
	MOVL	$DATA, (AREA+12)(SP)
	MOVL	$SYS_set_thread_area, AX
	LEAL	AREA(SP), BX
	INT	$0x80
	MOVL	AREA(SP), AX     // the number, of which the selector is made
	SHLL	$3, AX
	ADDL	$3, AX
	MOVW	AX, GS
	CALL	·start(SB)
	INT	$3
