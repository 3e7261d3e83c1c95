//go:build !util_init

// Util-init is init alone, in a file without the Go runtime. It is made by make bin/util-init:
// linked as usual, it would have the runtime in it.
package main

func main() { println("util-init is made by make bin/util-init") }
