package entry_test

import (
	"debug/elf"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"util/internal/test"
)

// block is how much of a file the kernel maps around a page that is touched, and aligned to that.
const block = 1 << 16

// TestPlacement finds in the linked binary what a plain run executes: it must be in two blocks, of
// which the first is given back. On a machine of the architecture, TestWeight measures what follows
// from that (ARCHITECTURE.md, "Weight").
func TestPlacement(t *testing.T) {
	list, err := os.ReadFile("../alone/hot.txt")
	test.Must(t, err)
	hot := strings.Fields(string(list))
	for _, arch := range []string{
		"386", "amd64", "arm", "arm64", "loong64", "ppc64le", "riscv64", "s390x",
	} {
		t.Run(arch, func(t *testing.T) {
			file, err := elf.Open(test.Build(t, "util", "-w "+test.Early, arch))
			test.Must(t, err)
			defer file.Close()
			symbols, err := file.Symbols()
			test.Must(t, err)
			var first, rest span
			for _, s := range symbols {
				switch {
				case elf.ST_TYPE(s.Info) != elf.STT_FUNC || !slices.Contains(hot, s.Name):
				case s.Name != "_rt0_util" && !strings.HasPrefix(s.Name, "util/"):
					// Of the runtime (386, arm, s390x): layout.go cannot place it.
				case s.Name == "_rt0_util", strings.HasPrefix(s.Name, "util/applets/init/entry."),
					strings.HasPrefix(s.Name, "util/applets/init/compat."):
					first.add(s)
				default:
					rest.add(s)
				}
			}
			first.check(t, "the first instructions and the command lines of other inits")
			rest.check(t, "what is executed after them")
		})
	}
}

// span is where functions begin and end.
type span struct{ begin, end uint64 }

func (sp *span) add(s elf.Symbol) {
	if sp.end == 0 {
		sp.begin = s.Value
	}
	sp.begin, sp.end = min(sp.begin, s.Value), max(sp.end, s.Value+s.Size)
}

// check reports it as an error if the functions are not in one block.
func (sp *span) check(t *testing.T, what string) {
	t.Helper()
	where := fmt.Sprintf("%s: from %#x to %#x", what, sp.begin, sp.end)
	if sp.end == 0 || sp.begin/block != (sp.end-1)/block {
		t.Errorf("%s, not in one block of 64 kB; see layout.go", where)
	}
	t.Log(where)
}
