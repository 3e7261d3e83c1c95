// Slim links the early entry of a Go program into a static file that has no Go runtime in it: the
// functions and data that the entry point reaches, and nothing else. docs/design.md explains it.
//
// It is the linker behind Go's own, which with -linkmode=external writes a program as one
// relocatable object (elf(5)). There, relocations tell what each function refers to. Slim
//
//  1. follows them from the entry point on (reach.go);
//  2. gives what it has found new addresses, the code that every run executes first (layout.go);
//  3. applies the relocations (relocate.go) and writes an ELF file (elf.go).
//
// What differs between architectures is a table (architectures.go).
//
// What early code may refer to is the policy of package callgraph; anything else is an error here.
// What it refers to and never executes is not in the file: the function -broken takes its place.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"util/internal/callgraph"
)

func main() {
	l := linker{policy: callgraph.Early}
	output := flag.String("o", "", "write the program to `file`")
	archives := flag.String("importcfg", "", "the `file` with the names of the compiled packages")
	hot := flag.String("hot", "", "a `file` with the names of the functions that every run executes")
	flag.StringVar(&l.entry, "entry", "", "the `symbol` where the program begins")
	flag.StringVar(&l.broken, "broken", "", "the `symbol` that replaces what is never executed")
	flag.StringVar(&l.about, "package", "", "the text of .note.package, in `JSON`")
	flag.BoolVar(&l.strip, "s", false, "leave out the symbol table")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: slim OPTION... OBJECT")
		flag.PrintDefaults()
		os.Exit(2)
	}
	if err := l.link(flag.Arg(0), *archives, *hot, *output); err != nil {
		fmt.Fprintln(os.Stderr, "slim:", err)
		os.Exit(1)
	}
}

// linker is one run.
type linker struct {
	entry, broken string   // symbols
	hot           []string // the functions that every run executes
	about         string
	strip         bool
	policy        callgraph.Policy

	object
	code     *callgraph.Program // the object's, where relocations do not name all calls; else nil
	literals [][]byte           // the string literals of the packages
	pieces   []*piece           // what the file will hold; the first is the entry point
	known    map[extent]*piece  // the same
	segments [segments]segment
}

func (l *linker) link(object, archives, hot, output string) (err error) {
	if l.object, err = readObject(object); err != nil {
		return err
	}
	if l.call != nil { // the relocations do not name the calls
		if l.code, err = callgraph.Load(object); err != nil {
			return err
		}
	}
	names, err := os.ReadFile(hot)
	if err != nil && hot != "" {
		return err
	}
	l.hot = strings.Fields(string(names))
	if l.literals, err = l.readLiterals(archives); err != nil {
		return err
	}
	if err := l.reach(); err != nil {
		return err
	}
	l.layout()
	file, err := l.write()
	if err != nil {
		return err
	}
	// A program that runs cannot be written to, but it can be replaced. Only a file is removed, not
	// /dev/null.
	if info, err := os.Lstat(output); err == nil && info.Mode().IsRegular() {
		if err := os.Remove(output); err != nil {
			return err
		}
	}
	return os.WriteFile(output, file, 0o755)
}
