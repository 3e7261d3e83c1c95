// Package tracer stops a process before and after each of its system calls (ptrace(2)), to make
// calls fail that would not, or to let something happen just then. Its children are not traced. It
// exists for amd64 only, because it changes registers.
package tracer
