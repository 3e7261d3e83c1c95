package sys

// Call makes a system call of a simulated kernel. This file takes the place of call_linux.go in
// the program that TestStates builds.
func Call(nr, a1, a2, a3, a4, a5, a6 uintptr) (r uintptr) {
	return simulated(nr, a1, a2, a3, a4, a5, a6)
}

// simulated is the kernel, which the test sets: it has a variable of the same linker symbol.
var simulated func(nr, a1, a2, a3, a4, a5, a6 uintptr) uintptr
