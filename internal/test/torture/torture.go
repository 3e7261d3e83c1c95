// Package torture is what the tests of the campaign share that tries to make init fail: how long
// they try, where their random numbers begin, and what they report. Each part of the campaign is a
// package below this one. In make test, each makes a short run that is the same every time; make
// torture makes long ones. docs/testing.md says what each part shows.
package torture

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// The environment that make torture sets.
const (
	timeVar = "UTIL_TEST_TORTURE" // how long each part that has no end tries, such as 30s
	seedVar = "UTIL_TEST_SEED"    // the seed of all random numbers
)

// Long reports whether this is a run of make torture, not one of make test.
func Long() bool { return os.Getenv(timeVar) != "" }

// Time returns how long a test tries: what make torture was given, or short in make test.
func Time(t testing.TB, short time.Duration) time.Duration {
	t.Helper()
	text := os.Getenv(timeVar)
	if text == "" {
		return short
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		t.Fatalf("TORTURE=%s: not a positive duration such as 30s or 1h", text)
	}
	return d
}

// Seed returns the seed of a test: what make torture was given, else 1 in make test, and a new one
// each time in make torture. If the test fails, it logs how to repeat it.
func Seed(t testing.TB) uint64 {
	t.Helper()
	seed := uint64(1)
	if text := os.Getenv(seedVar); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("SEED=%s: not a number", text)
		}
		seed = n
	} else if Long() {
		seed = rand.Uint64()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s: seed %d; to repeat it: make torture SEED=%d", t.Name(), seed, seed)
		}
	})
	return seed
}

// Random returns random numbers that depend on a seed and on the number of a run, so that each run
// can be repeated alone.
func Random(seed uint64, run int) *rand.Rand { return rand.New(rand.NewPCG(seed, uint64(run))) }

// Result reports what a test has shown, such as how many events it tried. The test runner prints
// it, also if the test has passed.
func Result(t testing.TB, format string, args ...any) {
	t.Helper()
	t.Logf("result: "+format, args...)
}
