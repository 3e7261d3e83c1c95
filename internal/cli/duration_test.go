package cli

import (
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"0":      0,
		"500ms":  500 * time.Millisecond,
		"30":     30 * time.Second,
		"1.5":    1500 * time.Millisecond,
		"2m":     2 * time.Minute,
		"1h2m3s": time.Hour + 2*time.Minute + 3*time.Second,
	} {
		var got time.Duration
		if err := Duration(&got, 0).Set(text); err != nil || got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "x", "5 s", "-1", "-1s", "1e9", "0x10", "inf", ".", "99999999999", "s", "30sec",
	} {
		got := time.Duration(7)
		if err := Duration(&got, 0).Set(text); err == nil || got != 7 {
			t.Errorf("%q: %v, %v; want an error and nothing changed", text, got, err)
		}
	}
	var got time.Duration
	if err := Duration(&got, time.Millisecond).Set("0"); err == nil {
		t.Error("no error for a value below the minimum")
	}
}
