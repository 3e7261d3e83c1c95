// Package printable decides which characters of a text from outside a message may show. A name of a
// process or a command can contain any byte. First and Decode are usable before the Go runtime
// boots: they do not allocate, and package unicode/utf8 is not used.
package printable

// Text returns a text with "?" in place of every character that must not be shown. It is for
// programs under the Go runtime.
func Text(text string) string {
	var shown []byte
	for len(text) > 0 {
		n, ok := First(text)
		if ok {
			shown = append(shown, text[:n]...)
		} else {
			shown = append(shown, '?')
		}
		text = text[n:]
	}
	return string(shown)
}

// First returns the length in bytes of the character that a text begins with, and whether it may be
// shown. The text is not empty. A character must not be shown if it could disturb a terminal or
// deceive its reader: a control character, an invisible one, or one that changes the direction of
// text. A byte that is not part of valid UTF-8 (RFC 3629) is a character of its own that must not
// be shown.
func First(text string) (n int, ok bool) {
	r, n := Decode(text)
	return n, !disturbs(r)
}

// Decode returns the first character of a text that is not empty, and its length in bytes; 0 and 1
// if the text does not begin with valid UTF-8.
func Decode(text string) (r rune, n int) {
	least := rune(0) // smaller values have a shorter form
	switch c := text[0]; {
	case c < 0x80:
		return rune(c), 1
	case c < 0xc0 || c >= 0xf8:
		return 0, 1
	case c < 0xe0:
		r, n, least = rune(c&0x1f), 2, 0x80
	case c < 0xf0:
		r, n, least = rune(c&0x0f), 3, 0x800
	default:
		r, n, least = rune(c&0x07), 4, 0x10000
	}
	if len(text) < n {
		return 0, 1
	}
	for i := 1; i < n; i++ {
		if text[i]&0xc0 != 0x80 {
			return 0, 1
		}
		r = r<<6 | rune(text[i]&0x3f)
	}
	const maxRune, surrogates, afterSurrogates = 0x10ffff, 0xd800, 0xe000
	if r < least || r > maxRune || r >= surrogates && r < afterSurrogates {
		return 0, 1
	}
	return r, n
}

// hidden are the characters beyond ASCII that are not shown, in ascending order: control and format
// characters, spaces other than that of ASCII, private use, noncharacters (Unicode categories Cc,
// Cf, Zs, Zl, Zp, Co), and letters and marks without a visible form.
var hidden = [...]struct{ from, to rune }{
	{0x7f, 0xa0},
	{0xad, 0xad},
	{0x34f, 0x34f},
	{0x600, 0x605},
	{0x61c, 0x61c},
	{0x6dd, 0x6dd},
	{0x70f, 0x70f},
	{0x890, 0x891},
	{0x8e2, 0x8e2},
	{0x115f, 0x1160},
	{0x1680, 0x1680},
	{0x17b4, 0x17b5},
	{0x180b, 0x180f},
	{0x2000, 0x200f},
	{0x2028, 0x202f},
	{0x205f, 0x206f},
	{0x2800, 0x2800},
	{0x3000, 0x3000},
	{0x3164, 0x3164},
	{0xe000, 0xf8ff},
	{0xfdd0, 0xfdef},
	{0xfe00, 0xfe0f},
	{0xfeff, 0xfeff},
	{0xffa0, 0xffa0},
	{0xfff0, 0xfffb},
	{0xfffe, 0xffff},
	{0x110bd, 0x110bd},
	{0x110cd, 0x110cd},
	{0x13430, 0x1343f},
	{0x1bca0, 0x1bca3},
	{0x1d173, 0x1d17a},
	{0xe0000, 0x10ffff},
}

// disturbs reports whether a character must not be shown.
func disturbs(r rune) bool {
	if r < 0x7f {
		return r < ' '
	}
	for i := range hidden {
		if r <= hidden[i].to {
			return r >= hidden[i].from
		}
	}
	return true
}
