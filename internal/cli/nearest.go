package cli

import "util/internal/ascii"

// Nearest returns the candidate that is most like word, or "" if none is close. A candidate is
// close if it takes at most len(word)/3 edits, but one edit is always allowed, to get there:
// changing, adding or removing a letter, or exchanging two neighbours.
func Nearest(word string, candidates []string) string {
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, c := range candidates {
		if d := ascii.EditDistance(word, c); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// DidYouMean returns " (did you mean X?)" for the nearest candidate, or "".
func DidYouMean(word string, candidates []string) string {
	if near := Nearest(word, candidates); near != "" {
		return " (did you mean " + near + "?)"
	}
	return ""
}
