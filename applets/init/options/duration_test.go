package options

import (
	"strings"
	"testing"
	"time"

	"util/internal/cli"
)

// FuzzDuration compares the durations of init with the reference, and with those of the applets
// under the runtime, which time.ParseDuration reads.
func FuzzDuration(f *testing.F) {
	for _, text := range []string{
		"8s", "1h2m3.5s4ms5us6ns", "0", "1.5", ".5s", "1.", ".", "1m30", "876000h", "876000.1h",
		"3153600000000000001ns", "18446744073709551617", "0.9999999999h", "-1s", "+1s", "1µs", "1e9", "",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, r := parseDuration(text)
		want, wantReason := referenceDuration(text)
		if got != want || r != wantReason {
			t.Fatalf("%q: %d, reason %d, want %d, reason %d", text, got, r, want, wantReason)
		}
		d, err := cli.ParseDuration(text)
		if err == nil && d < 0 {
			t.Errorf("%q: %v", text, d)
		}
		switch {
		case r == TooLong:
		case r != None:
			// Only package time knows a sign, and the letter µ.
			if err == nil && !strings.ContainsAny(text, "+-µμ") {
				t.Errorf("%q: %v, which init does not accept", text, d)
			}
		case err != nil:
			t.Errorf("%q: %v, but init accepts it as %v", text, err, time.Duration(got))
		case (d - time.Duration(got)).Abs() > tolerance(text):
			t.Errorf("%q: %v, but init reads it as %v", text, d, time.Duration(got))
		}
	})
}

// tolerance is how much the two may differ: package time reads fractions as floating-point numbers,
// and init only nine digits of them. That is an hour divided by 10⁹ in each part.
func tolerance(text string) time.Duration {
	return time.Duration(1+strings.Count(text, ".")) * 3601
}
