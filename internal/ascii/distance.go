package ascii

// EditDistance counts the edits from a to b. An exchange of two neighbours is one edit (optimal
// string alignment); upper and lower case are not distinguished. If one of them has more than 32
// bytes, the result is the sum of the lengths, which is an upper bound.
func EditDistance(a, b string) int {
	const most = 32
	if len(a) > most || len(b) > most {
		return len(a) + len(b)
	}
	var rows [3][most + 1]uint8
	for i := 0; i <= len(a); i++ {
		row, above, before := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		for j := 0; j <= len(b); j++ {
			switch {
			case i == 0:
				row[j] = uint8(j)
				continue
			case j == 0:
				row[j] = uint8(i)
				continue
			}
			d := above[j-1]
			if !same(a[i-1], b[j-1]) {
				d++
			}
			d = min(d, above[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && same(a[i-1], b[j-2]) && same(a[i-2], b[j-1]) {
				d = min(d, before[j-2]+1)
			}
			row[j] = d
		}
	}
	return int(rows[len(a)%3][len(b)])
}

func same(a, b byte) bool { return Lower(a) == Lower(b) }

// MostEdits returns how many edits at most lead from a misspelled word to what was probably meant:
// a third of its letters, but at least one.
func MostEdits(word string) int { return max(1, len(word)/3) }
