#include "textflag.h"

// _rt0_probe is the entry point (linker flag -E).
TEXT _rt0_probe(SB),NOSPLIT|NOFRAME|TOPFRAME,$0
	JMP	_rt0_early(SB)
