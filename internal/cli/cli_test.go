package cli

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	signals := []string{"HUP", "INT", "TERM", "USR1", "USR2", "WINCH", "RTMIN+10", "RTMIN+11"}
	for _, c := range []struct {
		word       string
		candidates []string
		want       string
	}{
		{"TERM", signals, "TERM"},
		{"trem", signals, "TERM"}, // two neighbours are exchanged
		{"TRM", signals, "TERM"},  // a letter is missing
		{"TERMM", signals, "TERM"},
		{"TARM", signals, "TERM"},
		{"HP", signals, "HUP"},
		{"HU", signals, "HUP"},
		{"USR", signals, "USR1"}, // of equally close candidates, the first
		{"USR3", signals, "USR1"},
		{"RTMIN+12", signals, "RTMIN+10"},
		{"WNICHH", signals, "WINCH"}, // two edits for six letters
		{"WNCHHH", signals, ""},      // three edits
		{"KILL", signals, ""},
		{"XX", signals, ""},
		{"", signals, ""},
		{"TERM", nil, ""},
		{"--rewirte", []string{"--single-child", "--rewrite", "--verbose"}, "--rewrite"},
		{"--verbos", []string{"--single-child", "--rewrite", "--verbose"}, "--verbose"},
		{"inti", []string{"init"}, "init"},
		{strings.Repeat("x", 120), signals, ""},
	} {
		if got := Nearest(c.word, c.candidates); got != c.want {
			t.Errorf("Nearest(%q) = %q, want %q", c.word, got, c.want)
		}
	}
}

func TestDidYouMean(t *testing.T) {
	if got := DidYouMean("TREM", []string{"HUP", "TERM"}); got != " (did you mean TERM?)" {
		t.Errorf("%q", got)
	}
	if got := DidYouMean("XYZ", []string{"HUP", "TERM"}); got != "" {
		t.Errorf("%q", got)
	}
}
