package callgraph

import (
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
)

// Depth returns the maximum number of bytes of stack that the function entry of the program in
// the file path can need, and the chain of calls that needs them. It takes the maximum over all
// paths through the code, whether a run can take them or not. It does not count the space that
// assembly makes unknown to the assembler, as with the flag NOFRAME, nor space whose size is
// computed at run time. Recursion is an error, because it has no maximum. The program must have its
// debugging information.
func Depth(path, entry string, policy Policy) (bytes int, chain []string, err error) {
	p, err := Load(path)
	if err != nil {
		return 0, nil, err
	}
	start := p.byName[entry]
	if start == nil {
		return 0, nil, fmt.Errorf("%s: has no function %s", path, entry)
	}
	file, err := elf.Open(path)
	if err != nil {
		return 0, nil, err
	}
	defer file.Close()
	d := depths{walk: walk{Program: p, policy: policy}, known: map[*function]*depth{}}
	if d.frames, err = readFrames(file); err != nil {
		return 0, nil, fmt.Errorf("%s: %w", path, err)
	}
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
	frames map[uint64]int       // by the address of the function
	known  map[*function]*depth // nil while the depth of the function is being computed
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
	deepest := &depth{f: f, frame: d.frames[f.start]}
	deepest.bytes = deepest.frame
	for _, in := range d.instructions(f) {
		if in.kind != branch || f.contains(in.target) && !isCall.MatchString(in.text) {
			continue // a jump within f, or back to its start after morestack has grown the stack
		}
		callee := d.at(in.target)
		if callee == nil || !d.policy.follows(callee.name) {
			continue // outside all functions, or not executed
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

// isCall matches the text of a branch that returns, in which a function could call itself.
var isCall = regexp.MustCompile(`^(CALL|BL|BLX)\b`)

// readFrames returns, for each address of a function, how many bytes of stack it uses itself,
// including its return address. That is the greatest distance of the canonical frame address from
// the stack pointer, which the debugging information has (DWARF 4, "Call Frame Information").
func readFrames(file *elf.File) (map[uint64]int, error) {
	section := file.Section(".debug_frame")
	if section == nil {
		return nil, errors.New("has no debugging information")
	}
	content, err := section.Data()
	if err != nil {
		return nil, err
	}
	const common = 1<<32 - 1 // marks what the entries of all functions have in common
	frames := map[uint64]int{}
	var unit int64
	for all := (cfi{bytes: content, order: file.ByteOrder}); len(all.bytes) > 0 && !all.isShort; {
		entry := cfi{bytes: all.take(int(all.number(4))), order: file.ByteOrder}
		if entry.number(4) == common {
			entry.take(2) // version, augmentation
			entry.leb()
			unit = entry.leb()
			continue
		}
		word := 8
		if file.Class == elf.ELFCLASS32 {
			word = 4
		}
		start := entry.number(word)
		entry.take(word)
		most, err := entry.deepest()
		if err != nil {
			return nil, err
		}
		frames[start] = int(most * unit)
	}
	return frames, nil
}

// cfi is a part of the call frame information that has not been read yet.
type cfi struct {
	bytes   []byte
	order   binary.ByteOrder
	isShort bool // something was to be read behind its end
}

// take returns the next n bytes.
func (c *cfi) take(n int) []byte {
	if n > len(c.bytes) {
		c.isShort = true
		return make([]byte, min(n, 8))
	}
	taken := c.bytes[:n]
	c.bytes = c.bytes[n:]
	return taken
}

// number reads a number of 1, 2, 4 or 8 bytes.
func (c *cfi) number(size int) uint64 {
	bytes := c.take(size)
	switch size {
	case 1:
		return uint64(bytes[0])
	case 2:
		return uint64(c.order.Uint16(bytes))
	case 4:
		return uint64(c.order.Uint32(bytes))
	}
	return c.order.Uint64(bytes)
}

// leb reads a signed number of a variable length.
func (c *cfi) leb() (n int64) {
	for shift := 0; ; shift += 7 {
		next := c.number(1)
		n |= int64(next&0x7f) << shift
		if next < 0x80 {
			if next&0x40 != 0 && shift < 57 {
				n |= -1 << (shift + 7)
			}
			return n
		}
	}
}

// deepest reads the instructions of a function, and returns the smallest operand of those that set
// the distance of the frame. It is in units that are negative.
func (c *cfi) deepest() (operand int64, err error) {
	for len(c.bytes) > 0 && !c.isShort {
		switch code := c.number(1); {
		case code == 0x00, code>>6 == 1: // DW_CFA_nop, DW_CFA_advance_loc
		case code == 0x02: // DW_CFA_advance_loc1
			c.take(1)
		case code == 0x03:
			c.take(2)
		case code == 0x04:
			c.take(4)
		case code == 0x07, code == 0x08: // DW_CFA_undefined, DW_CFA_same_value
			c.leb()
		case code == 0x11: // DW_CFA_offset_extended_sf
			c.leb()
			c.leb()
		case code == 0x13: // DW_CFA_def_cfa_offset_sf
			operand = min(operand, c.leb())
		default:
			return 0, fmt.Errorf("call frame information: instruction %#x: unknown", code)
		}
	}
	return operand, nil
}
