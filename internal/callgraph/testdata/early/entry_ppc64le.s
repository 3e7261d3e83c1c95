#include "textflag.h"

TEXT _rt0_bad(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	BL	·early(SB)
	BR	_rt0_ppc64le_linux(SB)
