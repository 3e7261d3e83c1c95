package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Go's linker joins the string literals of a program in one symbol, where each begins somewhere and
// has no length. So slim takes them from the compiled packages, and searches the symbol for them.
//
// Other constants without a name, such as floats and arrays, may be there too: of constants with
// the same bytes, from whichever packages, the linker keeps one. So slim takes all of them.

// isPool reports whether a symbol is one that Go's linker joins constants in. The second one is for
// the collector's maps of pointers.
func isPool(name string) bool { return name == "go:string.*" || name == "runtime.gcbits.*" }

// readLiterals returns the literals and other constants without a name of all packages of early
// code. A line of the file importcfg names a package and the archive that it was compiled into.
func (l *linker) readLiterals(importcfg string) (all [][]byte, err error) {
	config, err := os.ReadFile(importcfg)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(config)) {
		pkg, path, _ := strings.Cut(strings.TrimSpace(line), "=")
		if pkg = strings.TrimPrefix(pkg, "packagefile "); !l.policy.Contains(pkg + ".") {
			continue
		}
		archive, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		some, err := literalsOf(archive)
		if err != nil {
			return nil, fmt.Errorf("package %s: %w", pkg, err)
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, bytes.Compare)
	return slices.CompactFunc(all, bytes.Equal), nil
}

// literalsOf returns the constants of an archive (ar(5)) that have no name.
func literalsOf(archive []byte) (all [][]byte, err error) {
	const magic, header = "!<arch>\n", 60
	rest, found := bytes.CutPrefix(archive, []byte(magic))
	for found && len(rest) >= header {
		size, err := strconv.Atoi(strings.TrimSpace(string(rest[48:58])))
		if rest = rest[header:]; err != nil || size < 0 || size > len(rest) {
			break
		}
		if text, object, isObject := bytes.Cut(rest[:size], []byte("\n!\n")); isObject &&
			bytes.HasPrefix(text, []byte("go object ")) && len(object) > 0 {
			some, err := literalsIn(object)
			if err != nil {
				return nil, err
			}
			all = append(all, some...)
		}
		if rest = rest[min(size+size%2, len(rest)):]; len(rest) == 0 {
			return all, nil
		}
	}
	return nil, errors.New("not an archive")
}

// literalsIn returns the constants without a name in an object of Go's compiler: the symbols that
// its linker knows by a hash of their content. cmd/internal/goobj/objfile.go describes the form.
func literalsIn(object []byte) (all [][]byte, err error) {
	const magic = "\x00go120ld"
	const ( // the blocks
		symbols    = 3  // those of this package
		hashed     = 4  // those without a name; block 5 too
		others     = 6  // those that do not belong to a package
		references = 7  // what others define
		places     = 13 // where the data of each symbol begin
		relocs     = 14
		data       = 16
		blocks     = 19
	)
	var header struct {
		Magic       [len(magic)]byte
		Fingerprint [8]byte
		Flags       uint32
		Blocks      [blocks]uint32 // where each begins
	}
	var symbol struct {
		NameSize, Name    uint32
		ABI               uint16
		Type, Flag, Flag2 uint8
		Size, Alignment   uint32
	}
	order := binary.LittleEndian
	_, err = binary.Decode(object, order, &header)
	block, size := header.Blocks, uint32(binary.Size(symbol))
	if err != nil || string(header.Magic[:]) != magic || !slices.IsSorted(block[:]) ||
		int(block[blocks-1]) > len(object) ||
		block[relocs]-block[places] != 4*((block[references]-block[symbols])/size+1) {
		return nil, errors.New("an object of an unknown form")
	}
	for at := block[hashed]; at < block[others]; at += size {
		_, _ = binary.Decode(object[at:], order, &symbol) // it fails only for fewer bytes
		place := object[block[places]+4*((at-block[symbols])/size):]
		from, to := block[data]+order.Uint32(place), block[data]+order.Uint32(place[4:])
		if from > to || to > block[data+1] || to-from > symbol.Size {
			return nil, errors.New("an object of an unknown form")
		}
		if symbol.NameSize > 0 && symbol.Size > 0 { // others are for the tables of the runtime
			text := make([]byte, symbol.Size) // in the object, zeros may be missing at the end
			copy(text, object[from:to])
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
