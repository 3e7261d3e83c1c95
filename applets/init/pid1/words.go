package pid1

import (
	"unsafe"

	"util/internal/ascii"
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
	var st unix.Stat_t
	if sys.Fstat(l.fd, &st) != 0 {
		return
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFSOCK:
		l.how = socket
	case unix.S_IFIFO, unix.S_IFCHR:
		fd, e := own(sys.Open(path, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0))
		if e == 0 {
			l.fd = fd
		} else { // no /proc, or another user's pipe
			l.how = careful
		}
	}
}

// close gives back what open has opened.
func (l *logger) close() {
	if l.how != unopened && l.fd > 2 {
		sys.Close(l.fd)
	}
	l.how = unopened
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
			if writable(l.fd) {
				_, e = sys.Write(l.fd, p)
			}
		}
	default:
		_, e = sys.Write(l.fd, p)
	}
	takeRaised(e)
	switch e {
	case 0, unix.EPIPE: // nobody reads, or will
	default:
		l.lost++
	}
}

// takeRaised takes back the signal that came with the error of a write. It is init's own, not for the command; and being one
// that the thread was sent, it is received before one of the same kind that somebody sent to the process.
func takeRaised(e sys.Errno) {
	var signal sig.Signal
	switch e {
	case unix.EPIPE:
		signal = sig.PIPE
	case unix.EFBIG: // RLIMIT_FSIZE
		signal = sig.XFSZ
	default:
		return
	}
	var none unix.Timespec
	var info sys.Siginfo
	_, _ = sys.Sigtimedwait(sig.Of(signal), &info, &none)
}

// line is a message under construction: a sentence, and, for the format json, fields that hold its facts once more. A sentence or
// a value that is too long is cut off, so that there is always room for all fields, and the line is a whole object.
type line struct {
	n      int
	most   int // how far the sentence may go, and then the fields
	json   bool
	fields bool       // json: the sentence is finished, fields follow
	buf    [2048]byte // within PIPE_BUF, so that lines of several writers do not mix (pipe(7))
}

const (
	reserve     = 8    // what stays free of a line until its end
	sentenceEnd = 1200 // where a sentence has to end, in the format json
	valueMost   = 256  // how many bytes of a value are shown
)

// sentence is the one message under construction, apology that of sayLost. Package variables, as init's stack may be small.
var sentence, apology line

// newLine begins an empty line.
func newLine() *line {
	t := &sentence
	t.clear()
	return t
}

func (t *line) clear() {
	t.n, t.most, t.json, t.fields = 0, len(t.buf)-reserve, false, false
}

// newLine begins a message.
//
//go:noinline
func (s *supervisor) newLine() *line {
	if s.log.lost > 0 {
		s.sayLost()
	}
	t := newLine()
	t.head(s.LogFormat == LogJSON)
	return t
}

// head is what a line begins with.
func (t *line) head(json bool) {
	if !json {
		t.raw("util init: ")
		return
	}
	t.json, t.most = true, sentenceEnd
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
	if t.n < t.most {
		t.buf[t.n] = c
		t.n++
	}
}

// str appends text of our own to the sentence, whose only special character is the quotation mark.
//
//go:noinline
func (t *line) str(text string) {
	for i := 0; i < len(text) && t.n+1 < t.most; i++ {
		if t.json && text[i] == '"' {
			t.put('\\')
		}
		t.put(text[i])
	}
}

// plain appends text that comes from outside, with what could disturb a terminal, a log or JSON replaced by "?": control
// characters, also those of U+0080 to U+009F, quotation marks, and what is not UTF-8.
//
//go:noinline
func (t *line) plain(text string) {
	for i := 0; i < len(text); {
		c := text[i]
		n := 1
		if c >= 0x80 {
			n = character(text[i:])
		}
		switch {
		case n == 0:
			n = 1
			c = '?'
		case n > 1:
			if t.n+n > t.most {
				return
			}
			t.raw(text[i : i+n])
			i += n
			continue
		case c < ' ' || c == 0x7f || c == '"' || t.json && c == '\\':
			c = '?'
		}
		t.put(c)
		i += n
	}
}

// escaped is plain for a whole sentence, which keeps its quotation marks.
//
//go:noinline
func (t *line) escaped(text string) {
	from := 0
	for i := 0; i < len(text); i++ {
		if c := text[i]; c == '"' || c == '\\' {
			t.plain(text[from:i])
			from = i + 1
			if t.n+1 < t.most {
				if t.json {
					t.put('\\')
				}
				t.put(c)
			}
		}
	}
	t.plain(text[from:])
}

// character returns the length of the character that text begins with, in UTF-8 (RFC 3629) and beyond ASCII; 0 if that is
// none, or a control character.
func character(text string) int {
	n, low, high := 0, byte(0x80), byte(0xbf) // the length, and the bounds of the second byte
	switch c := text[0]; {
	case c == 0xc2:
		n, low = 2, 0xa0 // below are U+0080 to U+009F
	case c >= 0xc3 && c <= 0xdf:
		n = 2
	case c == 0xe0:
		n, low = 3, 0xa0
	case c == 0xed:
		n, high = 3, 0x9f
	case c >= 0xe1 && c <= 0xef:
		n = 3
	case c == 0xf0:
		n, low = 4, 0x90
	case c == 0xf4:
		n, high = 4, 0x8f
	case c >= 0xf1 && c <= 0xf3:
		n = 4
	}
	if len(text) < n || n == 0 || text[1] < low || text[1] > high {
		return 0
	}
	for i := 2; i < n; i++ {
		if text[i] < 0x80 || text[i] > 0xbf {
			return 0
		}
	}
	return n
}

// upTo returns the first bytes of text, most at the most, without cutting through a character.
func upTo(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for n := most; n > most-4; n-- {
		if text[n] < 0x80 || text[n] > 0xbf {
			return text[:n]
		}
	}
	return text[:most]
}

// quoted is plain in quotes, cut off where it gets so long that the rest of the message would not fit.
//
//go:noinline
func (t *line) quoted(text string) {
	t.str(`"`)
	short := upTo(text, valueMost)
	t.plain(short)
	if len(short) < len(text) {
		t.str("...")
	}
	t.str(`"`)
}

//go:noinline
func (t *line) num(n int) {
	var digits [20]byte
	t.raw(unsafe.String(&digits[0], ascii.Put(digits[:], n)))
}

// digits appends the last width digits of n, 4 at the most.
//
//go:noinline
func (t *line) digits(n, width int) {
	unit := 1
	for range width - 1 {
		unit *= 10
	}
	for ; unit > 0; unit /= 10 {
		t.put(byte('0' + n/unit%10))
	}
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
		t.fields, t.most = true, len(t.buf)-reserve
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
		t.plain(upTo(value, valueMost))
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
	if text := errnoText(e); text != "" {
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

// The messages. None is inlined: they are not to grow the code that speaks seldom.

//go:noinline
func (s *supervisor) sayStarted() {
	t := s.newLine()
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
	if s.noReap == 0 {
		return
	}
	t = s.newLine()
	t.str("orphans will not be reaped here: not PID 1, and cannot become a subreaper: ")
	t.errno(s.noReap)
	t.field("event", "no subreaper")
	t.end(s)
}

//go:noinline
func (s *supervisor) sayForwarded(arrived, sent sig.Signal, e sys.Errno) {
	if s.speaks() {
		s.sayForwardedAs(arrived, sent, e)
		return
	}
	t := s.newLine()
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
	if e == unix.EPERM {
		t.str(" (the command is another user's; init needs CAP_KILL to signal it)")
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
	t := s.newLine()
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
	t := s.newLine()
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
func (s *supervisor) sayLost() {
	t := &apology
	t.clear()
	t.head(s.LogFormat == LogJSON)
	t.num(s.log.lost)
	t.str(" messages lost: stderr was full")
	s.log.lost = 0
	t.end(s)
}

// sayStrange names the variables that init does not know, and what was probably meant.
//
//go:noinline
func (s *supervisor) sayStrange() {
	const most = 8 // lines
	said := 0
	const word = unsafe.Sizeof(uintptr(0))
	for entry := s.envp; *entry != nil; entry = (**byte)(unsafe.Add(unsafe.Pointer(entry), word)) {
		text := sys.String(*entry)
		name, value, _ := ascii.Cut(text, '=')
		if value == "" || !ascii.HasPrefix(name, EnvPrefix) || optionOf(name) != nil {
			continue
		}
		if said++; said > most {
			return
		}
		near := nearestVariable(name[len(EnvPrefix):])
		t := s.newLine()
		t.str("variable ")
		t.quoted(name)
		t.str(": unknown")
		if near != "" {
			t.str(" (did you mean ")
			t.str(EnvPrefix)
			t.str(near)
			t.str("?)")
		}
		t.field("event", "unknown variable")
		t.field("variable", name)
		t.end(s)
	}
}

// nearestVariable returns the variable that was probably meant by a name, both without EnvPrefix, or "": at most a third of its
// letters may have to be changed, added, left out or exchanged with a neighbour.
func nearestVariable(name string) (near string) {
	best := max(1, len(name)/3) + 1
	for i := range Table {
		if d := distance(name, Table[i].Env); Table[i].Env != "" && d < best {
			near, best = Table[i].Env, d
		}
	}
	return near
}

// distance counts the edits from a to b, an exchange of two neighbours being one (optimal string alignment). Letters are equal in
// either case. Of names that are longer than all that init knows, it is large.
func distance(a, b string) int {
	const most = 24
	if len(a) > most || len(b) > most {
		return most
	}
	var rows [3][most + 1]int
	for i := 0; i <= len(a); i++ {
		row, above, before := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		for j := 0; j <= len(b); j++ {
			switch {
			case i == 0:
				row[j] = j
				continue
			case j == 0:
				row[j] = i
				continue
			}
			d := above[j-1]
			if upper(a[i-1]) != upper(b[j-1]) {
				d++
			}
			d = min(d, above[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && upper(a[i-1]) == upper(b[j-2]) && upper(a[i-2]) == upper(b[j-1]) {
				d = min(d, before[j-2]+1)
			}
			row[j] = d
		}
	}
	return rows[len(a)%3][len(b)]
}

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - ('a' - 'A')
	}
	return c
}

// sayPostponed says that a stop signal waits for its time.
//
//go:noinline
func (s *supervisor) sayPostponed(arrived sig.Signal) {
	if s.speaks() {
		return
	}
	t := s.newLine()
	t.str("holds ")
	t.str(arrived.Name())
	t.str(" back for ")
	t.seconds(s.Delay)
	t.field("event", "held back")
	t.field("arrived", arrived.Name())
	t.end(s)
}

//go:noinline
func (s *supervisor) sayCannotFork(e sys.Errno) {
	t := s.newLine()
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
	t := s.newLine()
	t.str("the command has no controlling terminal: ")
	t.errno(e)
	t.end(s)
}

//go:noinline
func (s *supervisor) sayCannotExec(cmd *proc.Start) {
	name := s.name()
	t := s.newLine()
	t.str("command ")
	t.quoted(name)
	t.str(": ")
	switch {
	case cmd.Errno == unix.ENOENT && cmd.Found:
		t.str("found, but the interpreter of its #! line or its dynamic loader is missing")
	case cmd.Errno == unix.ENOENT && ascii.Base(name) == name:
		t.str("not found in PATH ")
		t.quoted(s.searchPath())
	case cmd.Errno == unix.ENOEXEC:
		t.format(cmd.Format)
	default:
		t.errno(cmd.Errno)
	}
	t.field("event", "not started")
	t.field("command", name)
	t.last(s)
}

// format says why a file cannot be executed, in spite of its permissions.
//
//go:noinline
func (t *line) format(f proc.Format) {
	if f.Kind == proc.Text {
		t.str("neither a program for this machine nor a script that /bin/sh can run")
		return
	}
	var name unix.Utsname
	sys.Uname(&name)
	why := f.Why(sys.String(&name.Machine[0]))
	for i := range why {
		t.plain(why[i])
	}
}

// tooFewTasks says that the Go runtime cannot start its threads, and ends the process.
func tooFewTasks(free int) {
	t := newLine()
	t.raw("util: needs ")
	t.num(proc.RuntimeTasks)
	t.raw(" free tasks, and there are ")
	t.num(free)
	t.raw(": a pids limit or RLIMIT_NPROC is reached; util sendsig SIGNAL PID needs none")
	t.finish()
	printTo(2, t.text())
	sys.Exit(proc.ExitFailed)
}
