//go:build util_init

#include "textflag.h"

// func Broken()
//
// It takes its frame by hand: the address after the call is in the link register.
TEXT ·Broken(SB),NOSPLIT|NOFRAME,$0-0
	MOVD	RSP, R0
	SUB	$32, R0
	MOVD	R0, RSP
	MOVD	R30, 8(RSP)      // the argument of bug
	CALL	·bug(SB)
	BRK	$0
