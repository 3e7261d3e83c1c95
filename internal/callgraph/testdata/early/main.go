// Early has a function for each kind of violation that a compiler can produce, and two functions
// that only look like violations. The program is linked and disassembled, but never run.
package main

import (
	"fmt"
	"os"
)

func early() {
	n := switches(variable) + methods(number(variable))
	allocates(n)
	looksUp(n)
	callsInterface()
	callsValue(n)
	defers()
	concatenates()
	starts()
	panics(n)
	foreignVariable()
	recurses(3)
	deep(n)
}

var (
	variable int
	pointer  *int
	table    = map[int]int{1: 2}
	speaker  fmt.Stringer
	hook     func(int)
	text     string
	channel  chan int
)

//go:noinline
func allocates(n int) { pointer = &n }

//go:noinline
func looksUp(n int) { variable = table[n] }

//go:noinline
func callsInterface() { text = speaker.String() }

//go:noinline
func callsValue(n int) { hook(n) }

//go:noinline
func defers() {
	for range variable {
		defer methods(1)
	}
}

//go:noinline
func concatenates() { text += "more" }

//go:noinline
func starts() { go methods(1) }

//go:noinline
func panics(n int) {
	if n == 4 {
		panic(text)
	}
}

//go:noinline
func recurses(n int) int {
	if n == 0 {
		return 0
	}
	return 1 + recurses(n-1)
}

//go:noinline
func deep(n int) { variable = large(n) + switches(n) }

//go:noinline
func large(n int) int {
	var array [5000]byte
	array[n&4095] = 1
	return int(array[variable&4095])
}

//go:noinline
func foreignVariable() { variable = len(os.Args) }

// A number has a method that is called directly, which is allowed.
type number int

//go:noinline
func (n number) twice() number { return 2 * n }

//go:noinline
func methods(n number) int { return int(n.twice()) }

// switches has a jump table, which is allowed.
//
//go:noinline
func switches(n int) int {
	switch n {
	case 0:
		return 11
	case 1:
		return 22
	case 2:
		return 7
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
	}
	return 0
}

// init is run by the Go runtime.
func init() { variable = 1 }

func main() {}
