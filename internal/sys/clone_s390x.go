package sys

import "golang.org/x/sys/unix"

// Clone is clone(2) without memory for the child's stack: both go on with their own copy. It
// returns 0 in the child, and a negative errno if no process can be made.
func Clone(flags uintptr) int32 { return int32(Call(unix.SYS_CLONE, 0, flags, 0, 0, 0, 0)) }
