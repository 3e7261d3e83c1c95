//go:build util_init

// Util-init is init alone, in a file without the Go runtime. This package is what package slim
// links: the early entry, which never returns in it. Function main is never run. It refers to what
// slim is to find, so that Go's linker leaves it in the program.
package main

import "util/applets/init/entry"

func main() {
	entry.PC()
	entry.Broken()
}
