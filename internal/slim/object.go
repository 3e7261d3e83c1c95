package main

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
)

// object is a relocatable object.
type object struct {
	machine  elf.Machine
	sections []*elf.Section
	contents [][]byte  // of each section; nil for zeros
	relocs   [][]reloc // of each section, sorted by place
	symbols  []elf.Symbol
	byName   map[string]int // functions
	byStart  map[uint64]int // functions, by their address
}

// reloc is a place in a section where an address belongs, in the form that kind says (elf(5), and
// the supplement to the System V ABI for the architecture).
type reloc struct {
	place  uint64
	kind   uint32
	symbol int
	addend int64

	to         *piece // what it refers to, once that is known; the addend is from its start then
	unusedType bool   // it is a call that is not executed, or the type that is its argument
}

func readObject(path string) (o object, err error) {
	file, err := elf.Open(path)
	if err != nil {
		return o, err
	}
	defer file.Close()
	if file.Class != elf.ELFCLASS64 || file.Data != elf.ELFDATA2LSB || file.Type != elf.ET_REL {
		return o, fmt.Errorf("%s: not a relocatable object of 64 bits, little-endian", path)
	}
	o = object{
		machine: file.Machine, sections: file.Sections,
		contents: make([][]byte, len(file.Sections)), relocs: make([][]reloc, len(file.Sections)),
		byName: map[string]int{}, byStart: map[uint64]int{},
	}
	if o.symbols, err = file.Symbols(); err != nil {
		return o, err
	}
	for i, s := range o.symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Size > 0 { // without a size, it marks a place
			o.byName[s.Name], o.byStart[s.Value] = i, i
		}
	}
	for i, s := range file.Sections {
		if s.Type == elf.SHT_NOBITS || s.Type != elf.SHT_RELA && s.Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		if o.contents[i], err = s.Data(); err != nil {
			return o, fmt.Errorf("%s: section %s: %w", path, s.Name, err)
		}
		if s.Type == elf.SHT_RELA {
			o.relocs[s.Info] = readRelocs(o.contents[i])
		}
	}
	return o, nil
}

// readRelocs reads the entries of a section of relocations.
func readRelocs(data []byte) (all []reloc) {
	var r elf.Rela64
	for size := binary.Size(r); len(data) >= size; data = data[size:] {
		_, _ = binary.Decode(data, binary.LittleEndian, &r) // it fails only for fewer bytes
		all = append(all, reloc{
			place: r.Off, kind: elf.R_TYPE64(r.Info), addend: r.Addend,
			symbol: int(elf.R_SYM64(r.Info)) - 1, // debug/elf leaves out the symbol 0
		})
	}
	slices.SortStableFunc(all, func(a, b reloc) int { return cmp.Compare(a.place, b.place) })
	return all
}

// within returns the relocations of a part of a section.
func (o *object) within(section elf.SectionIndex, from, to uint64) []reloc {
	all := o.relocs[section]
	place := func(r reloc, at uint64) int { return cmp.Compare(r.place, at) }
	i, _ := slices.BinarySearchFunc(all, from, place)
	k, _ := slices.BinarySearchFunc(all, to, place)
	return slices.Clone(all[i:k])
}
