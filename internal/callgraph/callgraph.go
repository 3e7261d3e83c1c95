// Package callgraph checks the machine code of a linked Go program: whether all code that can be
// reached from one function follows a policy. It is for tests, and for package slim.
//
// The source is not enough, because the compiler and the linker insert calls that it does not
// show, and remove others. An allocation is such a call, and so are a map access and the end of a
// function with a defer statement. The package reads the output of `go tool objdump`.
//
// It covers all architectures that have an early entry: 386, amd64, arm, arm64, loong64, ppc64le,
// riscv64 and s390x (arch.go). On each it follows every call and jump, and rejects computed ones
// and instructions that are not known. It sees the use of a variable on 386 and amd64 only, because
// objdump does not name variables on the others. There, the same Go code uses the same variables;
// and for util-init, package slim checks them in the relocations.
package callgraph

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Policy is the set of functions and variables that may be reached. Its maps give the reason for
// each exception.
type Policy struct {
	// Packages are import paths. Their functions may be called, and are checked themselves.
	Packages []string
	// Functions are further functions that may be called. Of these, only the functions that they call
	// themselves are checked, not their instructions.
	Functions map[string]string
	// NotExecuted are functions of the runtime that code may refer to. Init never executes them,
	// unless it has a bug. They are not in util-init.
	NotExecuted map[string]string
	// Variables are further variables that may be used. They are checked on 386 and amd64 only.
	Variables map[string]string
	// Tables are the variables with an initial value. No code may change them: package slim makes
	// them read-only, and refuses others.
	Tables map[string]string
}

// Check reports each violation of the policy by the code that can be reached from the function
// entry of the program in the file path:
//   - a call or jump to a function that the policy does not list, with the chain of calls to it;
//   - a call or jump to a computed address, except the jump of a switch statement;
//   - a package of the policy with an init function, or with variables that code initializes;
//   - a variable that the policy does not list, of another package, on 386 and amd64;
//   - an instruction that the disassembler does not know, unless its encoding tells that it cannot
//     be a branch.
//
// The program must have its symbols. The command go must be in PATH, to disassemble the program.
func Check(path, entry string, policy Policy) ([]string, error) {
	w, err := walkFrom(path, entry, policy)
	if err != nil {
		return nil, err
	}
	w.checkInit()
	return w.violations, nil
}

// Reached returns the names of the functions that can be reached from the function entry, without
// those that the policy lists as not executed.
func Reached(path, entry string, policy Policy) (names []string, err error) {
	w, err := walkFrom(path, entry, policy)
	if err != nil {
		return nil, err
	}
	for f := range w.callers {
		if policy.NotExecuted[f.name] == "" && !trampoline.MatchString(f.name) {
			names = append(names, f.name)
		}
	}
	slices.Sort(names)
	return names, nil
}

func walkFrom(path, entry string, policy Policy) (*walk, error) {
	p, err := Load(path)
	if err != nil {
		return nil, err
	}
	start := p.byName[entry]
	if start == nil {
		return nil, fmt.Errorf("%s: has no function %s", path, entry)
	}
	w := &walk{
		Program: p,
		policy:  policy,
		callers: map[*function]*function{start: nil},
		queue:   []*function{start},
	}
	for len(w.queue) > 0 {
		f := w.queue[0]
		w.queue = w.queue[1:]
		w.scan(f)
	}
	return w, nil
}

// walk is a breadth-first search, so the chain of calls that it finds to a function is a shortest
// one.
type walk struct {
	*Program
	policy     Policy
	callers    map[*function]*function // from each function seen to its first caller
	queue      []*function             // seen, not yet scanned
	violations []string
}

// scan checks each instruction of f and adds the functions that it calls to the queue.
func (w *walk) scan(f *function) {
	isListed := w.policy.Functions[f.name] != ""
	for i, in := range w.instructions(f) {
		switch in.kind {
		case unknown:
			if !isListed {
				w.violation(f, in, "is not a known instruction")
			}
		case computed:
			if !isListed && !w.isSwitch(f, i) {
				w.violation(f, in, "calls or jumps to a computed address")
			}
		case branch:
			if !f.contains(in.target) {
				w.call(f, in)
			}
		case other:
			name := in.symbol
			if name != "" && !w.policy.Contains(name) && w.policy.Variables[name] == "" &&
				w.policy.Tables[name] == "" {
				w.violation(f, in, "uses the variable "+name)
			}
		}
	}
}

// call checks a call or jump from f to another function, unless an earlier one to the same
// function was checked.
func (w *walk) call(f *function, in instruction) {
	callee := w.at(in.target)
	if callee == nil {
		w.violation(f, in, "goes to an address outside all functions")
		return
	}
	if _, seen := w.callers[callee]; seen {
		return
	}
	w.callers[callee] = f
	switch {
	case w.policy.NotExecuted[callee.name] != "":
	case w.policy.follows(callee.name):
		w.queue = append(w.queue, callee)
	default:
		w.violation(f, in, "→ "+callee.name)
	}
}

// trampoline matches the name of a function that the linker makes for a call over a great distance.
// All that it does is to jump to the function that the rest of its name says.
var trampoline = regexp.MustCompile(`-tramp\d+$`)

// follows reports whether a function may be called, so that what it calls is to be checked.
func (p Policy) follows(name string) bool {
	return p.Contains(name) || p.Functions[name] != "" || trampoline.MatchString(name)
}

// Contains reports whether a function or variable belongs to a package of the policy.
func (p Policy) Contains(name string) bool {
	return slices.ContainsFunc(p.Packages, func(pkg string) bool {
		return strings.HasPrefix(name, pkg+".")
	})
}

// checkInit reports each init function of a package of the policy. It runs only after the Go
// runtime has booted.
func (w *walk) checkInit() {
	for _, name := range slices.Sorted(maps.Keys(w.byName)) {
		if w.policy.IsInit(name) {
			w.violations = append(w.violations, name+": the package has an init function, "+
				"or variables that code initializes")
		}
	}
}

// IsInit reports whether a function is one that initializes a package of the policy. The compiler
// names it init if variables need it, and init.0, init.1 and so on if the source has it.
func (p Policy) IsInit(name string) bool {
	return slices.ContainsFunc(p.Packages, func(pkg string) bool {
		number, found := strings.CutPrefix(name, pkg+".init")
		return found && strings.Trim(number, ".0123456789") == ""
	})
}

// violation reports that the instruction in of f violates the policy, with the chain of calls to f.
func (w *walk) violation(f *function, in instruction, what string) {
	var chain []string
	for caller := f; caller != nil; caller = w.callers[caller] {
		chain = append(chain, caller.name)
	}
	slices.Reverse(chain)
	w.violations = append(w.violations, fmt.Sprintf("%s (%s: %s) %s",
		strings.Join(chain, " → "), in.position, in.text, what))
}
