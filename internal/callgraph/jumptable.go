package callgraph

import (
	"encoding/binary"
	"regexp"
	"strconv"
)

// The instructions that the compiler generates for the jump of a switch statement on amd64:
//
//	CMPQ AX, $0x9              compare the index with that of the last entry
//	JA …                       if it is greater, or negative: no case matches
//	LEAQ 0x2e053(IP), CX       the address of the table, or its name if the program has that
//	JMP 0(CX)(AX*8)
//
// And on arm64:
//
//	CMP $9, R0
//	BHI …
//	ADRP 225280(PC), R1        the page of the table
//	ADD $640, R1, R1           its offset in the page
//	MOVD (R1)(R0<<3), R27
//	JMP (R27)
//
// And on loong64:
//
//	MOVW $9, R5
//	BLTU R5, R7, …             if that of the last entry is less than the index
//	PCALAU12I $563, R5         the page of the table
//	ADDV $-1856, R5            its offset from the page
//	ALSL.D $3, R5, R7, R30     the address of the entry
//	MOVV 0(R30), R30
//	JMP (R30)
var (
	jumpAMD64  = regexp.MustCompile(`^JMP 0\((\w+)\)\((\w+)\*8\)$`)
	boundAMD64 = regexp.MustCompile(`^CMPQ (\w+), \$(0x[0-9a-f]+)$`)
	tableAMD64 = regexp.MustCompile(`^LEAQ (?:(-?0x[0-9a-f]+)\(IP\)|\S+\(SB\)), (\w+)$`)

	loadARM64  = regexp.MustCompile(`^MOVD \((\w+)\)\((\w+)<<3\), R27$`)
	boundARM64 = regexp.MustCompile(`^CMP \$(\d+), (\w+)$`)
	pageARM64  = regexp.MustCompile(`^ADRP (-?\d+)\(PC\), (\w+)$`)
	lowARM64   = regexp.MustCompile(`^ADD \$(\d+), (\w+), (\w+)$`)

	// objdump has no name of Go's for the first one, and prints "Unknown ALSL.D".
	entryLoong64 = regexp.MustCompile(`^(?:Unknown ALSL\.D|ALSLV) \$3, (\w+), (\w+), R30$`)
	lastLoong64  = regexp.MustCompile(`^MOVW \$(\d+), (\w+)$`)
	boundLoong64 = regexp.MustCompile(`^BLTU (\w+), (\w+), -?\d+\(PC\)$`)
	pageLoong64  = regexp.MustCompile(`^PCALAU12I \$(-?\d+), (\w+)$`)
	lowLoong64   = regexp.MustCompile(`^ADDV \$(-?\d+), (?:(\w+), )?(\w+)$`)
)

// lookBehind is how many instructions before the jump are searched for the others of its pattern:
// the compiler schedules unrelated instructions between them.
const lookBehind = 16

// isSwitch reports whether the computed jump f.code[i] is that of a switch statement, and its
// target is in f for every index.
func (p *Program) isSwitch(f *function, i int) bool {
	if p.arch.table == nil {
		return false
	}
	table, entries := p.arch.table(p, f.code[max(0, i-lookBehind):i+1])
	const word = 8
	content := p.constant(table, word*entries)
	for at := 0; at < len(content); at += word {
		if !f.contains(binary.LittleEndian.Uint64(content[at:])) {
			return false
		}
	}
	return len(content) > 0
}

// tableOfAMD64 returns the address and the number of entries of the jump table that the last
// instruction of code uses. One of them is zero if it does not use a jump table.
func (p *Program) tableOfAMD64(code []instruction) (table, entries uint64) {
	last := len(code) - 1
	jump := jumpAMD64.FindStringSubmatch(code[last].text)
	if jump == nil {
		return 0, 0
	}
	base, index := jump[1], jump[2]
	for i := last - 1; i >= 0 && (table == 0 || entries == 0); i-- {
		m := tableAMD64.FindStringSubmatch(code[i].text)
		if m != nil && m[2] == base && table == 0 {
			table = p.variables[code[i].symbol]
			if m[1] != "" {
				distance := int32(number(m[1])) // 0xffff… is a negative one
				table = code[i+1].address + uint64(distance)
			}
		}
		if m := boundAMD64.FindStringSubmatch(code[i].text); m != nil && m[1] == index {
			entries = number(m[2]) + 1
		}
	}
	return table, entries
}

// tableOfARM64 is [Program.tableOfAMD64] for arm64.
func tableOfARM64(_ *Program, code []instruction) (table, entries uint64) {
	last := len(code) - 1
	if last < 1 || code[last].text != "JMP (R27)" {
		return 0, 0
	}
	load := loadARM64.FindStringSubmatch(code[last-1].text)
	if load == nil {
		return 0, 0
	}
	base, index := load[1], load[2]
	var low uint64
	for i := last - 2; i >= 0 && (table == 0 || entries == 0); i-- {
		if m := lowARM64.FindStringSubmatch(code[i].text); m != nil && m[3] == base && table == 0 {
			low, base = number(m[1]), m[2]
		}
		m := pageARM64.FindStringSubmatch(code[i].text)
		if m != nil && m[2] == base && table == 0 {
			const pageSize = 4096
			table = code[i].address&^(pageSize-1) + number(m[1]) + low
		}
		if m := boundARM64.FindStringSubmatch(code[i].text); m != nil && m[2] == index {
			entries = number(m[1]) + 1
		}
	}
	return table, entries
}

// tableOfLoong64 is [Program.tableOfAMD64] for loong64.
func tableOfLoong64(_ *Program, code []instruction) (table, entries uint64) {
	last := len(code) - 1
	if last < 2 || code[last].text != "JMP (R30)" || code[last-1].text != "MOVV 0(R30), R30" {
		return 0, 0
	}
	entry := entryLoong64.FindStringSubmatch(code[last-2].text)
	if entry == nil {
		return 0, 0
	}
	base, index := entry[1], entry[2]
	var low uint64
	bound := ""
	for i := last - 3; i >= 0 && (table == 0 || entries == 0); i-- {
		if m := lowLoong64.FindStringSubmatch(code[i].text); m != nil && m[3] == base && table == 0 {
			low = number(m[1])
			if m[2] != "" {
				base = m[2]
			}
		}
		m := pageLoong64.FindStringSubmatch(code[i].text)
		if m != nil && m[2] == base && table == 0 {
			const pageSize = 4096
			table = code[i].address&^(pageSize-1) + signed(number(m[1])*pageSize, 32) + low
		}
		if m := boundLoong64.FindStringSubmatch(code[i].text); m != nil && m[2] == index && bound == "" {
			bound = m[1]
		}
		if m := lastLoong64.FindStringSubmatch(code[i].text); m != nil && m[2] == bound {
			entries = number(m[1]) + 1
		}
	}
	return table, entries
}

// number parses a number in objdump's output. A negative one is returned in two's complement, so
// that adding it wraps around to the correct sum.
func number(text string) uint64 {
	n, _ := strconv.ParseInt(text, 0, 64) // the patterns above match only numbers
	return uint64(n)
}
