package main

import (
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"slices"
	"strings"
)

// The sizes of the structures of elf(5), and of all headers at the start of the file: one for each
// segment, one for the notes, and one which says that the stack is not executable.
const (
	headerSize  = 64
	programSize = 56
	programs    = segments + 2
	headers     = headerSize + programs*programSize
)

// The notes: their kinds, and the size of the build ID and of what precedes it.
const (
	kindBuildID = 3          // NT_GNU_BUILD_ID, of owner GNU
	kindPackage = 0xcafe1a7e // of owner FDO: UAPI.2, "Package Metadata for Executable Files"
	noteHeader  = 16
	idSize      = 20
)

// put appends values of fixed size.
func (l *linker) put(to []byte, values ...any) []byte {
	for _, v := range values {
		to, _ = binary.Append(to, l.order, v) // it fails only for other types
	}
	return to
}

// pad appends zeros up to a multiple of to bytes.
func pad(file []byte, to uint64) []byte {
	n := uint64(len(file))
	return append(file, make([]byte, alignUp(n, to)-n)...)
}

// notes returns the notes. The build ID is zero until the file is complete.
func (l *linker) notes() []byte {
	about := pad([]byte(l.about+"\x00"), 4)
	all := l.put(nil, uint32(4), uint32(idSize), uint32(kindBuildID), []byte("GNU\x00"))
	all = l.put(all, make([]byte, idSize))
	return l.put(all, uint32(4), uint32(len(about)), uint32(kindPackage), []byte("FDO\x00"), about)
}

// file returns the file.
func (l *linker) file() ([]byte, error) {
	last := l.segments[code]
	file := make([]byte, last.offset+last.end-last.address)
	for _, s := range l.segments[:variables] {
		for _, p := range s.pieces {
			content, err := l.content(p)
			if err != nil {
				return nil, err
			}
			copy(file[p.address-s.address+s.offset:], content)
		}
	}
	notes := l.notes()
	const afterID = headers + noteHeader + idSize
	table := []elf.Section64{
		{},
		{Type: uint32(elf.SHT_NOTE), Off: headers, Size: afterID - headers},
		{Type: uint32(elf.SHT_NOTE), Off: afterID, Size: headers + uint64(len(notes)) - afterID},
	}
	for i := 1; i < len(table); i++ {
		table[i].Flags, table[i].Addr, table[i].Addralign = uint64(elf.SHF_ALLOC), base+table[i].Off, 4
	}
	names := []string{"", ".note.gnu.build-id", ".note.package"}
	for i, s := range l.segments {
		section := elf.Section64{
			Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC), Addr: s.start,
			Off: s.offset + s.start - s.address, Size: s.end - s.start, Addralign: 64,
		}
		if i == variables {
			section.Type, section.Off = uint32(elf.SHT_NOBITS), uint64(len(file))
			section.Flags |= uint64(elf.SHF_WRITE)
		} else if s.flags&elf.PF_X != 0 {
			section.Addralign = 16
			section.Flags |= uint64(elf.SHF_EXECINSTR)
		}
		table, names = append(table, section), append(names, s.section)
	}
	if !l.strip {
		symbols, text := l.symbolTable(len(table) - segments)
		file = pad(file, 8)
		table = append(table, elf.Section64{
			Type: uint32(elf.SHT_SYMTAB), Off: uint64(len(file)), Size: uint64(len(symbols)),
			Link: uint32(len(table) + 1), Info: uint32(len(symbols) / elf.Sym64Size), Addralign: 8,
			Entsize: elf.Sym64Size,
		})
		file = append(file, symbols...)
		table = append(table, elf.Section64{
			Type: uint32(elf.SHT_STRTAB), Off: uint64(len(file)), Size: uint64(len(text)), Addralign: 1,
		})
		file = append(file, text...)
		names = append(names, ".symtab", ".strtab")
	}
	names = append(names, ".shstrtab")
	text := strings.Join(names, "\x00") + "\x00"
	table = append(table, elf.Section64{
		Type: uint32(elf.SHT_STRTAB), Off: uint64(len(file)), Size: uint64(len(text)), Addralign: 1,
	})
	file = pad(append(file, text...), 8)
	copy(file, l.headers(uint64(len(file)), len(table)))
	copy(file[headers:], notes)
	for i, at := 0, 0; i < len(table); i++ {
		table[i].Name = uint32(at)
		at += len(names[i]) + 1
	}
	file = l.put(file, table)
	id := sha256.Sum256(file)
	copy(file[afterID-idSize:], id[:idSize])
	return file, nil
}

// headers returns the ELF header and the program headers.
func (l *linker) headers(tableAt uint64, sections int) []byte {
	encoding := elf.ELFDATA2LSB
	if l.order == binary.ByteOrder(binary.BigEndian) {
		encoding = elf.ELFDATA2MSB
	}
	all := l.put(nil, elf.Header64{
		Ident: [elf.EI_NIDENT]byte{
			0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(encoding), byte(elf.EV_CURRENT),
		},
		Type: uint16(elf.ET_EXEC), Machine: uint16(l.machine), Version: uint32(elf.EV_CURRENT),
		Entry: l.bySymbol[l.byName[l.entry]].address, Phoff: headerSize, Shoff: tableAt,
		Ehsize: headerSize, Phentsize: programSize, Phnum: programs,
		Shentsize: uint16(binary.Size(elf.Section64{})), Shnum: uint16(sections),
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
		all = l.put(all, p)
	}
	notes := uint64(len(l.notes()))
	return l.put(all, elf.Prog64{
		Type: uint32(elf.PT_NOTE), Flags: uint32(elf.PF_R), Off: headers, Vaddr: base + headers,
		Paddr: base + headers, Filesz: notes, Memsz: notes, Align: 4,
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
			text = slices.Concat(text, []byte(p.name), []byte{0})
		}
	}
	return table, text
}
