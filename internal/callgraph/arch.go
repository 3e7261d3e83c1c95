package callgraph

import (
	"debug/elf"
	"regexp"
	"strconv"
	"strings"
)

// arch is what the package knows about an architecture.
type arch struct {
	// words says that objdump prints instructions of 4 bytes as numbers.
	words bool
	// namesVariables says that objdump names a variable that an instruction uses.
	namesVariables bool
	// flow returns what instruction i of f does to the flow of control, and the target of a branch. A
	// jump or call that it cannot follow is computed.
	flow func(p *Program, f *function, i int) (kind, uint64)
	// harmless reports whether an instruction that objdump does not know continues with the next one,
	// or is not a valid one. flow has found no branch in it.
	harmless func(code []byte) bool
	// withoutPool removes the constants between the instructions of f. It is nil if there are none.
	withoutPool func(f *function)
	// table returns the address and the number of entries of the jump table that the last instruction
	// of code uses. One of them is zero if it does not use a jump table. The field is nil if the
	// compiler makes no jump tables (CanJumpTable in cmd/internal/sys/arch.go).
	table func(p *Program, code []instruction) (table, entries uint64)
}

// archs has all architectures that have an early entry. The file itself says which class and byte
// order it has.
//
// For 386, amd64 and arm64, the text that objdump prints tells branches and their targets. For the
// others it does not tell all: distances are rounded on riscv64 and s390x, each jump to a register
// is called RET on s390x, and any instruction may write to the program counter on arm. There, flow
// decodes the instruction (TestFlow compares the two).
var archs = map[elf.Machine]arch{
	elf.EM_386:     {namesVariables: true, flow: flowX86, harmless: never},
	elf.EM_AARCH64: {words: true, flow: flowARM64, harmless: zeros, table: tableOfARM64},
	elf.EM_ARM: {
		words: true, flow: flowARM, harmless: harmlessOnARM, withoutPool: withoutPoolOfARM,
	},
	elf.EM_LOONGARCH: {words: true, flow: flowLoong64, harmless: always, table: tableOfLoong64},
	elf.EM_PPC64:     {words: true, flow: flowPPC64, harmless: zeros},
	elf.EM_RISCV:     {words: true, flow: flowRISCV64, harmless: zeros},
	elf.EM_S390:      {words: true, flow: flowS390X, harmless: zeros},
	elf.EM_X86_64: {
		namesVariables: true, flow: flowX86, harmless: never, table: (*Program).tableOfAMD64,
	},
}

func never([]byte) bool { return false }

// always is for an architecture on which flow knows every instruction that changes the flow of
// control, by bits that all others do not have.
func always([]byte) bool { return true }

// zeros is for an architecture on which zeros are the padding after a function. They are not a
// valid instruction, so executing them is a fault.
func zeros(code []byte) bool { return strings.Trim(string(code), "\x00") == "" }

// All instructions that change the flow of control, except returns. objdump prints CALL and JMP for
// the unconditional ones, on all three architectures.
var (
	branchX86   = regexp.MustCompile(`^(L?CALL|LJMP|J[A-Z]+|LOOP[A-Z]*|XBEGIN)\b`)
	branchARM64 = regexp.MustCompile(`^(CALL|JMP|B(EQ|NE|CS|HS|CC|LO|MI|PL|VS|VC|HI|LS|GE|LT|GT|` +
		`LE|AL|NV)|CBN?ZW?|TBN?Z)\b`)

	relative = regexp.MustCompile(`(-?\d+)\(PC\)$`) // on arm64, as a number of instructions
)

func flowX86(p *Program, f *function, i int) (kind, uint64) {
	in := &f.code[i]
	if !branchX86.MatchString(in.text) {
		return other, 0
	}
	return p.operand(in)
}

func flowARM64(p *Program, f *function, i int) (kind, uint64) {
	in := &f.code[i]
	if !branchARM64.MatchString(in.text) {
		return other, 0
	}
	if distance := relative.FindStringSubmatch(in.text); distance != nil {
		n, _ := strconv.ParseInt(distance[1], 10, 64)
		return branch, in.address + uint64(4*n)
	}
	return p.operand(in)
}

// operand returns the target that objdump prints as the last operand of a branch: a function or an
// address.
func (p *Program) operand(in *instruction) (kind, uint64) {
	symbol := symbolic.FindStringSubmatch(in.text)
	if symbol != nil && p.byName[symbol[1]] != nil {
		return branch, p.byName[symbol[1]].start
	}
	operand := in.text[strings.LastIndexByte(in.text, ' ')+1:]
	if target, err := strconv.ParseUint(operand, 0, 64); err == nil {
		return branch, target
	}
	return computed, 0
}
