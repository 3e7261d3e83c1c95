// Package version is the version of this program. It imports only the runtime, so that it does
// not move early code: see ARCHITECTURE.md, Weight.
package version

import "runtime"

// Set by the Makefile with -ldflags -X, from what version.sh prints. Another build does not know
// them.
var (
	number = "unknown"
	commit = "unknown"
	date   = "unknown"
)

// Number is the version, such as 0.1.0, or "unknown".
func Number() string { return number }

// Commit is the commit that the program was built from, or "unknown".
func Commit() string { return commit }

// How a program may be linked, for [Text].
const (
	Early   = "with the early entry"
	Alone   = "without the Go runtime"
	Runtime = "without the early entry: init re-executes itself through it " +
		"(link with -ldflags '-E _rt0_util')"
	None = "without an early entry, which this architecture does not have: init does not run"
)

// Text is what --version prints, in pieces: code before the runtime cannot join them. linked says
// how the program was linked.
func Text(linked string) [18]string {
	return [...]string{
		"util ", number, "\n",
		"commit ", commit, "\n",
		"date ", date, "\n",
		runtime.Version(), " ", runtime.GOOS, "/", runtime.GOARCH, "\n",
		"linked ", linked, "\n",
	}
}
