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
// Memory counts as well. In a plain run, a string constant that is passed to the kernel, a jump
// table or a package variable each costs a page fault, which maps another 64 kB. TestWeight
// measures that.
//
// TestCallGraph reads the linked binary and fails with the path to whatever breaks the rule.
package entry
