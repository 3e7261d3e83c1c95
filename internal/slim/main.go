// Slim links a package main that begins with an early entry into a static program that has no Go
// runtime in it: the functions and data that the entry point can reach, and nothing else.
//
// It is a small linker behind the compiler and the linker of Go. The latter, asked to let another
// linker do the rest (-linkmode=external), writes all of the program into one relocatable object,
// elf(5). There, relocations name what each function refers to. Slim
//
//  1. follows them from the entry point (reach.go);
//  2. lays out what it has found, the code of a plain run in one piece of 64 kB (layout.go);
//  3. applies the relocations (relocate.go), and writes an ELF file (elf.go).
//
// What early code may reach is the policy of package callgraph. Anything else is an error here. A
// call that the policy knows as one that only a bug takes leads to the function -broken.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"util/internal/callgraph"
)

func main() {
	var l linker
	output := flag.String("o", "", "write the program to `file`")
	tags := flag.String("tags", "", "build with these build `tags`")
	variables := flag.String("ldflags", "", "more `flags` for go tool link")
	flag.StringVar(&l.entry, "entry", "", "the `symbol` where the program begins")
	flag.StringVar(&l.broken, "broken", "", "the `symbol` that takes the place of what is left out")
	hot := flag.String("first", "", "a `file` with the names of the functions that every run executes")
	flag.StringVar(&l.note, "note", "", "what the file's .note.package says, in `JSON`")
	flag.BoolVar(&l.strip, "s", false, "leave out the symbol table")
	flag.Parse()
	if *output == "" || flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: slim -o FILE -entry SYMBOL -broken SYMBOL [OPTION...] PACKAGE")
		os.Exit(2)
	}
	if *hot != "" {
		names, err := os.ReadFile(*hot)
		if err != nil {
			fmt.Fprintln(os.Stderr, "slim:", err)
			os.Exit(1)
		}
		l.hot = strings.Fields(string(names))
	}
	l.policy = callgraph.Early
	if err := l.run(flag.Arg(0), *tags, *variables, *output); err != nil {
		fmt.Fprintln(os.Stderr, "slim:", err)
		os.Exit(1)
	}
}

// linker is one run.
type linker struct {
	entry, broken string   // symbols
	hot           []string // the functions that every run executes
	note          string
	strip         bool
	policy        callgraph.Policy

	object
	code     *callgraph.Program // the object's, disassembled; nil where relocations name all calls
	pieces   []*piece           // what the file will hold
	bySymbol map[int]*piece     // those that are a whole symbol
	literals []*piece           // parts of stringsSymbol, sorted
	segments [segments]segment
}

func (l *linker) run(pkg, tags, variables, output string) error {
	dir, err := os.MkdirTemp("", "slim-")
	if err != nil {
		return err
	}
	if os.Getenv("KEEP") == "" {
		defer os.RemoveAll(dir)
	}
	built, err := build(pkg, tags, variables, dir)
	if err != nil {
		return err
	}
	if l.object, err = readObject(built.object); err != nil {
		return fmt.Errorf("%s: %w", pkg, err)
	}
	if l.hidesCalls() {
		if l.code, err = callgraph.Load(built.object); err != nil {
			return err
		}
	}
	if err := l.reach(built.archives); err != nil {
		return err
	}
	l.layout(headers + uint64(len(l.notes())))
	file, err := l.write()
	if err != nil {
		return err
	}
	return os.WriteFile(output, file, 0o755)
}
