package main

import (
	"bytes"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"strings"
)

// The sizes of the structures of elf(5), and the number of program headers: the segments, the notes,
// and the stack, which is not executable.
const (
	headerSize  = 64
	programSize = 56
	programs    = segments + 2
	headers     = headerSize + programs*programSize
)

// The notes.
const (
	buildID     = 3          // NT_GNU_BUILD_ID, of owner GNU
	packageNote = 0xcafe1a7e // FDO_PACKAGING_METADATA, of owner FDO: the UAPI group's specification
	idSize      = 20
)

// notes returns the notes. The first is the build ID: zeros, until the file is complete.
func (l *linker) notes() []byte {
	var all bytes.Buffer
	l.addNote(&all, buildID, "GNU\x00", make([]byte, idSize))
	l.addNote(&all, packageNote, "FDO\x00", []byte(l.note+"\x00"))
	return all.Bytes()
}

func (l *linker) addNote(to *bytes.Buffer, kind uint32, owner string, text []byte) {
	l.put(to, uint32(len(owner)), uint32(len(text)), kind, []byte(owner), text)
	pad(to, 4)
}

func (l *linker) put(to *bytes.Buffer, values ...any) {
	for _, v := range values {
		_ = binary.Write(to, l.order, v) // to a buffer, of a type with a fixed size
	}
}

// section is a section of the file. The kernel does not read them: debuggers and strip(1) do.
type section struct {
	name string
	elf.Section64
}

// write returns the file.
func (l *linker) write() ([]byte, error) {
	last := l.segments[rest]
	file := make([]byte, last.offset+last.size)
	notes := l.notes()
	copy(file[headers:], notes)
	for _, s := range l.segments[:zeros] {
		for _, p := range s.pieces {
			content, err := l.content(p)
			if err != nil {
				return nil, err
			}
			copy(file[p.address-s.address+s.offset:], content)
		}
	}
	const idEnd = headers + 16 + idSize
	notesEnd := headers + uint64(len(notes))
	sections := []section{
		{},
		note(".note.gnu.build-id", headers, idEnd),
		note(".note.package", idEnd, notesEnd),
	}
	for i, s := range l.segments {
		section := section{s.name, elf.Section64{
			Type: uint32(elf.SHT_PROGBITS), Flags: uint64(elf.SHF_ALLOC),
			Addr: s.start, Off: s.offset + s.start - s.address, Size: s.size - (s.start - s.address),
			Addralign: 64,
		}}
		switch i {
		case first, rest:
			section.Flags |= uint64(elf.SHF_EXECINSTR)
			section.Addralign = 16
		case zeros:
			section.Flags |= uint64(elf.SHF_WRITE)
			section.Type, section.Off = uint32(elf.SHT_NOBITS), uint64(len(file))
		}
		sections = append(sections, section)
	}
	out := bytes.NewBuffer(file)
	if !l.strip {
		sections = l.addSymbols(out, sections)
	}
	names := sectionNames(sections)
	sections = l.addTable(out, sections, ".shstrtab", names)
	pad(out, 8)
	header := l.header(uint64(out.Len()), len(sections))
	for i, s := range sections {
		if i > 0 {
			s.Name = uint32(strings.Index(names, "\x00"+s.name+"\x00") + 1)
		}
		l.put(out, s.Section64)
	}
	file = out.Bytes()
	copy(file, header)
	id := sha256.Sum256(file)
	copy(file[idEnd-idSize:], id[:idSize])
	return file, nil
}

// note makes the section of a part of the notes.
func note(name string, from, to uint64) section {
	return section{name, elf.Section64{
		Type: uint32(elf.SHT_NOTE), Flags: uint64(elf.SHF_ALLOC), Addr: base + from, Off: from,
		Size: to - from, Addralign: 4,
	}}
}

// pad writes zeros up to a multiple of to bytes.
func pad(out *bytes.Buffer, to uint64) {
	n := uint64(out.Len())
	out.Write(make([]byte, alignUp(n, to)-n))
}

// header returns the ELF header and the program headers.
func (l *linker) header(sectionsAt uint64, sections int) []byte {
	var out bytes.Buffer
	h := elf.Header64{
		Type: uint16(elf.ET_EXEC), Machine: uint16(l.machine), Version: uint32(elf.EV_CURRENT),
		Entry: l.bySymbol[l.byName[l.entry]].address, Phoff: headerSize, Shoff: sectionsAt,
		Ehsize: headerSize, Phentsize: programSize, Phnum: programs,
		Shentsize: 64, Shnum: uint16(sections), Shstrndx: uint16(sections - 1),
	}
	encoding := elf.ELFDATA2LSB
	if l.order == binary.ByteOrder(binary.BigEndian) {
		encoding = elf.ELFDATA2MSB
	}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(encoding)
	h.Ident[elf.EI_VERSION] = byte(elf.EV_CURRENT)
	l.put(&out, h)
	for i, s := range l.segments {
		p := elf.Prog64{
			Type: uint32(elf.PT_LOAD), Flags: uint32(s.flags), Off: s.offset, Vaddr: s.address,
			Paddr: s.address, Filesz: s.size, Memsz: s.size, Align: maxPage,
		}
		if i == zeros {
			p.Filesz = 0
		}
		if s.size == 0 {
			p.Type = uint32(elf.PT_NULL)
		}
		l.put(&out, p)
	}
	notes := uint64(len(l.notes()))
	l.put(&out, elf.Prog64{
		Type: uint32(elf.PT_NOTE), Flags: uint32(elf.PF_R), Off: headers, Vaddr: base + headers,
		Paddr: base + headers, Filesz: notes, Memsz: notes, Align: 4,
	}, elf.Prog64{
		Type: uint32(elf.PT_GNU_STACK), Flags: uint32(elf.PF_R | elf.PF_W), Align: 16,
	})
	return out.Bytes()
}

// addSymbols writes the symbol table and its names.
func (l *linker) addSymbols(out *bytes.Buffer, sections []section) []section {
	names := "\x00"
	var table bytes.Buffer
	l.put(&table, elf.Sym64{})
	const before = 3 // sections: none, and the notes
	for i, s := range l.segments {
		kind := elf.STT_OBJECT
		if s.flags&elf.PF_X != 0 {
			kind = elf.STT_FUNC
		}
		for _, p := range s.pieces {
			if isPool(p.name) {
				continue
			}
			l.put(&table, elf.Sym64{
				Name: uint32(len(names)), Info: elf.ST_INFO(elf.STB_LOCAL, kind),
				Shndx: uint16(before + i), Value: p.address, Size: p.to - p.from,
			})
			names += p.name + "\x00"
		}
	}
	pad(out, 8)
	sections = l.addTable(out, sections, ".symtab", table.String())
	last := &sections[len(sections)-1]
	last.Type, last.Entsize, last.Addralign = uint32(elf.SHT_SYMTAB), 24, 8
	last.Link, last.Info = uint32(len(sections)), uint32(table.Len()/24)
	return l.addTable(out, sections, ".strtab", names)
}

// addTable writes a table that is not a part of the program.
func (l *linker) addTable(out *bytes.Buffer, sections []section, name, text string) []section {
	at := uint64(out.Len())
	out.WriteString(text)
	return append(sections, section{name, elf.Section64{
		Type: uint32(elf.SHT_STRTAB), Off: at, Size: uint64(len(text)), Addralign: 1,
	}})
}

// sectionNames returns the names of the sections, and that of the section that holds them.
func sectionNames(sections []section) string {
	names := "\x00"
	for _, s := range sections[1:] {
		names += s.name + "\x00"
	}
	return names + ".shstrtab\x00"
}
