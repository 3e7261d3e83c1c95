package report

import (
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// ErrnoText describes an error number (errno(3)) as strerror(3) does, in lower case;
// "" for a number that Linux does not have. Errno.Error is not used because it builds its text
// for an unknown number on the heap.
func ErrnoText(e sys.Errno) string {
	switch e {
	case unix.EPERM:
		return "operation not permitted"
	case unix.ENOENT:
		return "no such file or directory"
	case unix.ESRCH:
		return "no such process"
	case unix.EINTR:
		return "interrupted system call"
	case unix.EIO:
		return "input/output error"
	case unix.ENXIO:
		return "no such device or address"
	case unix.E2BIG:
		return "argument list too long"
	case unix.ENOEXEC:
		return "exec format error"
	case unix.EBADF:
		return "bad file descriptor"
	case unix.ECHILD:
		return "no child processes"
	case unix.EAGAIN:
		return "resource temporarily unavailable"
	case unix.ENOMEM:
		return "cannot allocate memory"
	case unix.EACCES:
		return "permission denied"
	case unix.EFAULT:
		return "bad address"
	case unix.ENOTBLK:
		return "block device required"
	case unix.EBUSY:
		return "device or resource busy"
	case unix.EEXIST:
		return "file exists"
	case unix.EXDEV:
		return "invalid cross-device link"
	case unix.ENODEV:
		return "no such device"
	case unix.ENOTDIR:
		return "not a directory"
	case unix.EISDIR:
		return "is a directory"
	case unix.EINVAL:
		return "invalid argument"
	case unix.ENFILE:
		return "too many open files in system"
	case unix.EMFILE:
		return "too many open files"
	case unix.ENOTTY:
		return "inappropriate ioctl for device"
	case unix.ETXTBSY:
		return "text file busy"
	case unix.EFBIG:
		return "file too large"
	case unix.ENOSPC:
		return "no space left on device"
	case unix.ESPIPE:
		return "illegal seek"
	case unix.EROFS:
		return "read-only file system"
	case unix.EMLINK:
		return "too many links"
	case unix.EPIPE:
		return "broken pipe"
	case unix.EDOM:
		return "numerical argument out of domain"
	case unix.ERANGE:
		return "numerical result out of range"
	case unix.EDEADLK:
		return "resource deadlock avoided"
	case unix.ENAMETOOLONG:
		return "file name too long"
	case unix.ENOLCK:
		return "no locks available"
	case unix.ENOSYS:
		return "function not implemented"
	case unix.ENOTEMPTY:
		return "directory not empty"
	case unix.ELOOP:
		return "too many levels of symbolic links"
	case unix.ENOMSG:
		return "no message of desired type"
	case unix.EIDRM:
		return "identifier removed"
	case unix.ECHRNG:
		return "channel number out of range"
	case unix.EL2NSYNC:
		return "level 2 not synchronized"
	case unix.EL3HLT:
		return "level 3 halted"
	case unix.EL3RST:
		return "level 3 reset"
	case unix.ELNRNG:
		return "link number out of range"
	case unix.EUNATCH:
		return "protocol driver not attached"
	case unix.ENOCSI:
		return "no CSI structure available"
	case unix.EL2HLT:
		return "level 2 halted"
	case unix.EBADE:
		return "invalid exchange"
	case unix.EBADR:
		return "invalid request descriptor"
	case unix.EXFULL:
		return "exchange full"
	case unix.ENOANO:
		return "no anode"
	case unix.EBADRQC:
		return "invalid request code"
	case unix.EBADSLT:
		return "invalid slot"
	case unix.EBFONT:
		return "bad font file format"
	case unix.ENOSTR:
		return "device not a stream"
	case unix.ENODATA:
		return "no data available"
	case unix.ETIME:
		return "timer expired"
	case unix.ENOSR:
		return "out of streams resources"
	case unix.ENONET:
		return "machine is not on the network"
	case unix.ENOPKG:
		return "package not installed"
	case unix.EREMOTE:
		return "object is remote"
	case unix.ENOLINK:
		return "link has been severed"
	case unix.EADV:
		return "advertise error"
	case unix.ESRMNT:
		return "srmount error"
	case unix.ECOMM:
		return "communication error on send"
	case unix.EPROTO:
		return "protocol error"
	case unix.EMULTIHOP:
		return "multihop attempted"
	case unix.EDOTDOT:
		return "RFS specific error"
	case unix.EBADMSG:
		return "bad message"
	case unix.EOVERFLOW:
		return "value too large for defined data type"
	case unix.ENOTUNIQ:
		return "name not unique on network"
	case unix.EBADFD:
		return "file descriptor in bad state"
	case unix.EREMCHG:
		return "remote address changed"
	case unix.ELIBACC:
		return "can not access a needed shared library"
	case unix.ELIBBAD:
		return "accessing a corrupted shared library"
	case unix.ELIBSCN:
		return ".lib section in a.out corrupted"
	case unix.ELIBMAX:
		return "attempting to link in too many shared libraries"
	case unix.ELIBEXEC:
		return "cannot exec a shared library directly"
	case unix.EILSEQ:
		return "invalid or incomplete multibyte or wide character"
	case unix.ERESTART:
		return "interrupted system call should be restarted"
	case unix.ESTRPIPE:
		return "streams pipe error"
	case unix.EUSERS:
		return "too many users"
	case unix.ENOTSOCK:
		return "socket operation on non-socket"
	case unix.EDESTADDRREQ:
		return "destination address required"
	case unix.EMSGSIZE:
		return "message too long"
	case unix.EPROTOTYPE:
		return "protocol wrong type for socket"
	case unix.ENOPROTOOPT:
		return "protocol not available"
	case unix.EPROTONOSUPPORT:
		return "protocol not supported"
	case unix.ESOCKTNOSUPPORT:
		return "socket type not supported"
	case unix.EOPNOTSUPP:
		return "operation not supported"
	case unix.EPFNOSUPPORT:
		return "protocol family not supported"
	case unix.EAFNOSUPPORT:
		return "address family not supported by protocol"
	case unix.EADDRINUSE:
		return "address already in use"
	case unix.EADDRNOTAVAIL:
		return "cannot assign requested address"
	case unix.ENETDOWN:
		return "network is down"
	case unix.ENETUNREACH:
		return "network is unreachable"
	case unix.ENETRESET:
		return "network dropped connection on reset"
	case unix.ECONNABORTED:
		return "software caused connection abort"
	case unix.ECONNRESET:
		return "connection reset by peer"
	case unix.ENOBUFS:
		return "no buffer space available"
	case unix.EISCONN:
		return "transport endpoint is already connected"
	case unix.ENOTCONN:
		return "transport endpoint is not connected"
	case unix.ESHUTDOWN:
		return "cannot send after transport endpoint shutdown"
	case unix.ETOOMANYREFS:
		return "too many references: cannot splice"
	case unix.ETIMEDOUT:
		return "connection timed out"
	case unix.ECONNREFUSED:
		return "connection refused"
	case unix.EHOSTDOWN:
		return "host is down"
	case unix.EHOSTUNREACH:
		return "no route to host"
	case unix.EALREADY:
		return "operation already in progress"
	case unix.EINPROGRESS:
		return "operation now in progress"
	case unix.ESTALE:
		return "stale file handle"
	case unix.EUCLEAN:
		return "structure needs cleaning"
	case unix.ENOTNAM:
		return "not a XENIX named type file"
	case unix.ENAVAIL:
		return "no XENIX semaphores available"
	case unix.EISNAM:
		return "is a named type file"
	case unix.EREMOTEIO:
		return "remote I/O error"
	case unix.EDQUOT:
		return "disk quota exceeded"
	case unix.ENOMEDIUM:
		return "no medium found"
	case unix.EMEDIUMTYPE:
		return "wrong medium type"
	case unix.ECANCELED:
		return "operation canceled"
	case unix.ENOKEY:
		return "required key not available"
	case unix.EKEYEXPIRED:
		return "key has expired"
	case unix.EKEYREVOKED:
		return "key has been revoked"
	case unix.EKEYREJECTED:
		return "key was rejected by service"
	case unix.EOWNERDEAD:
		return "owner died"
	case unix.ENOTRECOVERABLE:
		return "state not recoverable"
	case unix.ERFKILL:
		return "operation not possible due to RF-kill"
	case unix.EHWPOISON:
		return "memory page has hardware error"
	}
	return ""
}
