// Package supervise is what PID 1 does: it starts the command, waits for signals and for the end of
// children, decides what each of them means, and carries that out. It decides by plain values and
// reports by plain values: [Settings] say how to supervise, a [Note] says what happened. It prints
// nothing and knows no options, no messages and no other init by name.
//
//	start.go     the first steps: terminal, subreaper, starting the command
//	terminal.go  the controlling terminal
//	loop.go      the loop: one event at a time; children
//	wait.go      how init waits, and why orphans cost it nothing
//	step.go      what an event means: the one place where decisions are made
//	act.go       carrying a decision out
//	stop.go      ending what the command has left
//
// It runs before the Go runtime, under the rule of package entry. What a plain run executes is in
// this package and in those that it imports, which the linker lays side by side (ARCHITECTURE.md,
// "Weight").
package supervise
