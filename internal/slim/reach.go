package main

import (
	"cmp"
	"debug/elf"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// piece is a part of the object that the file will hold: a function, a variable, or literals.
type piece struct {
	name     string
	section  elf.SectionIndex
	from, to uint64 // its place in the section
	relocs   []reloc
	caller   *piece // what has led to it first, nil for the entry point
	hot      bool   // every run executes it, or it is a constant of such a function
	unit     uint64 // the addresses of literals are the same as in the object, modulo this power of 2
	address  uint64 // in the new file
}

// extent is a part of a symbol, from one offset up to, but not including, another.
type extent struct {
	symbol   int
	from, to uint64
}

// types is the symbol that Go's linker joins types in.
const types = "type:*"

// reach finds the pieces: all that the entry point leads to.
func (l *linker) reach() error {
	l.known = map[extent]*piece{}
	// Where Go and assembly have different calling conventions, this is the name of a function in
	// assembly; its own name is that of what Go code calls.
	if _, found := l.byName[l.broken+".abi0"]; found {
		l.broken += ".abi0"
	}
	for _, name := range []string{l.entry, l.broken} {
		if _, found := l.byName[name]; !found {
			return fmt.Errorf("symbol %q: not in the program", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(l.byName)) {
		if l.policy.IsInit(name) { // nothing would run it
			return fmt.Errorf("%s: the package has an init function, or variables that code initializes",
				name)
		}
	}
	if _, err := l.add(l.byName[l.entry], nil); err != nil {
		return err
	}
	for i := 0; i < len(l.pieces); i++ { // which resolve makes longer
		p := l.pieces[i]
		if err := l.addCalls(p); err != nil {
			return err
		}
		l.addLoads(p)
		slices.SortStableFunc(p.relocs, func(a, b reloc) int { return cmp.Compare(a.user, b.user) })
		// A call comes after the references to its arguments, and explains them.
		for k := range slices.Backward(p.relocs) {
			if err := l.resolve(p, k); err != nil {
				return err
			}
		}
	}
	return nil
}

// resolve finds the piece that relocation k of p refers to, and makes it one if it is new.
func (l *linker) resolve(p *piece, k int) (err error) {
	r := &p.relocs[k]
	form, known := l.forms[r.kind]
	if !known {
		return p.refused(fmt.Sprintf("at %#x: unknown kind of relocation: %d of %v",
			r.place, r.kind, l.machine))
	}
	s := l.symbols[r.symbol]
	at := r.addend // from the symbol
	if form.next && l.isCode(p) {
		at += int64(l.code.End(r.place) - r.place) // it is relative to the next instruction
	}
	switch {
	case isPool(s.Name):
		e, found := l.literal(r.symbol, at)
		if !found {
			return p.refused(fmt.Sprintf("→ %s: no literal is known at %#x", s.Name, at))
		}
		r.to, _ = l.piece(e, p)
		r.to.unit = max(r.to.unit, form.unit)
		r.addend -= int64(e.from)
	case s.Name == types && k+1 < len(p.relocs) && p.relocs[k+1].unusedType:
		r.unusedType = true
		r.addend -= at // it is nil
	case int(s.Section) < len(l.sections) && l.sections[s.Section].Flags&elf.SHF_TLS != 0:
		return nil // where the address of g is: its place is fixed (see architectures)
	case l.policy.NotExecuted[s.Name] != "":
		r.unusedType = s.Name == "runtime.wbZero" || s.Name == "runtime.wbMove"
		r.to, err = l.add(l.byName[l.broken], p)
	default:
		r.to, err = l.add(r.symbol, p)
	}
	if err == nil && p.hot && l.isCode(p) && r.to != nil && !l.isCode(r.to) {
		const longest = 64 // a longer literal is a text that is printed
		r.to.hot = !isPool(r.to.name) || r.to.to-r.to.from <= longest
	}
	return err
}

// isCode reports whether a piece is a function.
func (l *linker) isCode(p *piece) bool { return l.sections[p.section].Flags&elf.SHF_EXECINSTR != 0 }

// piece makes an extent a piece, unless it is one already.
func (l *linker) piece(e extent, caller *piece) (p *piece, isNew bool) {
	if p := l.known[e]; p != nil {
		return p, false
	}
	s := l.symbols[e.symbol]
	p = &piece{
		name: s.Name, section: s.Section, from: s.Value + e.from, to: s.Value + e.to, caller: caller,
		hot: slices.Contains(l.hot, s.Name), unit: 1,
	}
	l.known[e] = p
	l.pieces = append(l.pieces, p)
	return p, true
}

// add makes a symbol a piece, unless it is one already. It refuses what the policy does.
func (l *linker) add(symbol int, caller *piece) (*piece, error) {
	s := l.symbols[symbol]
	p, isNew := l.piece(extent{symbol, 0, s.Size}, caller)
	if !isNew {
		return p, nil
	}
	if s.Section == elf.SHN_UNDEF || int(s.Section) >= len(l.sections) {
		return nil, p.refused("is not in the program")
	}
	p.relocs = l.within(p.section, p.from, p.to)
	policy, in := l.policy, l.sections[p.section]
	allowed := caller == nil || policy.Contains(s.Name)
	switch {
	case s.Size == 0: // it stands for many, such as type:* for all types
		allowed = false
	case l.isCode(p):
		allowed = allowed || policy.Functions[s.Name] != ""
	case in.Flags&elf.SHF_WRITE != 0 && in.Type != elf.SHT_NOBITS:
		allowed = policy.Tables[s.Name] != ""
	case in.Flags&elf.SHF_WRITE != 0:
		allowed = allowed || policy.Variables[s.Name] != ""
	case len(p.relocs) == 0:
		allowed = true // a constant; Go's linker joins those of the same bytes, whatever their names
	}
	if !allowed {
		why := "is not for early code"
		if policy.Contains(s.Name) && in.Flags&elf.SHF_WRITE != 0 {
			why = "has an initial value, and is not in Tables (internal/callgraph/early.go)"
		}
		return nil, p.refused(why)
	}
	return p, nil
}

// addCalls adds relocations for the calls of a function, where the object has none.
func (l *linker) addCalls(p *piece) error {
	if l.code == nil || !l.isCode(p) {
		return nil
	}
	for _, call := range l.code.Calls(p.from) {
		r := *l.call
		r.place = call.End - 4
		r.user = r.place
		callee, found := l.function(call.Target)
		f := l.forms[r.kind]
		distance := f.read(l.order, l.contents[p.section][r.place:])
		if !found || distance != int64(f.value(call.Target+uint64(r.addend), r.place)) {
			return p.refused(fmt.Sprintf("has an unknown kind of call that ends at %#x", call.End))
		}
		r.symbol = callee
		r.addend += int64(call.Target - l.symbols[callee].Value) // to duffzero there are such calls
		p.relocs = append(p.relocs, r)
	}
	return nil
}

// addLoads replaces the relocation of a constant between the instructions of a function by one for
// each instruction that loads it.
func (l *linker) addLoads(p *piece) {
	if l.load == nil || !l.isCode(p) {
		return
	}
	original := p.relocs
	p.relocs = nil
	loaded := map[uint64]bool{}
	for at := p.from; at < p.to; at += 4 {
		place, found := l.load(l.order.Uint32(l.contents[p.section][at:]), at)
		for _, r := range original {
			if found && r.place == place {
				r.user = at
				p.relocs = append(p.relocs, r)
				loaded[place] = true
			}
		}
	}
	for _, r := range original {
		if !loaded[r.place] {
			p.relocs = append(p.relocs, r)
		}
	}
}

// refused is the error for a piece that must not be in the file. It shows what has led there.
func (p *piece) refused(why string) error {
	var chain []string
	for ; p != nil; p = p.caller {
		chain = append(chain, p.name)
	}
	slices.Reverse(chain)
	return fmt.Errorf("%s %s", strings.Join(chain, " → "), why)
}
