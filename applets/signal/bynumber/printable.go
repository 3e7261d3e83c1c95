package bynumber

// printable appends a text from outside to the message. It replaces every character that could
// disturb a terminal, and every byte that is not part of valid UTF-8, by "?". procfs.Title does the
// same under the runtime, and TestPrintable compares the two.
func printable(t string) {
	for len(t) > 0 {
		r, n := decode(t)
		if disturbs(r) {
			text("?")
		} else {
			text(t[:n])
		}
		t = t[n:]
	}
}

// decode returns the character at the beginning of t, which is not empty, and its length in bytes.
// If t does not begin with valid UTF-8, it returns 0 and 1. Package utf8 is not early code.
func decode(t string) (r rune, n int) {
	least := rune(0) // smaller values have a shorter form
	switch c := t[0]; {
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
	if len(t) < n {
		return 0, 1
	}
	for i := 1; i < n; i++ {
		if t[i]&0xc0 != 0x80 {
			return 0, 1
		}
		r = r<<6 | rune(t[i]&0x3f)
	}
	const maxRune, surrogates, afterSurrogates = 0x10ffff, 0xd800, 0xe000
	if r < least || r > maxRune || r >= surrogates && r < afterSurrogates {
		return 0, 1
	}
	return r, n
}

// disturbs reports whether a character could disturb a terminal. It is the same as in package
// procfs.
func disturbs(r rune) bool {
	control := r < ' ' || r >= 0x7f && r < 0xa0
	// Invisible characters, and those that change the direction of text.
	format := r == 0x61c || r == 0x180e || r >= 0x200b && r <= 0x200f ||
		r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x206f ||
		r == 0xfeff || r >= 0xfff9 && r <= 0xfffb || r >= 0xe0000
	return control || format
}
