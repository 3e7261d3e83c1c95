package main

// The linker lays packages out in the order in which main imports them, each after those that it
// imports itself. Package supervise and what it imports are what a plain run of init executes, so
// they lie side by side after regexp, in one piece of 64 kB. Where a new compiler moves them
// across a border, TestWeight or TestARM64 fails, and another package that util needs in any case
// takes the place of regexp; see ARCHITECTURE.md, Weight.
import (
	_ "regexp"

	_ "util/applets/init/options"
)
