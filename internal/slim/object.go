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
	architecture
	machine   elf.Machine
	class     elf.Class // of 32 or 64 bits
	data      elf.Data  // the byte order
	order     binary.ByteOrder
	sections  []*elf.Section
	contents  [][]byte  // of each section; nil for zeros
	relocs    [][]reloc // of each section, sorted by place
	symbols   []elf.Symbol
	byName    map[string]int // functions
	functions []int          // the same, sorted by address
}

// reloc is a place in a section where an address belongs, in the form that kind says (elf(5), and
// the supplement to the System V ABI for the architecture).
type reloc struct {
	place  uint64
	kind   uint32
	symbol int
	addend int64

	user       uint64 // the place of the instruction that uses it: see addLoads
	to         *piece // what it refers to, once that is known; the addend is from its start then
	unusedType bool   // it is a call that is not executed, or the type that is its argument
}

func readObject(path string) (o object, err error) {
	file, err := elf.Open(path)
	if err != nil {
		return o, err
	}
	defer file.Close()
	arch, known := architectures[file.Machine]
	if file.Type != elf.ET_REL || !known {
		return o, fmt.Errorf("%s: not a relocatable object of an architecture that slim knows", path)
	}
	o = object{
		architecture: arch, machine: file.Machine, class: file.Class, data: file.Data,
		order: file.ByteOrder, sections: file.Sections, contents: make([][]byte, len(file.Sections)),
		relocs: make([][]reloc, len(file.Sections)), byName: map[string]int{},
	}
	if o.symbols, err = file.Symbols(); err != nil {
		return o, err
	}
	for i, s := range o.symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC && s.Size > 0 { // without a size, it marks a place
			o.byName[s.Name] = i
			o.functions = append(o.functions, i)
		}
	}
	slices.SortFunc(o.functions, func(a, b int) int {
		return cmp.Compare(o.symbols[a].Value, o.symbols[b].Value)
	})
	for i, s := range file.Sections { // the relocations of a section are behind it
		isRelocs := s.Type == elf.SHT_RELA || s.Type == elf.SHT_REL
		if s.Type == elf.SHT_NOBITS || !isRelocs && s.Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		if o.contents[i], err = s.Data(); err != nil {
			return o, fmt.Errorf("%s: section %s: %w", path, s.Name, err)
		}
		if isRelocs {
			if o.relocs[s.Info], err = o.readRelocs(o.contents[i], o.contents[s.Info]); err != nil {
				return o, fmt.Errorf("%s: section %s: %w", path, s.Name, err)
			}
		}
	}
	return o, nil
}

// readRelocs reads the entries of a section of relocations. in is the content of the section that
// they are for, which has the addends where addresses have 32 bits.
func (o *object) readRelocs(entries, in []byte) (all []reloc, err error) {
	for size := 0; len(entries) > 0; entries = entries[size:] {
		var r reloc
		if o.class == elf.ELFCLASS64 {
			var entry elf.Rela64
			size, err = binary.Decode(entries, o.order, &entry)
			r = reloc{place: entry.Off, kind: elf.R_TYPE64(entry.Info), addend: entry.Addend}
			r.symbol = int(elf.R_SYM64(entry.Info))
		} else {
			var entry elf.Rel32
			size, err = binary.Decode(entries, o.order, &entry)
			r = reloc{place: uint64(entry.Off), kind: elf.R_TYPE32(entry.Info)}
			r.addend = o.forms[r.kind].read(o.order, in[r.place:])
			r.symbol = int(elf.R_SYM32(entry.Info))
		}
		if err != nil {
			return nil, err
		}
		r.symbol-- // debug/elf leaves out the symbol 0
		r.addend -= o.forms[r.kind].back
		r.user = r.place
		all = append(all, r)
	}
	slices.SortStableFunc(all, func(a, b reloc) int { return cmp.Compare(a.place, b.place) })
	for i := range all {
		r := &all[i]
		if !o.forms[r.kind].lower {
			continue
		}
		const size = 4 // of the instruction
		if i == 0 || r.place != all[i-1].place+size || o.symbols[r.symbol].Value != all[i-1].place {
			return nil, fmt.Errorf("at %#x: the upper part of the address is not just before", r.place)
		}
		r.symbol, r.addend = all[i-1].symbol, all[i-1].addend
	}
	return all, nil
}

// function returns the function that contains an address.
func (o *object) function(address uint64) (symbol int, found bool) {
	i, exact := slices.BinarySearchFunc(o.functions, address, func(symbol int, a uint64) int {
		return cmp.Compare(o.symbols[symbol].Value, a)
	})
	if !exact {
		i--
	}
	if i < 0 {
		return 0, false
	}
	symbol = o.functions[i]
	return symbol, address-o.symbols[symbol].Value < o.symbols[symbol].Size
}

// within returns the relocations of a part of a section.
func (o *object) within(section elf.SectionIndex, from, to uint64) []reloc {
	all := o.relocs[section]
	place := func(r reloc, at uint64) int { return cmp.Compare(r.place, at) }
	i, _ := slices.BinarySearchFunc(all, from, place)
	k, _ := slices.BinarySearchFunc(all, to, place)
	return slices.Clone(all[i:k])
}
