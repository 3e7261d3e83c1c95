package callgraph

import "encoding/binary"

// word returns the bits of an instruction of 4 bytes, or 0.
func (p *Program) word(in instruction) uint32 {
	if len(in.code) != 4 {
		return 0
	}
	return p.order.Uint32(in.code)
}

// signed returns the low bits of a number as a signed number. A negative one is returned in two's
// complement, so that adding it wraps around to the correct sum.
func signed(value uint64, bits int) uint64 { return uint64(int64(value<<(64-bits)) >> (64 - bits)) }

// field returns size bits of an instruction, of which the lowest has the given position.
func field(word uint32, position, size int) uint64 {
	return uint64(word) >> position & (1<<size - 1)
}

// flowLoong64 knows the branches by their highest six bits: LoongArch Reference Manual, volume 1,
// "Branch Instructions", and the opcodes in cmd/internal/obj/loong64/asm.go. No other instruction
// has these.
func flowLoong64(p *Program, f *function, i int) (kind, uint64) {
	in := f.code[i]
	word := p.word(in)
	distance := field(word, 10, 16)
	bits := 16
	switch opcode := word >> 26; opcode {
	case 0x10, 0x11, 0x12: // BEQZ, BNEZ, BCEQZ and BCNEZ
		if opcode == 0x12 && field(word, 9, 1) != 0 { // JISCR0, JISCR1
			return computed, 0
		}
		distance, bits = distance|field(word, 0, 5)<<16, 21
	case 0x13: // JIRL
		if word == 0x4c000020 { // to the address in R1
			return other, 0
		}
		return computed, 0
	case 0x14, 0x15: // B, BL
		distance, bits = distance|field(word, 0, 10)<<16, 26
	case 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b: // BEQ, BNE, BLT, BGE, BLTU, BGEU
	default:
		return other, 0
	}
	return branch, in.address + 4*signed(distance, bits)
}

// flowPPC64 is from the Power ISA, book I, "Branch Facility".
func flowPPC64(p *Program, f *function, i int) (kind, uint64) {
	in := f.code[i]
	if len(in.code) == 8 { // a prefix, and what it belongs to: no branch has one
		return other, 0
	}
	word := p.word(in)
	isCall, isAbsolute := word&1 != 0, word&2 != 0
	var distance uint64
	switch word >> 26 {
	case 16: // bc
		distance = signed(uint64(word&0xfffc), 16)
	case 18: // b
		distance = signed(uint64(word&0x3fffffc), 26)
	case 19:
		switch field(word, 1, 10) {
		case 16: // bclr
			if !isCall { // to the address in the link register
				return other, 0
			}
			return computed, 0
		case 528, 560: // bcctr, bctar
			return computed, 0
		}
		return other, 0
	default:
		return other, 0
	}
	if isAbsolute {
		return branch, distance
	}
	return branch, in.address + distance
}

// flowRISCV64 is from the RISC-V Instruction Set Manual, volume I, "Control Transfer Instructions"
// of RV32I and of the extension C.
func flowRISCV64(p *Program, f *function, i int) (kind, uint64) {
	in := f.code[i]
	if len(in.code) == 2 {
		return flowCompressed(uint32(p.order.Uint16(in.code)), f, i)
	}
	word := p.word(in)
	switch word & 0x7f {
	case 0x63: // BEQ and so on
		return branch, in.address + signed(field(word, 8, 4)<<1|field(word, 25, 6)<<5|
			field(word, 7, 1)<<11|field(word, 31, 1)<<12, 13)
	case 0x6f: // JAL
		return branch, in.address + signed(field(word, 21, 10)<<1|field(word, 20, 1)<<11|
			field(word, 12, 8)<<12|field(word, 31, 1)<<20, 21)
	case 0x67: // JALR
		if word == 0x00008067 { // to the address in X1
			return other, 0
		}
		// A trampoline of the linker, which reaches what JAL does not: AUIPC has the same register.
		register := field(word, 15, 5)
		if i > 0 && len(f.code[i-1].code) == 4 {
			before := p.word(f.code[i-1])
			if before&0x7f == 0x17 && field(before, 7, 5) == register {
				return branch, f.code[i-1].address + signed(uint64(before&^0xfff), 32) +
					signed(field(word, 20, 12), 12)
			}
		}
		return computed, 0
	}
	return other, 0
}

// flowCompressed is flowRISCV64 for an instruction of 2 bytes.
func flowCompressed(word uint32, f *function, i int) (kind, uint64) {
	at := f.code[i].address
	switch word & 0xe003 {
	case 0xa001: // C.J
		return branch, at + signed(field(word, 3, 3)<<1|field(word, 11, 1)<<4|field(word, 2, 1)<<5|
			field(word, 7, 1)<<6|field(word, 6, 1)<<7|field(word, 9, 2)<<8|field(word, 8, 1)<<10|
			field(word, 12, 1)<<11, 12)
	case 0xc001, 0xe001: // C.BEQZ, C.BNEZ
		return branch, at + signed(field(word, 3, 2)<<1|field(word, 10, 2)<<3|field(word, 2, 1)<<5|
			field(word, 5, 2)<<6|field(word, 12, 1)<<8, 9)
	case 0x8002: // C.JR and C.JALR, if their second register is 0 and the first is not
		isJump := field(word, 2, 5) == 0 && field(word, 7, 5) != 0
		if isJump && word != 0x8082 { // to the address in X1
			return computed, 0
		}
	}
	return other, 0
}

// flowS390X is from the z/Architecture Principles of Operation, "Branch Instructions". The first
// byte is an opcode; some have another half of it in the second or the last byte.
func flowS390X(_ *Program, f *function, i int) (kind, uint64) {
	in := f.code[i]
	code := in.code
	if length := [...]int{2, 4, 4, 6}[code[0]>>6]; len(code) != length {
		return unknown, 0
	}
	// The operand is a distance in units of 2 bytes, after the first two.
	near := func() (kind, uint64) {
		return branch, in.address + 2*signed(uint64(binary.BigEndian.Uint16(code[2:])), 16)
	}
	far := func() (kind, uint64) {
		return branch, in.address + 2*signed(uint64(binary.BigEndian.Uint32(code[2:])), 32)
	}
	second, last := code[1]&0xf, code[len(code)-1]
	switch code[0] {
	case 0x05, 0x06, 0x0b, 0x0c, 0x0d: // BALR, BCTR, BSM, BASSM, BASR
		if second == 0 { // no branch
			return other, 0
		}
		return computed, 0
	case 0x07: // BCR
		isReturn := second == 14                        // to the address in R14
		if second == 0 || code[1]>>4 == 0 || isReturn { // or no branch
			return other, 0
		}
		return computed, 0
	case 0x01: // PR, and others that have no operand
		if code[1] == 0x01 {
			return computed, 0
		}
	case 0x44, 0x45, 0x46, 0x47, 0x4d, 0x82, 0x86, 0x87: // EX, BAL, BCT, BC, BAS, LPSW, BXH, BXLE
		return computed, 0
	case 0x84, 0x85: // BRXH, BRXLE
		return near()
	case 0xa7:
		if second >= 4 && second <= 7 { // BRC, BRAS, BRCT, BRCTG
			return near()
		}
	case 0xb2:
		switch code[1] {
		case 0x18, 0x28, 0x58, 0x5a, 0xb2: // PC, PT, BSG, BSA, LPSWE
			return computed, 0
		}
	case 0xc0:
		if second == 4 || second == 5 { // BRCL, BRASL
			return far()
		}
	case 0xc6:
		if second == 0 { // EXRL, which executes one instruction there
			return far()
		}
	case 0xcc:
		if second == 6 { // BRCTH
			return far()
		}
	case 0xe3:
		if last == 0x46 || last == 0x47 { // BCTG, BIC
			return computed, 0
		}
	case 0xeb:
		if last == 0x44 || last == 0x45 || last == 0x71 { // BXHG, BXLEG, LPSWEY
			return computed, 0
		}
	case 0xec:
		switch last {
		case 0x44, 0x45, 0x64, 0x65, 0x76, 0x77, 0x7c, 0x7d, 0x7e, 0x7f: // BRXHG, CGRJ and so on
			return near()
		case 0xe4, 0xe5, 0xf6, 0xf7, 0xfc, 0xfd, 0xfe, 0xff: // CGRB and so on
			return computed, 0
		}
	}
	return other, 0
}
