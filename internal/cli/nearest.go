package cli

import "util/internal/ascii"

// Nearest returns the candidate that takes the fewest edits of word, or "" if all take more than
// [ascii.MostEdits]. An edit changes, adds or removes a letter, or exchanges two neighbours.
func Nearest(word string, candidates []string) string {
	best, bestDistance := "", ascii.MostEdits(word)+1
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
