package main

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"util/internal/callgraph"
	"util/internal/test"
)

func TestMain(m *testing.M) { test.Main(m, nil) }

var archs = []string{"386", "amd64", "arm", "arm64", "loong64", "ppc64le", "riscv64", "s390x"}

// testdata is where the programs are that the tests link.
const testdata = "util/internal/slim/testdata/"

// compiled is a program before slim links it.
type compiled struct{ object, importcfg string }

// compile compiles a program of testdata, and has Go's linker write it as one object, as the
// Makefile does for util-init.
func compile(t *testing.T, name, arch string) compiled {
	t.Helper()
	dir := t.TempDir()
	c := compiled{filepath.Join(dir, "go.o"), filepath.Join(dir, "importcfg")}
	pkg := testdata + name
	run := func(args ...string) []byte {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s", cmd, err, out)
		}
		return out
	}
	config := run("list", "-trimpath", "-tags", "util_init", "-deps", "-export", "-f",
		"{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}", pkg)
	test.Must(t, os.WriteFile(c.importcfg, config, 0o644))
	main := regexp.MustCompile(`(?m)^packagefile ` + pkg + `=(.*)$`).FindSubmatch(config)
	if main == nil {
		t.Fatalf("no archive of %s in %s", pkg, config)
	}
	run("tool", "link", "-w", "-linkmode=external", "-extld=true", "-tmpdir="+dir, "-importcfg",
		c.importcfg, "-o", filepath.Join(dir, "none"), string(main[1]))
	return c
}

// newLinker returns a linker for a program of testdata. Its policy is that of early code, with the
// packages of the program, and tables.
func newLinker(name string, tables ...string) *linker {
	l := &linker{policy: callgraph.Early, about: "{}"}
	l.policy.Packages = append(slices.Clone(l.policy.Packages), "main", testdata+name,
		"util/internal/test/early")
	l.policy.Tables = maps.Clone(l.policy.Tables)
	for _, table := range tables {
		l.policy.Tables["main."+table] = "of a test"
	}
	return l
}

// link links a program, which must succeed, and returns the path of the result.
func link(t *testing.T, l *linker, c compiled) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "program")
	if err := l.link(c.object, c.importcfg, "", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// command returns a command that runs a program for arch.
func command(t *testing.T, arch, path string, args ...string) *exec.Cmd {
	t.Helper()
	if arch == runtime.GOARCH || arch == "386" && runtime.GOARCH == "amd64" {
		return exec.Command(path, args...)
	}
	return exec.Command(emulator(t, arch), append([]string{path}, args...)...)
}

// emulator returns the emulator of an architecture.
func emulator(t *testing.T, arch string) (path string) {
	t.Helper()
	names := map[string]string{
		"386": "i386", "amd64": "x86_64", "arm64": "aarch64", "loong64": "loongarch64",
	}
	return test.Tool(t, "qemu-"+cmp.Or(names[arch], arch)+"-static")
}

// TestValues links a program that prints all kinds of data, and compares the output with that of
// the same program as Go's linker has linked it.
func TestValues(t *testing.T) {
	for _, arch := range archs {
		t.Run(arch, func(t *testing.T) {
			l := newLinker("values", "words", "bytes", "halves", "whole", "double", "third", "float",
				"last", "rows", "first")
			l.entry, l.broken = "_rt0_early", "main.broken"
			program := link(t, l, compile(t, "values", arch))
			reference := test.Build(t, testdata+"values", "-E _rt0_early", arch)
			_, want, _ := test.Run(t, command(t, arch, reference))
			status, got, stderr := test.Run(t, command(t, arch, program))
			if status != 0 || stderr != "" || got != want {
				t.Errorf("status %d, stderr %q, and these lines:\n%s\nnot these:\n%s",
					status, stderr, got, want)
			}
			if n := strings.Count(want, "\n"); n < 100 {
				t.Errorf("only %d lines: %s", n, want)
			}
			if got, want := flagsOf(t, program), flagsOf(t, reference); got != want {
				t.Errorf("the flags in the ELF header are %q, not %q", got, want)
			}
			checkFile(t, program)
			checkCalls(t, program, l.entry, l.policy)
		})
	}
}

// flagsOf returns the line with the flags in the ELF header: they are about the ABI.
func flagsOf(t *testing.T, path string) string {
	t.Helper()
	_, header, _ := test.Run(t, exec.Command(test.Tool(t, "readelf"), "-h", path))
	return regexp.MustCompile(`(?m)^ *Flags: .*$`).FindString(header)
}

// TestBug runs early code that panics. It says where, in one line, and ends by a trap.
func TestBug(t *testing.T) {
	line := regexp.MustCompile(`^util-init: a bug at address 0x([0-9a-f]+), not in the command; ` +
		`please report this line: version \S+, commit \S+\n$`)
	for _, arch := range archs {
		trap := syscall.SIGILL
		if arch == "arm64" || arch == "loong64" || arch == "riscv64" { // an instruction for breakpoints
			trap = syscall.SIGTRAP
		}
		t.Run(arch, func(t *testing.T) {
			l := newLinker("panics")
			l.entry, l.broken = "_rt0_early", "util/applets/init/entry.Broken"
			program := link(t, l, compile(t, "panics", arch))
			for _, bug := range []string{"index", "slice", "divide", "length"} {
				cmd := command(t, arch, program, bug)
				cmd.Dir = t.TempDir() // for what dumps its core
				status, stdout, stderr := test.Run(t, cmd)
				m := line.FindStringSubmatch(withoutEmulator(stderr))
				if status != 256+int(trap) || stdout != "" || m == nil {
					t.Errorf("%s: status %d, not %d; stdout %q, stderr %q",
						bug, status, 256+int(trap), stdout, stderr)
					continue
				}
				var after uint64 // the call that found the bug
				_, err := fmt.Sscanf(m[1], "%x", &after)
				test.Must(t, err)
				if !slices.ContainsFunc(functions(t, program), func(f function) bool {
					return f.name == "main."+bug && f.contains(after-1)
				}) {
					t.Errorf("%s: the address %#x is not in it", bug, after)
				}
			}
		})
	}
}

// withoutEmulator removes the line in which qemu-user says that the program was killed.
func withoutEmulator(stderr string) string {
	return regexp.MustCompile(`(?m)^qemu: uncaught target signal .*\n`).ReplaceAllString(stderr, "")
}

// A function of a program, at the addresses from start up to, but not including, end.
type function struct {
	name       string
	start, end uint64
}

func (f function) contains(address uint64) bool { return f.start <= address && address < f.end }

// functions returns the functions of a program.
func functions(t *testing.T, path string) (all []function) {
	t.Helper()
	file, err := elf.Open(path)
	test.Must(t, err)
	defer file.Close()
	symbols, err := file.Symbols()
	test.Must(t, err)
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC {
			all = append(all, function{s.Name, s.Value, s.Value + s.Size})
		}
	}
	return all
}

// TestRefused links what early code must not do. The error shows the way to it.
func TestRefused(t *testing.T) {
	for _, arch := range archs {
		t.Run(arch, func(t *testing.T) {
			c := compile(t, "refused", arch)
			const not = " is not for early code"
			bits := "64" // of an int
			if arch == "386" || arch == "arm" {
				bits = "32"
			}
			for _, tc := range []struct{ entry, broken, want string }{
				{"Allocates", "broken", "main.allocates → runtime.newobject" + not},
				{"LooksUp", "broken", "main.looksUp → runtime.mapaccess1_fast" + bits + not},
				{"HasTable", "broken", "main.hasTable → go:itab.*main.number,interface { main.speak() }" + not},
				{"HasType", "broken", "main.hasType → type:*" + not},
				{"HasFunction", "broken", "main.hasFunction → go:funcdesc" + not},
				{
					"ReadsList", "broken", "main.readsList → main.list has an initial value, " +
						"and is not in Tables (internal/callgraph/early.go)",
				},
				{"Missing", "broken", "main.missing is not in the program"},
				{"Nowhere", "broken", `symbol "main.enterNowhere": not in the program`},
				{"IsFine", "nowhere", `symbol "main.nowhere": not in the program`},
				{"IsFine", "broken", ""},
			} {
				l := newLinker("refused")
				l.entry, l.broken = "main.enter"+tc.entry, "main."+tc.broken
				if strings.HasPrefix(tc.want, "main.") { // at the end of the chain of calls
					tc.want = l.entry + " → " + tc.want
				}
				refused(t, l, c, tc.want)
			}
			l := newLinker("initializes")
			l.entry, l.broken = "main.enter", "main.broken"
			refused(t, l, compile(t, "initializes", arch),
				"main.init: the package has an init function, or variables that code initializes")
		})
	}
}

// TestReplaces links to a file that is being executed.
func TestReplaces(t *testing.T) {
	program, err := os.ReadFile(test.Probe(t))
	test.Must(t, err)
	path := filepath.Join(t.TempDir(), "program")
	test.Must(t, os.WriteFile(path, program, 0o755))
	p := test.Start(t, exec.Command(path, "say", "ready", "pause"))
	p.Expect("ready")
	c := compile(t, "refused", "arm64")
	l := newLinker("refused")
	l.entry, l.broken = "main.enterIsFine", "main.broken"
	test.Must(t, l.link(c.object, c.importcfg, "", path))
	if linked, err := os.ReadFile(path); err != nil || bytes.Equal(linked, program) {
		t.Errorf("the file is as it was: %v", err)
	}
	l = newLinker("refused")
	l.entry, l.broken = "main.enterIsFine", "main.broken"
	if err := l.link(c.object, c.importcfg, "", filepath.Dir(path)); err == nil {
		t.Error("a directory has been replaced")
	}
}

// refused links a program and compares the error, if one is wanted. Then there must be no output.
func refused(t *testing.T, l *linker, c compiled, want string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	err := l.link(c.object, c.importcfg, "", path)
	_, missing := os.Stat(path)
	// On riscv64, Go's linker inserts a function that jumps to what is far away, or nowhere.
	got := strings.Replace(fmt.Sprint(err), "main.missing-tramp0 → ", "", 1)
	if want != "" && (got != want || missing == nil) ||
		want == "" && (err != nil || missing != nil) {
		t.Errorf("%s: error %v, not %q; output: %v", l.entry, err, want, missing)
	}
}

// TestBadObject links objects that Go's linker does not write today.
func TestBadObject(t *testing.T) {
	for _, arch := range archs {
		t.Run(arch, func(t *testing.T) {
			const way = "main.enterIsFine → main.isFine"
			c := compile(t, "refused", arch)
			for _, tc := range []struct {
				spoil func(o badObject)
				want  string
			}{
				{badObject.undefineVariable, way + " → main.variable is not in the program$"},
				{badObject.changeKind, way + " at 0x[0-9a-f]+: unknown kind of relocation: 222 of EM_"},
				{badObject.changeAddend, way + " at 0x[0-9a-f]+: 0x[0-9a-f]{8,} cannot be the operand at "},
				{badObject.moveLower, ".*: the upper part of the address is not just before$"},
			} {
				o := readBadObject(t, c.object)
				tc.spoil(o)
				if bytes.Equal(o.content, o.original) {
					continue // it has no such relocation
				}
				l := newLinker("refused")
				l.entry, l.broken = "main.enterIsFine", "main.broken"
				err := l.link(c.object+".bad", c.importcfg, "", filepath.Join(t.TempDir(), "program"))
				if !regexp.MustCompile("^" + tc.want).MatchString(fmt.Sprint(err)) {
					t.Errorf("error %v, not %s", err, tc.want)
				}
			}
			l := newLinker("refused")
			l.entry, l.broken = "main.enterIsFine", "main.broken"
			refused(t, l, compiled{"/proc/self/exe", c.importcfg},
				"/proc/self/exe: not a relocatable object of an architecture that slim knows")
		})
	}
}

// badObject is an object that is about to be spoiled. The file with the result has the same path,
// and ".bad" after it.
type badObject struct {
	*testing.T
	*elf.File
	path              string
	original, content []byte
	uses, variable    elf.Symbol // main.isFine, and what its relocations refer to
}

func readBadObject(t *testing.T, path string) (o badObject) {
	t.Helper()
	content, err := os.ReadFile(path)
	test.Must(t, err)
	file, err := elf.NewFile(bytes.NewReader(content))
	test.Must(t, err)
	symbols, err := file.Symbols()
	test.Must(t, err)
	find := func(name string) elf.Symbol {
		return symbols[slices.IndexFunc(symbols, func(s elf.Symbol) bool { return s.Name == name })]
	}
	return badObject{
		t, file, path + ".bad", content, slices.Clone(content), find("main.isFine"),
		find("main.variable"),
	}
}

// alter passes each entry of a section to change, and writes the file. An entry has the type T.
func alter[T any](o badObject, section string, change func(entry *T)) {
	s := o.Section(section)
	for part := range slices.Chunk(o.content[s.Offset:s.Offset+s.Size], binary.Size(new(T))) {
		var entry T
		_, err := binary.Decode(part, o.ByteOrder, &entry)
		test.Must(o, err)
		change(&entry)
		_, err = binary.Encode(part, o.ByteOrder, &entry)
		test.Must(o, err)
	}
	test.Must(o, os.WriteFile(o.path, o.content, 0o644))
}

func (o badObject) undefineVariable() {
	if o.Class == elf.ELFCLASS32 {
		alter(o, ".symtab", func(s *elf.Sym32) {
			if uint64(s.Value) == o.variable.Value && s.Shndx == uint16(o.variable.Section) {
				s.Shndx = uint16(elf.SHN_UNDEF)
			}
		})
		return
	}
	alter(o, ".symtab", func(s *elf.Sym64) {
		if s.Value == o.variable.Value && s.Shndx == uint16(o.variable.Section) {
			s.Shndx = uint16(elf.SHN_UNDEF)
		}
	})
}

func (o badObject) changeKind() {
	const unknown = 222
	if o.Class == elf.ELFCLASS32 {
		alter(o, ".rel.text", func(r *elf.Rel32) {
			if o.isUsed(uint64(r.Off)) {
				r.Info = elf.R_INFO32(elf.R_SYM32(r.Info), unknown)
			}
		})
		return
	}
	alter(o, ".rela.text", func(r *elf.Rela64) {
		if o.isUsed(r.Off) {
			r.Info = elf.R_INFO(elf.R_SYM64(r.Info), unknown)
		}
	})
}

// changeAddend makes the address of the variable one that does not exist.
func (o badObject) changeAddend() {
	if o.Class == elf.ELFCLASS32 {
		alter(o, ".rel.text", func(r *elf.Rel32) {
			if o.isUsed(uint64(r.Off)) {
				o.ByteOrder.PutUint32(o.content[o.Section(".text").Offset+uint64(r.Off):], 1<<31-1)
			}
		})
		return
	}
	alter(o, ".rela.text", func(r *elf.Rela64) {
		if o.isUsed(r.Off) {
			r.Addend = 1<<50 + 1
		}
	})
}

// moveLower moves the relocations for the lower part of an address away from those for the other.
func (o badObject) moveLower() {
	if o.Machine == elf.EM_RISCV {
		alter(o, ".rela.text", func(r *elf.Rela64) {
			if elf.R_RISCV(elf.R_TYPE64(r.Info)) == elf.R_RISCV_PCREL_LO12_I {
				r.Off += 4
			}
		})
	}
}

// isUsed reports whether a place is in main.isFine.
func (o badObject) isUsed(place uint64) bool {
	return o.uses.Value <= place && place < o.uses.Value+o.uses.Size
}

// checkCalls checks that a file with symbols has all that its code reaches.
func checkCalls(t *testing.T, path, entry string, policy callgraph.Policy) {
	t.Helper()
	// A constant may be used whatever its name is. An object of Go's linker has no names for most of
	// them; this file has.
	policy.Variables = maps.Clone(policy.Variables)
	file, err := elf.Open(path)
	test.Must(t, err)
	defer file.Close()
	symbols, err := file.Symbols()
	test.Must(t, err)
	for _, s := range symbols {
		if file.Sections[s.Section].Flags&elf.SHF_WRITE == 0 {
			policy.Variables[strings.TrimPrefix(s.Name, "$")] = "a constant"
		}
	}
	violations, err := callgraph.Check(path, entry, policy)
	if err != nil || len(violations) > 0 {
		t.Errorf("error %v, violations:\n%s", err, strings.Join(violations, "\n"))
	}
}

// checkFile checks what each file is to be as an ELF file.
func checkFile(t *testing.T, path string) {
	t.Helper()
	file, err := elf.Open(path)
	test.Must(t, err)
	defer file.Close()
	loads := 0
	var end uint64
	for i, p := range file.Progs {
		switch p.Type {
		case elf.PT_LOAD:
			loads++
			if p.Flags&(elf.PF_W|elf.PF_X) == elf.PF_W|elf.PF_X {
				t.Errorf("program header %d: the segment is writable, and it can be executed", i)
			}
			const page = 1 << 16 // the largest
			if p.Align < page || p.Vaddr%p.Align != p.Off%p.Align {
				t.Errorf("program header %d: cannot be mapped where pages have 64 kB: %+v", i, p)
			}
			if p.Filesz < p.Memsz && (p.Filesz > 0 || p.Vaddr%page != 0) {
				t.Errorf("program header %d: the kernel has to clear the rest of a page: %+v", i, p)
			}
			if p.Vaddr/page <= end/page && end > 0 {
				t.Errorf("program header %d: begins in the last page of the former", i)
			}
			end = p.Vaddr + p.Memsz - 1
		case elf.PT_GNU_STACK:
			if p.Flags != elf.PF_R|elf.PF_W {
				t.Errorf("the stack is %v", p.Flags)
			}
		case elf.PT_NOTE, elf.PT_NULL:
		default:
			t.Errorf("program header %d: %v", i, p.Type)
		}
	}
	if first := file.Progs[0]; loads > 5 || first.Type != elf.PT_LOAD || first.Off != 0 {
		t.Errorf("%d segments, the first is %+v", loads, first)
	}
	end = 0
	for _, s := range file.Sections {
		if s.Flags&elf.SHF_ALLOC == 0 {
			continue
		}
		if s.Addr%s.Addralign != 0 || s.Addr < end {
			t.Errorf("section %s: is at %#x, which is no multiple of %d, or before %#x",
				s.Name, s.Addr, s.Addralign, end)
		}
		end = s.Addr + s.Size
		if !slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool {
			return p.Type == elf.PT_LOAD && s.Addr-p.Vaddr == s.Offset-p.Off &&
				p.Vaddr <= s.Addr && end <= p.Vaddr+p.Memsz
		}) && s.Size > 0 {
			t.Errorf("section %s: is not in a segment", s.Name)
		}
	}
	readelf := exec.Command(test.Tool(t, "readelf"), "-aW", path)
	status, _, stderr := test.Run(t, readelf)
	if status != 0 || stderr != "" {
		t.Errorf("readelf: status %d: %s", status, stderr)
	}
}
