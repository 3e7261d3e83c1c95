package callgraph

import (
	"encoding/binary"
	"testing"
)

// TestIsSwitch bends the jump table of a switch statement.
func TestIsSwitch(t *testing.T) {
	// amd64 computes the table's address from that of the next instruction, arm64 from its own page of 4096 bytes.
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
	const start, end, rodata = 0x1000, 0x1040, 0x2000
	for _, c := range []struct {
		name  string
		table []uint64
		bend  func(code []instruction)
		want  bool
	}{
		{"good", []uint64{0x1018, start, end - 1}, nil, true},
		{"an entry behind the function", []uint64{0x1018, 0x1020, end}, nil, false},
		{"an entry before the function", []uint64{start - 1, 0x1018, 0x1020}, nil, false},
		{"shorter than the comparison lets pass", []uint64{0x1018, 0x1020}, nil, false},
		{"no comparison", []uint64{0x1018, 0x1018, 0x1018}, func(code []instruction) { code[0].text = "NOPL" }, false},
		{"no table", []uint64{0x1018, 0x1018, 0x1018}, func(code []instruction) { code[2].text = "NOPL" }, false},
		{"another jump", []uint64{0x1018, 0x1018, 0x1018}, func(code []instruction) { code[len(code)-1].text = "JMP CX" }, false},
	} {
		for _, code := range [][]instruction{append([]instruction(nil), amd64...), append([]instruction(nil), arm64...)} {
			p := &program{arm64: len(code) == len(arm64), rodataAt: rodata}
			for _, target := range c.table {
				p.rodata = binary.LittleEndian.AppendUint64(p.rodata, target)
			}
			if c.bend != nil {
				c.bend(code)
			}
			f := &function{start: start, end: end, code: code}
			if got := p.isSwitch(f, len(code)-1); got != c.want {
				t.Errorf("%s: isSwitch is %v, arm64 %v", c.name, got, p.arm64)
			}
		}
	}
}
