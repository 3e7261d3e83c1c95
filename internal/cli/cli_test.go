package cli

import "testing"

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

// The distance from a to b is that from b to a.
func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "abc", 0},
		{"abc", "acb", 1},
		{"abc", "abd", 1},
		{"abc", "ab", 1},
		{"abc", "cab", 2},
		{"kitten", "sitting", 3},
		{"ca", "abc", 3}, // 2 if exchanged letters could be edited again
	} {
		for _, pair := range [][2]string{{c.a, c.b}, {c.b, c.a}} {
			if got := distance(pair[0], pair[1]); got != c.want {
				t.Errorf("distance(%q, %q) = %d, want %d", pair[0], pair[1], got, c.want)
			}
		}
	}
}
