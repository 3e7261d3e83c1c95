// Package version is the version of this program. It imports only the runtime, so that it does
// not move early code: see ARCHITECTURE.md, Weight.
package version

import "runtime"

// Set by the Makefile with -ldflags -X.
var (
	number = "0.1.0-dev"
	commit = "unknown"
)

// Number is the version.
func Number() string { return number }

// Commit is the commit that the program was built from, or "unknown".
func Commit() string { return commit }

// Text is what --version prints. early says whether the program entered through the early entry.
func Text(early bool) string {
	linked := "with the early entry"
	if !early {
		linked = "without the early entry: init re-executes itself through it " +
			"(link with -ldflags '-E _rt0_util')"
	}
	return "util " + number + "\ncommit " + commit + "\n" +
		runtime.Version() + " " + runtime.GOOS + "/" + runtime.GOARCH + "\n" +
		"linked " + linked + "\n"
}
