#include "textflag.h"

#define SYS_rt_sigprocmask 175
#define SYS_set_thread_area 243
#define SIG_SETMASK 2
#define DATA 0x51        // a segment of 32 bits that is counted in pages and may be used

// The stack frame of _rt0_util, from its stack pointer upwards. The offsets 0 and 4 are the
// arguments of entry.
#define STACK 0          // the kernel's stack pointer: argc, argv, envp, auxv
#define MASK 4           // the signal mask that the process was started with, two words
#define ALL 12           // the mask that blocks everything, two words
#define AREA 20          // struct user_desc: number, base, limit, flags
#define SLOT 36          // what Go code finds 4 below the base of GS: the address of g
#define BASE 40          // the base of GS, which Go code finds there
#define G 44             // the stand-in g: zero bytes, at least as many as a runtime.g has
#define GSIZE 640
#define FRAME (G+GSIZE)

// _rt0_util is the entry point of the ELF file (linker flag -E): the first instructions of the
// process. It calls entry, which returns if this is not a plain run of init; then the Go runtime
// boots as if nothing had happened.
//
// On entry (execve(2)):
//
//	SP              argc, argv[0], …, NULL, envp[0], …, NULL, auxv
//	all others      nothing that the runtime's entry reads
//
// Go code needs g: its prologue compares the stack pointer with g.stackguard0, 0 in the stand-in,
// so that every check passes. It finds g by GS, the selector of a segment of thread-local storage
// (set_thread_area(2)). The runtime takes another of the three segments.
TEXT _rt0_util(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVL	SP, BX
	SUBL	$FRAME, SP
	ANDL	$~15, SP
	MOVL	BX, STACK(SP)

	// Before anything else: from here on no signal is lost.
	MOVL	$-1, ALL(SP)
	MOVL	$-1, (ALL+4)(SP)
	MOVL	$0, MASK(SP)
	MOVL	$0, (MASK+4)(SP)
	MOVL	$SYS_rt_sigprocmask, AX
	MOVL	$SIG_SETMASK, BX
	LEAL	ALL(SP), CX
	LEAL	MASK(SP), DX
	MOVL	$8, SI
	INT	$0x80

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
	TESTL	AX, AX
	JNZ	boot
	MOVL	AREA(SP), AX     // the number, of which the selector is made
	SHLL	$3, AX
	ADDL	$3, AX
	MOVW	AX, GS

	CALL	·entry(SB)

boot:
	MOVL	$SYS_rt_sigprocmask, AX
	MOVL	$SIG_SETMASK, BX
	LEAL	MASK(SP), CX
	XORL	DX, DX
	MOVL	$8, SI
	INT	$0x80
	MOVL	STACK(SP), SP
	JMP	_rt0_386_linux(SB)

// func entryPC() uintptr
TEXT ·entryPC(SB),NOSPLIT,$0-4
	MOVL	$_rt0_util(SB), AX
	MOVL	AX, ret+0(FP)
	RET
