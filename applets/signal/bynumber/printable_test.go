package bynumber

import (
	"testing"
	"unicode"
	"unicode/utf8"

	"util/internal/procfs"
)

// Names of processes are shown as by procfs.Title.
func TestPrintable(t *testing.T) {
	compare := func(name string) {
		t.Helper()
		message.n = 0
		text("1 (")
		printable(name)
		text(")")
		if got, want := string(message.buf[:message.n]), procfs.Title(1, name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if utf8.ValidRune(r) {
			compare(string(r))
		}
	}
	// Every start of a sequence of up to four bytes, valid or not.
	edges := []byte{0, 'a', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xf4, 0xff}
	for first := range 256 {
		for _, second := range edges {
			for _, third := range edges {
				for _, fourth := range edges {
					compare(string([]byte{byte(first), second, third, fourth}))
				}
			}
		}
	}
	for _, c := range []struct{ name, shown string }{
		{"caf\u00e9", "caf\u00e9"},
		{"\u65e5\u672c", "\u65e5\u672c"},
		{"a\x1b[2J", "a?[2J"},
		{"a\u009b2J", "a?2J"},
		{"\u202etxt", "?txt"},
		{"caf\xc3", "caf?"}, // cut off by the kernel after 15 bytes
	} {
		compare(c.name)
		if got, want := procfs.Title(1, c.name), "1 ("+c.shown+")"; got != want {
			t.Errorf("%q: %q, want %q", c.name, got, want)
		}
	}
}
