package sendsig

import (
	"errors"
	"fmt"
	"slices"

	"util/internal/procfs"

	"golang.org/x/sys/unix"
)

// signalWhole signals the process groups, or all processes, that a single kill(2) can reach. No
// member can then escape by forking. It removes what it has signalled from the targets.
func (s *sender) signalWhole() {
	o := s.Options
	if len(o.selectors()) > 0 || o.DryRun || o.IfHandled || s.watched() || o.Queue != nil {
		return
	}
	if o.All {
		o.All = false
		s.kill(-1, "all processes")
	}
	var rest []int
	for _, group := range o.Groups {
		switch what := fmt.Sprintf("process group %d", group); {
		case s.canKillWhole(group):
			s.kill(-group, what)
		case s.fs == nil:
			s.fail(what, errors.New("contains sendsig, an ancestor of it or PID 1, "+
				"and its other members cannot be found without /proc"))
		default:
			rest = append(rest, group)
		}
	}
	o.Groups = rest
}

// canKillWhole reports whether kill(2) can signal a group, and no member must be spared. To
// kill(2), -1 means every process, not group 1.
func (s *sender) canKillWhole(group int) bool {
	return group > 1 && group != unix.Getpgrp() &&
		!slices.ContainsFunc(s.ancestors, func(a procfs.Stat) bool { return a.Group == group })
}

func (s *sender) kill(pid int, what string) {
	if err := unix.Kill(pid, unix.Signal(s.signal)); err != nil {
		s.fail(what, err)
		return
	}
	s.sent++
	s.say(sent(s.signal), s.signal, what)
}
