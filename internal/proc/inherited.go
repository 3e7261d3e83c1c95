package proc

import (
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// Inheritance is what a process inherits over an exec (execve(2); signal(7)) and the Go runtime
// changes before main.
type Inheritance struct {
	Known   bool    // the early entry recorded it; else the rest is zero
	Mask    sig.Set // the signals that were blocked
	Ignored sig.Set // the signals that were ignored
	Closed  [3]bool // the files 0, 1 and 2 that were closed: the runtime opens /dev/null
}

// Inherited is what this program was started with. Before main, the Go runtime replaces every
// disposition except those of HUP and INT, so an applet that executes a command cannot find out
// what the command should inherit. The early entry records it before it enters the runtime.
var Inherited Inheritance

// Record records what the process was started with. It is called once, before the runtime boots.
func (s *Inheritance) Record(mask sig.Set) {
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

// Restore restores the mask of the calling thread and the ignored signals of the process, and
// marks the standard files that were closed to be closed by an exec. Everything else is default
// after an exec. It must be called just before an exec, with the goroutine locked to its thread:
// the signals that are ignored do not reach the Go runtime after that. It does nothing if Known
// is false.
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
