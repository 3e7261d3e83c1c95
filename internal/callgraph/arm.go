package callgraph

import (
	"encoding/binary"
	"slices"
)

const pcOfARM, lrOfARM, spOfARM = 15, 14, 13

// flowARM is from the ARM Architecture Reference Manual, ARMv7-A edition, "ARM Instruction Set
// Encoding". Besides the branches, every instruction that writes to R15, the program counter, is a
// jump.
func flowARM(p *Program, f *function, i int) (kind, uint64) {
	in := f.code[i]
	word := p.word(in)
	const always, unconditional = 0xe, 0xf
	condition := word >> 28
	switch field(word, 25, 3) { // the class of the instruction
	case 0b101:
		if condition == unconditional { // BLX: to code of Thumb
			return computed, 0
		}
		return branch, in.address + 8 + 4*signed(field(word, 0, 24), 24)
	case 0b000, 0b001: // data processing
		if word&0x0fffffc0 == 0x012fff00 { // BX, BXJ, BLX
			if word&0x0fffffff == 0x012fff1e { // BX R14
				return other, 0
			}
			return computed, 0
		}
		isCompare := field(word, 23, 2) == 0b10     // and others that have no destination
		isMultiply := word&0x0e000090 == 0x00000090 // and others of this form
		if condition == unconditional || isCompare || isMultiply || field(word, 12, 4) != pcOfARM {
			return other, 0
		}
		const addNothing, move = 0x0280f000, 0x01a0f000 // ADD $0, Rn, R15; MOVW Rm, R15
		if word&0x0fffffff == addNothing|lrOfARM<<16 || word&0x0fffffff == move|lrOfARM {
			return other, 0
		}
		return computed, 0
	case 0b010, 0b011: // loads and stores of a word or a byte
		isMedia := word&0x02000010 == 0x02000010
		isLoad := field(word, 20, 1) != 0
		if condition == unconditional || isMedia || !isLoad || field(word, 12, 4) != pcOfARM {
			return other, 0
		}
		const pop = 0x049d0000 // MOVW.P (R13), …, the end of a function
		if word&0x0fff0000 == pop {
			return other, 0
		}
		return computed, 0
	case 0b100: // loads and stores of many registers
		if condition == unconditional { // RFE
			return computed, 0
		}
		isLoad, isException := field(word, 20, 1) != 0, field(word, 22, 1) != 0
		if !isLoad || field(word, pcOfARM, 1) == 0 {
			return other, 0
		}
		if field(word, 16, 4) == spOfARM && !isException { // the end of a function
			return other, 0
		}
		return computed, 0
	}
	return other, 0
}

// harmlessOnARM knows stores of a word or a byte, some of which objdump does not know, and the
// instruction that will always be undefined.
func harmlessOnARM(code []byte) bool {
	word := binary.LittleEndian.Uint32(code)
	isUndefined := word&0xfff000f0 == 0xe7f000f0
	isStore := word&0x0c100000 == 0x04000000 && word&0x02000010 != 0x02000010 && word>>28 != 0xf
	return isUndefined || isStore
}

// withoutPoolOfARM removes the constants of f, which are behind the instructions that load them
// relative to R15. What is loaded so is not an instruction: nothing else reads code.
func withoutPoolOfARM(f *function) {
	isConstant := map[uint64]bool{}
	f.code = slices.DeleteFunc(f.code, func(in instruction) bool {
		if isConstant[in.address] {
			return true
		}
		if len(in.code) != 4 {
			return false
		}
		word := binary.LittleEndian.Uint32(in.code)
		switch base := in.address + 8; {
		case word&0x0fff0000 == 0x059f0000: // MOVW n(R15), R
			isConstant[base+field(word, 0, 12)] = true
		case word&0x0fbf0e00 == 0x0d9f0a00: // MOVF or MOVD n(R15), F
			at := base + 4*field(word, 0, 8)
			isConstant[at] = true
			if isDouble := field(word, 8, 1) != 0; isDouble {
				isConstant[at+4] = true
			}
		}
		return false
	})
}
