//go:build util_init

#include "textflag.h"

// func Broken()
//
// It takes its frame by hand: the address after the call is in the link register.
TEXT ·Broken(SB),NOSPLIT|NOFRAME,$0-0
	MOVD	LR, R4
	MOVD	R1, R3
	ADD	$-48, R3
	MOVD	R3, R1
	MOVD	R4, 32(R1)       // the argument of bug
	BL	·bug(SB)
	UNDEF
