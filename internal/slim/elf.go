package main

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
)

// The sizes of the structures of elf(5), and of all headers at the start of the file: one for each
// segment, one for the notes, and one which says that the stack is not executable.
const (
	headerSize  = 64
	programSize = 56
	sectionSize = 64
	programs    = segments + 2
	headers     = headerSize + programs*programSize
)

// The notes: their kinds, and the size of the build ID and of what precedes it.
const (
	kindBuildID = 3          // NT_GNU_BUILD_ID, of owner GNU
	kindPackage = 0xcafe1a7e // of owner FDO: UAPI.2, "Package Metadata for Executable Files"
	noteHeader  = 16
	idSize      = 20
	idEnd       = headers + noteHeader + idSize
)

// put appends values of fixed size.
func put(to []byte, values ...any) []byte {
	for _, v := range values {
		to, _ = binary.Append(to, binary.LittleEndian, v) // it fails only for other types
	}
	return to
}

// pad appends zeros up to a multiple of to bytes.
func pad(file []byte, to uint64) []byte {
	n := uint64(len(file))
	return append(file, make([]byte, alignUp(n, to)-n)...)
}

// notes returns the notes. The build ID is zero until the content of the file is known.
func (l *linker) notes() []byte {
	about := pad([]byte(l.about+"\x00"), 4)
	return put(nil,
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
	notes := copy(m.file[headers:], l.notes())
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
	id := sha256.Sum256(m.file)
	copy(m.file[idEnd-idSize:], id[:idSize])
	m.section("", elf.Section64{})
	note := elf.Section64{Type: uint32(elf.SHT_NOTE), Flags: uint64(elf.SHF_ALLOC), Addralign: 4}
	note.Addr, note.Off, note.Size = base+headers, headers, idEnd-headers
	m.section(".note.gnu.build-id", note)
	note.Addr, note.Off, note.Size = base+idEnd, idEnd, uint64(headers+notes-idEnd)
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
			Type: uint32(elf.SHT_SYMTAB), Link: uint32(len(m.table) + 1), Entsize: elf.Sym64Size,
			Info: uint32(len(symbols) / elf.Sym64Size), // the number of local symbols
		}, symbols)
		m.unmapped(".strtab", elf.Section64{Type: uint32(elf.SHT_STRTAB)}, text)
	}
	const names = ".shstrtab"
	m.unmapped(names, elf.Section64{Type: uint32(elf.SHT_STRTAB)}, append(m.names, names+"\x00"...))
	m.file = pad(m.file, 8)
	copy(m.file, l.headers(len(m.file), len(m.table), notes))
	return put(m.file, m.table), nil
}

// headers returns the ELF header, with the place of the table of sections and their number, and the
// program headers, with the size of the notes.
func (l *linker) headers(table, sections, notes int) []byte {
	all := put(nil, elf.Header64{
		Ident: [elf.EI_NIDENT]byte{
			0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT),
		},
		Type: uint16(elf.ET_EXEC), Machine: uint16(l.machine), Version: uint32(elf.EV_CURRENT),
		Entry: l.pieces[0].address, Phoff: headerSize, Shoff: uint64(table), Ehsize: headerSize,
		Phentsize: programSize, Phnum: programs, Shentsize: sectionSize, Shnum: uint16(sections),
		Shstrndx: uint16(sections - 1),
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
		all = put(all, p)
	}
	return put(all, elf.Prog64{
		Type: uint32(elf.PT_NOTE), Flags: uint32(elf.PF_R), Off: headers, Vaddr: base + headers,
		Paddr: base + headers, Filesz: uint64(notes), Memsz: uint64(notes), Align: 4,
	}, elf.Prog64{Type: uint32(elf.PT_GNU_STACK), Flags: uint32(elf.PF_R | elf.PF_W), Align: 16})
}

// symbolTable returns the table of symbols, and the text with their names. from is the number of
// the section of the first segment.
func (l *linker) symbolTable(from int) (table, text []byte) {
	table, text = put(nil, elf.Sym64{}), []byte{0}
	for i, s := range l.segments {
		for _, p := range s.pieces {
			kind := elf.STT_OBJECT
			if l.isCode(p) {
				kind = elf.STT_FUNC
			}
			table = put(table, elf.Sym64{
				Name: uint32(len(text)), Info: elf.ST_INFO(elf.STB_LOCAL, kind),
				Shndx: uint16(from + i), Value: p.address, Size: p.to - p.from,
			})
			text = append(text, p.name+"\x00"...)
		}
	}
	return table, text
}
