package ascii

import "testing"

// The distance from a to b is that from b to a.
func TestEditDistance(t *testing.T) {
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
		{"KITTEN", "kitten", 0},
		{"ca", "abc", 3}, // 2 if exchanged letters could be edited again
	} {
		for _, pair := range [][2]string{{c.a, c.b}, {c.b, c.a}} {
			if got := EditDistance(pair[0], pair[1]); got != c.want {
				t.Errorf("EditDistance(%q, %q) = %d, want %d", pair[0], pair[1], got, c.want)
			}
		}
	}
}
