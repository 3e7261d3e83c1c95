package pid1

import "util/internal/sys"

// This file reads and writes the little texts of plain runs: numbers, names in a directory.

// directory reads the names of a directory.
type directory struct {
	n, i int
	buf  [1024]byte
}

// next returns the next name in the directory fd, or "" at the end. It is good until the call after.
func (d *directory) next(fd int) string {
	if d.i >= d.n {
		n, e := sys.Getdents(fd, d.buf[:])
		if e != 0 || n == 0 {
			return ""
		}
		d.n, d.i = n, 0
	}
	// struct linux_dirent64 (getdents(2)): 16 bytes, the record's length, the type, the name.
	entry := d.buf[d.i:d.n]
	d.i += int(entry[16]) | int(entry[17])<<8
	return sys.String(&entry[19])
}

// putNumber writes n, which is not negative, to p in decimal, and returns how many digits it has.
func putNumber(p []byte, n int) int {
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

// number reads a decimal number of at most ten digits, or returns -1.
func number(text string) int {
	if len(text) > 10 {
		return -1
	}
	n, ok := decimal(text)
	if !ok {
		return -1
	}
	return int(n)
}

// bigNumber reads a decimal number of at most nineteen digits, or returns 0.
func bigNumber(text string) uint64 {
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
