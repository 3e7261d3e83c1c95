package callgraph

import (
	"encoding/binary"
	"slices"
	"testing"
)

// TestIsSwitch checks that isSwitch accepts the jump of a switch statement, and rejects one with a
// wrong jump table or with an instruction missing.
func TestIsSwitch(t *testing.T) {
	// The address of the table is relative to the next instruction on amd64, and on arm64 to the
	// page of 4096 bytes that the instruction itself is in.
	amd64 := []instruction{
		{address: 0x1000, text: "CMPQ AX, $0x2"},
		{address: 0x1004, text: "JA 0x1020"},
		{address: 0x1006, text: "LEAQ 0xff3(IP), CX"},
		{address: 0x100d, text: "JMP 0(CX)(AX*8)"},
	}
	arm64 := []instruction{
		{address: 0x1000, text: "CMP $2, R0"},
		{address: 0x1004, text: "BHI 8(PC)"},
		{address: 0x1008, text: "ADRP 4096(PC), R1"},
		{address: 0x100c, text: "ADD $0, R1, R1"},
		{address: 0x1010, text: "MOVD (R1)(R0<<3), R27"},
		{address: 0x1014, text: "JMP (R27)"},
	}
	// replace returns a function that replaces the text of instruction i. -1 is the last one.
	replace := func(i int, text string) func([]instruction) {
		return func(code []instruction) { code[(i+len(code))%len(code)].text = text }
	}
	// named returns a function that gives the table a name, on amd64.
	named := func(name string) func([]instruction) {
		return func(code []instruction) {
			if len(code) == len(amd64) {
				code[2].text, code[2].symbol = "LEAQ "+name+"(SB), CX", name
			} else if name == "other" {
				code[2].text = "NOPL"
			}
		}
	}
	const start, end, rodata = 0x1000, 0x1040, 0x2000
	for _, c := range []struct {
		name  string
		table []uint64
		alter func(code []instruction)
		want  bool
	}{
		{"a valid jump", []uint64{0x1018, start, end - 1}, nil, true},
		{"an entry after the end of the function", []uint64{0x1018, 0x1020, end}, nil, false},
		{"an entry before the start of the function", []uint64{start - 1, 0x1018, 0x1020}, nil, false},
		{"a table with fewer entries than the comparison allows", []uint64{0x1018, 0x1020}, nil, false},
		{"a table with a name", []uint64{0x1018, start, end - 1}, named("table"), true},
		{"a table with another name", []uint64{0x1018, start, end - 1}, named("other"), false},
		{"no comparison", []uint64{0x1018, 0x1018, 0x1018}, replace(0, "NOPL"), false},
		{"no address of a table", []uint64{0x1018, 0x1018, 0x1018}, replace(2, "NOPL"), false},
		{"another jump", []uint64{0x1018, 0x1018, 0x1018}, replace(-1, "JMP CX"), false},
	} {
		for _, code := range [][]instruction{slices.Clone(amd64), slices.Clone(arm64)} {
			p := &Program{arm64: len(code) == len(arm64), constants: []constants{{address: rodata}}}
			p.variables = map[string]uint64{"table": rodata, "other": rodata + 0x1000}
			for _, target := range c.table {
				in := &p.constants[0].content
				*in = binary.LittleEndian.AppendUint64(*in, target)
			}
			if c.alter != nil {
				c.alter(code)
			}
			f := &function{start: start, end: end, code: code}
			if got := p.isSwitch(f, len(code)-1); got != c.want {
				t.Errorf("%s (arm64: %v): isSwitch is %v, not %v", c.name, p.arm64, got, c.want)
			}
		}
	}
}
