// Package protocol is what the program that boots a kernel, and the one that runs there, tell each
// other: a list of programs in the first file system, and lines on the serial console.
package protocol

// Program is a test program to run in the machine.
type Program struct {
	Name  string
	Path  string
	Dir   string // the directory to run it in
	Env   []string
	Tests []string // the names of the tests
}

const (
	// File is the list of programs, in JSON.
	File = "/kernels.json"

	// Guest is the command of the machine's PID 1.
	Guest = "/guest"

	// Mark begins each line on the console that is meant for the program outside. The name of a test
	// program and Separator follow, and then a line of its output.
	Mark      = "@@"
	Separator = "| "

	// GuestName is in the place of the name of a test program where Guest itself reports something.
	GuestName = "guest"

	// Release precedes the release of the kernel in a line of Guest. End precedes the name of a
	// program that has ended, and how it did; Well is that its exit status was 0.
	Release = "release "
	End     = "end "
	Well    = "well"

	// Status is the exit status of the command of the machine's PID 1.
	Status = 42

	// MachineVariable is set for test programs in such a machine.
	MachineVariable = "UTIL_TEST_MACHINE"
)
