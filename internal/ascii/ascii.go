// Package ascii reads and writes short texts: numbers, and words with a separator between them.
// It is usable before the Go runtime boots: nothing here allocates.
package ascii

// PutDecimal writes n to p in decimal, and returns how many digits it has.
func PutDecimal(p []byte, n uint64) int {
	digits := 1
	for rest := n; rest >= 10; rest /= 10 {
		digits++
	}
	for i := digits - 1; i >= 0; i-- {
		p[i] = byte('0' + n%10)
		n /= 10
	}
	return digits
}

// PutHex fills p with the last digits of n in hexadecimal.
func PutHex(p []byte, n uint64) {
	for i := len(p) - 1; i >= 0; i-- {
		p[i] = "0123456789abcdef"[n&15]
		n >>= 4
	}
}

// ParseDecimal reads a decimal number of at most ten digits, or returns -1.
func ParseDecimal(text string) int64 {
	if len(text) > 10 {
		return -1
	}
	n, ok := decimal(text)
	if !ok {
		return -1
	}
	return int64(n)
}

// Uint64 reads a decimal number of at most nineteen digits, or returns 0.
func Uint64(text string) uint64 {
	if len(text) > 19 {
		return 0
	}
	n, _ := decimal(text)
	return n
}

func decimal(text string) (n uint64, ok bool) {
	for i := 0; i < len(text); i++ {
		if text[i] < '0' || text[i] > '9' {
			return 0, false
		}
		n = n*10 + uint64(text[i]-'0')
	}
	return n, len(text) > 0
}

// HasPrefix reports whether text begins with prefix.
func HasPrefix(text, prefix string) bool {
	return len(text) >= len(prefix) && text[:len(prefix)] == prefix
}

// Index returns where part begins in text, or -1.
func Index(text, part string) int {
	for i := 0; i+len(part) <= len(text); i++ {
		if text[i:i+len(part)] == part {
			return i
		}
	}
	return -1
}

// Cut splits text around the first sep.
func Cut(text string, sep byte) (before, after string, found bool) {
	for i := 0; i < len(text); i++ {
		if text[i] == sep {
			return text[:i], text[i+1:], true
		}
	}
	return text, "", false
}

// Base is the part of path after its last slash.
func Base(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			return path[i+1:]
		}
	}
	return path
}

// EqualFold reports whether two texts are equal if upper and lower case are not distinguished.
func EqualFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		if Lower(a[i]) != Lower(b[i]) {
			return false
		}
	}
	return true
}

// Lower returns the lower-case letter of an upper-case one, and any other byte as it is.
func Lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// IsDigit reports whether a byte is a decimal digit.
func IsDigit(c byte) bool { return c >= '0' && c <= '9' }
