package main

import (
	"bytes"
	"cmp"
	"debug/elf"
	"fmt"
	"slices"
	"strings"
)

// piece is a part of the object that the file will hold: a function, a variable, or a part of the
// string literals.
type piece struct {
	name     string
	section  int
	from, to uint64  // its place in the section
	relocs   []reloc // what it refers to
	caller   *piece  // what has led to it first, nil for the entry point
	address  uint64  // in the new file
}

// reach finds everything that the entry point can reach. archives are the compiled packages.
func (l *linker) reach(archives map[string]string) error {
	l.bySymbol = map[int]*piece{}
	start, broken := l.byName[l.entry], l.byName[l.broken]
	for _, name := range []string{l.entry, l.broken} {
		if l.byName[name] == 0 {
			return fmt.Errorf("symbol %q: not in the program", name)
		}
	}
	if err := l.add(start, nil); err != nil {
		return err
	}
	for i := 0; i < len(l.pieces); i++ { // which add makes longer
		p := l.pieces[i]
		if err := l.addCalls(p); err != nil {
			return err
		}
		for k, r := range p.relocs {
			name := l.symbols[r.symbol].Name
			if l.policy.NotExecuted[name] != "" {
				p.relocs[k].symbol = broken
			}
			if isPool(name) {
				p.relocs[k].literal = l.literal(p, r)
				continue
			}
			if err := l.add(p.relocs[k].symbol, p); err != nil {
				return err
			}
		}
	}
	return l.findLiterals(archives)
}

// add makes a symbol a piece of the file.
func (l *linker) add(symbol int, caller *piece) error {
	if l.bySymbol[symbol] != nil {
		return nil
	}
	s := l.symbols[symbol]
	p := &piece{
		name: s.Name, section: int(s.Section), from: s.Value, to: s.Value + s.Size, caller: caller,
	}
	if s.Section == elf.SHN_UNDEF || p.section >= len(l.sections) {
		return p.refused("is not in the program")
	}
	flags := l.sections[p.section].Flags
	p.relocs = slices.Clone(l.within(p.section, p.from, p.to))
	allowed := caller == nil || l.policy.Contains(s.Name)
	switch {
	case flags&elf.SHF_TLS != 0:
		return nil // where g is: the entry point has a place of its own for that
	case flags&elf.SHF_EXECINSTR != 0:
		allowed = allowed || l.policy.Functions[s.Name] != ""
	case flags&elf.SHF_WRITE != 0 && l.sections[p.section].Type != elf.SHT_NOBITS:
		allowed = l.policy.Tables[s.Name] != ""
	case flags&elf.SHF_WRITE != 0:
		allowed = allowed || l.policy.Variables[s.Name] != ""
	case len(p.relocs) == 0: // a constant; Go's linker joins those that are the same
		allowed = true
	}
	if !allowed {
		return p.refused("is not for early code")
	}
	l.bySymbol[symbol] = p
	l.pieces = append(l.pieces, p)
	return nil
}

// refused is the error for a piece that must not be in the file.
func (p *piece) refused(why string) error {
	var chain []string
	for ; p != nil; p = p.caller {
		chain = append(chain, p.name)
	}
	slices.Reverse(chain)
	return fmt.Errorf("%s %s", strings.Join(chain, " → "), why)
}

// addCalls adds relocations for the calls of a function that have none.
func (l *linker) addCalls(p *piece) error {
	if l.code == nil || l.sections[p.section].Flags&elf.SHF_EXECINSTR == 0 {
		return nil
	}
	for _, call := range l.code.Calls(p.from) {
		const size = 4
		callee, found := l.byStart[call.Target]
		distance := int32(l.order.Uint32(l.contents[p.section][call.End-size:]))
		if !found || uint64(int64(call.End)+int64(distance)) != call.Target {
			return p.refused(fmt.Sprintf("has an unknown kind of call at %#x", call.End))
		}
		p.relocs = append(p.relocs, reloc{
			place: call.End - size, kind: uint32(elf.R_X86_64_PC32), symbol: callee, addend: -size,
		})
	}
	return nil
}

// literal returns where in a pool a relocation points.
func (l *linker) literal(p *piece, r reloc) int64 {
	if l.code == nil || l.sections[p.section].Flags&elf.SHF_EXECINSTR == 0 {
		return r.addend
	}
	return r.addend + int64(l.code.End(r.place)-r.place) // it is relative to the next instruction
}

// findLiterals makes pieces of the string literals that the others refer to. A reference tells
// where one is in a pool, but not how long it is. So the literals of the packages that the pieces
// come from are searched for in the pool, and a piece is all that overlaps at the place.
func (l *linker) findLiterals(archives map[string]string) error {
	var texts [][]byte
	searched := map[string]bool{}
	for _, p := range l.pieces {
		pkg := packageOf(p.name)
		if archive := archives[pkg]; archive != "" && !searched[pkg] {
			some, err := literalsIn(archive)
			if err != nil {
				return err
			}
			texts = append(texts, some...)
		}
		searched[pkg] = true
	}
	found := map[int][]extent{} // by pool
	for _, p := range l.pieces {
		for _, r := range p.relocs {
			s := l.symbols[r.symbol]
			if !isPool(s.Name) {
				continue
			}
			if found[r.symbol] == nil {
				found[r.symbol] = extents(l.contents[s.Section][s.Value:l.endOfPool(s)], texts)
			}
			if n := int64(len(found[r.symbol])); r.literal < 0 || r.literal >= n ||
				found[r.symbol][r.literal].to == 0 {
				return p.refused(fmt.Sprintf("→ %s: no known string literal at %#x", s.Name, r.literal))
			}
			e := found[r.symbol][r.literal]
			l.literals = append(l.literals, &piece{
				name: s.Name, section: int(s.Section),
				from: s.Value + uint64(e.from), to: s.Value + uint64(e.to),
			})
		}
	}
	slices.SortFunc(l.literals, func(a, b *piece) int {
		return cmp.Or(cmp.Compare(a.section, b.section), cmp.Compare(a.from, b.from))
	})
	merged := l.literals[:0]
	for _, p := range l.literals {
		if n := len(merged); n > 0 && p.section == merged[n-1].section && p.from < merged[n-1].to {
			merged[n-1].to = max(merged[n-1].to, p.to)
			continue
		}
		merged = append(merged, p)
	}
	l.literals = merged
	return nil
}

// endOfPool returns where a pool ends: where the next symbol begins. Its own size is not stated.
func (l *linker) endOfPool(pool elf.Symbol) uint64 {
	end := l.sections[pool.Section].Size
	for _, s := range l.symbols {
		if s.Section == pool.Section && s.Value > pool.Value {
			end = min(end, s.Value)
		}
	}
	return end
}

// extent is the part of a pool from one place up to, but not including, another.
type extent struct{ from, to int }

// extents returns for each place of a pool the extent of the texts that cover it.
func extents(pool []byte, texts [][]byte) []extent {
	all := make([]extent, len(pool))
	for _, text := range texts {
		for at := 0; len(text) > 0; at++ {
			next := bytes.Index(pool[at:], text)
			if next < 0 {
				break
			}
			at += next
			for i := at; i < at+len(text); i++ {
				if all[i].to == 0 {
					all[i].from = at
				}
				all[i] = extent{min(all[i].from, at), max(all[i].to, at+len(text))}
			}
		}
	}
	return all
}

// packageOf returns the import path in a symbol's name.
func packageOf(name string) string {
	slash := strings.LastIndexByte(name, '/') + 1
	dot := strings.IndexByte(name[slash:], '.')
	return name[:slash+max(dot, 0)]
}
