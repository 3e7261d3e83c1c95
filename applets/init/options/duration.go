package options

import "util/internal/ascii"

// MaxDuration is the longest duration, in nanoseconds: a hundred years of 365 days, 876000h. It
// keeps every sum of two within an int64.
const MaxDuration = int64(100 * 365 * 24 * 3600 * 1e9)

// setDuration sets *ns to the duration that the value names.
func setDuration(ns *int64, value string) (r Reason, bad string) {
	d, r := parseDuration(value)
	if r != None {
		return r, value
	}
	*ns = d
	return None, ""
}

// parseDuration reads a time as time.ParseDuration does, without a sign and without fractions of
// nanoseconds, or a plain number of seconds. The reason is None, BadDuration or TooLong.
func parseDuration(text string) (ns int64, r Reason) {
	if text == "" {
		return 0, BadDuration
	}
	for first := true; text != ""; first = false {
		n, rest, r := leadingNumber(text)
		if r != None {
			return 0, r
		}
		unit, rest := leadingUnit(rest, first)
		if unit == 0 {
			return 0, BadDuration
		}
		if n.whole > MaxDuration/unit {
			return 0, TooLong
		}
		ns += n.whole*unit + n.fraction*(unit/n.scale) + n.fraction*(unit%n.scale)/n.scale
		if ns > MaxDuration {
			return 0, TooLong
		}
		text = rest
	}
	return ns, None
}

// number is a decimal number: whole + fraction/scale.
type number struct{ whole, fraction, scale int64 }

// leadingNumber reads the number that a text begins with. The digits of a fraction after the
// ninth do not count.
func leadingNumber(text string) (n number, rest string, r Reason) {
	n.scale = 1
	i := 0
	for ; i < len(text) && ascii.IsDigit(text[i]); i++ {
		digit := int64(text[i] - '0')
		if n.whole > (MaxDuration-digit)/10 { // too long even in the smallest unit
			return n, "", TooLong
		}
		n.whole = n.whole*10 + digit
	}
	digits := i
	if i < len(text) && text[i] == '.' {
		for i++; i < len(text) && ascii.IsDigit(text[i]); i++ {
			if n.scale < 1e9 {
				n.fraction, n.scale = n.fraction*10+int64(text[i]-'0'), n.scale*10
			}
			digits++
		}
	}
	if digits == 0 {
		return n, "", BadDuration
	}
	return n, text[i:], None
}

// leadingUnit reads the unit that a text begins with, in nanoseconds; 0 if there is none. The only
// number of a duration may be without a unit, and is in seconds.
func leadingUnit(text string, only bool) (unit int64, rest string) {
	switch {
	case text == "" && only:
		return 1e9, ""
	case ascii.HasPrefix(text, "ns"):
		return 1, text[2:]
	case ascii.HasPrefix(text, "us"):
		return 1e3, text[2:]
	case ascii.HasPrefix(text, "ms"):
		return 1e6, text[2:]
	case ascii.HasPrefix(text, "s"):
		return 1e9, text[1:]
	case ascii.HasPrefix(text, "m"):
		return 60e9, text[1:]
	case ascii.HasPrefix(text, "h"):
		return 3600e9, text[1:]
	}
	return 0, ""
}
