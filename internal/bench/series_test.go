package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		of   series
		want float64
	}{
		{nil, 0},
		{series{7}, 7},
		{series{9, 1, 2}, 2},
		{series{9, 1, 2, 4}, 3},
	} {
		if got := test.of.median(); got != test.want {
			t.Errorf("median of %v: %v, want %v", test.of, got, test.want)
		}
	}
	s := series{3, 1, 2}
	s.median()
	if s[0] != 3 || s[1] != 1 || s[2] != 2 {
		t.Errorf("median changed the order of the rounds: %v", s)
	}
}

// TestInterval checks that the interval contains the true ratio in about 95 % of all runs, although
// the machine becomes slower during each run, and that few rounds give no interval.
func TestInterval(t *testing.T) {
	const runs, rounds, truth = 1000, 300, 0.9
	random := rand.New(rand.NewPCG(1, 2))
	contained := 0
	for range runs {
		var a, b series
		for round := range rounds {
			slow := 1 + float64(round)/rounds
			a = append(a, slow*truth*math.Exp(random.NormFloat64()/10))
			b = append(b, slow*math.Exp(random.NormFloat64()/10))
		}
		r := a.over(b)
		if r.middle < r.low || r.middle > r.high {
			t.Fatalf("the ratio %v is outside of its interval", r)
		}
		if r.low <= truth && truth <= r.high {
			contained++
		}
	}
	if contained < 930 || contained > 980 {
		t.Errorf("the interval contained the true ratio in %d of %d runs", contained, runs)
	}
	few := make(series, blocks-1)
	for i := range few {
		few[i] = 2
	}
	if got := few.over(series{4, 4, 4}).String(); got != "0.50" {
		t.Errorf("few rounds: %s, want 0.50", got)
	}
}
