package printable

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Decode agrees with package utf8.
func TestDecode(t *testing.T) {
	compare := func(text string) {
		want, length := utf8.DecodeRuneInString(text)
		if want == utf8.RuneError && length == 1 {
			want = 0
		}
		if r, n := Decode(text); r != want || n != length {
			t.Errorf("%q: %#x of %d bytes, want %#x of %d", text, r, n, want, length)
		}
	}
	for r := range rune(0x10000) {
		compare(string(r) + "x")
	}
	for r := rune(0x10000); r <= utf8.MaxRune; r++ {
		compare(string(r) + "x")
	}
	// Every start of a sequence of up to four bytes, valid or not.
	edges := []byte{0, 'a', 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xf4, 0xff}
	for first := range 256 {
		for _, second := range edges {
			for _, third := range edges {
				for _, fourth := range edges {
					text := string([]byte{byte(first), second, third, fourth})
					compare(text)
					compare(text[:3])
					compare(text[:2])
					compare(text[:1])
				}
			}
		}
	}
}

// What Unicode calls a control, format, private or separating character is not shown, and what it
// calls a letter, a number or a symbol is, unless it is invisible.
func TestDisturbs(t *testing.T) {
	hide := []*unicode.RangeTable{unicode.Cc, unicode.Cf, unicode.Co, unicode.Z}
	show := []*unicode.RangeTable{unicode.L, unicode.N, unicode.P, unicode.S}
	const invisible = "\u115f\u1160\u2800\u3164\uffa0"
	for r := rune(0); r <= unicode.MaxRune; r++ {
		switch is := disturbs(r); {
		case r == ' ' || !utf8.ValidRune(r):
		case unicode.In(r, hide...) && !is:
			t.Errorf("%U is shown", r)
		case unicode.In(r, show...) && is && r != utf8.RuneError && !strings.ContainsRune(invisible, r):
			t.Errorf("%U is not shown", r)
		}
	}
}

func TestFirst(t *testing.T) {
	for _, c := range []struct{ name, shown string }{
		{"caf\u00e9", "caf\u00e9"},
		{"\u65e5\u672c", "\u65e5\u672c"},
		{"a\x1b[2J", "a?[2J"},
		{"a\u009b2J", "a?2J"},
		{"\u202etxt", "?txt"},
		{"caf\xc3", "caf?"}, // cut off by the kernel after 15 bytes
	} {
		shown := ""
		for rest := c.name; rest != ""; {
			n, ok := First(rest)
			if ok {
				shown += rest[:n]
			} else {
				shown += "?"
			}
			rest = rest[n:]
		}
		if shown != c.shown {
			t.Errorf("%q: %q, want %q", c.name, shown, c.shown)
		}
	}
}
