package bynumber

import "util/internal/printable"

// shown appends a text from outside to the message, as procfs.Title does.
func shown(t string) {
	for len(t) > 0 {
		n, ok := printable.First(t)
		if ok {
			text(t[:n])
		} else {
			text("?")
		}
		t = t[n:]
	}
}
