#include "textflag.h"

#define SYS_rt_sigprocmask 14
#define SYS_arch_prctl 158
#define SIG_SETMASK 2
#define ARCH_SET_FS 0x1002

// The stack frame of _rt0_util, from its stack pointer upwards. The offsets 0 and 8 are the
// arguments of entry.
#define STACK 0          // the kernel's stack pointer: argc, argv, envp, auxv
#define MASK 8           // the signal mask that the process was started with
#define ALL 16           // the mask that blocks everything
#define SLOT 24          // what Go code finds at FS:-8: the address of g
#define FS 32            // where FS points to
#define G 32             // the stand-in g: zero bytes, at least as many as a runtime.g has
#define GSIZE 640
#define FRAME (G+GSIZE)

// _rt0_util is the entry point of the ELF file (linker flag -E): the first instructions of the
// process. It calls entry, which returns if this is not a plain run of init; then the Go runtime
// boots as if nothing had happened.
//
// On entry (execve(2); System V ABI, AMD64 supplement, "Process Initialization"):
//
//	SP              argc, argv[0], …, NULL, envp[0], …, NULL, auxv
//	all others      nothing that the runtime's entry reads
//
// Go code needs g: its prologue compares the stack pointer with g.stackguard0, 0 in the stand-in,
// so that every check passes; and the wrapper of entry, called from assembly, loads the address
// of g from FS:-8.
TEXT _rt0_util(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVQ	SP, BX
	SUBQ	$FRAME, SP
	ANDQ	$~15, SP
	MOVQ	BX, STACK(SP)

	// Before anything else: from here on no signal is lost.
	MOVQ	$-1, ALL(SP)
	MOVQ	$0, MASK(SP)
	MOVL	$SYS_rt_sigprocmask, AX
	MOVL	$SIG_SETMASK, DI
	LEAQ	ALL(SP), SI
	LEAQ	MASK(SP), DX
	MOVL	$8, R10
	SYSCALL

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
	TESTQ	AX, AX
	JNZ	boot

	CALL	·entry(SB)

boot:
	MOVL	$SYS_rt_sigprocmask, AX
	MOVL	$SIG_SETMASK, DI
	LEAQ	MASK(SP), SI
	XORL	DX, DX
	MOVL	$8, R10
	SYSCALL
	MOVQ	STACK(SP), SP
	XORL	DX, DX
	JMP	_rt0_amd64_linux(SB)

// func entryPC() uintptr
TEXT ·entryPC(SB),NOSPLIT,$0-8
	MOVQ	$_rt0_util(SB), AX
	MOVQ	AX, ret+0(FP)
	RET
