package callgraph

import (
	"bufio"
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Program is a linked program, disassembled.
type Program struct {
	functions []*function // sorted by address
	byName    map[string]*function
	arch      arch
	order     binary.ByteOrder
	constants []constants       // where the jump tables of switch statements are
	variables map[string]uint64 // their addresses
}

// constants is a section that is not writable.
type constants struct {
	address uint64
	content []byte
}

// constant returns n bytes at an address, or nil.
func (p *Program) constant(address, n uint64) []byte {
	for _, c := range p.constants {
		offset := address - c.address
		if size := uint64(len(c.content)); address >= c.address && offset < size && n <= size-offset {
			return c.content[offset:][:n]
		}
	}
	return nil
}

// function is a function and its machine code. The code is at the addresses from start up to, but
// not including, end.
type function struct {
	name       string
	start, end uint64
	code       []instruction // see [Program.instructions]
	isRead     bool          // whether the kinds of the instructions are known
}

func (f *function) contains(address uint64) bool { return f.start <= address && address < f.end }

// kind is what an instruction does to the flow of control.
type kind uint8

const (
	other    kind = iota // continues with the next instruction, returns, or makes a system call
	branch               // a call or jump to target
	computed             // a call or jump to an address in a register or in memory
	unknown              // the disassembler does not know it
)

// instruction is one line of objdump's output.
type instruction struct {
	address  uint64
	position string // file:line
	code     []byte // as in memory
	text     string // in the syntax of Go's assembler, or "?"
	kind     kind
	target   uint64 // of a branch
	symbol   string // of an instruction of kind other: the variable that it names, or ""
}

// Load reads and disassembles the program in the file path.
func Load(path string) (*Program, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p := &Program{
		byName: map[string]*function{}, variables: map[string]uint64{}, order: file.ByteOrder,
	}
	known := false
	if p.arch, known = archs[file.Machine]; !known {
		return nil, fmt.Errorf("%s: machine %v: not known", path, file.Machine)
	}
	symbols, err := file.Symbols()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_OBJECT {
			p.variables[s.Name] = s.Value
		}
		if elf.ST_TYPE(s.Info) != elf.STT_FUNC || s.Size == 0 {
			continue
		}
		f := &function{name: s.Name, start: s.Value, end: s.Value + s.Size}
		if p.byName[f.name] != nil {
			return nil, fmt.Errorf("%s: has two functions named %s", path, f.name)
		}
		p.functions = append(p.functions, f)
		p.byName[f.name] = f
	}
	slices.SortFunc(p.functions, func(a, b *function) int {
		return cmp.Compare(a.start, b.start)
	})
	for i, s := range file.Sections {
		switch {
		case s.Type != elf.SHT_PROGBITS || s.Flags&elf.SHF_ALLOC == 0:
			continue
		case s.Flags&elf.SHF_WRITE == 0:
			content, err := s.Data()
			if err != nil {
				return nil, fmt.Errorf("%s: section %s: %w", path, s.Name, err)
			}
			p.constants = append(p.constants, constants{s.Addr, content})
		}
		if s.Flags&elf.SHF_EXECINSTR != 0 {
			if err := p.disassemble(path, i, file.Sections); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// disassemble adds the code of section i to the functions. objdump knows no other section of code
// than .text, so it gets a copy of the file in which that name is exchanged for the section's.
func (p *Program) disassemble(path string, i int, sections []*elf.Section) error {
	const text = ".text"
	if sections[i].Name != text {
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		names, size, err := p.sectionTable(content)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		// The name of a section is the first word in its entry of the table.
		name := func(i int) []byte { return content[names+uint64(i)*size:][:4] }
		k := slices.IndexFunc(sections, func(s *elf.Section) bool { return s.Name == text })
		if k < 0 {
			return fmt.Errorf("%s: has no section %s", path, text)
		}
		a, b := p.order.Uint32(name(i)), p.order.Uint32(name(k))
		p.order.PutUint32(name(i), b)
		p.order.PutUint32(name(k), a)
		copied, err := os.CreateTemp("", "callgraph-")
		if err != nil {
			return err
		}
		defer os.Remove(copied.Name())
		defer copied.Close()
		if _, err := copied.Write(content); err != nil {
			return err
		}
		path = copied.Name()
	}
	dump, err := exec.Command("go", "tool", "objdump", path).Output()
	if err != nil {
		return fmt.Errorf("go tool objdump %s: %w", path, err)
	}
	return p.parse(dump)
}

// sectionTable returns where in an ELF file the table of its sections is, and the size of an entry.
func (p *Program) sectionTable(content []byte) (offset, size uint64, err error) {
	if elf.Class(content[elf.EI_CLASS]) == elf.ELFCLASS32 {
		var header elf.Header32
		_, err = binary.Decode(content, p.order, &header)
		return uint64(header.Shoff), uint64(header.Shentsize), err
	}
	var header elf.Header64
	_, err = binary.Decode(content, p.order, &header)
	return header.Shoff, uint64(header.Shentsize), err
}

// Call is a call or jump from one function to another.
type Call struct {
	End    uint64 // the address after the instruction
	Target uint64
}

// Calls returns the calls of the function that starts at an address.
func (p *Program) Calls(start uint64) (all []Call) {
	f := p.at(start)
	if f == nil {
		return nil
	}
	for _, in := range p.instructions(f) {
		if in.kind == branch && !f.contains(in.target) {
			all = append(all, Call{p.End(in.address), in.target})
		}
	}
	return all
}

// End returns the address after the instruction at, or around, an address.
func (p *Program) End(address uint64) uint64 {
	f := p.at(address)
	if f == nil {
		return 0
	}
	for _, in := range f.code {
		if in.address > address {
			return in.address
		}
	}
	return f.end
}

// parse adds the output of objdump to the functions. It has a line "TEXT …" for each function, and
// then a line for each instruction: its position in the source, its address, its bytes and its
// text, separated by tabs.
func (p *Program) parse(dump []byte) error {
	isCode := true
	for lines := bufio.NewScanner(bytes.NewReader(dump)); lines.Scan(); {
		if line, begins := strings.CutPrefix(lines.Text(), "TEXT "); begins {
			name, _, _ := strings.Cut(line, "(SB)")
			_, isVariable := p.variables[name] // a constant between functions
			isCode = !isVariable
			continue
		}
		columns := slices.DeleteFunc(strings.Split(lines.Text(), "\t"), func(s string) bool {
			return s == ""
		})
		if len(columns) < 4 || !isCode {
			continue
		}
		in := instruction{position: strings.TrimSpace(columns[0]), text: columns[3]}
		address, err := strconv.ParseUint(columns[1], 0, 64)
		f := p.at(address)
		if err != nil || f == nil {
			return fmt.Errorf("objdump: %q: no address of a function in this line", lines.Text())
		}
		in.address = address
		if in.code, err = p.bytes(columns[2]); err != nil {
			return fmt.Errorf("objdump: %q: %w", lines.Text(), err)
		}
		f.code = append(f.code, in)
	}
	return nil
}

// at returns the function that contains an address, or nil.
func (p *Program) at(address uint64) *function {
	i, exact := slices.BinarySearchFunc(p.functions, address, func(f *function, a uint64) int {
		return cmp.Compare(f.start, a)
	})
	if !exact {
		i--
	}
	if i < 0 || !p.functions[i].contains(address) {
		return nil
	}
	return p.functions[i]
}

// bytes returns the bytes of an instruction as they are in memory. On most architectures objdump
// prints words of 4 bytes as numbers, and instructions of another length byte by byte.
func (p *Program) bytes(column string) ([]byte, error) {
	code, err := hex.DecodeString(strings.ReplaceAll(column, " ", ""))
	if p.arch.words && len(code)%4 == 0 && p.order == binary.LittleEndian {
		for i := 0; i < len(code); i += 4 {
			slices.Reverse(code[i:][:4])
		}
	}
	return code, err
}

// symbolic matches an operand that is a symbol, but not one that is its address.
var symbolic = regexp.MustCompile(`(?:^|[\s,])([^\s,$]+?)(\+\d+)?\(SB\)`)

// instructions returns the instructions of f, with their kinds.
func (p *Program) instructions(f *function) []instruction {
	if f.isRead {
		return f.code
	}
	f.isRead = true
	if p.arch.withoutPool != nil {
		p.arch.withoutPool(f)
	}
	for i := range f.code {
		in := &f.code[i]
		in.kind, in.target = p.arch.flow(p, f, i)
		if in.text == "?" && in.kind == other && !p.arch.harmless(in.code) {
			in.kind = unknown
		}
		if in.kind == other && p.arch.namesVariables {
			if symbol := symbolic.FindStringSubmatch(in.text); symbol != nil {
				in.symbol = symbol[1]
			}
		}
	}
	return f.code
}
