package sys

import "golang.org/x/sys/unix"

// ErrnoText says in words what e means, for the errors that starting a process can meet; "" for any other. It stands
// in for Errno.Error, which builds its text for an unknown number on the heap.
func ErrnoText(e Errno) string {
	switch e {
	case unix.EPERM:
		return "operation not permitted"
	case unix.ENOENT:
		return "no such file or directory"
	case unix.EIO:
		return "input/output error"
	case unix.E2BIG:
		return "argument list too long"
	case unix.ENOEXEC:
		return "exec format error"
	case unix.EAGAIN:
		return "resource temporarily unavailable"
	case unix.ENOMEM:
		return "cannot allocate memory"
	case unix.EACCES:
		return "permission denied"
	case unix.ENOTTY:
		return "inappropriate ioctl for device"
	case unix.ENOTDIR:
		return "not a directory"
	case unix.EISDIR:
		return "is a directory"
	case unix.EINVAL:
		return "invalid argument"
	case unix.ENFILE, unix.EMFILE:
		return "too many open files"
	case unix.ETXTBSY:
		return "text file busy"
	case unix.ENAMETOOLONG:
		return "file name too long"
	case unix.ENOSYS:
		return "function not implemented"
	case unix.ELOOP:
		return "too many levels of symbolic links"
	case unix.ELIBBAD:
		return "corrupted ELF interpreter"
	}
	return ""
}
