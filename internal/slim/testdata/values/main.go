// Values is early code that prints what it finds in literals, jump tables and variables of each
// kind. It prints the same whichever linker has placed them.
package main

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/sys"
	"util/internal/test/early"
)

// main is never run: the entry point is another one. It makes Go's linker keep both of them.
func main() {
	begin()
	broken()
}

// begin goes to the entry point, _rt0_early.
func begin()

// broken takes the place of what is never executed.
//
//go:noinline
func broken() { early.Pause() }

// entry is called without the Go runtime.
//
//go:linkname entry util/internal/test/early.entry
func entry(argv, _ []*byte) {
	n := len(argv) - 1 // 0, which the compiler does not know
	literals(n)
	switches(n)
	constants(n)
	tables(n)
	zeros(n)
	runtimeCode(n)
}

// show prints a name and a number.
func show(name string, value uint64) {
	var digits [16]byte
	ascii.PutHex(digits[:], value)
	sys.WriteString(1, name)
	sys.WriteString(1, " ")
	sys.WriteString(1, unsafe.String(&digits[0], len(digits)))
	sys.WriteString(1, "\n")
}

// text prints a checksum of a text (FNV-1a) and its length.
func text(name, s string) {
	sum := uint64(14695981039346656037)
	for i := range len(s) {
		sum = (sum ^ uint64(s[i])) * 1099511628211
	}
	show(name, sum)
	show("  length", uint64(len(s)))
}

// Literals that contain each other, or begin or end like each other. Go's linker joins them.
const (
	short  = "an entry"
	longer = "an entry point"
	inside = "try poi"
	zeroed = "zeros at the end\x00\x00\x00"
	plain  = "zeros at the end"
	eight  = "8 bytes\x00"
	seven  = "8 bytes"
	long   = "A literal of more than one hundred letters, whose symbol in the compiled package is a " +
		"hash and not its text; it is searched for in the same way, and may not be cut short."
)

//go:noinline
func literals(n int) {
	text("short", short[n:])
	text("longer", longer[n:])
	text("inside", inside[n:])
	text("zeroed", zeroed[n:])
	text("plain", plain[n:])
	text("eight", eight[n:])
	text("seven", seven[n:])
	text("long", long[n:])
	text("end of long", long[len(long)-20+n:])
	text("part of a constant", long[3:90][n:])
	text("one letter", "x"[n:])
	text("binary", "\x01\x02\xff\x80\x00\x7f"[n:])
	text("chosen", chosen(n+2))
	if same(long[n:], long) && !same(longer[n:], short) {
		show("equal", 1)
	}
}

//go:noinline
func same(a, b string) bool { return a == b }

//go:noinline
func chosen(n int) string {
	words := [...]string{"first", "second", "third", "fourth"}
	return words[n]
}

// switches has jump tables: one of numbers, one for texts.
//
//go:noinline
func switches(n int) {
	for i := -1; i < 12; i++ {
		show("number", number(i+n))
	}
	for _, word := range words {
		show("word", wordNumber(word))
	}
}

//go:noinline
func number(n int) uint64 {
	switch n {
	case 0:
		return 11
	case 1:
		return 22
	case 2:
		return uint64(len(chosen(1)))
	case 3:
		return 19
	case 4:
		return 100
	case 5:
		return 3
	case 6:
		return 77
	case 7:
		return 1
	case 8:
		return 99
	case 9:
		return 12
	}
	return 0
}

var words = [...]string{
	"alpha", "bravo", "charlie", "delta", "echo", "foxtrot", "golf", "hotel", "india", "juliett",
	"kilo", "lima", "mike", "november", "none",
}

//go:noinline
func wordNumber(word string) uint64 {
	switch word {
	case "alpha":
		return 1
	case "bravo":
		return 2
	case "charlie":
		return 3
	case "delta":
		return 4
	case "echo":
		return 5
	case "foxtrot":
		return 6
	case "golf":
		return 7
	case "hotel":
		return 8
	case "india":
		return 9
	case "juliett":
		return 10
	case "kilo":
		return 11
	case "lima":
		return 12
	case "mike":
		return 13
	case "november":
		return 14
	}
	return 0
}

// constants has some without a name. Go's linker keeps one of those that have the same bytes, up to
// zeros at the end: here a map of pointers, of the runtime, which begins with a literal.
//
//go:noinline
func constants(n int) {
	text("one", "\x01"[n:])
	for i := range 2 {
		show("constant", uint64([...]uint32{1, 0}[i+n]))
	}
}

// Variables with an initial value. Some of them point to others.
var (
	bytes  = [...]uint8{1, 2, 3, 250}
	halves = [...]uint16{1, 2, 0xfedc}
	whole  = [...]uint32{1, 0xfedcba98, 3}
	double = [...]uint64{0xfedcba9876543210, 2, 3}
	third  = &double[2]
	float  = 2.5
	last   = row{name: longer, value: 3}
	rows   = [...]row{{name: "one", next: &last, value: 1}, {name: "two", value: 2, odd: true}}
	first  = row{name: "zero", next: &rows[0]}
)

type row struct {
	odd   bool
	name  string
	value int32
	next  *row
}

//go:noinline
func tables(n int) {
	show("byte", uint64(bytes[3]))
	show("byte", uint64(bytes[n+1]))
	show("half", uint64(halves[2]))
	show("half", uint64(halves[n+1]))
	show("whole", uint64(whole[1]))
	show("whole", uint64(whole[n+2]))
	show("double", double[0])
	show("double", double[n+1])
	show("pointer", *third)
	product := float * 1.25 * float64(n+3)
	show("float", *(*uint64)(unsafe.Pointer(&product)))
	for at := &first; at != nil; at = at.next {
		text("row", at.name)
		show("value", uint64(at.value))
	}
	if row := &rows[n+1]; row.odd {
		text("odd", row.name)
	}
}

// Variables of all sizes, which are zero. Neither of them may be a part of another one.
var (
	flag    bool
	port    uint16
	count   uint32
	less    int32
	total   uint64
	pair    [2]uint64
	buffer  [10000]byte
	large   [40000]byte // big is more than 32768 bytes from where the variables begin
	big     [70000]byte
	behind  uint64
	pointed *row
)

//go:noinline
func zeros(n int) {
	sumUp(n)
	flag, port, count, total, behind = n == 0, 0xffff, 0xffffffff, 1<<64-1, 1<<64-1
	less = -5 - int32(n)
	pair[n+1] = 7
	sumUp(n)
	for i := range buffer {
		buffer[i] = byte(i)
	}
	for i := range large {
		large[i] = byte(i + 2)
	}
	for i := range big {
		big[i] = byte(i + 1)
	}
	sumUp(n)
}

//go:noinline
func sumUp(n int) {
	if flag {
		show("flag", 1)
	}
	show("port", uint64(port))
	show("count", uint64(count))
	show("less", uint64(less))
	show("total", total)
	show("pair", pair[n]+pair[n+1])
	show("behind", behind)
	text("buffer", unsafe.String(&buffer[0], len(buffer)))
	text("large", unsafe.String(&large[0], len(large)))
	text("big", unsafe.String(&big[0], len(big)))
	if pointed != nil {
		show("pointed", 1)
	}
}

// pointers is zeroed and copied by code that asks whether the garbage collector runs. If it did,
// the code would call a function of the runtime, with a type as its argument.
type pointers struct {
	rows  [20]*row
	value uint64
}

var some, other pointers

//go:noinline
func runtimeCode(n int) {
	fill(&some, n)
	replace(&other, &some)
	show("copied", other.value)
	clearAll(&some)
	show("cleared", some.value)
	var area [300]byte
	copy(area[n:], buffer[100:])
	text("area", unsafe.String(&area[0], len(area)))
	clear(area[n : n+250])
	text("area", unsafe.String(&area[0], len(area)))
}

//go:noinline
func fill(p *pointers, n int) { p.value = 77 + uint64(n) }

//go:noinline
func replace(to, from *pointers) { *to = *from }

//go:noinline
func clearAll(p *pointers) { *p = pointers{} }
