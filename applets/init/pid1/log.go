package pid1

import (
	"unsafe"

	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// logger writes lines to stderr without ever blocking and without changing how the command sees stderr, which is the
// command's too: whoever sets O_NONBLOCK on a file sets it for all that share it.
type logger struct {
	how  how
	fd   int
	lost int // lines dropped since the last one that was written
}

// how a line gets to its file.
type how uint8

const (
	unopened how = iota
	plain        // regular files and the like, which do not block; also an own, non-blocking description
	socket       // send(2) takes MSG_DONTWAIT for each call
	careful      // somebody else's description that may block
)

// open decides how to write to stderr. Pipes and terminals are opened once more, so that they can be non-blocking for
// init alone. A regular file must not be: an own description would have an own offset.
func (l *logger) open() {
	l.fd, l.how = 2, plain
	mode, e := sys.Fstat(2)
	if e != 0 {
		return
	}
	switch mode & unix.S_IFMT {
	case unix.S_IFSOCK:
		l.how = socket
	case unix.S_IFIFO, unix.S_IFCHR:
		fd, e := sys.Open(unsafe.StringData("/proc/self/fd/2\x00"), unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
		if e == 0 {
			l.fd = fd
		} else { // no /proc, or another user's pipe
			l.how = careful
		}
	}
}

// write writes one line if that is possible now.
func (l *logger) write(p []byte) {
	if l.how == unopened {
		l.open()
	}
	var e sys.Errno
	switch l.how {
	case socket:
		_, e = sys.Send(l.fd, p, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	case careful:
		_, e = sys.WriteNowait(l.fd, p)
		if e == unix.EOPNOTSUPP || e == unix.ENOSYS {
			// Between the question and the write somebody else may fill the pipe: the last resort of an old kernel.
			e = unix.EAGAIN
			if sys.Writable(l.fd) {
				_, e = sys.Write(l.fd, p)
			}
		}
	default:
		_, e = sys.Write(l.fd, p)
	}
	switch e {
	case 0:
	case unix.EPIPE:
		// The SIGPIPE that came with it is init's own, not for the command.
		var now unix.Timespec
		var info sys.Siginfo
		_, _ = sys.Sigtimedwait(sig.Of(sig.PIPE), &info, &now)
	default:
		l.lost++
	}
}

// line is a message under construction. What does not fit is cut off.
type line struct {
	n   int
	buf [800]byte // within PIPE_BUF, so that lines of several writers do not mix (pipe(7))
}

// begin starts a message.
func (t *line) begin(l *logger) {
	if l.lost > 0 {
		t.str("util init: ")
		t.num(l.lost)
		t.str(" messages lost: stderr was full\n")
		l.lost = 0
	}
	t.str("util init: ")
}

// end writes the message.
func (t *line) end(l *logger) {
	if t.n == len(t.buf) {
		t.n--
	}
	t.buf[t.n] = '\n'
	l.write(t.buf[:t.n+1])
}

func (t *line) str(text string) {
	for i := 0; i < len(text) && t.n < len(t.buf); i++ {
		t.buf[t.n] = text[i]
		t.n++
	}
}

// quoted appends text that comes from outside, in quotes, with what could disturb a terminal or a log replaced by "?",
// and cut off where it gets so long that the rest of the message would not fit.
func (t *line) quoted(text string) {
	const most = 256
	t.str(`"`)
	for i := 0; i < len(text) && i < most && t.n < len(t.buf); i++ {
		c := text[i]
		if c < ' ' || c == 0x7f || c == '"' {
			c = '?'
		}
		t.buf[t.n] = c
		t.n++
	}
	if len(text) > most {
		t.str("…")
	}
	t.str(`"`)
}

func (t *line) num(n int) {
	if n >= 10 {
		t.num(n / 10)
	}
	if t.n < len(t.buf) {
		t.buf[t.n] = byte('0' + n%10)
		t.n++
	}
}

func (t *line) errno(e sys.Errno) {
	if text := sys.ErrnoText(e); text != "" {
		t.str(text)
		return
	}
	t.str("errno ")
	t.num(int(e))
}

// status appends how a process ended, as in "ended by signal TERM".
func (t *line) status(st proc.Status) {
	if st.Signal == 0 {
		t.str("exited with status ")
		t.num(int(st.Exit))
		return
	}
	t.str("was ended by signal ")
	t.str(st.Signal.Name())
	if st.Core {
		t.str(" (core dumped)")
	}
}

// The messages. None is inlined: their buffers are not to grow the stack of those who call them.

//go:noinline
func (s *supervisor) sayStarted() {
	var t line
	t.begin(&s.log)
	t.str("started ")
	t.quoted(sys.String(s.name))
	t.str(" as pid ")
	t.num(int(s.pid))
	if s.jobs {
		t.str(" in a process group of its own")
	} else {
		t.str(" in a session of its own")
	}
	t.end(&s.log)
}

//go:noinline
func (s *supervisor) sayForwarded(arrived, sent sig.Signal, e sys.Errno) {
	var t line
	t.begin(&s.log)
	if e == 0 {
		t.str("forwarded ")
	} else {
		t.str("cannot forward ")
	}
	t.str(sent.Name())
	if sent != arrived {
		t.str(" for ")
		t.str(arrived.Name())
	}
	if s.Single {
		t.str(" to pid ")
	} else {
		t.str(" to process group ")
	}
	t.num(int(s.pid))
	if e != 0 {
		t.str(": ")
		t.errno(e)
	}
	t.end(&s.log)
}

//go:noinline
func (s *supervisor) sayIgnored(arrived sig.Signal) {
	var t line
	t.begin(&s.log)
	t.str("dropped ")
	t.str(arrived.Name())
	t.end(&s.log)
}

//go:noinline
func (s *supervisor) sayReaped(child proc.Child) {
	var t line
	t.begin(&s.log)
	t.str("reaped orphan ")
	t.num(int(child.Pid))
	t.str(": ")
	t.status(child.Status)
	t.end(&s.log)
}

//go:noinline
func (s *supervisor) sayEnded(status proc.Status) {
	var t line
	t.begin(&s.log)
	t.str("the command, pid ")
	t.num(int(s.pid))
	t.str(", ")
	t.status(status)
	t.end(&s.log)
}

//go:noinline
func (s *supervisor) sayCannotFork(e sys.Errno) {
	var t line
	t.begin(&s.log)
	t.str("cannot make a process: ")
	t.errno(e)
	if e == unix.EAGAIN {
		t.str(" (a pids limit of the container or RLIMIT_NPROC is reached)")
	}
	t.end(&s.log)
}

//go:noinline
func (s *supervisor) sayNoTerminal(e sys.Errno) {
	var t line
	t.begin(&s.log)
	t.str("the command has no controlling terminal: ")
	t.errno(e)
	t.end(&s.log)
}

//go:noinline
func (s *supervisor) sayCannotExec(cmd *proc.Start) {
	name := sys.String(s.name)
	var t line
	t.begin(&s.log)
	t.str("command ")
	t.quoted(name)
	t.str(": ")
	switch {
	case cmd.Errno == unix.ENOENT && cmd.Found:
		t.str("found, but the interpreter of its #! line or its dynamic loader is missing")
	case cmd.Errno == unix.ENOENT && base(name) == name:
		t.str("not found in PATH ")
		t.quoted(s.searchPath())
	case cmd.Errno == unix.ENOEXEC:
		t.str("neither an executable for this machine nor a script that /bin/sh can run")
	default:
		t.errno(cmd.Errno)
	}
	t.end(&s.log)
}
