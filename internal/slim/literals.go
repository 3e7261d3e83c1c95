package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// Go's linker joins the string literals of a program in one symbol, where each begins somewhere and
// has no length. So slim takes them from the compiled packages, and searches the symbol for them.

// isPool reports whether a symbol is one that Go's linker joins literals in. The second one is for
// other constants: a literal of the same bytes may be there.
func isPool(name string) bool { return name == "go:string.*" || name == "runtime.gcbits.*" }

// readLiterals returns the literals of all packages of early code. A line of the file importcfg
// names a package and the archive that it was compiled into.
func (l *linker) readLiterals(importcfg string) (all [][]byte, err error) {
	config, err := os.ReadFile(importcfg)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(config)) {
		pkg, archive, _ := strings.Cut(strings.TrimSpace(line), "=")
		if pkg = strings.TrimPrefix(pkg, "packagefile "); !l.policy.Contains(pkg + ".") {
			continue
		}
		some, err := literalsOf(archive)
		if err != nil {
			return nil, fmt.Errorf("package %s: %w", pkg, err)
		}
		all = append(all, some...)
	}
	return all, nil
}

// literalsOf returns the literals of an archive.
func literalsOf(archive string) (all [][]byte, err error) {
	content, err := os.ReadFile(archive)
	if err != nil {
		return nil, err
	}
	symbols, err := exec.Command("go", "tool", "nm", "-size", archive).Output()
	if err != nil {
		return nil, fmt.Errorf("go tool nm: %w", err)
	}
	// nm counts from the start of the object in the archive, which a line "!" precedes.
	_, object, _ := bytes.Cut(content, []byte("_go_.o          0"))
	_, object, _ = bytes.Cut(object, []byte("\n!\n"))
	for line := range strings.Lines(string(symbols)) {
		before, name, isLiteral := strings.Cut(line, " go:string.")
		if !isLiteral {
			continue
		}
		var at, size int
		_, err := fmt.Sscanf(before[strings.LastIndexByte(before, ':')+1:], "%x %d", &at, &size)
		if err != nil || at < 0 || size < 0 || at > len(object)-size {
			return nil, fmt.Errorf("go tool nm: %q: not a place in the archive", line)
		}
		text := object[at : at+size]
		// The name of a short literal is its text, that of a long one a hash.
		if short, err := strconv.Unquote(strings.TrimSpace(name)); err == nil && short != string(text) {
			return nil, fmt.Errorf("go tool nm: %q: the archive has %q there", line, text)
		}
		if size > 0 {
			all = append(all, text)
		}
	}
	return all, nil
}

// literal returns the extent of all literals that cover a place in a pool.
func (l *linker) literal(symbol int, at int64) (e extent, found bool) {
	s := l.symbols[symbol]
	// The size of a pool is not stated. A literal that is there by chance, behind its end, only makes
	// the extent longer.
	pool := l.contents[s.Section][s.Value:]
	if at < 0 || at >= int64(len(pool)) {
		return e, false
	}
	from, to := int(at), int(at)
	for _, text := range l.literals {
		start := max(0, int(at)-len(text)+1)
		around := pool[start:min(len(pool), int(at)+len(text))]
		if i := bytes.Index(around, text); i >= 0 {
			from = min(from, start+i)
			to = max(to, start+bytes.LastIndex(around, text)+len(text))
		}
	}
	return extent{symbol, uint64(from), uint64(to)}, to > int(at)
}
