package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// built is what the compiler and the linker of Go have made.
type built struct {
	object   string            // the file of the relocatable object
	archives map[string]string // from each import path to the file with the compiled package
}

// build compiles a package main, and has its object written to dir. The environment says for which
// architecture (go help environment).
func build(pkg, tags, variables, dir string) (b built, err error) {
	list, err := output("go", "list", "-trimpath", "-tags", tags, "-export", "-deps", "-f",
		"{{.Export}}\t{{.Name}}\t{{.ImportPath}}", pkg)
	if err != nil {
		return b, err
	}
	b.archives = map[string]string{}
	var config bytes.Buffer
	program := ""
	for line := range strings.Lines(string(list)) {
		field := strings.Split(strings.TrimSpace(line), "\t")
		if len(field) != 3 || field[0] == "" { // package unsafe has no code
			continue
		}
		if field[1] == "main" {
			program = field[0]
		}
		b.archives[field[2]] = field[0]
		fmt.Fprintf(&config, "packagefile %s=%s\n", field[2], field[0])
	}
	imports := filepath.Join(dir, "importcfg")
	if err := os.WriteFile(imports, config.Bytes(), 0o644); err != nil {
		return b, err
	}
	// The program true stands for a linker that does nothing: the object is all that is wanted.
	args := []string{
		"tool", "link", "-importcfg", imports, "-linkmode=external", "-extld=true", "-tmpdir", dir,
		"-w", "-o", filepath.Join(dir, "none"),
	}
	_, err = output("go", append(append(args, strings.Fields(variables)...), program)...)
	b.object = filepath.Join(dir, "go.o")
	return b, err
}

// output runs a command and returns its standard output. What it prints on standard error is shown
// only if it fails: Go's linker remarks that there is no cgo.
func output(name string, args ...string) ([]byte, error) {
	cmd := exec.Command(name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, err
}

// literalsIn returns the string literals of a compiled package. The linker puts all of a program
// into one pool, where their lengths are lost.
func literalsIn(archive string) (all [][]byte, err error) {
	content, err := os.ReadFile(archive)
	if err != nil {
		return nil, err
	}
	names, err := output("go", "tool", "nm", "-size", archive)
	if err != nil {
		return nil, err
	}
	// The object of the Go files is a member of the archive, after a text that ends with "!".
	_, object, _ := bytes.Cut(content, []byte("_go_.o          0"))
	_, object, _ = bytes.Cut(object, []byte("\n!\n"))
	for line := range strings.Lines(string(names)) {
		before, name, isLiteral := strings.Cut(line, " go:string.")
		if !isLiteral {
			continue
		}
		var at, size int
		var kind string
		field := before[strings.LastIndexByte(before, ':')+1:]
		if _, err := fmt.Sscanf(field, "%x %d %s", &at, &size, &kind); err != nil {
			return nil, fmt.Errorf("%s: go tool nm: %q: %w", archive, line, err)
		}
		if at < 0 || size < 0 || at > len(object)-size {
			return nil, fmt.Errorf("%s: go tool nm: %q: outside the file", archive, line)
		}
		text := object[at : at+size]
		// A long one has a hash as its name.
		quoted, err := strconv.Unquote(strings.TrimSpace(name))
		if err == nil && quoted != string(text) {
			return nil, fmt.Errorf("%s: go tool nm: %q: the file has %q there", archive, line, text)
		}
		all = append(all, text)
	}
	return all, nil
}
