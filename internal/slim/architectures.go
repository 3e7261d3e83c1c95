package main

import "debug/elf"

// architecture is what slim knows about one.
type architecture struct {
	flags uint32 // of the ELF header: the ABI
	// forms has the kinds of relocation that are in early code. All others are refused.
	forms map[uint32]form
	// call is for where Go's linker resolves the calls itself: the relocation that a call would have.
	// Its place is the last 4 bytes of the instruction.
	call *reloc
	// load is for where a function has constants between its instructions: it returns the place that
	// an instruction loads one from.
	load func(instruction uint32, at uint64) (place uint64, isLoad bool)
}

// form is how a kind of relocation writes an address, or a part of it, into an instruction or a
// variable. The supplement to the System V ABI for the architecture defines it.
type form struct {
	value  func(target, place uint64) uint64
	fields []field
	wide   bool   // the word that has the fields is one of 8 bytes, not 4
	unit   uint64 // the value is a multiple of it, if it is not 0
	bits   int    // the value is a signed number of so many bits, if it is not 0
	back   int64  // the addend is larger by this: the instruction begins so far before the place
	next   bool   // the addend is smaller by this: the next instruction is so far after the place
	lower  bool   // its symbol is the place of the instruction before, whose relocation has the symbol
}

// field is size bits of the value, from bit from on. They are the bits from bit to on of the word.
type field struct{ from, size, to int }

// The values. Most instructions take the low 12 or 16 bits of an address as a signed number. To
// balance that, half of the range is added to what has the other bits.
func absolute(target, _ uint64) uint64     { return target }
func below4(target, _ uint64) uint64       { return target - 4 }
func below8(target, _ uint64) uint64       { return target - 8 }
func distance(target, place uint64) uint64 { return target - place }
func from2(target, place uint64) uint64    { return target - (place - 2) }
func from4(target, place uint64) uint64    { return target - (place - 4) }
func near12(target, place uint64) uint64   { return target - place + 0x800 }
func near16(target, _ uint64) uint64       { return target + 0x8000 }
func pages(target, place uint64) uint64    { return target&^0xfff - place&^0xfff }
func pages12(target, place uint64) uint64  { return pages(target+0x800, place) }

var (
	address   = form{value: absolute, fields: []field{{0, 64, 0}}, wide: true}
	address32 = form{value: absolute, fields: []field{{0, 32, 0}}, bits: 32}
	branch24  = form{value: distance, fields: []field{{2, 24, 0}}, unit: 4, bits: 26}
	branch26  = form{value: distance, fields: []field{{2, 26, 0}}, unit: 4, bits: 28}
	low12     = form{value: absolute, fields: []field{{0, 12, 10}}}
	relative  = form{value: distance, fields: []field{{0, 32, 0}}, bits: 32, next: true}
)

var architectures = map[elf.Machine]architecture{
	elf.EM_386: {
		call: &reloc{kind: uint32(elf.R_386_PC32), addend: -4},
		forms: map[uint32]form{
			uint32(elf.R_386_32):   address32,
			uint32(elf.R_386_PC32): relative,
			// The address of g is in the 4 bytes below where GS points.
			uint32(elf.R_386_TLS_LE): {value: below4, fields: []field{{0, 32, 0}}, bits: 32},
		},
	},
	elf.EM_X86_64: {
		call: &reloc{kind: uint32(elf.R_X86_64_PC32), addend: -4},
		forms: map[uint32]form{
			uint32(elf.R_X86_64_64):   address,
			uint32(elf.R_X86_64_PC32): relative,
			// The address of g is in the 8 bytes below where FS points.
			uint32(elf.R_X86_64_TPOFF32): {value: below8, fields: []field{{0, 32, 0}}, bits: 32},
		},
	},
	elf.EM_ARM: {
		flags: 0x5000002, load: loadOfARM,
		forms: map[uint32]form{
			uint32(elf.R_ARM_ABS32):  address32,
			uint32(elf.R_ARM_CALL):   branch24,
			uint32(elf.R_ARM_JUMP24): branch24,
		},
	},
	elf.EM_AARCH64: {forms: map[uint32]form{
		uint32(elf.R_AARCH64_ABS64):  address,
		uint32(elf.R_AARCH64_CALL26): branch26,
		uint32(elf.R_AARCH64_JUMP26): branch26,
		uint32(elf.R_AARCH64_ADR_PREL_PG_HI21): {
			value: pages, fields: []field{{12, 2, 29}, {14, 19, 5}}, bits: 33,
		},
		uint32(elf.R_AARCH64_ADD_ABS_LO12_NC):   low12,
		uint32(elf.R_AARCH64_LDST8_ABS_LO12_NC): low12,
		uint32(elf.R_AARCH64_LDST16_ABS_LO12_NC): {
			value: absolute, fields: []field{{1, 11, 10}}, unit: 2,
		},
		uint32(elf.R_AARCH64_LDST32_ABS_LO12_NC): {
			value: absolute, fields: []field{{2, 10, 10}}, unit: 4,
		},
		uint32(elf.R_AARCH64_LDST64_ABS_LO12_NC): {
			value: absolute, fields: []field{{3, 9, 10}}, unit: 8,
		},
	}},
	elf.EM_LOONGARCH: {flags: 0x43, forms: map[uint32]form{
		uint32(elf.R_LARCH_64): address,
		uint32(elf.R_LARCH_B26): {
			value: distance, fields: []field{{2, 16, 10}, {18, 10, 0}}, unit: 4, bits: 28,
		},
		uint32(elf.R_LARCH_PCALA_HI20): {value: pages12, fields: []field{{12, 20, 5}}, bits: 32},
		uint32(elf.R_LARCH_PCALA_LO12): low12,
	}},
	elf.EM_PPC64: {flags: 2, forms: map[uint32]form{
		uint32(elf.R_PPC64_ADDR64): address,
		uint32(elf.R_PPC64_REL24): {
			value: distance, fields: []field{{2, 24, 2}}, unit: 4, bits: 26,
		},
		uint32(elf.R_PPC64_ADDR16_HA):    {value: near16, fields: []field{{16, 16, 0}}, bits: 32},
		uint32(elf.R_PPC64_ADDR16_LO):    {value: absolute, fields: []field{{0, 16, 0}}},
		uint32(elf.R_PPC64_ADDR16_LO_DS): {value: absolute, fields: []field{{2, 14, 2}}, unit: 4},
	}},
	elf.EM_RISCV: {flags: 4, forms: map[uint32]form{
		uint32(elf.R_RISCV_64): address,
		uint32(elf.R_RISCV_JAL): {
			value: distance, fields: []field{{1, 10, 21}, {11, 1, 20}, {12, 8, 12}, {20, 1, 31}},
			unit: 2, bits: 21,
		},
		uint32(elf.R_RISCV_PCREL_HI20):   {value: near12, fields: []field{{12, 20, 12}}, bits: 32},
		uint32(elf.R_RISCV_PCREL_LO12_I): {value: from4, fields: []field{{0, 12, 20}}, lower: true},
		uint32(elf.R_RISCV_PCREL_LO12_S): {
			value: from4, fields: []field{{0, 5, 7}, {5, 7, 25}}, lower: true,
		},
	}},
	elf.EM_S390: {
		flags: 1,
		call:  &reloc{kind: uint32(elf.R_390_PC32DBL)},
		forms: map[uint32]form{
			uint32(elf.R_390_64): address,
			uint32(elf.R_390_PC32DBL): {
				value: from2, fields: []field{{1, 32, 0}}, unit: 2, bits: 33, back: 2,
			},
		},
	},
}

// loadOfARM recognizes LDR with an operand behind it. The distance counts from 8 bytes behind the
// place of LDR itself: "LDR (literal)" of A32 in the Arm Architecture Reference Manual.
func loadOfARM(instruction uint32, at uint64) (place uint64, isLoad bool) {
	return at + 8 + uint64(instruction&0xfff), instruction&0x0fff0000 == 0x059f0000
}
