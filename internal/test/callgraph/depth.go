package callgraph

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Depth returns how many bytes of stack the code needs that can be reached from the function entry of the program in the file
// path, an amd64 one, and the way there: at the most, over all ways that the code has, taken or not. What a function takes whose
// amount is computed when it runs is not counted. Recursion is an error, as then there is no most.
func Depth(path, entry string, policy Policy) (bytes int, way []string, err error) {
	p, err := load(path)
	if err != nil {
		return 0, nil, err
	}
	start := p.byName[entry]
	if start == nil || p.arm64 {
		return 0, nil, fmt.Errorf("%s: has no function %s, or is for arm64", path, entry)
	}
	d := depths{walk: walk{program: p, policy: policy}, known: map[*function]*depth{}}
	most, err := d.of(start)
	if err != nil {
		return 0, nil, err
	}
	for at := most; at != nil; at = at.next {
		way = append(way, fmt.Sprintf("%s (%d)", at.f.name, at.frame))
	}
	return most.bytes, way, nil
}

// depth is the deepest way from a function.
type depth struct {
	f     *function
	frame int // the function's own part of bytes
	bytes int
	next  *depth
}

type depths struct {
	walk
	known map[*function]*depth // nil while it is being found out
}

func (d *depths) of(f *function) (*depth, error) {
	if known, seen := d.known[f]; seen {
		if known == nil {
			return nil, fmt.Errorf("%s calls itself, maybe by way of others", f.name)
		}
		return known, nil
	}
	d.known[f] = nil
	most := &depth{f: f, frame: frame(f)}
	most.bytes = most.frame
	for _, in := range f.code {
		if in.kind != branch || f.holds(in.target) && !strings.HasPrefix(in.text, "CALL") {
			continue // within the function; also back to its start, once the stack has grown
		}
		callee := d.at(in.target)
		if callee == nil || d.policy.Functions[callee.name] != "" && !d.ours(callee.name) {
			continue // not looked into; or where init ends
		}
		below, err := d.of(callee)
		if err != nil {
			return nil, err
		}
		if most.frame+below.bytes > most.bytes {
			most.bytes, most.next = most.frame+below.bytes, below
		}
	}
	d.known[f] = most
	return most, nil
}

var takes = regexp.MustCompile(`^(SUBQ|ADDQ) \$(-?0x[0-9a-f]+), SP$`)

// frame returns how many bytes of stack a function takes, the address to return to included.
func frame(f *function) int {
	const word = 8
	size := word
	for _, in := range f.code {
		text := strings.TrimSpace(in.text)
		if text == "PUSHQ BP" {
			size += word
		}
		if m := takes.FindStringSubmatch(text); m != nil {
			n, err := strconv.ParseInt(m[2], 0, 64)
			if m[1] == "ADDQ" {
				n = -n // $-0x80 is shorter than $0x80
			}
			if err == nil && n > 0 {
				return size + int(n)
			}
		}
	}
	return size
}
