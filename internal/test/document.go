package test

import (
	"os"
	"strings"
	"testing"
)

// DocumentPart returns the part of a document between two lines with comments of HTML.
func DocumentPart(t testing.TB, path, begin, end string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	Must(t, err)
	_, rest, found := strings.Cut(string(text), "<!-- "+begin+" -->\n")
	part, _, ended := strings.Cut(rest, "<!-- "+end+" -->\n")
	if !found || !ended {
		t.Fatalf("%s has no part from %q to %q", path, begin, end)
	}
	return part
}

// DocumentLines returns the lines to copy of a document that says that tests in the directory
// runner run them, without comments, by the headings of their sections.
func DocumentLines(t testing.TB, path, runner string) (all map[string][]string) {
	t.Helper()
	all = map[string][]string{}
	heading := ""
	part := DocumentPart(t, path, "lines: "+runner+" runs them", "end of lines")
	for line := range strings.Lines(part) {
		line = strings.TrimRight(line, "\n")
		if name, ok := strings.CutPrefix(line, "## "); ok {
			heading = name
			all[heading] = nil
		}
		if code, ok := strings.CutPrefix(line, "    "); ok && !strings.HasPrefix(code, "#") {
			all[heading] = append(all[heading], code)
		}
	}
	return all
}
