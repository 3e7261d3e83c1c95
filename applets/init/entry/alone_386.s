//go:build util_init

#include "textflag.h"

// func Broken()
//
// It takes its frame by hand: the address after the call is at the stack pointer.
TEXT ·Broken(SB),NOSPLIT|NOFRAME,$0-0
	MOVL	0(SP), AX        // the address after the call
	SUBL	$12, SP
	MOVL	AX, 0(SP)
	CALL	·bug(SB)
	UD2
