package usage

import (
	"unsafe"

	"util/applets/init/options"
	"util/applets/init/report"
	"util/internal/ascii"
	"util/internal/printable"
	"util/internal/sig"
)

// words are the sentences for the problems, in which a percent sign and a letter stand for
//
//	%o  the option or the variable
//	%O  the option in quotes
//	%v  the value in quotes
//	%b  the wrong part of the value in quotes
//	%p  %b and a colon, unless the whole value is wrong
//	%s  the option that was probably meant, as in " (did you mean --grace?)", or nothing
//	%S  the same for a signal
//	%d  the stop delay
//	%g  the grace period
//	%m  the maximum of a duration
//	%i  the names of the other inits
var words = [...]string{
	options.UnknownOption: "option %O: unknown%s",
	options.MissingValue:  "option %O: needs a value",
	options.UnwantedValue: "option %O: takes no value, but has %v",

	options.NoCommand:       "command: missing: init needs a command to run",
	options.UnwantedCommand: "command %v: --pause does not run a command",

	options.BadBool:       "%o: %v: is neither yes nor no",
	options.BadCount:      "%o: %v: is not a number from 0 to 9",
	options.UnknownSignal: "%o: %v: signal %b: unknown%S",
	options.CannotCatch:   "%o: %v: signal %b: cannot be caught, so init never sees it",
	options.NotFromTo:     "%o: %v: %pis not of the form FROM:TO",
	options.BadDuration:   "%o: %v: is not a valid duration (use 500ms, 30s, 2m or plain seconds)",
	options.TooLong:       "%o: %v: is too long: the maximum is %m",
	options.BadStatus: "%o: %v: %pis not a status from 0 to 255 (nor, before the colon, a signal " +
		"or any)",
	options.BadScope:     "%o: %v: must be group, ordered or container",
	options.BadLogFormat: "%o: %v: is neither text nor json",
	options.UnknownInit:  "%o: %v: must be one of %i",
	options.NotFirst: "%o: %v: must be the first option, because what follows is the other " +
		"init's command line",

	options.DelayTooLong: "--stop-delay (UTIL_INIT_STOP_DELAY): %d: must be shorter than the grace " +
		"period of %g, or the command is killed before it gets the stop signal",
}

// explain appends the sentence for a problem.
func explain(t *report.Line, o *options.Options, p *options.Problem) {
	plain, rest, more := ascii.Cut(words[p.Reason], '%')
	for t.Raw(plain); more; t.Raw(plain) {
		insert(t, rest[0], o, p)
		plain, rest, more = ascii.Cut(rest[1:], '%')
	}
}

// insert appends what a letter of words stands for.
//
//go:noinline
func insert(t *report.Line, letter byte, o *options.Options, p *options.Problem) {
	switch letter {
	case 'o':
		name(t, p, false)
	case 'O':
		name(t, p, true)
	case 'v':
		quote(t, p.Value)
	case 'b':
		quote(t, p.Bad)
	case 'p':
		if p.Bad != p.Value {
			quote(t, p.Bad)
			t.Raw(": ")
		}
	case 's':
		suggest(t, "--", nearestOption(p.Option))
	case 'S':
		suggest(t, "", nearestSignal(p.Bad))
	case 'd':
		t.Raw(`"`)
		duration(t, o.Delay)
		t.Raw(`"`)
	case 'g':
		duration(t, o.Grace)
	case 'm':
		const hour = 3600e9
		t.Num(int(options.MaxDuration / hour))
		t.Raw("h")
	case 'i':
		for i := range options.Aliases {
			if i > 0 {
				t.Raw(", ")
			}
			t.Raw(options.Aliases[i])
		}
	}
}

// name appends the option that a problem is about, as the user wrote it.
func name(t *report.Line, p *options.Problem, quoted bool) {
	mark := ""
	if quoted {
		mark = `"`
	}
	t.Raw(mark)
	if p.Option == "" {
		t.Raw("-")
		escape(t, unsafe.String(&p.Short, 1))
	} else {
		escape(t, p.Option)
	}
	t.Raw(mark)
}

// quote appends a text from outside in quotation marks.
func quote(t *report.Line, text string) {
	t.Raw(`"`)
	escape(t, text)
	t.Raw(`"`)
}

// escape appends a text from outside as strconv.Quote does, except that package printable says
// which characters are shown. A long text is cut off.
//
//go:noinline
func escape(t *report.Line, text string) {
	// Two texts fit into a line of JSON, which needs up to two bytes for each of these.
	const most = 240
	begin := len(t.Text())
	for len(text) > 0 {
		if len(t.Text())-begin >= most {
			t.Raw("...")
			return
		}
		n, shown := printable.First(text)
		switch c := text[0]; {
		case c == '"' || c == '\\':
			t.Put('\\')
			t.Put(c)
		case shown:
			t.Raw(text[:n])
		case n == 1 && c >= '\a' && c <= '\r':
			t.Put('\\')
			t.Put("abtnvfr"[c-'\a'])
		case n == 1:
			t.Raw(`\x`)
			hex(t, rune(c), 2)
		default:
			escapeRune(t, text[:n])
		}
		text = text[n:]
	}
}

// escapeRune appends the number of a character beyond ASCII.
func escapeRune(t *report.Line, text string) {
	const maxShort = 0xffff
	r, _ := printable.Decode(text)
	if r <= maxShort {
		t.Raw(`\u`)
		hex(t, r, 4)
		return
	}
	t.Raw(`\U`)
	hex(t, r, 8)
}

// hex appends the last digits of a number.
func hex(t *report.Line, n rune, digits int) {
	var all [8]byte
	ascii.PutHex(all[:], uint64(n))
	t.Raw(unsafe.String(&all[0], len(all))[len(all)-digits:])
}

// duration appends a time given in nanoseconds as [time.Duration.String] writes it.
func duration(t *report.Line, ns int64) {
	const second, minute, hour = 1e9, 60e9, 3600e9
	switch {
	case ns == 0:
		t.Raw("0s")
		return
	case ns < 1e3:
		decimal(t, ns, 1)
		t.Raw("ns")
		return
	case ns < 1e6:
		decimal(t, ns, 1e3)
		t.Raw("µs")
		return
	case ns < second:
		decimal(t, ns, 1e6)
		t.Raw("ms")
		return
	}
	if ns >= hour {
		t.Num(int(ns / hour))
		t.Raw("h")
	}
	if ns >= minute {
		t.Num(int(ns % hour / minute))
		t.Raw("m")
	}
	decimal(t, ns%minute, second)
	t.Raw("s")
}

// decimal appends n/unit, where unit is a power of ten, without zeros at the end.
func decimal(t *report.Line, n, unit int64) {
	t.Num(int(n / unit))
	n %= unit
	if n > 0 {
		t.Put('.')
	}
	for n > 0 {
		unit /= 10
		t.Put(byte('0' + n/unit))
		n %= unit
	}
}

// suggest appends what was probably meant, if that is known.
func suggest(t *report.Line, dashes, meant string) {
	if meant == "" {
		return
	}
	t.Raw(" (did you mean ")
	t.Raw(dashes)
	t.Raw(meant)
	t.Raw("?)")
}

// nearestOption returns the option, without its dashes, that was probably meant by a word that
// begins with them, or "".
func nearestOption(word string) (near string) {
	if len(word) < 2 { // a short option
		return ""
	}
	best := ascii.MostEdits(word) + 1
	for i := range options.Table {
		long := options.Table[i].Long
		if d := ascii.EditDistance(word[2:], long); d < best { // the dashes make no difference
			near, best = long, d
		}
	}
	return near
}

// nearestSignal returns the signal that was probably meant by a word, or "".
func nearestSignal(word string) (near string) {
	best := ascii.MostEdits(word) + 1
	names := sig.Names()
	for i := range names {
		if d := ascii.EditDistance(word, names[i]); d < best {
			near, best = names[i], d
		}
	}
	return near
}
