#include "textflag.h"

// _rt0_actor is the entry point (linker flag -E).
TEXT _rt0_actor(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	JMP	_rt0_early(SB)
