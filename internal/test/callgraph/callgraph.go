// Package callgraph finds out, by reading the machine code of a linked Go program, whether the code that can be reached
// from one function keeps to a policy. It is for tests only.
//
// The machine code is the only witness: the compiler and the linker put calls where the source has none (an allocation
// is one, a map access, the end of a function with defer), and leave out others. It is read in the form that
// `go tool objdump` gives it, on amd64 and arm64.
package callgraph

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Policy says what may be reached. Its maps tell the reason of each exception.
type Policy struct {
	Packages  []string          // import paths. Their functions may be called and are looked into
	Functions map[string]string // further functions that may be called. They are not looked into
	Variables map[string]string // further variables that may be used. Names are known on amd64 only
}

// Check reports each breach of the policy by the code that can be reached from the function entry of the program in
// the file path: a call or jump to a function that the policy does not list, with the way there; a call or jump whose
// target is computed, other than that of a switch statement; a package whose variables need code to be initialized; a
// variable of some other package; an instruction that the disassembler does not know.
//
// The program must have its symbols, and there must be a Go toolchain to disassemble it.
func Check(path, entry string, policy Policy) ([]string, error) {
	p, err := load(path)
	if err != nil {
		return nil, err
	}
	start := p.byName[entry]
	if start == nil {
		return nil, fmt.Errorf("%s: has no function %s", path, entry)
	}
	w := walk{program: p, policy: policy, cameFrom: map[*function]*function{start: nil}, queue: []*function{start}}
	for len(w.queue) > 0 {
		f := w.queue[0]
		w.queue = w.queue[1:]
		w.look(f)
	}
	w.lookForInit()
	return w.breaches, nil
}

// walk is a breadth-first search, so that the way that it finds to a function is a shortest one.
type walk struct {
	*program
	policy   Policy
	cameFrom map[*function]*function // the functions seen, and their first callers
	queue    []*function             // seen, but not looked into
	breaches []string
}

// look checks each instruction of a function and puts the functions that it calls into the queue.
func (w *walk) look(f *function) {
	for i, in := range f.code {
		switch in.kind {
		case unknown:
			w.breach(f, in, "is no known instruction")
		case computed:
			if !w.isSwitch(f, i) {
				w.breach(f, in, "calls or jumps to a computed address")
			}
		case branch:
			if !f.holds(in.target) {
				w.call(f, in)
			}
		case other:
			if in.symbol != "" && !w.ours(in.symbol) && w.policy.Variables[in.symbol] == "" {
				w.breach(f, in, "uses the variable "+in.symbol)
			}
		}
	}
}

// call checks a call or jump to another function, the first one to that function.
func (w *walk) call(f *function, in instruction) {
	callee := w.at(in.target)
	if callee == nil {
		w.breach(f, in, "leads out of the code")
		return
	}
	if _, seen := w.cameFrom[callee]; seen {
		return
	}
	w.cameFrom[callee] = f
	switch {
	case w.policy.Functions[callee.name] != "":
	case w.ours(callee.name):
		w.queue = append(w.queue, callee)
	default:
		w.breach(f, in, "→ "+callee.name)
	}
}

// ours reports whether a function or variable belongs to one of the policy's packages.
func (w *walk) ours(name string) bool {
	return slices.ContainsFunc(w.policy.Packages, func(pkg string) bool { return strings.HasPrefix(name, pkg+".") })
}

// lookForInit reports the packages whose variables get their values from code, which runs when the runtime has booted.
func (w *walk) lookForInit() {
	for _, name := range slices.Sorted(maps.Keys(w.byName)) {
		for _, pkg := range w.policy.Packages {
			if name == pkg+".init" {
				w.breaches = append(w.breaches, name+": the package has variables that need code to be initialized, or an init function")
			}
		}
	}
}

// breach reports that an instruction of f breaks the policy.
func (w *walk) breach(f *function, in instruction, what string) {
	way := ""
	for caller := f; caller != nil; caller = w.cameFrom[caller] {
		way = caller.name + " → " + way
	}
	way = strings.TrimSuffix(way, " → ")
	w.breaches = append(w.breaches, fmt.Sprintf("%s (%s: %s) %s", way, in.position, in.text, what))
}
