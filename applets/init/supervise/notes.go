package supervise

import (
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
)

// NoteKind says what a [Note] is about. A set of them says which notes are wanted
// ([Settings.Notes]).
type NoteKind uint8

// The kinds of notes.
const (
	Received  NoteKind = 1 << iota // the signal Arrived reached init
	Forwarded                      // Sent was forwarded for Arrived; Errno says why that failed
	Denied                         // the same for the first one that failed with EPERM
	Dropped                        // Arrived is not forwarded
	Delayed                        // Arrived is forwarded after Settings.Delay
	Reaped                         // an orphan was reaped: Child
	Killing                        // the grace period is over: KILL was sent. See Supervisor.Killed
	Handled                        // an event was handled
)

// Note records something that happened.
type Note struct {
	Kind    NoteKind
	Arrived sig.Signal
	Sent    sig.Signal
	Errno   sys.Errno
	Child   proc.Child
}

// notes are those that were not taken yet. One turn of the loop cannot fill it: it reaps at most
// 64 children in each of up to three passes. It is a package variable because it is large.
var notes [256]Note

// note records something, if it is wanted.
func (s *Supervisor) note(n Note) {
	if s.Notes&n.Kind != 0 && s.noted < len(notes) {
		notes[s.noted] = n
		s.noted++
	}
}

// TakeNotes returns what happened since the last call. The notes are valid until the next
// [Supervisor.Wait].
func (s *Supervisor) TakeNotes() []Note {
	taken := notes[:s.noted]
	s.noted = 0
	return taken
}
