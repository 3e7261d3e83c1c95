package report

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/printable"
	"util/internal/proc"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// Line is a message under construction: a sentence, and in the format json fields that repeat its
// facts. A sentence or a value that is too long is cut off, so that there is always room for all
// fields, and the line is a complete object.
type Line struct {
	n      int
	limit  int // up to where the sentence, and then the fields, may reach
	json   bool
	fields bool       // json: the sentence is finished, fields follow
	buf    [2048]byte // less than PIPE_BUF, so that lines of several writers do not mix (pipe(7))
}

const (
	reserve     = 8    // bytes that stay free for the end of a line
	sentenceEnd = 1200 // the length of a sentence in the format json
	maxValue    = 256  // bytes of a value that are shown
)

// The lines. Package variables, because init's stack may be small.
var (
	mainLine   Line // the one message under construction
	usageLine  Line // of UsageError, which may be called while another one is under construction
	noticeLine Line // for notices, while another line is under construction
)

// NewLine begins an empty line.
func NewLine() *Line {
	t := &mainLine
	t.clear()
	return t
}

func (t *Line) clear() {
	t.n, t.limit, t.json, t.fields = 0, len(t.buf)-reserve, false, false
}

// prefix is what init's own lines begin with.
func (t *Line) prefix(json bool) {
	if !json {
		t.Raw("util init: ")
		return
	}
	t.json, t.limit = true, sentenceEnd
	t.Raw(`{"time":"`)
	t.time(sys.ClockGettime(unix.CLOCK_REALTIME))
	t.Raw(`","source":"util init","message":"`)
}

// Finish completes the line.
//
//go:noinline
func (t *Line) Finish() {
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

// Text is what the line holds so far.
func (t *Line) Text() string { return unsafe.String(&t.buf[0], t.n) }

// Put appends a byte.
func (t *Line) Put(c byte) {
	if t.n < t.limit {
		t.buf[t.n] = c
		t.n++
	}
}

// Raw appends text as it is.
//
//go:noinline
func (t *Line) Raw(text string) {
	for i := 0; i < len(text); i++ {
		t.Put(text[i])
	}
}

// str appends text of init's own to the sentence. Its only special character is the quotation mark.
//
//go:noinline
func (t *Line) str(text string) {
	for i := 0; i < len(text) && t.n+1 < t.limit; i++ {
		if t.json && text[i] == '"' {
			t.Put('\\')
		}
		t.Put(text[i])
	}
}

// Plain appends text from outside. Every character that could disturb a terminal, a log or JSON is
// replaced by "?": see package printable; quotation marks too.
//
//go:noinline
func (t *Line) Plain(text string) {
	for len(text) > 0 {
		n, ok := printable.First(text)
		switch {
		case !ok || text[0] == '"' || t.json && text[0] == '\\':
			t.Put('?')
		case t.n+n > t.limit:
			return
		default:
			t.Raw(text[:n])
		}
		text = text[n:]
	}
}

// escaped is Plain for a whole sentence, which keeps its quotation marks.
//
//go:noinline
func (t *Line) escaped(text string) {
	from := 0
	for i := 0; i < len(text); i++ {
		if c := text[i]; c == '"' || c == '\\' {
			t.Plain(text[from:i])
			from = i + 1
			if t.n+1 < t.limit {
				if t.json {
					t.Put('\\')
				}
				t.Put(c)
			}
		}
	}
	t.Plain(text[from:])
}

// upTo returns the first bytes of a text, at most limit, without cutting through a character.
func upTo(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for n := limit; n > limit-4; n-- {
		if text[n] < 0x80 || text[n] > 0xbf {
			return text[:n]
		}
	}
	return text[:limit]
}

// quoted is Plain in quotes. A long text is cut off, so that the rest of the message fits.
//
//go:noinline
func (t *Line) quoted(text string) {
	t.str(`"`)
	short := upTo(text, maxValue)
	t.Plain(short)
	if len(short) < len(text) {
		t.str("...")
	}
	t.str(`"`)
}

// Num appends a number that is not negative.
//
//go:noinline
func (t *Line) Num(n int) { t.num(uint64(n)) }

//go:noinline
func (t *Line) num(n uint64) {
	var digits [20]byte
	t.Raw(unsafe.String(&digits[0], ascii.PutDecimal(digits[:], n)))
}

// digits appends the last width digits of n, at most 4.
//
//go:noinline
func (t *Line) digits(n, width int) {
	unit := 1
	for range width - 1 {
		unit *= 10
	}
	for ; unit > 0; unit /= 10 {
		t.Put(byte('0' + n/unit%10))
	}
}

// seconds appends a time given in nanoseconds, as in "1.234s".
//
//go:noinline
func (t *Line) seconds(ns int64) {
	t.decimal(ns)
	t.Put('s')
}

//go:noinline
func (t *Line) decimal(ns int64) {
	t.num(uint64(ns / 1e9))
	t.Put('.')
	t.digits(int(ns%1e9/1e6), 3)
}

// time appends a time given in nanoseconds since 1970, in UTC, in the format of RFC 3339.
//
//go:noinline
func (t *Line) time(ns int64) {
	seconds := ns / 1e9
	days, second := int(seconds/86400), int(seconds%86400)
	// The years are counted from 1 March of the year 0, so that a leap day is the last day of its
	// year. 400 years have 146097 days.
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
	t.Put('-')
	t.digits(month, 2)
	t.Put('-')
	t.digits(day+1, 2)
	t.Put('T')
	t.digits(second/3600, 2)
	t.Put(':')
	t.digits(second/60%60, 2)
	t.Put(':')
	t.digits(second%60, 2)
	t.Put('.')
	t.digits(int(ns%1e9/1e6), 3)
	t.Put('Z')
}

// key begins a field. It returns false in the format text, which has none.
//
//go:noinline
func (t *Line) key(name string) bool {
	if !t.json {
		return false
	}
	if !t.fields {
		t.fields, t.limit = true, len(t.buf)-reserve
		t.Put('"')
	}
	t.Raw(`,"`)
	t.Raw(name)
	t.Raw(`":`)
	return true
}

//go:noinline
func (t *Line) field(name, value string) {
	if t.key(name) {
		t.Put('"')
		t.Plain(upTo(value, maxValue))
		t.Put('"')
	}
}

//go:noinline
func (t *Line) fieldNum(name string, value int) {
	if t.key(name) {
		t.Num(value)
	}
}

//go:noinline
func (t *Line) fieldSeconds(name string, ns int64) {
	if t.key(name) {
		t.decimal(ns)
	}
}

//go:noinline
func (t *Line) fieldBool(name string, value bool) {
	switch {
	case !t.key(name):
	case value:
		t.Raw("true")
	default:
		t.Raw("false")
	}
}

//go:noinline
func (t *Line) errno(e sys.Errno) {
	if text := ErrnoText(e); text != "" {
		t.str(text)
		return
	}
	t.str("errno ")
	t.Num(int(e))
}

// Status appends how a process ended, as in "was terminated by signal TERM".
//
//go:noinline
func (t *Line) Status(st proc.Status) {
	if st.Signal == 0 {
		t.str("exited with status ")
		t.Num(int(st.Exit))
		return
	}
	t.str("was terminated by signal ")
	t.str(st.Signal.Name())
	if st.Core {
		t.str(" (core dumped)")
	}
}
