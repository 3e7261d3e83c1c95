//go:build util_init

// Panics is early code with a bug. Its argument says which.
package main

import (
	"unsafe"

	"util/applets/init/entry"
	"util/internal/ascii"
	"util/internal/sys"
	_ "util/internal/test/early"
)

// main is never run. It makes Go's linker keep what slim is to find.
func main() {
	begin()
	entry.Broken()
}

// begin goes to the entry point, _rt0_early.
func begin()

// run is called without the Go runtime.
//
//go:linkname run util/internal/test/early.entry
func run(argv, _ []*byte) {
	word := sys.String(argv[1])
	n := -int(ascii.ParseDecimal("7"))
	switch word {
	case "index":
		index(n)
	case "slice":
		slice(n)
	case "divide":
		divide(n + 7)
	case "length":
		length(n)
	}
}

var numbers [5]int

//go:noinline
func index(n int) int { return numbers[n] }

//go:noinline
func slice(n int) []int { return numbers[n:] }

//go:noinline
func divide(n int) int { return 1 / n }

//go:noinline
func length(n int) []int { return unsafe.Slice(&numbers[0], n) }
