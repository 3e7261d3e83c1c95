package bynumber

import (
	"math"

	"util/internal/ascii"
	"util/internal/sig"
	"util/internal/sys"
)

// kind is the kind of a word of the command line.
type kind uint8

const (
	none    kind = iota // the end of the command line
	signal              // the signal: from -s, --signal, -SIGNAL or the first word
	process             // PID or PID:INODE
	group               // -PGID, or from -g or --group
	other               // anything else: the command line is not plain
)

// word is a word of the command line, or an option with its value.
type word struct {
	kind  kind
	text  string // the signal
	id    int32  // the process or group ID
	inode uint64 // the inode number of the pidfd; 0: any
}

// words reads the command line by the same rules as split in package sendsig.
type words struct {
	argv   []*byte
	i      int
	first  bool // the next plain word is the signal
	signal bool // a signal or a plain word was seen, so -N is a process group
	dashes bool // "--" was seen: no options follow
}

// words starts reading the command line from its beginning.
func (s *sender) words() words { return words{argv: s.argv, first: !s.option} }

// isPlain reads the whole command line and reports whether it is plain. If it is, s.signal is set.
func (s *sender) isPlain() bool {
	if !s.takeOption() {
		return false
	}
	targets := false
	for w := s.words(); ; {
		switch next := w.next(); next.kind {
		case none:
			return targets && !w.first
		case other:
			return false
		case signal:
			if !s.isSignal(next.text) {
				return false
			}
			continue
		case group:
			if containsSelf(next.id, s.self) {
				return false
			}
		}
		targets = true
	}
}

// takeOption searches for an option that gives the signal. Without one, the first plain word is the
// signal. It returns false if the option is not a signal or is given twice.
func (s *sender) takeOption() bool {
	for w := (words{argv: s.argv}); ; {
		next := w.next()
		if next.kind == none {
			return true
		}
		if next.kind == signal {
			if s.option || !s.isSignal(next.text) {
				return false
			}
			s.option = true
		}
	}
}

// isSignal sets s.signal and reports whether text is a signal, or 0, with which kill(2) only checks
// whether a process exists.
func (s *sender) isSignal(text string) bool {
	known := false
	s.signal, known = sig.Parse(text)
	return known || text == "0"
}

// next returns the next word. At the end, its kind is none.
func (w *words) next() word {
	text, ok := w.take()
	if ok && text == "--" && !w.dashes {
		w.dashes = true
		text, ok = w.take()
	}
	switch {
	case !ok:
		return word{}
	case w.dashes, len(text) < 2, text[0] != '-', w.signal && text[1] >= '0' && text[1] <= '9':
		return w.plain(text)
	case text == "-s", text == "--signal":
		text, ok = w.take()
		return w.theSignal(text, ok)
	case ascii.HasPrefix(text, "--signal="):
		return w.theSignal(text[len("--signal="):], true)
	case text == "-g", text == "--group":
		text, ok = w.take()
		return groupOf(text, ok)
	case ascii.HasPrefix(text, "--group="):
		return groupOf(text[len("--group="):], true)
	}
	return w.short(text)
}

// short reads a word that begins with a dash: -SIGNAL, or a short option with its value.
func (w *words) short(text string) word {
	_, name := sig.Parse(text[1:])
	switch {
	case text[1] == 's' && !name: // -sTERM is the option -s, but -stop is a signal
		return w.theSignal(text[2:], true)
	case text[1] == 'g' && !name:
		return groupOf(text[2:], true)
	case w.signal, !name && text != "-0":
		return word{kind: other}
	}
	return w.theSignal(text[1:], true)
}

// take returns the next word without interpreting it.
func (w *words) take() (text string, ok bool) {
	if w.i == len(w.argv) {
		return "", false
	}
	w.i++
	return sys.String(w.argv[w.i-1]), true
}

// theSignal returns a word of kind signal, unless the value of the option is missing.
func (w *words) theSignal(text string, ok bool) word {
	w.signal = true
	if !ok {
		return word{kind: other}
	}
	return word{kind: signal, text: text}
}

// plain reads a word that is not an option: the signal, PID, PID:INODE or -PGID.
func (w *words) plain(text string) word {
	w.signal = true
	if w.first {
		w.first = false
		return word{kind: signal, text: text}
	}
	if text != "" && text[0] == '-' {
		return groupOf(text[1:], true)
	}
	pid, inode, both := ascii.Cut(text, ':')
	t := word{kind: process, id: idOf(pid)}
	if both {
		t.inode = ascii.Uint64(inode)
	}
	if t.id == 0 || both && t.inode == 0 {
		return word{kind: other}
	}
	return t
}

// groupOf reads a process group ID, unless the value of the option is missing. Group 1 is not
// plain: for kill(2), -1 means every process, so package sendsig has to search the members of group
// 1.
func groupOf(text string, ok bool) word {
	id := idOf(text)
	if !ok || id <= 1 {
		return word{kind: other}
	}
	return word{kind: group, id: id}
}

// idOf reads a process or process group ID. It returns 0 if text is not a valid ID.
func idOf(text string) int32 {
	n := ascii.ParseDecimal(text)
	if n <= 0 || n > math.MaxInt32 {
		return 0
	}
	return int32(n)
}
