package applets

import (
	"fmt"
	"runtime"

	initcmd "util/applets/init"
)

// Set by the Makefile with -ldflags -X.
var (
	version = "0.1.0-dev"
	commit  = "unknown"
)

// Version returns the text of --version.
func Version() string {
	linked := "with the early entry"
	if !initcmd.LinkedEarly() {
		linked = "without the early entry: init re-executes itself through it (link with -ldflags '-E _rt0_util')"
	}
	return fmt.Sprintf("util %s\ncommit %s\n%s %s/%s\nlinked %s\n", version, commit, runtime.Version(), runtime.GOOS, runtime.GOARCH, linked)
}
