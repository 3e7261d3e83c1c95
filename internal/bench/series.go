package main

import (
	"fmt"
	"slices"
)

// series are the results of a contender, in the order of the rounds.
type series []float64

// median returns the middle of s, or 0 if s is empty.
func (s series) median() float64 {
	n := len(s)
	if n == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// ratio is what one contender takes of what another one takes.
type ratio struct {
	middle    float64
	low, high float64 // the 95 % confidence interval; both are 0 if there were too few rounds
}

// The rounds are divided into blocks. With 30 of them, the median of what the blocks are samples
// of lies between the 10th and the 21st result, in ascending order, with a probability of 95.7 %:
// fewer than 10 of 30 are on one side of it with a probability of 2.1 % (binomial distribution).
const (
	blocks  = 30
	lowest  = 10
	highest = 21
)

// over compares s with other, which must be from the same rounds. The speed of the machine changes
// from minute to minute, so that single rounds are not independent, and a formula for them would
// promise too much. Each block of successive rounds gives a ratio of two medians, and these differ
// by as much as a run of the benchmark can differ from the next one.
func (s series) over(other series) ratio {
	n := min(len(s), len(other)) / blocks
	if n == 0 {
		return ratio{middle: s.median() / other.median()}
	}
	var each series
	for i := range blocks {
		from, to := i*n, (i+1)*n
		each = append(each, s[from:to].median()/other[from:to].median())
	}
	slices.Sort(each)
	return ratio{each.median(), each[lowest-1], each[highest-1]}
}

// String returns the ratio with the interval in parentheses.
func (r ratio) String() string {
	if r.high == 0 {
		return fmt.Sprintf("%.2f", r.middle)
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", r.middle, r.low, r.high)
}
