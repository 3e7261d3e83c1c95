package main

import (
	"debug/elf"
	"fmt"
)

// content returns the bytes of a piece for its new address.
func (l *linker) content(p *piece) ([]byte, error) {
	bytes := append([]byte{}, l.contents[p.section][p.from:p.to]...)
	for _, r := range p.relocs {
		target, err := l.target(p, r)
		if err != nil {
			return nil, err
		}
		at := r.place - p.from
		if err := l.relocate(bytes[at:], r, target, p.address+at); err != nil {
			return nil, fmt.Errorf("%s: at %#x: %w", p.name, r.place, err)
		}
	}
	return bytes, nil
}

// target returns the address that a relocation stands for: S + A, as the ABIs call it.
func (l *linker) target(p *piece, r reloc) (uint64, error) {
	s := l.symbols[r.symbol]
	if to := l.bySymbol[r.symbol]; to != nil {
		return to.address + uint64(r.addend), nil
	}
	if l.sections[s.Section].Flags&elf.SHF_TLS != 0 {
		return s.Value + uint64(r.addend), nil
	}
	at := s.Value + uint64(r.literal)
	for _, to := range l.literals {
		if to.name == s.Name && to.from <= at && at < to.to {
			return to.address + at - to.from + uint64(r.addend-r.literal), nil
		}
	}
	return 0, p.refused("refers to " + s.Name + ", which is not in the file")
}

// relocate writes the address target, or its distance, to the place of that address.
func (l *linker) relocate(bytes []byte, r reloc, target, place uint64) error {
	distance := int64(target - place)
	pages := int64(target>>12) - int64(place>>12)
	fits := true
	switch l.machine {
	case elf.EM_X86_64:
		switch elf.R_X86_64(r.kind) {
		case elf.R_X86_64_64:
			l.order.PutUint64(bytes, target)
			return nil
		case elf.R_X86_64_PC32:
			l.order.PutUint32(bytes, uint32(distance))
			fits = int64(int32(distance)) == distance
		case elf.R_X86_64_TPOFF32: // the address of g is in the 8 bytes below where FS points
			l.order.PutUint32(bytes, uint32(target-8))
		default:
			return fmt.Errorf("unknown kind of relocation: %v", elf.R_X86_64(r.kind))
		}
	case elf.EM_AARCH64:
		const imm12 = 10 // the position of an immediate operand of 12 bits
		instruction, low := l.order.Uint32(bytes), uint32(target&0xfff)
		switch kind := elf.R_AARCH64(r.kind); kind {
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
