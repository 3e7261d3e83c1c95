package callgraph

import (
	"cmp"
	"debug/elf"
	"encoding/binary"
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"util/internal/test"
)

// TestFlow compares what flow says about each instruction of a program with the text that objdump
// prints for it. The two come from different decoders.
func TestFlow(t *testing.T) {
	for arch, c := range map[string]struct {
		branch string // matches each instruction that changes the flow of control, except returns
		unit   int64  // of a distance; 0 stands for the length of the instruction
	}{
		"arm":     {`^BL?X?(\.[A-Z]{2})? |[, ]R15$`, 0},
		"loong64": {`^(B(EQ|NE|LTU?|GEU?|LTZ|GEZ|GTZ|LEZ|FPF|FPT)|JMP|CALL) `, 4},
		"ppc64le": {`^(B(EQ|NE|LT|GE|LE|GT|N?SO|R|L|C|CCTRL?|CLRL)|CALL) `, 0},
		"riscv64": {`^(B(EQ|NE|LT|GE)[UZ]?|BGTZ|BLEZ|BGTU?|BLEU?|JMP|CALL|JALR?) `, 4},
		"s390x":   {`^(B[A-Z]+|CMPU?B[A-Z]+|C[LG]?G?[IR]J|CALL|EXRL) `, 0},
	} {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			p, err := Load(test.Build(t, "./testdata/early", "-E _rt0_bad", arch))
			if err != nil {
				t.Fatal(err)
			}
			isBranch := regexp.MustCompile(c.branch)
			counts := map[kind]int{}
			wrong := 0
			for _, f := range p.functions {
				for _, in := range p.instructions(f) {
					counts[in.kind]++
					// On s390x, objdump prints RET for each jump to an address in a register.
					isReturn := in.text == "RET" || in.text == "ADD $0, R14, R15"
					if in.text == "?" || isReturn {
						continue
					}
					is := in.kind == branch || in.kind == computed
					if is != isBranch.MatchString(in.text) || in.kind == branch && !p.goesTo(in, c.unit) {
						t.Errorf("%s: %#x: %s: flow says %d, %#x", f.name, in.address, in.text, in.kind,
							in.target)
						if wrong++; wrong > 20 {
							t.FailNow()
						}
					}
				}
			}
			if counts[branch] < 10000 || counts[computed] < 100 {
				t.Errorf("few branches, by kind: %v", counts)
			}
		})
	}
}

var (
	symbolOperand   = regexp.MustCompile(`([^\s,$]+?)(?:\+\d+)?\(SB\)$`)
	addressOperand  = regexp.MustCompile(`(0x[0-9a-f]+)$`)
	distanceOperand = regexp.MustCompile(`(-?\d+)\(PC\)$`)
)

// goesTo reports whether the text of a branch agrees with its target. The name of a function may
// have spaces, so the operand is compared with its end. A distance is rounded towards 0.
func (p *Program) goesTo(in instruction, unit int64) bool {
	if m := symbolOperand.FindStringSubmatch(in.text); m != nil {
		f := p.at(in.target)
		return f != nil && strings.HasSuffix(f.name, m[1])
	}
	if m := addressOperand.FindStringSubmatch(in.text); m != nil {
		address, _ := strconv.ParseUint(m[1], 0, 64)
		return in.target == address
	}
	if m := distanceOperand.FindStringSubmatch(in.text); m != nil {
		n, _ := strconv.ParseInt(m[1], 10, 64)
		return int64(in.target-in.address)/cmp.Or(unit, int64(len(in.code))) == n
	}
	return strings.HasSuffix(in.text, "(X31)") // in a trampoline of riscv64
}

// TestEncodings checks flow on instructions that compiled programs do not have, or rarely. The
// bytes are in the order of memory, at the address 0x10000.
func TestEncodings(t *testing.T) {
	const at = 0x10000
	for _, c := range []struct {
		machine elf.Machine
		what    string
		code    string
		kind    kind
		target  uint64
	}{
		{elf.EM_ARM, "bx lr", "1eff2fe1", other, 0},
		{elf.EM_ARM, "bx r3", "13ff2fe1", computed, 0},
		{elf.EM_ARM, "blx r3", "33ff2fe1", computed, 0},
		{elf.EM_ARM, "blx, to code of Thumb", "000000fa", computed, 0},
		{elf.EM_ARM, "blne .", "feffff1b", branch, at},
		{elf.EM_ARM, "mov pc, lr", "0ef0a0e1", other, 0},
		{elf.EM_ARM, "mov pc, r0", "00f0a0e1", computed, 0},
		{elf.EM_ARM, "sub pc, lr, #4", "04f04ee2", computed, 0},
		{elf.EM_ARM, "ldr pc, [r0]", "00f090e5", computed, 0},
		{elf.EM_ARM, "ldr pc, [sp], #4", "04f09de4", other, 0},
		{elf.EM_ARM, "pop {r4, pc}", "1080bde8", other, 0},
		{elf.EM_ARM, "ldm r0, {pc}", "008090e8", computed, 0},
		{elf.EM_ARM, "str pc, [r0]", "00f080e5", other, 0},
		{elf.EM_ARM, "pld [r0]", "00f0d0f5", other, 0},
		{elf.EM_ARM, "nop", "00f020e3", other, 0},
		{elf.EM_ARM, "msr cpsr_f, r0", "00f028e1", other, 0},

		{elf.EM_LOONGARCH, "jr ra", "2000004c", other, 0},
		{elf.EM_LOONGARCH, "jr t0", "8001004c", computed, 0},
		{elf.EM_LOONGARCH, "jirl of ra, to ra", "2100004c", computed, 0},
		{elf.EM_LOONGARCH, "b -4", "ffffff53", branch, at - 4},
		{elf.EM_LOONGARCH, "bceqz fcc0, 4", "00040048", branch, at + 4},
		{elf.EM_LOONGARCH, "jiscr0 4", "00060048", computed, 0},

		{elf.EM_PPC64, "blr", "2000804e", other, 0},
		{elf.EM_PPC64, "blrl", "2100804e", computed, 0},
		{elf.EM_PPC64, "bctr", "2004804e", computed, 0},
		{elf.EM_PPC64, "bctrl", "2104804e", computed, 0},
		{elf.EM_PPC64, "bctar", "6004804e", computed, 0},
		{elf.EM_PPC64, "bdnz -4", "fcff0042", branch, at - 4},
		{elf.EM_PPC64, "ba 0x100", "02010048", branch, 0x100},
		{elf.EM_PPC64, "paddi", "0000000600006038", other, 0},

		{elf.EM_RISCV, "c.j", "edb3", branch, 0xfdea},
		{elf.EM_RISCV, "c.j", "2da8", branch, 0x1003a},
		{elf.EM_RISCV, "c.j", "79ab", branch, 0x1059e},
		{elf.EM_RISCV, "c.beqz", "71d9", branch, 0xffd4},
		{elf.EM_RISCV, "c.beqz", "29de", branch, 0xff5a},
		{elf.EM_RISCV, "c.bnez", "edfa", branch, 0xfff2},
		{elf.EM_RISCV, "c.bnez", "ddf4", branch, 0xffae},
		{elf.EM_RISCV, "c.jr ra", "8280", other, 0},
		{elf.EM_RISCV, "c.jr a0", "0285", computed, 0},
		{elf.EM_RISCV, "c.jalr a0", "0295", computed, 0},
		{elf.EM_RISCV, "c.ebreak", "0290", other, 0},
		{elf.EM_RISCV, "jr t0", "67800200", computed, 0},

		{elf.EM_S390, "br %r14", "07fe", other, 0},
		{elf.EM_S390, "br %r1", "07f1", computed, 0},
		{elf.EM_S390, "nopr", "0700", other, 0},
		{elf.EM_S390, "basr %r14, 0", "0de0", other, 0},
		{elf.EM_S390, "basr %r14, %r1", "0de1", computed, 0},
		{elf.EM_S390, "brct", "a7160004", branch, at + 8},
		{elf.EM_S390, "bras", "a715fffe", branch, at - 4},
		{elf.EM_S390, "brxh", "84120004", branch, at + 8},
		{elf.EM_S390, "bct", "46102000", computed, 0},
		{elf.EM_S390, "ex", "44102000", computed, 0},
		{elf.EM_S390, "clgrj", "ec1200042065", branch, at + 8},
		{elf.EM_S390, "cgrb", "ec12300020e4", computed, 0},
		{elf.EM_S390, "bi", "e3f010000047", computed, 0},
		{elf.EM_S390, "svc", "0a01", other, 0},
		{elf.EM_S390, "the first two bytes of six", "e710", unknown, 0},
	} {
		p := &Program{order: binary.LittleEndian}
		if c.machine == elf.EM_S390 {
			p.order = binary.BigEndian
		}
		code, err := hex.DecodeString(c.code)
		test.Must(t, err)
		f := &function{code: []instruction{{address: at, code: code}}}
		kind, target := archs[c.machine].flow(p, f, 0)
		if kind != c.kind || target != c.target {
			t.Errorf("%v: %s: %d, %#x, want %d, %#x", c.machine, c.what, kind, target, c.kind, c.target)
		}
	}
}

// TestUnknown checks which instructions that objdump does not know are violations.
func TestUnknown(t *testing.T) {
	for _, c := range []struct {
		machine elf.Machine
		code    string
		want    kind
	}{
		{elf.EM_386, "ffff", unknown},
		{elf.EM_386, "00", unknown},
		{elf.EM_X86_64, "06", unknown},
		{elf.EM_AARCH64, "ffffffff", unknown},
		{elf.EM_AARCH64, "00000000", other}, // padding
		{elf.EM_ARM, "ffffffff", unknown},
		{elf.EM_ARM, "f000f0e7", other},       // always undefined
		{elf.EM_ARM, "880187e7", other},       // str r0, [r7, r8, lsl #3]
		{elf.EM_ARM, "880197e7", unknown},     // the load
		{elf.EM_ARM, "88f197e7", computed},    // the load of pc
		{elf.EM_LOONGARCH, "dfc0402c", other}, // vld
		{elf.EM_LOONGARCH, "00060048", computed},
		{elf.EM_PPC64, "ffffffff", unknown},
		{elf.EM_PPC64, "00000000", other},
		{elf.EM_RISCV, "ffff", unknown},
		{elf.EM_RISCV, "0000", other},
		{elf.EM_S390, "e710", unknown},
		{elf.EM_S390, "0000", other},
	} {
		p := &Program{arch: archs[c.machine], order: binary.LittleEndian}
		code, err := hex.DecodeString(c.code)
		test.Must(t, err)
		f := &function{code: []instruction{{code: code, text: "?"}}}
		if got := p.instructions(f)[0].kind; got != c.want {
			t.Errorf("%v: %s: %d, want %d", c.machine, c.code, got, c.want)
		}
	}
}
