#include "textflag.h"

#define SYS_arch_prctl 158
#define ARCH_SET_FS 0x1002

// The stack frame of _rt0_early, from its stack pointer upwards. Offset 0 is the argument of start.
#define STACK 0          // the kernel's stack pointer: argc, argv, envp, auxv
#define SLOT 8           // what Go code finds at FS:-8: the address of g
#define FS 16            // where FS points to
#define G 16             // the stand-in g: zero bytes, at least as many as a runtime.g has
#define GSIZE 1024
#define FRAME (G+GSIZE)

// _rt0_early gives Go code a stand-in g, as _rt0_util of package entry does, and calls start, which
// does not return. The signal mask stays as it was: a test must be able to see what was inherited.
//
//	SP              argc, argv[0], …, NULL, envp[0], …, NULL, auxv
TEXT _rt0_early(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVQ	SP, BX
	SUBQ	$FRAME, SP
	ANDQ	$~15, SP
	MOVQ	BX, STACK(SP)
	LEAQ	G(SP), DI
	MOVQ	DI, SLOT(SP)
	XORL	AX, AX
	MOVL	$(GSIZE/8), CX
	CLD
	REP; STOSQ
	MOVL	$SYS_arch_prctl, AX
	MOVL	$ARCH_SET_FS, DI
	LEAQ	FS(SP), SI
	SYSCALL
	CALL	·start(SB)
	INT	$3
