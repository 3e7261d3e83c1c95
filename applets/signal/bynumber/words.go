package bynumber

import (
	"util/internal/ascii"
	"util/internal/sig"
	"util/internal/sys"
)

// kind is what a word of the command line is.
type kind uint8

const (
	none    kind = iota // the end
	signal              // the signal: of -s or --signal, of -SIGNAL, or the first word
	process             // PID or PID:INODE
	group               // -PGID, or of -g or --group
	strange             // anything else: the command line is not plain
)

// word is a word of the command line, or an option with its value.
type word struct {
	kind  kind
	text  string // of a signal
	id    int32  // of a process or group
	inode uint64 // of the pidfd; 0: any
}

// words reads the command line, in the way of split in package sendsig.
type words struct {
	argv   []*byte
	i      int
	first  bool // the next plain word is the signal
	signal bool // there was a signal or a word, so that -N is a process group
	dashes bool // "--" was seen: no options follow
}

// words begins a reading.
func (s *sender) words() words { return words{argv: s.argv, first: !s.option} }

// isPlain reads the whole command line and reports whether it is plain. Then the signal is known.
func (s *sender) isPlain() bool {
	// Whether the first word is the signal depends on what follows.
	for w := (words{argv: s.argv}); ; {
		next := w.next()
		if next.kind == none {
			break
		}
		if next.kind == signal {
			if s.option { // a second one
				return false
			}
			s.option = true
			if !s.isSignal(next.text) {
				return false
			}
		}
	}
	targets := false
	for w := s.words(); ; {
		switch next := w.next(); next.kind {
		case none:
			return targets
		case strange:
			return false
		case signal:
			if !s.isSignal(next.text) {
				return false
			}
			continue
		case group:
			if holdsUs(next.id, s.self) {
				return false
			}
		}
		targets = true
	}
}

// isSignal takes down the signal. 0 is none, by which kill(2) tells whether a process exists.
func (s *sender) isSignal(text string) bool {
	known := false
	s.signal, known = sig.Parse(text)
	return known || text == "0"
}

// next returns the next word, of kind none at the end.
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
	_, name := sig.Parse(text[1:])
	switch {
	case text[1] == 's' && !name: // -sTERM; but -stop is a signal
		return w.theSignal(text[2:], true)
	case text[1] == 'g' && !name:
		return groupOf(text[2:], true)
	case w.signal, !name && text != "-0":
		return word{kind: strange}
	}
	return w.theSignal(text[1:], true)
}

// take returns the next word as it is.
func (w *words) take() (text string, ok bool) {
	if w.i == len(w.argv) {
		return "", false
	}
	w.i++
	return sys.String(w.argv[w.i-1]), true
}

// theSignal makes a word of the text of a signal, unless the text is missing.
func (w *words) theSignal(text string, ok bool) word {
	w.signal = true
	if !ok {
		return word{kind: strange}
	}
	return word{kind: signal, text: text}
}

// plain reads a word that is no option: the signal, PID, PID:INODE or -PGID.
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
		return word{kind: strange}
	}
	return t
}

// groupOf reads the number of a process group, unless the text is missing. -1 and 0 mean others to kill(2), so for group 1 the
// members have to be searched.
func groupOf(text string, ok bool) word {
	id := idOf(text)
	if !ok || id <= 1 {
		return word{kind: strange}
	}
	return word{kind: group, id: id}
}

// idOf reads the number of a process or process group; 0 is none.
func idOf(text string) int32 {
	const most = 1<<31 - 1
	n := ascii.Number(text)
	if n <= 0 || n > most {
		return 0
	}
	return int32(n)
}
