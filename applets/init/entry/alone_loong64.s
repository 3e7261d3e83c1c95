//go:build util_init

#include "textflag.h"

// func Broken()
//
// It takes its frame by hand: the address after the call is in the link register.
TEXT ·Broken(SB),NOSPLIT|NOFRAME,$0-0
	MOVV	R3, R4
	ADDV	$-32, R4
	MOVV	R4, R3
	MOVV	R1, 8(R3)        // the argument of bug
	JAL	·bug(SB)
	BREAK
