#include "textflag.h"

TEXT _rt0_bad(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	BL	·early(SB)
	B	_rt0_arm_linux(SB)
