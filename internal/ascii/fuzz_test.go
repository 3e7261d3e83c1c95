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
		d := EditDistance(a, b)
		longer, sum := max(len(a), len(b)), len(a)+len(b)
		if d != EditDistance(b, a) || d < longer-min(len(a), len(b)) || d > sum ||
			longer <= 32 && (d > longer || (d == 0) != EqualFold(a, b)) {
			t.Errorf("EditDistance(%q, %q): %d", a, b, d)
		}
	})
}
