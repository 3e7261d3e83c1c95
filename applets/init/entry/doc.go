// Package entry is where a process of util begins. Its few instructions of assembly run before
// the Go runtime boots; they call Go code that becomes init, sendsig by number or run-as, or
// returns. Then the runtime boots as if nothing had happened. With the build tag util_init it is
// the entry of util-init, which has no runtime and is nothing but init. Package entry alone knows
// all of init's packages:
//
//	options      the command line, as values
//	compat       the command lines and messages of other inits
//	supervise    PID 1 itself: decisions, waiting, signals, children
//	descendants  the processes of a stop, found in /proc
//	report       messages
//	usage        help, version, and what is wrong with a command line
//
// # The rule of early code
//
// These packages, and those of internal that they import, run on the stack that the kernel made,
// without heap, scheduler, garbage collector and signal handlers. They are ordinary Go that keeps
// to a rule:
//
//   - They use functions, methods on concrete types, structs, arrays, slices, strings, switch and
//     static tables, unsafe.String and unsafe.Slice, and the calls of internal/sys.
//   - They do not allocate (no make, append, new of what escapes, string concatenation, conversion
//     between string and []byte), and do not use maps, interfaces, closures that escape, function
//     values, defer, panic, recover, goroutines, channels, or package variables that code
//     initializes.
//   - No function calls itself, so that the depth of the stack is known (TestStackDepth).
//   - A package variable with an initial value is a table: no code changes it. In util-init it is
//     read-only.
//   - An index out of range is a bug that ends the process. No code is there to print the panic; in
//     util-init, Broken says where it was.
//
// # Constants of a plain run
//
// Memory counts as well. In a plain run, a package variable, a jump table, or a constant in the
// read-only data each costs a page fault, which maps another 64 kB. TestWeight measures that. So
// what a plain run compares with and passes to the kernel is in its code, on every architecture:
//
//   - A text that is compared with has at most six letters, and is one side of the comparison. On
//     some architectures, the compiler leaves a longer one in memory and calls code outside the 64
//     kB to compare it. It does so everywhere with a text that is a parameter, even of a function
//     that is inlined. Longer texts are compared in parts.
//   - A text that is passed to the kernel is written letter by letter. A string, a composite
//     literal and a number of 64 bits are copied from memory on some architectures.
//
// TestCallGraph reads the linked binary and fails with the path to whatever breaks the rule.
package entry
