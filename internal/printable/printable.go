// Package printable decides which characters of a text from outside a message may show. A name of a
// process or a command can contain any byte. It is usable before the Go runtime boots: nothing here
// allocates, and package unicode/utf8 is not used.
package printable

// First returns the length in bytes of the character that a text begins with, and whether it may be
// shown. The text is not empty. A character must not be shown if it could disturb a terminal: a
// control character, an invisible one, or one that changes the direction of text. A byte that is
// not part of valid UTF-8 (RFC 3629) is a character of its own that must not be shown.
func First(text string) (n int, ok bool) {
	r, n := decode(text)
	return n, !disturbs(r)
}

// decode returns the first character and its length; 0 and 1 if the text does not begin with valid
// UTF-8.
func decode(text string) (r rune, n int) {
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

// disturbs reports whether a character could disturb a terminal.
func disturbs(r rune) bool {
	control := r < ' ' || r >= 0x7f && r < 0xa0
	format := r == 0x61c || r == 0x180e || r >= 0x200b && r <= 0x200f ||
		r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f ||
		r == 0xfeff || r >= 0xfff9 && r <= 0xfffb || r >= 0xe0000
	return control || format
}
