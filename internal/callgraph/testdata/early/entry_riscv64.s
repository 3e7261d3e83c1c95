#include "textflag.h"

TEXT _rt0_bad(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	CALL	·early(SB)
	JMP	_rt0_riscv64_linux(SB)
