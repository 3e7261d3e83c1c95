package main

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
)

// content returns the bytes of a piece at its new address.
func (l *linker) content(p *piece) ([]byte, error) {
	content := slices.Clone(l.contents[p.section][p.from:p.to])
	for _, r := range p.relocs {
		target := uint64(r.addend) // S + A, as the ABIs call it
		if r.to != nil {
			target += r.to.address
		}
		at := r.place - p.from
		if err := l.relocate(content[at:], r.kind, target, p.address+at); err != nil {
			return nil, p.refused(fmt.Sprintf("at %#x: %v", r.place, err))
		}
	}
	return content, nil
}

// scales are the kinds of relocation of arm64 for the low 12 bits of an address, each with the
// binary logarithm of the operand's unit.
var scales = map[elf.R_AARCH64]int{
	elf.R_AARCH64_ADD_ABS_LO12_NC:    0,
	elf.R_AARCH64_LDST8_ABS_LO12_NC:  0,
	elf.R_AARCH64_LDST16_ABS_LO12_NC: 1,
	elf.R_AARCH64_LDST32_ABS_LO12_NC: 2,
	elf.R_AARCH64_LDST64_ABS_LO12_NC: 3,
}

// relocate writes the address target, or its distance, to the bytes at the address place.
func (l *linker) relocate(bytes []byte, kind uint32, target, place uint64) error {
	order := binary.LittleEndian
	distance := int64(target - place)
	pages := int64(target>>12) - int64(place>>12)
	// operand replaces some bits of an instruction of arm64.
	operand := func(value uint64, size, position int) {
		mask := uint32(1<<size-1) << position
		order.PutUint32(bytes, order.Uint32(bytes)&^mask|uint32(value)<<position&mask)
	}
	fits, known := true, true
	switch l.machine {
	case elf.EM_X86_64:
		switch elf.R_X86_64(kind) {
		case elf.R_X86_64_64:
			order.PutUint64(bytes, target)
		case elf.R_X86_64_PC32:
			order.PutUint32(bytes, uint32(distance))
			fits = int64(int32(distance)) == distance
		case elf.R_X86_64_TPOFF32: // the address of g is in the 8 bytes below where FS points
			order.PutUint32(bytes, uint32(target-8))
		default:
			known = false
		}
	case elf.EM_AARCH64:
		scale, isLow := scales[elf.R_AARCH64(kind)]
		switch kind := elf.R_AARCH64(kind); {
		case isLow:
			operand(target&0xfff>>scale, 12, 10)
			fits = target&(1<<scale-1) == 0
		case kind == elf.R_AARCH64_ABS64:
			order.PutUint64(bytes, target)
		case kind == elf.R_AARCH64_CALL26, kind == elf.R_AARCH64_JUMP26:
			operand(uint64(distance>>2), 26, 0)
			fits = distance>>27 == distance>>63
		case kind == elf.R_AARCH64_ADR_PREL_PG_HI21:
			operand(uint64(pages), 2, 29)
			operand(uint64(pages>>2), 19, 5)
			fits = pages>>20 == pages>>63
		default:
			known = false
		}
	default:
		known = false
	}
	switch {
	case !known:
		return fmt.Errorf("unknown kind of relocation: %d of %v", kind, l.machine)
	case !fits:
		return fmt.Errorf("%#x cannot be the operand at %#x", target, place)
	}
	return nil
}
