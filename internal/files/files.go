// Package files opens and reads small files for code that runs before the Go runtime boots. It
// adds to the bare calls of internal/sys what all of that code needs; nothing here allocates.
package files

import (
	"unsafe"

	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// AboveStdio moves a file that init has opened for itself away from the numbers of the standard
// files. These belong to the command and to whatever writes to /proc/1/fd, even where they are
// closed. The arguments are the results of the call that opened the file; an error is passed on.
func AboveStdio(fd int, e sys.Errno) (int, sys.Errno) {
	if e != 0 || fd > 2 {
		return fd, e
	}
	moved, e := sys.FcntlDupfd(fd, 3)
	sys.Close(fd)
	return moved, e
}

// Read reads the beginning of a file into p and returns its length without the newline at the
// end, 0 if the file cannot be read. path ends with a NUL byte.
func Read(path string, p []byte) int {
	fd, e := AboveStdio(sys.Open(unsafe.StringData(path), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	if e != 0 {
		return 0
	}
	n, e := sys.Read(fd, p)
	sys.Close(fd)
	if e != 0 {
		return 0
	}
	if n > 0 && p[n-1] == '\n' {
		n--
	}
	return n
}

// IsReady reports whether a file is ready now for the event, unix.POLLIN or unix.POLLOUT
// (poll(2)). A pidfd is ready for POLLIN when its process has ended.
func IsReady(fd int, event int16) bool {
	file := [1]unix.PollFd{{Fd: int32(fd), Events: event}}
	var none sys.Timespec
	n, _ := sys.Ppoll(file[:], &none)
	return n == 1 && file[0].Revents&event != 0
}

// Directory reads the names in a directory. The zero value begins at the beginning.
type Directory struct {
	Failed bool // the end was an error
	n, i   int
	buf    [1024]byte
}

// Next returns the next name in the directory fd, or "" at the end. The name is valid until the
// next call.
func (d *Directory) Next(fd int) string {
	if d.i >= d.n {
		n, e := sys.Getdents(fd, d.buf[:])
		if e != 0 || n == 0 {
			d.Failed = e != 0
			return ""
		}
		d.n, d.i = n, 0
	}
	// struct linux_dirent64 (getdents(2)): 16 bytes, the record's length, the type, the name. Records
	// are aligned to 8 bytes.
	entry := d.buf[d.i:d.n]
	d.i += int(*(*uint16)(unsafe.Pointer(&entry[16])))
	return sys.String(&entry[19])
}
