package bynumber

import (
	"cmp"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"util/internal/sig"
)

// FuzzWords gets command lines with NUL bytes between the words. It compares what is read before
// the runtime with a plain reading by the rules of the manual.
func FuzzWords(f *testing.F) {
	for _, line := range []string{
		"TERM 7", "-TERM 7:9 8", "-15 7 -9", "-s TERM -g 5 7", "-sTERM --group=5", "--signal=hup -- -5",
		"-stop 7", "-g5 -cont", "7 -s KILL", "-- TERM 7", "TERM -- -- 7", "0 7", "-0 -0", "-g", "-s",
		"-g5", "-s TERM -s KILL 7", "TERM -1", "TERM 2147483648", "TERM 7:0",
		"TERM 007:18446744073709551615",
		"TERM - 7", "TERM  7", "KILL 7 -x", "-segv 3", "--wait TERM 7",
	} {
		f.Add(strings.ReplaceAll(line, " ", "\x00"))
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := strings.Split(line, "\x00")
		s := sender{self: int32(os.Getpid())}
		for _, arg := range args {
			s.argv = append(s.argv, unsafe.StringData(arg+"\x00"))
		}
		wantSignal, want, plain := plainLine(args)
		if plain {
			plain = !slices.ContainsFunc(want, func(w word) bool {
				return w.kind == group && containsSelf(w.id, s.self)
			})
		}
		if got := s.isPlain(); got != plain {
			t.Fatalf("%q: plain: %v, want %v", args, got, plain)
		}
		if !plain {
			return
		}
		var got []word
		w := s.words()
		for next := w.next(); next.kind != none; next = w.next() {
			if next.kind != signal {
				got = append(got, next)
			}
		}
		slices.SortFunc(got, byNumber) // a group may be given by a word or an option
		slices.SortFunc(want, byNumber)
		if s.signal != wantSignal || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: %d to %v, want %d to %v", args, s.signal, got, wantSignal, want)
		}
	})
}

func byNumber(a, b word) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id), cmp.Compare(a.inode, b.inode))
}

var target = regexp.MustCompile(`^(-?)([0-9]{1,10})(?::([0-9]{1,19}))?$`)

// plainLine reads a plain command line: one signal, and processes and groups by number.
func plainLine(args []string) (s sig.Signal, targets []word, ok bool) {
	var signals, words, groups []string
	seen := false // a signal or a word that is no option
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		// value is what belongs to an option: what follows it in its word, or the next word.
		value := func(inside string) (string, bool) {
			if inside != "" || len(args) == 0 {
				return inside, inside != ""
			}
			next := args[0]
			args = args[1:]
			return next, true
		}
		short := strings.HasPrefix(arg, "-") && len(arg) > 1
		name := false
		if short {
			_, name = sig.Parse(arg[1:])
		}
		long, inside, hasInside := strings.Cut(arg, "=")
		switch {
		case arg == "--":
			words, args = append(words, args...), nil
		case !short, seen && arg[1] >= '0' && arg[1] <= '9':
			words, seen = append(words, arg), true
		case arg == "--signal", arg == "--group", arg[1] == 's' && !name, arg[1] == 'g' && !name,
			hasInside && (long == "--signal" || long == "--group"):
			if arg[1] != '-' {
				inside = arg[2:]
			}
			text, given := value(inside)
			if hasInside && arg[1] == '-' && inside == "" || !given {
				return 0, nil, false // an empty value is none of a plain line
			}
			if arg[1] == 's' || long == "--signal" {
				signals, seen = append(signals, text), true
			} else if strings.HasPrefix(text, "-") {
				return 0, nil, false
			} else {
				groups = append(groups, "-"+text)
			}
		case seen, !name && arg != "-0":
			return 0, nil, false
		default:
			signals, seen = append(signals, arg[1:]), true
		}
	}
	if len(signals) == 0 && len(words) > 0 {
		signals, words = words[:1], words[1:]
	}
	words = append(groups, words...)
	if len(signals) != 1 || len(words) == 0 {
		return 0, nil, false
	}
	s, known := sig.Parse(signals[0])
	if !known && signals[0] != "0" {
		return 0, nil, false
	}
	for _, text := range words {
		match := target.FindStringSubmatch(text)
		if match == nil {
			return 0, nil, false
		}
		w := word{kind: process}
		id, err := strconv.ParseInt(match[2], 10, 32)
		w.id = int32(id)
		if match[3] != "" {
			w.inode, _ = strconv.ParseUint(match[3], 10, 64)
		}
		if match[1] != "" {
			w.kind = group
		}
		if err != nil || id == 0 || match[3] != "" && (w.inode == 0 || w.kind == group) ||
			w.kind == group && id == 1 {
			return 0, nil, false
		}
		targets = append(targets, w)
	}
	return s, targets, true
}
