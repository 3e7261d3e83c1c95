package main

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
)

// isPool reports whether a symbol is one that Go's linker puts string literals into. The second is
// for other constants; a literal with the same bytes as one of them is there.
func isPool(name string) bool { return name == "go:string.*" || name == "runtime.gcbits.*" }

// object is a relocatable object.
type object struct {
	machine  elf.Machine
	order    binary.ByteOrder
	sections []*elf.Section
	contents [][]byte  // of each section; nil for zeros
	relocs   [][]reloc // of each section, sorted by place
	symbols  []elf.Symbol
	byName   map[string]int // global and local symbols
	byStart  map[uint64]int // functions, by their address
}

// reloc is a place in a section where an address belongs, in a form that kind says (elf(5), and the
// supplement to the System V ABI for the architecture).
type reloc struct {
	place   uint64
	kind    uint32
	symbol  int
	addend  int64
	literal int64 // where in it this points, if symbol is a pool
}

func readObject(path string) (o object, err error) {
	file, err := elf.Open(path)
	if err != nil {
		return o, err
	}
	defer file.Close()
	if file.Class != elf.ELFCLASS64 || file.Type != elf.ET_REL {
		return o, fmt.Errorf("%s: not a relocatable object of 64 bits", path)
	}
	o = object{
		machine: file.Machine, order: file.ByteOrder, sections: file.Sections,
		contents: make([][]byte, len(file.Sections)), relocs: make([][]reloc, len(file.Sections)),
		byName: map[string]int{}, byStart: map[uint64]int{},
	}
	if o.symbols, err = file.Symbols(); err != nil {
		return o, err
	}
	for i, s := range o.symbols {
		if o.byName[s.Name] == 0 {
			o.byName[s.Name] = i
		}
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC {
			o.byStart[s.Value] = i
		}
	}
	for i, s := range file.Sections {
		switch {
		case s.Type == elf.SHT_RELA:
			err = o.readRelocs(s)
		case s.Flags&elf.SHF_ALLOC != 0 && s.Type != elf.SHT_NOBITS:
			o.contents[i], err = s.Data()
		}
		if err != nil {
			return o, fmt.Errorf("%s: %w", s.Name, err)
		}
	}
	return o, nil
}

// readRelocs reads a section of relocations.
func (o *object) readRelocs(s *elf.Section) error {
	data, err := s.Data()
	if err != nil {
		return err
	}
	const size = 24 // of Elf64_Rela
	for ; len(data) >= size; data = data[size:] {
		info := o.order.Uint64(data[8:])
		o.relocs[s.Info] = append(o.relocs[s.Info], reloc{
			place:  o.order.Uint64(data),
			kind:   elf.R_TYPE64(info),
			symbol: int(elf.R_SYM64(info)) - 1, // debug/elf leaves out the symbol 0
			addend: int64(o.order.Uint64(data[16:])),
		})
	}
	slices.SortStableFunc(o.relocs[s.Info], func(a, b reloc) int {
		return cmp.Compare(a.place, b.place)
	})
	return nil
}

// within returns the relocations of a part of a section.
func (o *object) within(section int, from, to uint64) []reloc {
	all := o.relocs[section]
	place := func(r reloc, at uint64) int { return cmp.Compare(r.place, at) }
	i, _ := slices.BinarySearchFunc(all, from, place)
	k, _ := slices.BinarySearchFunc(all, to, place)
	return all[i:k]
}

// hidesCalls reports whether calls have no relocations: Go's linker fills them in itself where a
// call reaches all of the program's code.
func (o *object) hidesCalls() bool { return o.machine == elf.EM_X86_64 }
