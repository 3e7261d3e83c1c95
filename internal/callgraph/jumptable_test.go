package callgraph

import (
	"debug/elf"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestIsSwitch checks that isSwitch accepts the jump of a switch statement, and rejects one with a
// wrong jump table or with an instruction missing.
func TestIsSwitch(t *testing.T) {
	// The address of the table is relative to the next instruction on amd64, and on arm64 and loong64
	// to the page of 4096 bytes that the instruction itself is in.
	codes := map[elf.Machine][]instruction{
		elf.EM_X86_64: {
			{address: 0x1000, text: "CMPQ AX, $0x2"},
			{address: 0x1004, text: "JA 0x1020"},
			{address: 0x1006, text: "LEAQ 0xff3(IP), CX"},
			{address: 0x100d, text: "JMP 0(CX)(AX*8)"},
		},
		elf.EM_AARCH64: {
			{address: 0x1000, text: "CMP $2, R0"},
			{address: 0x1004, text: "BHI 8(PC)"},
			{address: 0x1008, text: "ADRP 4096(PC), R1"},
			{address: 0x100c, text: "ADD $0, R1, R1"},
			{address: 0x1010, text: "MOVD (R1)(R0<<3), R27"},
			{address: 0x1014, text: "JMP (R27)"},
		},
		elf.EM_LOONGARCH: {
			{address: 0x1000, text: "MOVW $2, R5"},
			{address: 0x1004, text: "BLTU R5, R7, 9(PC)"},
			{address: 0x1008, text: "PCALAU12I $1, R5"},
			{address: 0x100c, text: "ADDV $0, R5"},
			{address: 0x1010, text: "Unknown ALSL.D $3, R5, R7, R30"},
			{address: 0x1014, text: "MOVV 0(R30), R30"},
			{address: 0x1018, text: "JMP (R30)"},
		},
	}
	// replace returns a function that replaces the text of instruction i. -1 is the last one.
	replace := func(i int, text string) func([]instruction) {
		return func(code []instruction) { code[(i+len(code))%len(code)].text = text }
	}
	// places returns a function that has the address of the table in another form: an operand and a
	// symbol on amd64, a page and an offset on the others.
	places := func(operand, symbol string, page, offset int) func([]instruction) {
		return func(code []instruction) {
			switch {
			case strings.HasPrefix(code[2].text, "LEAQ"):
				code[2].text, code[2].symbol = "LEAQ "+operand+", CX", symbol
			case strings.HasPrefix(code[2].text, "ADRP"):
				code[2].text = fmt.Sprintf("ADRP %d(PC), R1", 4096*page)
				code[3].text = fmt.Sprintf("ADD $%d, R1, R1", offset)
			default:
				code[2].text = fmt.Sprintf("PCALAU12I $%d, R5", page)
				code[3].text = fmt.Sprintf("ADDV $%d, R5", offset)
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
			places("0xfffff7f3(IP)", "", -1, 2048), true,
		},
		{
			"a table with a name",
			[]uint64{0x1018, start, end - 1},
			places("table(SB)", "table", 1, 0), true,
		},
		{
			"a table in no section",
			[]uint64{0x1018, start, end - 1},
			places("other(SB)", "other", 2, 0), false,
		},
		{"no comparison", []uint64{0x1018, 0x1018, 0x1018}, func(code []instruction) {
			code[0].text, code[1].text = "NOPL", "NOPL"
		}, false},
		{"half a comparison", []uint64{0x1018, 0x1018, 0x1018}, replace(0, "NOPL"), false},
		{"no address of a table", []uint64{0x1018, 0x1018, 0x1018}, replace(2, "NOPL"), false},
		{"another jump", []uint64{0x1018, 0x1018, 0x1018}, replace(-1, "JMP CX"), false},
	} {
		for machine, code := range codes {
			code = slices.Clone(code)
			var table []byte
			for _, target := range c.table {
				table = binary.LittleEndian.AppendUint64(table, target)
			}
			p := &Program{
				arch:      archs[machine],
				constants: []constants{{before, table}, {rodata, table}},
				variables: map[string]uint64{"table": rodata, "other": rodata + 0x1000},
			}
			if c.alter != nil {
				c.alter(code)
			}
			f := &function{start: start, end: end, code: code}
			if got := p.isSwitch(f, len(code)-1); got != c.want {
				t.Errorf("%s : isSwitch is %v, not %v", c.name, got, c.want)
			}
		}
	}
}
