package sys

import "unsafe"

// String returns the C string at p without copying it. p must not be nil.
func String(p *byte) string {
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(p), n)) != 0 {
		n++
	}
	return unsafe.String(p, n)
}

// Vector returns the pointers of a NULL-terminated array such as argv or envp, without the NULL
// and without copying.
func Vector(p **byte) []*byte {
	n := 0
	for *(**byte)(unsafe.Add(unsafe.Pointer(p), n*int(unsafe.Sizeof(p)))) != nil {
		n++
	}
	return unsafe.Slice(p, n)
}
