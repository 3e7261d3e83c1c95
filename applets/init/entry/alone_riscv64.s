//go:build util_init

#include "textflag.h"

// func Broken()
//
// It takes its frame by hand: the address after the call is in the link register.
TEXT ·Broken(SB),NOSPLIT|NOFRAME,$0-0
	MOV	X2, A0
	ADD	$-32, A0
	MOV	A0, X2
	MOV	X1, 8(X2)        // the argument of bug
	CALL	·bug(SB)
	EBREAK
