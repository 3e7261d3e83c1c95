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
	how    how
	stdout bool // to stdout instead
	fd     int
	lost   int // lines dropped since the last one that was written
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
	path := unsafe.StringData("/proc/self/fd/2\x00")
	if l.stdout {
		l.fd, path = 1, unsafe.StringData("/proc/self/fd/1\x00")
	}
	mode, e := sys.Fstat(l.fd)
	if e != 0 {
		return
	}
	switch mode & unix.S_IFMT {
	case unix.S_IFSOCK:
		l.how = socket
	case unix.S_IFIFO, unix.S_IFCHR:
		fd, e := sys.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
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

// line is a message under construction: a sentence, and, for the format json, fields that hold its facts once more. What
// does not fit is cut off.
type line struct {
	n      int
	json   bool
	fields bool       // json: the sentence is finished, fields follow
	buf    [2048]byte // within PIPE_BUF, so that lines of several writers do not mix (pipe(7))
}

// reserve is what stays free of a line until its end.
const reserve = 8

// begin starts a message.
//
//go:noinline
func (t *line) begin(s *supervisor) {
	if lost := s.log.lost; lost > 0 {
		s.log.lost = 0
		s.sayLost(lost)
	}
	t.json = s.LogFormat == LogJSON
	if !t.json {
		t.raw("util init: ")
		return
	}
	t.raw(`{"time":"`)
	t.time(sys.ClockGettime(unix.CLOCK_REALTIME))
	t.raw(`","source":"util init","message":"`)
}

// finish completes the line.
//
//go:noinline
func (t *line) finish() {
	if t.json {
		if !t.fields {
			t.buf[t.n] = '"'
			t.n++
		}
		t.buf[t.n] = '}'
		t.n++
	}
	t.buf[t.n] = '\n'
	t.n++
}

// end completes the line and writes it.
//
//go:noinline
func (t *line) end(s *supervisor) {
	t.finish()
	s.log.write(t.buf[:t.n])
}

// raw appends text as it is.
//
//go:noinline
func (t *line) raw(text string) {
	for i := 0; i < len(text); i++ {
		t.put(text[i])
	}
}

func (t *line) put(c byte) {
	if t.n < len(t.buf)-reserve {
		t.buf[t.n] = c
		t.n++
	}
}

// str appends text of our own to the sentence, whose only special character is the quotation mark.
//
//go:noinline
func (t *line) str(text string) {
	for i := 0; i < len(text); i++ {
		if t.json && text[i] == '"' {
			t.put('\\')
		}
		t.put(text[i])
	}
}

// plain appends text that comes from outside, with what could disturb a terminal, a log or JSON replaced by "?".
//
//go:noinline
func (t *line) plain(text string) {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c < ' ' || c == 0x7f || c == '"' || t.json && (c == '\\' || c > 0x7f) {
			c = '?'
		}
		t.put(c)
	}
}

// quoted is plain in quotes, cut off where it gets so long that the rest of the message would not fit.
//
//go:noinline
func (t *line) quoted(text string) {
	const most = 256
	t.str(`"`)
	if len(text) > most {
		t.plain(text[:most])
		t.str("...")
	} else {
		t.plain(text)
	}
	t.str(`"`)
}

//go:noinline
func (t *line) num(n int) {
	if n >= 10 {
		t.num(n / 10)
	}
	t.put(byte('0' + n%10))
}

// digits appends the last width digits of n.
//
//go:noinline
func (t *line) digits(n, width int) {
	if width > 1 {
		t.digits(n/10, width-1)
	}
	t.put(byte('0' + n%10))
}

// seconds appends a time given in nanoseconds, as in "1.234s".
//
//go:noinline
func (t *line) seconds(ns int64) {
	t.decimal(ns)
	t.put('s')
}

//go:noinline
func (t *line) decimal(ns int64) {
	t.num(int(ns / 1e9))
	t.put('.')
	t.digits(int(ns%1e9/1e6), 3)
}

// time appends a time given in nanoseconds since 1970, in UTC, as RFC 3339 has it.
//
//go:noinline
func (t *line) time(ns int64) {
	seconds := int(ns / 1e9)
	days, second := seconds/86400, seconds%86400
	// Count the years from the 1st of March of the year 0, so that a leap day is the last day of its year; 146097 days
	// are 400 years.
	z := days + 719468
	era, day := z/146097, z%146097
	year := (day - day/1460 + day/36524 - day/146096) / 365
	day -= 365*year + year/4 - year/100
	month := (5*day + 2) / 153
	day -= (153*month + 2) / 5
	year += 400 * era
	if month += 3; month > 12 {
		month -= 12
		year++
	}
	t.digits(year, 4)
	t.put('-')
	t.digits(month, 2)
	t.put('-')
	t.digits(day+1, 2)
	t.put('T')
	t.digits(second/3600, 2)
	t.put(':')
	t.digits(second/60%60, 2)
	t.put(':')
	t.digits(second%60, 2)
	t.put('.')
	t.digits(int(ns%1e9/1e6), 3)
	t.put('Z')
}

// key begins a field. It returns false for the format text, which has none.
//
//go:noinline
func (t *line) key(name string) bool {
	if !t.json {
		return false
	}
	if !t.fields {
		t.fields = true
		t.put('"')
	}
	t.raw(`,"`)
	t.raw(name)
	t.raw(`":`)
	return true
}

//go:noinline
func (t *line) field(name, value string) {
	if t.key(name) {
		t.put('"')
		t.plain(value)
		t.put('"')
	}
}

//go:noinline
func (t *line) fieldNum(name string, value int) {
	if t.key(name) {
		t.num(value)
	}
}

//go:noinline
func (t *line) fieldSeconds(name string, ns int64) {
	if t.key(name) {
		t.decimal(ns)
	}
}

//go:noinline
func (t *line) fieldBool(name string, value bool) {
	switch {
	case !t.key(name):
	case value:
		t.raw("true")
	default:
		t.raw("false")
	}
}

//go:noinline
func (t *line) errno(e sys.Errno) {
	if text := sys.ErrnoText(e); text != "" {
		t.str(text)
		return
	}
	t.str("errno ")
	t.num(int(e))
}

// status appends how a process ended, as in "ended by signal TERM".
//
//go:noinline
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
	t.begin(s)
	t.str("started ")
	t.quoted(s.name())
	t.str(" as pid ")
	t.num(int(s.pid))
	if s.jobs {
		t.str(" in a process group of its own")
	} else {
		t.str(" in a session of its own")
	}
	t.field("event", "started")
	t.field("command", s.name())
	t.fieldNum("pid", int(s.pid))
	t.end(s)
}

//go:noinline
func (s *supervisor) sayForwarded(arrived, sent sig.Signal, e sys.Errno) {
	if s.speaks() {
		s.sayForwardedAs(arrived, sent, e)
		return
	}
	var t line
	t.begin(s)
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
	t.field("event", "forwarded")
	t.field("signal", sent.Name())
	t.field("arrived", arrived.Name())
	t.fieldNum("pid", int(s.pid))
	t.fieldBool("ok", e == 0)
	t.end(s)
}

//go:noinline
func (s *supervisor) sayIgnored(arrived sig.Signal) {
	if s.speaks() {
		s.sayIgnoredAs(arrived)
		return
	}
	var t line
	t.begin(s)
	t.str("dropped ")
	t.str(arrived.Name())
	t.field("event", "dropped")
	t.field("arrived", arrived.Name())
	t.end(s)
}

//go:noinline
func (s *supervisor) sayReaped(child proc.Child) {
	if s.speaks() {
		s.sayReapedAs(child)
		return
	}
	var t line
	t.begin(s)
	t.str("reaped orphan ")
	t.num(int(child.Pid))
	t.str(": ")
	t.status(child.Status)
	t.field("event", "reaped")
	t.fieldNum("pid", int(child.Pid))
	if child.Status.Signal != 0 {
		t.field("signal", child.Status.Signal.Name())
	} else {
		t.fieldNum("status", int(child.Status.Exit))
	}
	t.end(s)
}

// sayLost tells of messages that could not be written.
//
//go:noinline
func (s *supervisor) sayLost(lost int) {
	var t line
	t.begin(s)
	t.num(lost)
	t.str(" messages lost: stderr was full")
	t.end(s)
}

//go:noinline
func (s *supervisor) sayCannotFork(e sys.Errno) {
	var t line
	t.begin(s)
	t.str("cannot make a process: ")
	t.errno(e)
	if e == unix.EAGAIN {
		t.str(" (a pids limit of the container or RLIMIT_NPROC is reached)")
	}
	t.field("event", "not started")
	t.last(s)
}

//go:noinline
func (s *supervisor) sayNoTerminal(e sys.Errno) {
	var t line
	t.begin(s)
	t.str("the command has no controlling terminal: ")
	t.errno(e)
	t.end(s)
}

//go:noinline
func (s *supervisor) sayCannotExec(cmd *proc.Start) {
	name := s.name()
	var t line
	t.begin(s)
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
	t.field("event", "not started")
	t.field("command", name)
	t.last(s)
}
