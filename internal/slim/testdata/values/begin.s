#include "textflag.h"

// func begin()
TEXT ·begin(SB),NOSPLIT|NOFRAME,$0-0
	JMP	_rt0_early(SB)
