//go:build util_init

#include "textflag.h"

// func Broken()
//
// It takes its frame by hand: the address after the call is in the link register.
TEXT ·Broken(SB),NOSPLIT|NOFRAME,$0-0
	MOVD	R15, R2
	ADD	$-32, R2
	MOVD	R2, R15
	MOVD	R14, 8(R15)      // the argument of bug
	BL	·bug(SB)
	UNDEF
