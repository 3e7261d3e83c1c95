package main

// The linker lays packages out in the order in which main imports them, file by file, each behind those that it imports itself. So
// the code of init lies where the package above it ends, whatever the applets come to import: within one piece of 64 kB. Where a new
// compiler moves it across a border, TestWeight or TestARM64 fails, and another package that util needs anyway goes in the place
// of regexp; see ARCHITECTURE.md, Weight.
import (
	_ "regexp"

	_ "util/applets/init/pid1"
)
