#include "textflag.h"

// handler is a signal handler. The kernel puts the signal into A0 and the address of code in the
// vDSO, which returns from the handler, into X1.
TEXT ·handler(SB),NOSPLIT|NOFRAME,$0
	ADD	$-32, X2
	MOV	X1, 24(X2)
	MOV	A0, 8(X2)
	CALL	·handled(SB)
	MOV	24(X2), X1
	ADD	$32, X2
	RET

// func handlerPC() uintptr
TEXT ·handlerPC(SB),NOSPLIT,$0-8
	MOV	$·handler(SB), A0
	MOV	A0, ret+0(FP)
	RET

// func restorerPC() uintptr
//
// The kernel does not use a restorer.
TEXT ·restorerPC(SB),NOSPLIT,$0-8
	MOV	ZERO, ret+0(FP)
	RET
