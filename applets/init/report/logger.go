package report

import (
	"unsafe"

	"util/internal/files"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// Logger writes lines to stderr or stdout. It never blocks, and it does not change the file for the
// command, which has the same one: O_NONBLOCK would be set for all that share it.
type Logger struct {
	Stdout    bool // write to stdout, not to stderr
	writeMode writeMode
	fd        int
	lost      int // lines dropped since the last one that was written
}

// writeMode is how a line gets to its file.
type writeMode uint8

const (
	unopened writeMode = iota
	plain              // a regular file, which does not block; or init's own non-blocking description
	socket             // send(2) takes MSG_DONTWAIT for each call
	mayBlock           // a shared description that may block
)

// open decides how to write. Pipes and terminals are opened again, so that they can be
// non-blocking for init alone. A regular file must not be: a description of init's own would have
// its own offset.
func (l *Logger) open() {
	l.fd, l.writeMode = 2, plain
	path := unsafe.StringData("/proc/self/fd/2\x00")
	if l.Stdout {
		l.fd, path = 1, unsafe.StringData("/proc/self/fd/1\x00")
	}
	var st unix.Stat_t
	if sys.Fstat(l.fd, &st) != 0 {
		return
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFSOCK:
		l.writeMode = socket
	case unix.S_IFIFO, unix.S_IFCHR:
		const flags = unix.O_WRONLY | unix.O_NONBLOCK | unix.O_NOCTTY | unix.O_CLOEXEC
		fd, e := files.AboveStdio(sys.Open(path, flags, 0))
		if e == 0 {
			l.fd = fd
		} else { // no /proc, or another user's pipe
			l.writeMode = mayBlock
		}
	}
}

// Close closes what the logger has opened. The next line opens it again.
func (l *Logger) Close() {
	if l.writeMode != unopened && l.fd > 2 {
		sys.Close(l.fd)
	}
	l.writeMode = unopened
}

// write writes one line if that is possible at once.
func (l *Logger) write(p []byte) {
	if l.writeMode == unopened {
		l.open()
	}
	var e sys.Errno
	switch l.writeMode {
	case socket:
		_, e = sys.Send(l.fd, p, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	case mayBlock:
		_, e = sys.WriteNowait(l.fd, p)
		switch e {
		case unix.EOPNOTSUPP, unix.ENOSYS, unix.EPERM, unix.EACCES:
			// An old kernel, or a seccomp filter. Between the check and the write another process may
			// fill the pipe.
			e = unix.EAGAIN
			if files.IsReady(l.fd, unix.POLLOUT) {
				_, e = sys.Write(l.fd, p)
			}
		}
	default:
		_, e = sys.Write(l.fd, p)
	}
	discardRaised(e)
	switch e {
	case 0, unix.EPIPE: // EPIPE: no process reads it, now or later
	default:
		l.lost++
	}
}

// discardRaised discards the signal that came with the error of a write. It is for init, not for
// the command. Since it was sent to the thread, it is received before one of the same kind that
// was sent to the process.
func discardRaised(e sys.Errno) {
	var signal sig.Signal
	switch e {
	case unix.EPIPE:
		signal = sig.PIPE
	case unix.EFBIG: // RLIMIT_FSIZE
		signal = sig.XFSZ
	default:
		return
	}
	var none sys.Timespec
	var info sys.Siginfo
	_, _ = sys.Sigtimedwait(sig.Of(signal), &info, &none)
}

// RestoreMask gives a process that only prints something and ends the signal mask that it was
// started with, so that a signal can end it while it waits for a reader. PIPE and XFSZ stay
// blocked: the error of the write is reported.
func RestoreMask(mask sig.Set) {
	sys.Sigprocmask(mask | sig.Of(sig.PIPE) | sig.Of(sig.XFSZ))
}

// Print writes a text and, unlike Logger, waits until that is possible. Early code must call
// [RestoreMask] before. If the text is for stdout and cannot be written, Print reports that and
// ends the process with status 1.
func Print(fd int, text string) {
	e := write(fd, text)
	if e == 0 || fd != 1 {
		return
	}
	t := &noticeLine // the text may be in another line
	t.clear()
	t.prefix(false)
	t.Raw("stdout: ")
	t.errno(e)
	t.Finish()
	write(2, t.Text())
	sys.Exit(proc.ExitFailed)
}

// write writes all of a text, to stdout or stderr.
func write(fd int, text string) sys.Errno {
	if proc.Inherited.Closed[fd] { // the runtime has replaced the file with /dev/null
		return unix.EBADF
	}
	for text != "" {
		n, e := sys.WriteString(fd, text)
		switch e {
		case 0:
			text = text[n:]
		case unix.EINTR:
		case unix.EAGAIN: // a non-blocking file, which is full
			file := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
			if _, failed := sys.Ppoll(file[:], nil); failed != 0 && failed != unix.EINTR {
				return e
			}
		default:
			return e
		}
	}
	return 0
}
