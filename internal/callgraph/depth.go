package callgraph

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Depth returns the maximum number of bytes of stack that the function entry of an amd64 program
// in the file path can need, and the chain of calls that needs them. It takes the maximum over all
// paths through the code, whether a run can take them or not. It does not count stack space whose
// size is computed at run time. Recursion is an error, because it has no maximum.
func Depth(path, entry string, policy Policy) (bytes int, chain []string, err error) {
	p, err := Load(path)
	if err != nil {
		return 0, nil, err
	}
	start := p.byName[entry]
	if start == nil || p.arm64 {
		return 0, nil, fmt.Errorf("%s: has no function %s, or is for arm64", path, entry)
	}
	d := depths{walk: walk{Program: p, policy: policy}, known: map[*function]*depth{}}
	deepest, err := d.of(start)
	if err != nil {
		return 0, nil, err
	}
	for at := deepest; at != nil; at = at.next {
		chain = append(chain, fmt.Sprintf("%s (%d)", at.f.name, at.frame))
	}
	return deepest.bytes, chain, nil
}

// depth is the stack that f needs, with everything that it calls.
type depth struct {
	f     *function
	frame int    // the bytes of f itself
	bytes int    // the bytes of f and of the deepest chain of calls from it
	next  *depth // the first function of that chain, nil if there is none
}

// depths computes the depth of each function once.
type depths struct {
	walk
	known map[*function]*depth // nil while the depth of the function is being computed
}

// of returns the depth of f.
func (d *depths) of(f *function) (*depth, error) {
	if known, seen := d.known[f]; seen {
		if known == nil {
			return nil, fmt.Errorf("%s calls itself, directly or through other functions", f.name)
		}
		return known, nil
	}
	d.known[f] = nil
	deepest := &depth{f: f, frame: frame(f)}
	deepest.bytes = deepest.frame
	for _, in := range f.code {
		if in.kind != branch || f.contains(in.target) && !strings.HasPrefix(in.text, "CALL") {
			continue // a jump within f, or back to its start after morestack has grown the stack
		}
		callee := d.at(in.target)
		if callee == nil || !d.policy.Contains(callee.name) {
			continue // outside all functions, or listed by the policy: not checked itself
		}
		below, err := d.of(callee)
		if err != nil {
			return nil, err
		}
		if bytes := deepest.frame + below.bytes; bytes > deepest.bytes {
			deepest.bytes, deepest.next = bytes, below
		}
	}
	d.known[f] = deepest
	return deepest, nil
}

// adjustSP matches an instruction that moves the stack pointer by a constant.
var adjustSP = regexp.MustCompile(`^(SUBQ|ADDQ) \$(-?0x[0-9a-f]+), SP$`)

// frame returns how many bytes of stack f uses itself, including its return address. It reads them
// from the prologue: the first instruction that lowers the stack pointer.
func frame(f *function) int {
	const word = 8
	size := word
	for _, in := range f.code {
		text := strings.TrimSpace(in.text)
		if text == "PUSHQ BP" {
			size += word
		}
		if m := adjustSP.FindStringSubmatch(text); m != nil {
			n, err := strconv.ParseInt(m[2], 0, 64)
			if m[1] == "ADDQ" {
				n = -n // the assembler encodes $-0x80 in fewer bytes than $0x80
			}
			if err == nil && n > 0 {
				return size + int(n)
			}
		}
	}
	return size
}
