package ascii

import (
	"strconv"
	"strings"
	"testing"
)

// FuzzNumbers compares the parsers of numbers with package strconv, and writes what they read.
func FuzzNumbers(f *testing.F) {
	for _, text := range []string{
		"0", "7", "9999999999", "10000000000", "18446744073709551615", "9999999999999999999", "-1", "+1",
		"", "1 ", "1_0", "0x1", "007",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		want, err := strconv.ParseUint(text, 10, 64)
		decimal, long := int64(want), want
		if err != nil || len(text) > 10 {
			decimal = -1
		}
		if err != nil || len(text) > 19 {
			long = 0
		}
		if got := ParseDecimal(text); got != decimal {
			t.Errorf("%q: %d, want %d", text, got, decimal)
		}
		// Of a text that is no number, Uint64 reads what it is no promise about.
		if got := Uint64(text); err == nil && got != long {
			t.Errorf("%q: %d, want %d", text, got, long)
		}
		var digits [20]byte
		if n := PutDecimal(digits[:], want); string(digits[:n]) != strconv.FormatUint(want, 10) {
			t.Errorf("%d is written as %q", want, digits[:n])
		}
	})
}

// FuzzTexts compares the functions for texts with those of package strings.
func FuzzTexts(f *testing.F) {
	f.Add("UTIL_INIT_GRACE=5", "UTIL_", byte('='))
	f.Add("GRACE", "grcae", byte('/'))
	f.Add("K", "\u212a", byte('k'))
	f.Add("", "", byte(0))
	f.Add("verison", "versoin", byte('='))
	f.Fuzz(func(t *testing.T, a, b string, sep byte) {
		before, after, found := Cut(a, sep)
		if wantBefore, wantAfter, want := strings.Cut(a, string([]byte{sep})); before != wantBefore ||
			after != wantAfter || found != want {
			t.Errorf("Cut(%q, %q): %q, %q, %v", a, sep, before, after, found)
		}
		if got := Index(a, b); got != strings.Index(a, b) {
			t.Errorf("Index(%q, %q): %d", a, b, got)
		}
		if got := HasPrefix(a, b); got != strings.HasPrefix(a, b) {
			t.Errorf("HasPrefix(%q, %q): %v", a, b, got)
		}
		if got := Base(a); got != a[strings.LastIndex(a, "/")+1:] {
			t.Errorf("Base(%q): %q", a, got)
		}
		want := len(a) + len(b)
		if max(len(a), len(b)) <= 32 {
			want = distance(a, b, map[[2]int]int{})
		}
		if got := EditDistance(a, b); got != want {
			t.Errorf("EditDistance(%q, %q): %d, want %d", a, b, got, want)
		}
	})
}

// distance is a second implementation of EditDistance, for short texts: the last letters are the
// same, or one of them is inserted, removed or replaced, or the last two are exchanged.
func distance(a, b string, known map[[2]int]int) (d int) {
	key := [2]int{len(a), len(b)}
	if d, found := known[key]; found {
		return d
	}
	defer func() { known[key] = d }()
	if a == "" || b == "" {
		return len(a) + len(b)
	}
	i, j := len(a)-1, len(b)-1
	d = distance(a[:i], b[:j], known)
	if !EqualFold(a[i:], b[j:]) {
		d++
	}
	d = min(d, distance(a[:i], b, known)+1, distance(a, b[:j], known)+1)
	if i > 0 && j > 0 && EqualFold(a[i:], b[j-1:j]) && EqualFold(a[i-1:i], b[j:]) {
		d = min(d, distance(a[:i-1], b[:j-1], known)+1)
	}
	return d
}
