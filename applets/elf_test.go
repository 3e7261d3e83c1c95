package applets_test

import (
	"debug/elf"
	"testing"

	"util/internal/test"
)

// TestProgramHeaders checks for each architecture what SECURITY.md says of both programs: they are
// linked statically, at fixed addresses, nothing is writable and executable, and the stack is not
// executable.
func TestProgramHeaders(t *testing.T) {
	for _, arch := range []string{
		"386", "amd64", "armv6", "armv7", "arm64", "loong64", "ppc64le", "riscv64", "s390x",
	} {
		for name, path := range map[string]string{
			"util":      test.Build(t, "util", "-s -w "+test.Early, arch),
			"util-init": test.UtilInit(t, arch, ""),
		} {
			t.Run(arch+"/"+name, func(t *testing.T) { programHeaders(t, path) })
		}
	}
}

func programHeaders(t *testing.T, path string) {
	t.Helper()
	program, err := elf.Open(path)
	test.Must(t, err)
	defer program.Close()
	if program.Type != elf.ET_EXEC {
		t.Errorf("the file is %v", program.Type)
	}
	stack := false
	for _, p := range program.Progs {
		switch p.Type {
		case elf.PT_INTERP, elf.PT_DYNAMIC:
			t.Errorf("%v: the file is not linked statically", p.Type)
		case elf.PT_LOAD:
			if p.Flags&elf.PF_W != 0 && p.Flags&elf.PF_X != 0 {
				t.Errorf("the segment at %#x is %v", p.Vaddr, p.Flags)
			}
		case elf.PT_GNU_STACK:
			stack = p.Flags&elf.PF_X == 0
		}
	}
	// Without the header the kernel would make the stack executable.
	if !stack {
		t.Error("the stack is executable")
	}
}
