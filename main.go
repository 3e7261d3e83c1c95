// Util is a container init and entrypoint toolkit: one static binary with several applets.
package main

import (
	"os"

	"util/applets"
)

func main() {
	os.Exit(applets.Main(os.Args))
}
