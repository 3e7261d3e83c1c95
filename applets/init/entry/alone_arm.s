//go:build util_init

#include "textflag.h"

// func Broken()
//
// It takes its frame by hand: the address after the call is in the link register.
TEXT ·Broken(SB),NOSPLIT|NOFRAME,$0-0
	MOVW	R13, R0
	SUB	$16, R0
	MOVW	R0, R13
	MOVW	R14, 4(R13)      // the argument of bug
	BL	·bug(SB)
	WORD	$0xe7f000f0      // udf
