package callgraph

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"util/internal/test"
)

// TestFlow compares what flow says about each instruction of a program with the text that objdump
// prints for it. The two come from different decoders.
func TestFlow(t *testing.T) {
	const (
		symbol   = `([^\s,$]+?)(?:\+\d+)?\(SB\)$`
		address  = `(0x[0-9a-f]+)$`
		distance = `(-?\d+)\(PC\)$`
	)
	// On s390x, objdump prints RET for each jump to an address in a register.
	isReturn := map[string]bool{"ADD $0, R14, R15": true, "RET": true}
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
			p, err := Load(test.Build(t, "./testdata/early", "-E _rt0_bad", arch))
			if err != nil {
				t.Fatal(err)
			}
			isBranch := regexp.MustCompile(c.branch)
			operands := []*regexp.Regexp{
				regexp.MustCompile(symbol), regexp.MustCompile(address), regexp.MustCompile(distance),
			}
			count := map[kind]int{}
			for _, f := range p.functions {
				for _, in := range p.instructions(f) {
					count[in.kind]++
					if in.text == "?" || isReturn[in.text] {
						continue
					}
					if is := in.kind == branch || in.kind == computed; is != isBranch.MatchString(in.text) {
						t.Errorf("%s: %#x: %s: flow says %d", f.name, in.address, in.text, in.kind)
						continue
					}
					if in.kind != branch {
						continue
					}
					for i, operand := range operands {
						m := operand.FindStringSubmatch(in.text)
						if m == nil {
							continue
						}
						n, _ := strconv.ParseInt(m[1], 0, 64)
						same := false
						unit := cmp.Or(c.unit, int64(len(in.code)))
						switch i {
						case 0:
							same = p.at(in.target) != nil && strings.HasSuffix(p.at(in.target).name, m[1])
						case 1:
							same = in.target == uint64(n)
						case 2:
							same = int64(in.target-in.address)/unit == n
						}
						if !same {
							t.Errorf("%s: %#x: %s: flow says it goes to %#x", f.name, in.address, in.text, in.target)
						}
					}
				}
			}
			t.Log(count)
		})
	}
}
