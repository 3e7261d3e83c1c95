package entry_test

import (
	"bytes"
	"debug/dwarf"
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"util/applets"
	"util/applets/init/report"
	"util/internal/callgraph"
	"util/internal/test"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { test.Main(m, applets.Main) }

// archs are all architectures that have an early entry.
var archs = []string{"386", "amd64", "arm", "arm64", "loong64", "ppc64le", "riscv64", "s390x"}

// TestCallGraph finds what can be reached from the early entry in the linked binary.
func TestCallGraph(t *testing.T) {
	for _, arch := range archs {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			breaches, err := callgraph.Check(twin(t, arch), "_rt0_util", callgraph.Early)
			if err != nil {
				t.Fatal(err)
			}
			for _, breach := range breaches {
				t.Error(breach)
			}
		})
	}
}

// TestStackDepth limits the stack that init needs. With RLIMIT_STACK at 16 kB, a part of which is
// for the arguments, the environment and the path of the command, everything works.
func TestStackDepth(t *testing.T) {
	const most = 6 << 10
	for _, arch := range archs {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			bytes, way, err := callgraph.Depth(test.Build(t, "util", test.Early, arch), "_rt0_util",
				callgraph.Early)
			if err != nil {
				t.Fatal(err)
			}
			// The assembler does not see the frame that _rt0_util makes, and aligns to 16 bytes.
			bytes += constant(t, arch, "G") + constant(t, arch, "GSIZE") + 16
			t.Logf("%d bytes:\n%s", bytes, strings.Join(way, "\n"))
			if bytes > most {
				t.Errorf("init needs %d bytes of stack, more than %d", bytes, most)
			}
			if len(way) < 15 {
				t.Errorf("the deepest path has only %d functions", len(way))
			}
		})
	}
}

// constant returns a constant of the assembly of the early entry.
func constant(t *testing.T, arch, name string) int {
	t.Helper()
	source, err := os.ReadFile("entry_" + arch + ".s")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^#define ` + name + ` (\d+)\b`).FindSubmatch(source)
	if m == nil {
		t.Fatalf("entry_%s.s: no %s", arch, name)
	}
	value, _ := strconv.Atoi(string(m[1]))
	return value
}

// twin links util for arch twice: as the Makefile does, and the same with symbols. It returns the
// latter. What is found in it is true of the former too, because both have the same code and the
// same entry point.
func twin(t *testing.T, arch string) string {
	t.Helper()
	const root = "../../.."
	for _, name := range []string{"Makefile", "main.go"} {
		if _, err := os.Stat(filepath.Join(root, name)); err != nil { // go test takes note of it
			t.Fatal(err)
		}
	}
	dryRun := exec.Command(test.Tool(t, "make"), "-C", root, "--no-print-directory", "-n", "bin/util",
		"GOARCH="+arch)
	dryRun.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=")
	recipe, err := dryRun.Output()
	if err != nil {
		t.Fatalf("make -n: %v", err)
	}
	const output, strip = " -o bin/util ", "'-s -w "
	if strings.Count(string(recipe), output) != 1 || strings.Count(string(recipe), strip) != 1 {
		t.Fatalf("the recipe of bin/util is to have %q and %q once: %s", output, strip, recipe)
	}
	dir := t.TempDir()
	link := func(name, flags string) (path string) {
		path = filepath.Join(dir, name)
		cmd := exec.Command("sh", "-c", strings.NewReplacer(output, " -o "+path+" ", strip,
			flags).Replace(string(recipe)))
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
		return path
	}
	shipped, twin := link("util", strip), link("twin", "'")
	a, b := load(t, shipped), load(t, twin)
	if !bytes.Equal(a.text, b.text) {
		t.Error("the twin's code is not that of the binary")
	}
	if a.entry != b.entry || b.entry != b.early {
		t.Errorf("entry point %#x, the twin's %#x: not _rt0_util at %#x", a.entry, b.entry, b.early)
	}
	return twin
}

// image is what the two programs must have in common.
type image struct {
	text  []byte // the machine code
	entry uint64 // where it starts
	early uint64 // the address of _rt0_util, 0 if the program has no symbols
}

func load(t *testing.T, path string) (im image) {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	im.entry = file.Entry
	if im.text, err = file.Section(".text").Data(); err != nil {
		t.Fatal(err)
	}
	symbols, err := file.Symbols()
	if err != nil && !errors.Is(err, elf.ErrNoSymbols) {
		t.Fatal(err)
	}
	for _, s := range symbols {
		if s.Name == "_rt0_util" {
			im.early = s.Value
		}
	}
	return im
}

// TestStandInG compares the size of the g that the early entry makes with the size of the
// toolchain's own. Code that loads a field of it must not read past its end.
func TestStandInG(t *testing.T) {
	for _, arch := range archs {
		t.Run(arch, func(t *testing.T) {
			size := int64(constant(t, arch, "GSIZE"))
			if need := sizeOfG(t, test.Build(t, "util", test.Early, arch)); size < need {
				t.Errorf("the stand-in g has %d bytes, runtime.g %d", size, need)
			}
		})
	}
}

// sizeOfG finds the size of runtime.g in a program's debugging information.
func sizeOfG(t *testing.T, path string) int64 {
	t.Helper()
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	data, err := file.DWARF()
	if err != nil {
		t.Fatal(err)
	}
	for r := data.Reader(); ; {
		entry, err := r.Next()
		if err != nil || entry == nil {
			t.Fatalf("no runtime.g in the debugging information: %v", err)
		}
		if entry.Tag == dwarf.TagStructType && entry.Val(dwarf.AttrName) == "runtime.g" {
			return entry.Val(dwarf.AttrByteSize).(int64)
		}
	}
}

// Every error number of Linux has words.
func TestErrnoText(t *testing.T) {
	for e := unix.Errno(1); e <= unix.EHWPOISON; e++ {
		if e == 41 || e == 58 { // numbers that are not used (errno(3), EWOULDBLOCK and EDEADLOCK)
			continue
		}
		if got, want := report.ErrnoText(e), e.Error(); !strings.EqualFold(got, want) && got == "" {
			t.Errorf("%d: %q; package syscall says %q", e, got, want)
		}
	}
}
