package proc

import (
	"util/internal/sig"
	"util/internal/sys"
)

// Signals is what a process inherits of signals over an exec (execve(2); signal(7)).
type Signals struct {
	Known   bool    // the early entry took it down; else the rest is zero
	Mask    sig.Set // the signals that were blocked
	Ignored sig.Set // the signals that were ignored
}

// Inherited is what this program was started with. The Go runtime replaces every disposition but those of HUP and INT
// before main, so an applet that executes a command cannot find out by itself what the command should inherit. The
// early entry takes it down on its way into the runtime.
var Inherited Signals

// Note takes down what the process was started with. It is called once, before the runtime boots.
func (s *Signals) Note(mask sig.Set) {
	s.Known, s.Mask = true, mask
	for n := sig.HUP; n <= sig.Max; n++ {
		var old sys.Sigaction
		if sys.RtSigaction(n, nil, &old) == 0 && old.Handler == sys.SigIgn {
			s.Ignored |= sig.Of(n)
		}
	}
}

// Restore gives the calling thread the mask, and the process the ignored signals, that it was started with. Everything
// else is default after an exec. It is for the moment before an exec, with the goroutine locked to its thread: from
// then on the signals that are ignored do not reach the Go runtime. Nothing happens if they are not known.
func (s *Signals) Restore() {
	if !s.Known {
		return
	}
	ignore := sys.Sigaction{Handler: sys.SigIgn}
	for n := sig.HUP; n <= sig.Max; n++ {
		if s.Ignored.Has(n) {
			sys.RtSigaction(n, &ignore, nil)
		}
	}
	sys.Sigprocmask(s.Mask)
}
