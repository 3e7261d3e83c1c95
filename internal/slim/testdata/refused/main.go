// Refused has an entry point for each thing that early code must not do. It is never run.
package main

var (
	variable int
	counter  number
	pointer  *int
	table    map[int]int
	list     = [...]int{4, 5, 6}
	speaker  interface{ speak() }
	value    any
	hook     func()
)

//go:noinline
func allocates(n int) { pointer = &n }

//go:noinline
func looksUp(n int) { variable = table[n] }

//go:noinline
func hasTable() { speaker = &counter }

//go:noinline
func hasType() { value = &variable }

//go:noinline
func hasFunction() { hook = hasType }

//go:noinline
func readsList() { variable += list[variable&1] }

//go:noinline
func isFine() { variable++ }

// missing is nowhere.
func missing()

type number int

func (n *number) speak() {}

//go:noinline
func enterAllocates() { allocates(variable) }

//go:noinline
func enterLooksUp() { looksUp(variable) }

//go:noinline
func enterHasTable() { hasTable() }

//go:noinline
func enterHasType() { hasType() }

//go:noinline
func enterHasFunction() { hasFunction() }

//go:noinline
func enterReadsList() { readsList() }

//go:noinline
func enterIsFine() { isFine() }

//go:noinline
func enterMissing() { missing() }

// main makes Go's linker keep all of them.
func main() {
	enterAllocates()
	enterLooksUp()
	enterHasTable()
	enterHasType()
	enterHasFunction()
	enterReadsList()
	enterIsFine()
	enterMissing()
	hook()
	speaker.speak()
	println(value)
	broken()
}

// broken takes the place of what is never executed.
//
//go:noinline
func broken() {
	for {
	}
}
