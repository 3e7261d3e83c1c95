//go:build util_init

package entry

import (
	"unsafe"

	"util/applets/init/options"
	"util/applets/init/report"
	"util/internal/ascii"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
	"util/internal/version"
)

// The early entry of util-init, which is init alone: the file has no other applet and no Go
// runtime (package slim makes it).

const linked = version.Alone

// other is init under a name that is not known. It refuses the other applets, and what follows the
// name util but is not an option. It does not return. words are argv, of which the first n name the
// applet.
func other(name string, argv **byte, words []*byte, n int, mask sig.Set) {
	if len(words) == 0 { // before Linux 5.18 argv may be empty
		answer(&options.Options{}, &options.Problem{Reason: options.NoCommand}, mask)
	}
	if isOption := name != "" && name[0] == '-'; n > 1 && !isOption || isApplet(name) {
		refuse(name, mask)
	}
	runInit(options.Util, argv, words, 1, mask)
}

// isApplet reports whether name is that of an applet of util, other than init.
func isApplet(name string) bool {
	return name == "wait-for-port" || name == "healthcheck" || name == "run-as" ||
		name == "sendsig" || name == "reap-once"
}

// refuse says that there is no such applet, and ends the process.
func refuse(name string, mask sig.Set) {
	report.RestoreMask(mask)
	t := report.NewLine()
	t.Raw("util-init: applet ")
	quoted(t, name)
	t.Raw(": not in this program, which is init alone (util has all applets)")
	t.Finish()
	report.Print(2, t.Text())
	sys.Exit(proc.ExitUsage)
}

// scattered returns 0: slim places the code of a plain run in one piece, which stays in memory.
func scattered() uintptr { return 0 }

// Broken is where slim leads each call or jump to code of the runtime that is not in the file, such
// as the panic for an index out of range. Only a bug comes there. It calls bug and ends the process
// by a trap.
func Broken()

// bug says that the code which called Broken is wrong. pc is the address after the call.
//
//lint:ignore U1000 the assembly of Broken calls it
func bug(pc uintptr) {
	var digits [2 * unsafe.Sizeof(pc)]byte
	ascii.PutHex(digits[:], uint64(pc))
	t := report.NewLine()
	t.Raw("util-init: a bug at address 0x")
	t.Raw(unsafe.String(&digits[0], len(digits)))
	t.Raw(", not in the command; please report this line: version ")
	t.Raw(version.Number())
	t.Raw(", commit ")
	t.Raw(version.Commit())
	t.Finish()
	report.Print(2, t.Text())
}
