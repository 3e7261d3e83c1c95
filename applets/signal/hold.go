package sendsig

import (
	"errors"
	"fmt"
	"slices"

	"util/internal/pidfd"
	"util/internal/procfs"
)

// byTarget holds the processes that are named by PID.
func (s *sender) byTarget() (batch []*member) {
	if s.Tree != 0 && len(s.PIDs) > 0 {
		_, _ = s.scan() // finds out which processes belong to the tree
	}
	held := map[id]bool{}
	for i, t := range s.PIDs {
		if slices.Contains(s.PIDs[:i], t) {
			continue
		}
		st := procfs.Stat{PID: t.PID}
		if s.fs != nil {
			if seen, err := s.fs.Stat(t.PID); err == nil {
				st = seen
			}
		}
		who := id{st.PID, st.Start}
		s.known[who] = true
		m, err := s.hold(st, t)
		switch {
		case err != nil:
			s.fail(t.String(), err)
		case m != nil && held[who]: // named with and without its inode number
			m.Close()
		case m != nil:
			held[who] = true
			batch = s.add(batch, m)
		}
	}
	return batch
}

// search examines all processes. It holds those that are selected, are new, and for which belongs
// is true.
func (s *sender) search(belongs func(*procfs.Stat) bool) (batch []*member) {
	unanswered := len(s.unanswered)
	found, err := s.scan()
	if err != nil {
		s.fail("/proc", err)
		return nil
	}
	if len(s.unanswered) > unanswered {
		s.warn(fmt.Sprintf("%v; the process is left out because it is not known whether it matches",
			s.unread))
	}
	for _, st := range found {
		who := id{st.PID, st.Start}
		if s.known[who] || !belongs(&st) {
			continue
		}
		s.known[who] = true
		m, err := s.hold(st, Target{PID: st.PID})
		switch {
		case errors.Is(err, procfs.ErrGone), errors.Is(err, pidfd.ErrThread): // it has ended since
		case err != nil:
			s.fail(st.Title(), err)
		case m != nil:
			batch = s.add(batch, m)
		}
	}
	return batch
}

// hold holds a process and checks that it is still the one that was found. It returns nil if it is
// not. It returns an error if the PID belongs to no process that can be held, or to another process
// than the inode number of the target says.
func (s *sender) hold(st procfs.Stat, t Target) (*member, error) {
	if t.PID == s.self {
		return nil, errors.New("is sendsig itself")
	}
	p, err := pidfd.Open(st.PID, s.fs)
	if err != nil {
		return nil, err
	}
	m := &member{Process: p, stat: st}
	if t.Inode != 0 {
		err = checkInode(p, t)
	}
	if err != nil || !s.stillMatches(m) {
		m.Close()
		return nil, err
	}
	return m, nil
}

// add appends a process that is held to batch, unless --if-handled skips it.
func (s *sender) add(batch []*member, m *member) []*member {
	if s.skips(m) {
		m.Close()
		return batch
	}
	return append(batch, m)
}

// stillMatches reports whether a process that is now held is the one that was found, and still
// matches.
func (s *sender) stillMatches(m *member) bool {
	if s.fs == nil {
		return true
	}
	now, err := s.fs.Stat(m.PID)
	if err != nil { // it has ended, or is hidden: then only its PID can match
		return len(s.selectors()) == 0 && !s.searches()
	}
	if m.stat.Start != 0 && !now.Same(&m.stat) {
		return false
	}
	m.stat = now
	return s.match(&now)
}

// checkInode returns an error unless a process has the inode number of the target.
func checkInode(p *pidfd.Process, t Target) error {
	switch inode := p.Inode(); inode {
	case t.Inode:
		return nil
	case 0:
		return errors.New("the inode number cannot be checked: pidfds have none here " +
			"(this needs Linux 6.9, or 6.14 where a word has 32 bits)")
	default:
		return fmt.Errorf("has ended, and its PID was reused by %v", Target{t.PID, inode})
	}
}

// skips reports whether --if-handled skips a process.
func (s *sender) skips(m *member) bool {
	if !s.IfHandled {
		return false
	}
	if handles, _ := s.fs.Handles(m.PID, s.Signal); handles {
		return false
	}
	s.skipped++
	s.say("skipped", s.Signal, m.stat.Title())
	return true
}
