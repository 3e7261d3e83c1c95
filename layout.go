package main

// The linker lays packages out in the order in which main imports them, each after those that it
// imports itself. Package supervise and what it imports are what a plain run of init executes, so
// they lie side by side after flag and net/netip, in one piece of 64 kB. Where a new compiler moves
// them across a border, TestWeight or TestARM64 fails, and other packages that util needs in any
// case take the place of these two; see ARCHITECTURE.md, Weight.
import (
	_ "flag"
	_ "net/netip"

	_ "util/applets/init/options"
)
