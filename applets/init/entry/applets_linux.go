//go:build !util_init

package entry

import (
	"util/applets/init/report"
	"util/applets/runas/become"
	"util/applets/signal/bynumber"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
	"util/internal/version"
)

// The early entry of util, which has all applets and the Go runtime.

const linked = version.Early

// other becomes sendsig by number or run-as, if this is a plain run of one of them, and does not
// return. Else it returns, and the runtime boots. It has changed nothing but proc.Inherited then;
// except that a run-as whose command cannot be executed may have changed its user. words are argv,
// of which the first n name the applet.
func other(name string, argv **byte, words []*byte, n int, mask sig.Set) {
	switch name {
	case "sendsig":
		bynumber.Run(words[n:], mask)
	case "run-as":
		become.Run(words[n:], sys.Vector(environment(argv, len(words))), mask)
	}
	tasks, files := proc.FreeTasks(), proc.FreeFiles()
	if tasks < proc.RuntimeTasks || files < proc.RuntimeFiles || !proc.HasMemory() {
		report.RestoreMask(mask)
		if become.Early.Done {
			endRunAs()
		}
		report.CannotBoot(tasks, files)
		sys.Exit(proc.ExitFailed)
	}
	proc.Inherited.Record(mask)
}

// scattered returns an address in the code of the first instructions. The linker places them far
// from the code that init waits in, so their memory can be given back.
func scattered() uintptr { return entryPC() }
