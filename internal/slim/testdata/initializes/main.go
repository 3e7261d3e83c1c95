// Initializes has a variable whose initial value needs code, which only the Go runtime would run.
// It is never run.
package main

import "os"

var words = len(os.Args)

//go:noinline
func enter() { words++ }

// main makes Go's linker keep both of them.
func main() {
	enter()
	broken()
}

// broken takes the place of what is never executed.
//
//go:noinline
func broken() {
	for {
	}
}
