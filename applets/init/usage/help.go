package usage

import (
	"unsafe"

	"util/applets/init/options"
	"util/applets/init/report"
)

// The help before and after the options. The manual page has the same text.
const (
	about = "Usage: " + Synopsis + "\n\n" + Description + "\n\n" + exitStatus + "\n\nOptions:\n"

	Synopsis    = `util init [option…] [--] command [argument…]`
	Description = `Starts the command in a new session, forwards every signal to its process
group, reaps orphans, and ends with the command's status: its exit status, or
128+n if signal n ended it. Options end at the first argument that is not one.

With --grace, a stop signal (TERM, INT or a --stop-signal) goes to the command's
group. After the command has ended, the processes that it left get TERM, except
those that were started since the stop signal. When the grace period expires,
the remaining processes get KILL.

Every option has an environment variable, for engines that cannot pass
arguments. An option takes precedence over its variable.`

	exitStatus = `Exit status: the command's; 126 if it cannot be run, or a directory in PATH
cannot be searched; 127 if it was not found; 2 for bad usage; 1 if init could
not start it.`

	Examples = `  util init -- nginx -g 'daemon off;'
  util init --rewrite TERM:QUIT -- nginx -g 'daemon off;'
  UTIL_INIT_REWRITE=HUP:none,TERM:INT util init -v python3 app.py`
)

// The columns of the list of options.
const (
	width = 80 // of a terminal
	slop  = 5  // the last line of a text may be this much longer than the others, to save a line
)

// page is the text that is to be printed. It is a package variable because it is large.
var page struct {
	n   int
	buf [8192]byte
}

// put appends to the page.
func put(text string) {
	if page.n+len(text) > len(page.buf) {
		flush()
	}
	page.n += copy(page.buf[page.n:], text)
}

// flush prints the page.
func flush() {
	report.Print(1, unsafe.String(&page.buf[0], page.n))
	page.n = 0
}

func putSpaces(n int) {
	for range n {
		put(" ")
	}
}

// printHelp prints the help.
//
//go:noinline
func printHelp() {
	indent := 0
	for i := range options.Table {
		indent = max(indent, headWidth(&options.Table[i]))
	}
	indent += len("   ")
	put(about)
	for i := range options.Table {
		putOption(&options.Table[i], indent)
	}
	put("\nExamples:\n" + Examples + "\n")
	flush()
}

// headWidth is how many columns putHead takes.
func headWidth(o *options.Option) int {
	n := len("  -x, --") + len(o.Long)
	if o.Value != "" {
		n += len(" ") + len(o.Value)
	}
	return n
}

// putHead appends an option and its value.
func putHead(o *options.Option) {
	if o.Short != 0 {
		put("  -")
		put(unsafe.String(&o.Short, 1))
		put(", --")
	} else {
		put("      --")
	}
	put(o.Long)
	if o.Value != "" {
		put(" ")
		put(o.Value)
	}
}

// putOption appends an option and what it does, which begins in column indent.
//
//go:noinline
func putOption(o *options.Option, indent int) {
	putHead(o)
	t := report.NewLine()
	t.Raw(o.Help)
	if o.Env != "" {
		t.Raw(" (")
		t.Raw(options.EnvPrefix)
		t.Raw(o.Env)
		t.Raw(")")
	}
	spaces := indent - headWidth(o)
	for rest := t.Text(); rest != ""; spaces = indent {
		line := firstLine(rest, width-indent)
		putSpaces(spaces)
		put(line)
		put("\n")
		if rest = rest[len(line):]; rest != "" {
			rest = rest[1:] // the space
		}
	}
}

// firstLine returns the part of a text that fits into a line of less than most columns. It ends
// before a space.
func firstLine(text string, most int) string {
	if len(text) < most {
		return text
	}
	for i := most - slop - 1; i > 0; i-- {
		if text[i] == ' ' {
			return text[:i]
		}
	}
	return text
}
