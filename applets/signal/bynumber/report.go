package bynumber

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// message is the line that is being built. It is a package variable because it is large.
var message struct {
	n   int
	buf [512]byte
}

// begin begins a message about the subject.
//
//go:noinline
func (s *sender) begin() {
	message.n = 0
	text("util sendsig: ")
	switch t := &s.subject; t.kind {
	case group:
		text("process group ")
		number(uint64(t.id))
	default:
		number(uint64(t.id))
		if name, _ := readStat(t.id); s.titled && s.hasProc && name != "" {
			text(" (")
			shown(name)
			text(")")
		} else if t.inode != 0 && !s.titled {
			text(":")
			number(t.inode)
		}
	}
	text(": ")
	text(s.signal.Name())
	text(": ")
}

// end writes the message.
//
//go:noinline
func end() {
	text("\n")
	for rest := message.buf[:message.n]; len(rest) > 0; {
		n, e := sys.Write(2, rest)
		if e != 0 || n <= 0 {
			return
		}
		rest = rest[n:]
	}
}

// text appends a text to the message, as far as it fits.
//
//go:noinline
func text(t string) { message.n += copy(message.buf[message.n:], t) }

//go:noinline
func number(n uint64) {
	var digits [20]byte
	text(unsafe.String(&digits[0], ascii.PutDecimal(digits[:], n)))
}

// count counts a signal that was sent, or reports why it was not.
func (s *sender) count(e sys.Errno) {
	switch e {
	case 0:
		s.sent++
	case unix.ESRCH:
		s.fail("no such process")
	case unix.EAGAIN:
		s.fail("resource temporarily unavailable")
	case unix.ENOMEM:
		s.fail("cannot allocate memory")
	case unix.EPERM:
		s.failed++
		uid, known := s.userOf()
		s.begin()
		text("operation not permitted")
		if known {
			text(": the process belongs to user ")
			number(uid)
			text(", sendsig runs as user ")
			number(uint64(sys.Geteuid()))
		}
		end()
	default:
		s.failed++
		s.begin()
		text("errno ")
		number(uint64(e))
		end()
	}
}

// fail reports why the subject was not signalled.
//
//go:noinline
func (s *sender) fail(why string) {
	s.failed++
	s.begin()
	text(why)
	end()
}

// failReused reports that the PID of the subject now belongs to another process.
func (s *sender) failReused(inode uint64) {
	s.failed++
	s.begin()
	text("has ended, and its PID was reused by ")
	number(uint64(s.subject.id))
	text(":")
	number(inode)
	end()
}

// userOf returns the effective user ID of the subject, if it is a process and /proc shows it.
func (s *sender) userOf() (uid uint64, known bool) {
	if s.subject.kind == group || !s.hasProc {
		return 0, false
	}
	const key = "\nUid:\t" // real, effective, saved, file system
	status := readOf(s.subject.id, "/status\x00")
	at := ascii.Index(status, key)
	if at < 0 {
		return 0, false
	}
	_, rest, _ := ascii.Cut(status[at+len(key):], '\t')
	effective, _, _ := ascii.Cut(rest, '\t')
	n := ascii.ParseDecimal(effective)
	return uint64(n), n >= 0
}

// warn prints a warning about PID 1.
func warn(why string) {
	beginWarning()
	text(why)
	end()
}

// warnUnhandled warns that PID 1 will not get a signal.
func warnUnhandled(signal sig.Signal) {
	beginWarning()
	text("has no handler for ")
	text(signal.Name())
	text(", so the kernel drops the signal (run the command under util init)")
	end()
}

func beginWarning() {
	message.n = 0
	text("util sendsig: warning: PID 1: ")
}
