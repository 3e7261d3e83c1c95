package main

import (
	"cmp"
	"debug/elf"
	"slices"
)

// segment is a part of the file that the kernel maps with the same permissions.
type segment struct {
	section string // its name
	flags   elf.ProgFlag
	offset  uint64 // in the file
	address uint64
	start   uint64 // the address of the first piece: the first segment begins with the headers
	end     uint64
	pieces  []*piece
}

// The segments, in the order of the file.
const (
	hot       = iota // the headers, the notes, and what every run executes
	constants        // read-only data
	code             // the other functions
	variables        // zeros at first, which are not in the file
	segments
)

const (
	base     = 0x400000 // the address of the first byte of the file
	maxPage  = 1 << 16  // the largest page of any kernel; no two segments are in the same one
	maxAlign = 64       // the most that an address of data must be a multiple of
)

// layout gives each piece an address.
//
// When a page of a file is touched, the kernel maps the 64 kB around it (fault_around_bytes), but
// not beyond the segment. So what every run executes has a segment of its own, with the constants
// that it uses: one page fault brings in all of that, and nothing else.
//
// A variable with an initial value is a constant here, because no early code changes it (see
// [callgraph.Policy]). So the kernel does not copy a page of the file when a variable is changed.
func (l *linker) layout() {
	l.segments = [segments]segment{
		hot:       {section: ".text.hot", flags: elf.PF_R | elf.PF_X},
		constants: {section: ".rodata", flags: elf.PF_R},
		code:      {section: ".text", flags: elf.PF_R | elf.PF_X},
		variables: {section: ".bss", flags: elf.PF_R | elf.PF_W},
	}
	for _, p := range l.pieces {
		in := constants
		switch {
		case l.contents[p.section] == nil:
			in = variables
		case p.hot || len(l.hot) == 0 && l.isCode(p):
			in = hot
		case l.isCode(p):
			in = code
		}
		l.segments[in].pieces = append(l.segments[in].pieces, p)
	}
	// Large variables are buffers, which a plain run does not touch: they come last.
	slices.SortStableFunc(l.segments[variables].pieces, func(a, b *piece) int {
		return cmp.Compare(a.to-a.from, b.to-b.from)
	})
	offset := uint64(0)
	for i := range l.segments {
		s := &l.segments[i]
		if i == variables { // at the start of a page, so that the kernel has no rest of one to clear
			offset = alignUp(offset, maxPage)
		}
		s.offset, s.address = offset, base+uint64(i)*maxPage+offset
		s.start = s.address
		if i == hot {
			s.start = alignUp(s.address+l.headers()+uint64(len(l.notes())), maxAlign)
		}
		s.end = s.start
		for _, p := range s.pieces {
			p.address = l.place(p, s.end)
			s.end = p.address + p.to - p.from
		}
		offset += alignUp(s.end-s.address, maxAlign)
	}
}

// place returns the first address from next on where a piece may be. The object does not state that
// for each symbol, but its place there satisfies it.
func (l *linker) place(p *piece, next uint64) uint64 {
	switch {
	case isPool(p.name): // as in the object, as far as the instructions need that
		return next + (p.from-next)%p.unit
	case l.isCode(p):
		return alignUp(next, 16)
	}
	at := p.from | maxAlign
	return alignUp(next, at&-at) // the largest power of two that divides it
}

func alignUp(n, to uint64) uint64 { return (n + to - 1) / to * to }
