#include "textflag.h"

#define SYS_exit_group 231
#define SYS_arch_prctl 158
#define ARCH_SET_FS 0x1002
#define GSIZE 1024

// _rt0_command is the entry point (linker flag -E). Without arguments the command ends at once, with status 0; else it
// gives Go code a g of zero bytes, as pid1's _rt0_util does, and calls entry, which does not return.
//
//	0(SP)   the argument of entry: the kernel's stack
//	8(SP)   FS:-8, the address of g
//	16(SP)  g
TEXT _rt0_command(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	MOVQ	SP, BX
	CMPQ	0(BX), $1
	JNE	arguments
	XORL	DI, DI
	MOVL	$SYS_exit_group, AX
	SYSCALL
arguments:
	SUBQ	$(16+GSIZE), SP
	ANDQ	$~15, SP
	MOVQ	BX, 0(SP)
	LEAQ	16(SP), DI
	MOVQ	DI, 8(SP)
	MOVQ	DI, SI
	XORL	AX, AX
	MOVL	$(GSIZE/8), CX
	CLD
	REP; STOSQ
	MOVL	$SYS_arch_prctl, AX
	MOVL	$ARCH_SET_FS, DI
	SYSCALL
	CALL	·entry(SB)
	INT	$3
