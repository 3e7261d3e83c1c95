package main

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
)

// programs is the number of program headers: one for each segment, one for the notes, and one which
// says that the stack is not executable.
const programs = segments + 2

// The notes: their kinds, and the size of the build ID and of what precedes it.
const (
	kindBuildID = 3          // NT_GNU_BUILD_ID, of owner GNU
	kindPackage = 0xcafe1a7e // of owner FDO: UAPI.2, "Package Metadata for Executable Files"
	noteHeader  = 16
	idSize      = 20
)

// put appends values of fixed size, in the byte order of the architecture. Where addresses have 32
// bits, it takes the structures of elf(5) for that instead of those for 64 bits.
func (o *object) put(to []byte, values ...any) []byte {
	for _, v := range values {
		if o.class == elf.ELFCLASS32 {
			v = narrow(v)
		}
		to, _ = binary.Append(to, o.order, v) // it fails only for other types
	}
	return to
}

// narrow returns the structure for 32 bits that corresponds to one for 64.
func narrow(v any) any {
	switch v := v.(type) {
	case elf.Header64:
		return elf.Header32{
			Ident: v.Ident, Type: v.Type, Machine: v.Machine, Version: v.Version, Entry: uint32(v.Entry),
			Phoff: uint32(v.Phoff), Shoff: uint32(v.Shoff), Flags: v.Flags, Ehsize: v.Ehsize,
			Phentsize: v.Phentsize, Phnum: v.Phnum, Shentsize: v.Shentsize, Shnum: v.Shnum,
			Shstrndx: v.Shstrndx,
		}
	case elf.Prog64:
		return elf.Prog32{
			Type: v.Type, Off: uint32(v.Off), Vaddr: uint32(v.Vaddr), Paddr: uint32(v.Paddr),
			Filesz: uint32(v.Filesz), Memsz: uint32(v.Memsz), Flags: v.Flags, Align: uint32(v.Align),
		}
	case elf.Section64:
		return elf.Section32{
			Name: v.Name, Type: v.Type, Flags: uint32(v.Flags), Addr: uint32(v.Addr), Off: uint32(v.Off),
			Size: uint32(v.Size), Link: v.Link, Info: v.Info, Addralign: uint32(v.Addralign),
			Entsize: uint32(v.Entsize),
		}
	case elf.Sym64:
		return elf.Sym32{
			Name: v.Name, Value: uint32(v.Value), Size: uint32(v.Size), Info: v.Info, Shndx: v.Shndx,
		}
	}
	return v
}

// size returns how many bytes put appends.
func (o *object) size(values ...any) uint64 { return uint64(len(o.put(nil, values...))) }

// headers returns the size of all headers at the start of the file.
func (l *linker) headers() uint64 {
	return l.size(elf.Header64{}) + programs*l.size(elf.Prog64{})
}

// pad appends zeros up to a multiple of to bytes.
func pad(file []byte, to uint64) []byte {
	n := uint64(len(file))
	return append(file, make([]byte, alignUp(n, to)-n)...)
}

// notes returns the notes. The build ID is zero until the content of the file is known.
func (l *linker) notes() []byte {
	about := pad([]byte(l.about+"\x00"), 4)
	return l.put(nil,
		uint32(4), uint32(idSize), uint32(kindBuildID), []byte("GNU\x00"), make([]byte, idSize),
		uint32(4), uint32(len(about)), uint32(kindPackage), []byte("FDO\x00"), about)
}

// image is a file in the making, with what its table of sections will be.
type image struct {
	file  []byte
	table []elf.Section64
	names []byte
}

// section adds a section to the table.
func (m *image) section(name string, s elf.Section64) {
	s.Name = uint32(len(m.names))
	m.names = append(m.names, name+"\x00"...)
	m.table = append(m.table, s)
}

// unmapped adds a section, and its content at the end of the file.
func (m *image) unmapped(name string, s elf.Section64, content []byte) {
	m.file = pad(m.file, 8)
	s.Off, s.Size, s.Addralign = uint64(len(m.file)), uint64(len(content)), 8
	m.section(name, s)
	m.file = append(m.file, content...)
}

// write returns the file.
func (l *linker) write() ([]byte, error) {
	last := l.segments[code]
	m := image{file: make([]byte, last.offset+last.end-last.address)}
	headers, notes := l.headers(), l.notes()
	copy(m.file[headers:], notes)
	for _, s := range l.segments[:variables] {
		for _, p := range s.pieces {
			content, err := l.content(p)
			if err != nil {
				return nil, err
			}
			copy(m.file[s.offset+p.address-s.address:], content)
		}
	}
	// The build ID is of what is mapped, so that the file has the same one with and without symbols.
	id, idEnd := sha256.Sum256(m.file), headers+noteHeader+idSize
	copy(m.file[idEnd-idSize:], id[:idSize])
	m.section("", elf.Section64{})
	note := elf.Section64{Type: uint32(elf.SHT_NOTE), Flags: uint64(elf.SHF_ALLOC), Addralign: 4}
	note.Addr, note.Off, note.Size = base+headers, headers, noteHeader+idSize
	m.section(".note.gnu.build-id", note)
	note.Addr, note.Off, note.Size = base+idEnd, idEnd, uint64(len(notes))-(noteHeader+idSize)
	m.section(".note.package", note)
	for i, s := range l.segments {
		section := elf.Section64{
			Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC), Addr: s.start,
			Off: s.offset + s.start - s.address, Size: s.end - s.start, Addralign: maxAlign,
		}
		switch {
		case i == variables:
			section.Type = uint32(elf.SHT_NOBITS)
			section.Flags |= uint64(elf.SHF_WRITE)
		case s.flags&elf.PF_X != 0:
			section.Flags |= uint64(elf.SHF_EXECINSTR)
		}
		m.section(s.section, section)
	}
	if !l.strip {
		symbols, text := l.symbolTable(len(m.table) - segments)
		m.unmapped(".symtab", elf.Section64{
			Type: uint32(elf.SHT_SYMTAB), Link: uint32(len(m.table) + 1), Entsize: l.size(elf.Sym64{}),
			Info: uint32(uint64(len(symbols)) / l.size(elf.Sym64{})), // the number of local symbols
		}, symbols)
		m.unmapped(".strtab", elf.Section64{Type: uint32(elf.SHT_STRTAB)}, text)
	}
	const names = ".shstrtab"
	m.unmapped(names, elf.Section64{Type: uint32(elf.SHT_STRTAB)}, append(m.names, names+"\x00"...))
	m.file = pad(m.file, 8)
	copy(m.file, l.programHeaders(m, len(notes)))
	for _, s := range m.table {
		m.file = l.put(m.file, s)
	}
	return m.file, nil
}

// programHeaders returns the ELF header and the program headers of the file m, to which only the
// table of sections will be added. notes is the size of the notes.
func (l *linker) programHeaders(m image, notes int) []byte {
	start := l.size(elf.Header64{})
	all := l.put(nil, elf.Header64{
		Ident: [elf.EI_NIDENT]byte{
			0x7f, 'E', 'L', 'F', byte(l.class), byte(l.data), byte(elf.EV_CURRENT),
		},
		Type: uint16(elf.ET_EXEC), Machine: uint16(l.machine), Version: uint32(elf.EV_CURRENT),
		Entry: l.pieces[0].address, Phoff: start, Shoff: uint64(len(m.file)), Flags: l.flags,
		Ehsize: uint16(start), Phentsize: uint16(l.size(elf.Prog64{})), Phnum: programs,
		Shentsize: uint16(l.size(elf.Section64{})), Shnum: uint16(len(m.table)),
		Shstrndx: uint16(len(m.table) - 1),
	})
	for i, s := range l.segments {
		p := elf.Prog64{
			Type: uint32(elf.PT_LOAD), Flags: uint32(s.flags), Off: s.offset, Vaddr: s.address,
			Paddr: s.address, Filesz: s.end - s.address, Memsz: s.end - s.address, Align: maxPage,
		}
		if i == variables {
			p.Filesz = 0
		}
		if p.Memsz == 0 {
			p.Type = uint32(elf.PT_NULL)
		}
		all = l.put(all, p)
	}
	return l.put(all, elf.Prog64{
		Type: uint32(elf.PT_NOTE), Flags: uint32(elf.PF_R), Off: l.headers(), Vaddr: base + l.headers(),
		Paddr: base + l.headers(), Filesz: uint64(notes), Memsz: uint64(notes), Align: 4,
	}, elf.Prog64{Type: uint32(elf.PT_GNU_STACK), Flags: uint32(elf.PF_R | elf.PF_W), Align: 16})
}

// symbolTable returns the table of symbols, and the text with their names. from is the number of
// the section of the first segment.
func (l *linker) symbolTable(from int) (table, text []byte) {
	table, text = l.put(nil, elf.Sym64{}), []byte{0}
	for i, s := range l.segments {
		for _, p := range s.pieces {
			kind := elf.STT_OBJECT
			if l.isCode(p) {
				kind = elf.STT_FUNC
			}
			table = l.put(table, elf.Sym64{
				Name: uint32(len(text)), Info: elf.ST_INFO(elf.STB_LOCAL, kind),
				Shndx: uint16(from + i), Value: p.address, Size: p.to - p.from,
			})
			text = append(text, p.name+"\x00"...)
		}
	}
	return table, text
}
