package main

import (
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

// relocate writes the address target, or its distance, to the bytes at the address place.
func (l *linker) relocate(bytes []byte, kind uint32, target, place uint64) error {
	f := l.forms[kind]
	value := f.value(target, place)
	if f.unit > 0 && value%f.unit != 0 ||
		f.bits > 0 && int64(value)>>(f.bits-1) != int64(value)>>63 {
		return fmt.Errorf("%#x cannot be the operand at %#x", target, place)
	}
	f.write(l.order, bytes, value)
	return nil
}

// write writes a value to the fields.
func (f form) write(order binary.ByteOrder, bytes []byte, value uint64) {
	word := f.word(order, bytes)
	for _, to := range f.fields {
		mask := uint64(1)<<to.size - 1
		word = word&^(mask<<to.to) | value>>to.from&mask<<to.to
	}
	if f.wide {
		order.PutUint64(bytes, word)
	} else {
		order.PutUint32(bytes, uint32(word))
	}
}

// read returns the value, a signed number, that is in the fields.
func (f form) read(order binary.ByteOrder, bytes []byte) int64 {
	value, word := uint64(0), f.word(order, bytes)
	for _, of := range f.fields {
		value |= word >> of.to & (1<<of.size - 1) << of.from
	}
	unused := 64 - f.bits
	return int64(value<<unused) >> unused
}

func (f form) word(order binary.ByteOrder, bytes []byte) uint64 {
	if f.wide {
		return order.Uint64(bytes)
	}
	return uint64(order.Uint32(bytes))
}
