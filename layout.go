//go:build !386 && !arm && !loong64 && !ppc64le && !riscv64 && !s390x

package main

// The linker lays packages out in the order in which main imports them, each after those that it
// imports itself. Package supervise and what it imports are what a plain run of init executes, so
// they lie side by side. The packages before them move them into one piece of 64 kB. Packages after
// them, if any, do so with the first instructions, which follow. Machine code has another size on
// each architecture, so the packages are others. util needs all of them in any case. Where a new
// compiler moves the code across a border, TestPlacement fails, and other packages take their
// place; see ARCHITECTURE.md, Weight.
import (
	_ "flag"
	_ "net/netip"

	_ "util/applets/init/options"
)
