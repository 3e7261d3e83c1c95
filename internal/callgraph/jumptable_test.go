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
	// places returns a function that has the address of the table in another form: an operand and a
	// symbol on amd64, a page and an offset on arm64.
	places := func(operand, symbol, page, offset string) func([]instruction) {
		return func(code []instruction) {
			if len(code) == len(amd64) {
				code[2].text, code[2].symbol = "LEAQ "+operand+", CX", symbol
			} else {
				code[2].text, code[3].text = "ADRP "+page+"(PC), R1", "ADD $"+offset+", R1, R1"
			}
		}
	}
	const start, end, rodata, before = 0x1000, 0x1040, 0x2000, 0x800
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
		{
			"a table before the function",
			[]uint64{0x1018, start, end - 1},
			places("0xfffff7f3(IP)", "", "-4096", "2048"), true,
		},
		{
			"a table with a name",
			[]uint64{0x1018, start, end - 1},
			places("table(SB)", "table", "4096", "0"), true,
		},
		{
			"a table in no section",
			[]uint64{0x1018, start, end - 1},
			places("other(SB)", "other", "8192", "0"), false,
		},
		{"no comparison", []uint64{0x1018, 0x1018, 0x1018}, replace(0, "NOPL"), false},
		{"no address of a table", []uint64{0x1018, 0x1018, 0x1018}, replace(2, "NOPL"), false},
		{"another jump", []uint64{0x1018, 0x1018, 0x1018}, replace(-1, "JMP CX"), false},
	} {
		for _, code := range [][]instruction{slices.Clone(amd64), slices.Clone(arm64)} {
			var table []byte
			for _, target := range c.table {
				table = binary.LittleEndian.AppendUint64(table, target)
			}
			p := &Program{
				arm64:     len(code) == len(arm64),
				constants: []constants{{before, table}, {rodata, table}},
				variables: map[string]uint64{"table": rodata, "other": rodata + 0x1000},
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
