#include "textflag.h"

#define SYS_clone 56
#define SYS_exit_group 231
#define FLAGS 0x4100 // CLONE_VFORK | CLONE_VM, and no signal when it ends

// func shortLived() (r uintptr)
//
// The child is on its parent's stack, of which it reads and writes nothing.
TEXT ·shortLived(SB),NOSPLIT,$0-8
	MOVQ	$SYS_clone, AX
	MOVQ	$FLAGS, DI
	XORL	SI, SI
	XORL	DX, DX
	XORL	R10, R10
	XORL	R8, R8
	SYSCALL
	TESTQ	AX, AX
	JZ	inchild
	MOVQ	AX, r+0(FP)
	RET
inchild:
	MOVL	$SYS_exit_group, AX
	XORL	DI, DI
	SYSCALL
	INT	$3
