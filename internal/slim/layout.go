package main

import (
	"cmp"
	"debug/elf"
	"math/bits"
	"slices"
)

// segment is a part of the file that the kernel maps with the same permissions.
type segment struct {
	name    string // of its section
	flags   elf.ProgFlag
	offset  uint64 // in the file
	address uint64
	start   uint64 // where the pieces begin, after the headers
	size    uint64 // in memory, and in the file unless it has no bytes there
	pieces  []*piece
}

// The segments, in the order of the file.
const (
	first    = iota // the headers, the notes, and the code that every run executes
	constant        // read-only data
	rest            // the other code
	zeros           // writable data, of which the file has no bytes
	segments
)

const (
	base    = 0x400000 // the address of the first byte of the file
	maxPage = 1 << 16  // the largest page of any kernel: no two segments are in the same one
)

// layout gives each piece an address. The first bytes of the file, as many as reserved, are for the
// headers and the notes.
//
// When a page of a file is touched, the kernel maps the 64 kB around it, but only as far as the
// segment goes (fault_around_bytes). So the code that every run executes has a segment of its own,
// and begins within the first 64 kB: one page fault brings in all of it, and nothing else.
//
// Variables that have an initial value are read-only here, because early code does not change them:
// that is in the policy. Without them, the kernel need not read the page that a variable is in.
func (l *linker) layout(reserved uint64) {
	l.segments = [segments]segment{
		first:    {name: ".text.hot", flags: elf.PF_R | elf.PF_X},
		constant: {name: ".rodata", flags: elf.PF_R},
		rest:     {name: ".text", flags: elf.PF_R | elf.PF_X},
		zeros:    {name: ".bss", flags: elf.PF_R | elf.PF_W},
	}
	for _, p := range slices.Concat(l.pieces, l.literals) {
		in := constant
		switch s := l.sections[p.section]; {
		case s.Flags&elf.SHF_EXECINSTR != 0 && (len(l.hot) == 0 || slices.Contains(l.hot, p.name)):
			in = first
		case s.Flags&elf.SHF_EXECINSTR != 0:
			in = rest
		case s.Type == elf.SHT_NOBITS:
			in = zeros
		}
		l.segments[in].pieces = append(l.segments[in].pieces, p)
	}
	order := func(a, b *piece) int { return cmp.Compare(a.from, b.from) }
	slices.SortStableFunc(l.segments[first].pieces, order)
	slices.SortStableFunc(l.segments[rest].pieces, order)
	// Large variables are buffers, which a plain run does not touch: they come last.
	slices.SortStableFunc(l.segments[zeros].pieces, func(a, b *piece) int {
		return cmp.Compare(a.to-a.from, b.to-b.from)
	})

	offset := uint64(0)
	for i := range l.segments {
		s := &l.segments[i]
		s.offset = offset
		s.address = base + uint64(i)*maxPage + offset
		s.start = s.address
		if i == first {
			s.start += reserved
		}
		if i == zeros { // at the start of a page, so that the kernel has no bytes of the file to clear
			s.offset, s.address = 0, alignUp(s.address, maxPage)
			s.start = s.address
		}
		at := s.start
		for _, p := range s.pieces {
			p.address = alignUp(at, l.alignment(p))
			at = p.address + p.to - p.from
		}
		s.size = at - s.address
		offset = alignUp(offset+s.size, 64)
	}
}

// alignment returns what the address of a piece must be a multiple of. The object does not say
// that, but the place of the piece in it was chosen accordingly.
func (l *linker) alignment(p *piece) uint64 {
	switch {
	case isPool(p.name):
		return 1
	case l.sections[p.section].Flags&elf.SHF_EXECINSTR != 0:
		return 16
	}
	return 1 << min(bits.TrailingZeros64(p.from), 6)
}

func alignUp(n, to uint64) uint64 { return (n + to - 1) / to * to }
