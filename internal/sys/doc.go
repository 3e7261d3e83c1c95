// Package sys holds the raw system calls of the packages that run before the Go runtime boots.
//
// Each function is named like its call, does exactly one call, and returns the kernel's errno as
// it is. (Where a word has 32 bits, three of them make a second one if the kernel does not know the
// first: see narrow_linux.go.) Nothing here allocates, blocks signals, retries or interprets: that
// belongs to the callers. Calls that only ordinary code needs belong to golang.org/x/sys/unix
// instead.
//
// The calls go through this package's own few lines of assembly rather than syscall.RawSyscall6
// for one reason: the linker places the text of this package beside that of its callers, so that
// init's whole code is read into memory by one or two page faults (see ARCHITECTURE.md,
// "Weight").
package sys
