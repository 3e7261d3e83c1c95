// Actor is a process of the trees that package chaos makes. It runs without the Go runtime, as the
// probe does and for the same reasons. It carries out the orders of package wire, and reports each
// signal that it gets.
//
// Its arguments are its number, and what actor 0 executes as init.
package main

func main() {
	panic("the actor must be linked with -E _rt0_actor")
}
