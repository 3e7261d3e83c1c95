// Package pid1 is util's init: its options, the early entry that runs it before the Go runtime boots, and the
// supervisor. Help, completion and the error texts of a bad command line are not here: they need the runtime and
// belong to package initcmd.
//
// # The rule of this package
//
// Its code, and that of the internal packages it imports, runs on the stack that the kernel made, with no heap, no
// scheduler, no garbage collector and no signal handlers. It is ordinary Go as long as it keeps to this:
//
//   - It may use functions, methods on concrete types, structs, arrays, slices, strings, switch and static tables,
//     unsafe.String and unsafe.Slice, and the calls of internal/sys.
//   - It may not allocate (no make, append, new of what escapes, string concatenation, conversion between string and
//     []byte), and not use maps, interfaces, closures that escape, function values, defer, panic, recover, goroutines,
//     channels, or package variables that code initializes.
//   - An index out of range is a bug that ends the process; there is nobody to print the panic.
//
// Memory counts as well: on the way of a plain run, a string constant that is passed to the kernel, a jump table or a
// package variable each cost a page fault and 64 kB that would not be touched otherwise. TestWeight counts them.
//
// TestCallGraph reads the linked binary and fails with the path to whatever breaks the rule.
package pid1
