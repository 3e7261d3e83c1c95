package proc

import (
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// Inheritance is what a process inherits over an exec (execve(2); signal(7)) and the Go runtime changes before main.
type Inheritance struct {
	Known   bool    // the early entry took it down; else the rest is zero
	Mask    sig.Set // the signals that were blocked
	Ignored sig.Set // the signals that were ignored
	Closed  [3]bool // the files 0, 1 and 2 that were closed: the runtime opens /dev/null in their place
}

// Inherited is what this program was started with. The Go runtime replaces every disposition but those of HUP and INT
// before main, so an applet that executes a command cannot find out by itself what the command should inherit. The
// early entry takes it down on its way into the runtime.
var Inherited Inheritance

// Note takes down what the process was started with. It is called once, before the runtime boots.
func (s *Inheritance) Note(mask sig.Set) {
	s.Known, s.Mask = true, mask
	for n := sig.HUP; n <= sig.Max; n++ {
		var old sys.Sigaction
		if sys.RtSigaction(n, nil, &old) == 0 && old.Handler == sys.SigIgn {
			s.Ignored |= sig.Of(n)
		}
	}
	for fd := range s.Closed {
		s.Closed[fd] = !sys.IsOpen(fd)
	}
}

// Restore gives the calling thread the mask, and the process the ignored signals, that it was started with, and lets an
// exec close the standard files that were closed. Everything else is default after an exec. It is for the moment before
// an exec, with the goroutine locked to its thread: from then on the signals that are ignored do not reach the Go
// runtime. Nothing happens if they are not known.
func (s *Inheritance) Restore() {
	if !s.Known {
		return
	}
	ignore := sys.Sigaction{Handler: sys.SigIgn}
	for n := sig.HUP; n <= sig.Max; n++ {
		if s.Ignored.Has(n) {
			sys.RtSigaction(n, &ignore, nil)
		}
	}
	for fd, closed := range s.Closed {
		if closed {
			unix.CloseOnExec(fd)
		}
	}
	sys.Sigprocmask(s.Mask)
}
