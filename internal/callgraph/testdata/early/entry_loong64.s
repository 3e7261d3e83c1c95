#include "textflag.h"

TEXT _rt0_bad(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	JAL	·early(SB)
	JMP	_rt0_loong64_linux(SB)
