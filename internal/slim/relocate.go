package main

import (
	"debug/elf"
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

// relocate writes the address target, or its distance, to the bytes at the address place.
func (l *linker) relocate(bytes []byte, kind uint32, target, place uint64) error {
	distance := int64(target - place)
	pages := int64(target>>12) - int64(place>>12)
	fits := true
	switch l.machine {
	case elf.EM_X86_64:
		switch kind := elf.R_X86_64(kind); kind {
		case elf.R_X86_64_64:
			l.order.PutUint64(bytes, target)
			return nil
		case elf.R_X86_64_PC32:
			l.order.PutUint32(bytes, uint32(distance))
			fits = int64(int32(distance)) == distance
		case elf.R_X86_64_TPOFF32: // the address of g is in the 8 bytes below where FS points
			l.order.PutUint32(bytes, uint32(target-8))
		default:
			return fmt.Errorf("unknown kind of relocation: %v", kind)
		}
	case elf.EM_AARCH64:
		const imm12 = 10 // the position of an immediate operand of 12 bits
		instruction, low := l.order.Uint32(bytes), uint32(target&0xfff)
		switch kind := elf.R_AARCH64(kind); kind {
		case elf.R_AARCH64_ABS64:
			l.order.PutUint64(bytes, target)
			return nil
		case elf.R_AARCH64_CALL26, elf.R_AARCH64_JUMP26:
			instruction |= uint32(distance>>2) & (1<<26 - 1)
			fits = distance>>27 == distance>>63
		case elf.R_AARCH64_ADR_PREL_PG_HI21:
			instruction |= uint32(pages&3)<<29 | uint32(pages>>2)&(1<<19-1)<<5
			fits = pages>>20 == pages>>63
		case elf.R_AARCH64_ADD_ABS_LO12_NC, elf.R_AARCH64_LDST8_ABS_LO12_NC:
			instruction |= low << imm12
		case elf.R_AARCH64_LDST16_ABS_LO12_NC:
			instruction |= low >> 1 << imm12
		case elf.R_AARCH64_LDST32_ABS_LO12_NC:
			instruction |= low >> 2 << imm12
		case elf.R_AARCH64_LDST64_ABS_LO12_NC:
			instruction |= low >> 3 << imm12
		default:
			return fmt.Errorf("unknown kind of relocation: %v", kind)
		}
		l.order.PutUint32(bytes, instruction)
	default:
		return fmt.Errorf("unknown architecture: %v", l.machine)
	}
	if !fits {
		return fmt.Errorf("too far from %#x: %#x", place, target)
	}
	return nil
}
