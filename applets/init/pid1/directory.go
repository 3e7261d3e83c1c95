package pid1

import "util/internal/sys"

// This file reads the names in a directory.

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
