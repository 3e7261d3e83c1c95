package callgraph

import (
	"bufio"
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
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
	arm64     bool
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
	code       []instruction
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
	text     string
	kind     kind
	target   uint64 // of a branch
	symbol   string // of an instruction of kind other: the variable or function that it names, or ""
}

// Load reads and disassembles the program in the file path.
func Load(path string) (*Program, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p := &Program{
		byName: map[string]*function{}, variables: map[string]uint64{},
		arm64: file.Machine == elf.EM_AARCH64,
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
		// The name of a section is the first word in its entry of the table.
		order := binary.LittleEndian
		var header elf.Header64
		if _, err := binary.Decode(content, order, &header); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		name := func(i int) []byte {
			return content[header.Shoff+uint64(i)*uint64(header.Shentsize):][:4]
		}
		k := slices.IndexFunc(sections, func(s *elf.Section) bool { return s.Name == text })
		if k < 0 {
			return fmt.Errorf("%s: has no section %s", path, text)
		}
		a, b := order.Uint32(name(i)), order.Uint32(name(k))
		order.PutUint32(name(i), b)
		order.PutUint32(name(k), a)
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
	for _, in := range f.code {
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
		columns := slices.DeleteFunc(strings.Split(lines.Text(), "\t"), func(s string) bool {
			return s == ""
		})
		if name := symbolic.FindStringSubmatch(lines.Text()); len(columns) == 1 && name != nil {
			_, isVariable := p.variables[name[1]] // a constant between functions
			isCode = !isVariable
		}
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
		p.classify(&in, columns[2])
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

var (
	// All instructions that change the flow of control, except returns. objdump prints CALL and
	// JMP for the unconditional ones, on both architectures.
	branchAMD64 = regexp.MustCompile(`^(CALL|J[A-Z]+|LOOP[A-Z]*|XBEGIN)\b`)
	branchARM64 = regexp.MustCompile(`^(CALL|JMP|B(EQ|NE|CS|HS|CC|LO|MI|PL|VS|VC|HI|LS|GE|LT|GT|` +
		`LE|AL|NV)|CBN?ZW?|TBN?Z)\b`)

	relative = regexp.MustCompile(`(-?\d+)\(PC\)$`) // on arm64, as a number of instructions
	symbolic = regexp.MustCompile(`([^\s,$]+?)(\+\d+)?\(SB\)`)
)

// classify sets the kind of an instruction, and its target or symbol. code is its bytes, in
// hexadecimal.
func (p *Program) classify(in *instruction, code string) {
	if in.text == "?" {
		// On arm64 zeros are the padding after a function. They are not valid instructions, so
		// executing them is a fault.
		if padding := p.arm64 && strings.Trim(code, "0") == ""; !padding {
			in.kind = unknown
		}
		return
	}
	symbol := symbolic.FindStringSubmatch(in.text)
	branches := branchAMD64
	if p.arm64 {
		branches = branchARM64
	}
	if !branches.MatchString(in.text) {
		if symbol != nil {
			in.symbol = symbol[1]
		}
		return
	}
	in.kind = branch
	if symbol != nil && p.byName[symbol[1]] != nil {
		in.target = p.byName[symbol[1]].start
		return
	}
	if distance := relative.FindStringSubmatch(in.text); p.arm64 && distance != nil {
		n, _ := strconv.ParseInt(distance[1], 10, 64)
		in.target = in.address + uint64(4*n)
		return
	}
	operand := in.text[strings.LastIndexByte(in.text, ' ')+1:]
	if target, err := strconv.ParseUint(operand, 0, 64); err == nil {
		in.target = target
		return
	}
	in.kind = computed
}
