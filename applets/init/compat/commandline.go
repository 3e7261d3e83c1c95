package compat

import (
	"util/applets/init/options"
	"util/applets/init/report"
	"util/internal/ascii"
	"util/internal/sig"
	"util/internal/sys"
	"util/internal/version"
)

// The options that only other inits have.
const (
	signalsToGroup options.ID = 128 + iota
	becomeSubreaper
	showLicence
)

// commandLine is a command line of another init that is being read. Its arguments are not here:
// what is read of them is stored through pointers, and the compiler would move the options to the
// heap with it.
type commandLine struct {
	o       *options.Options
	called  string  // the name of the init, as in argv[0]
	mask    sig.Set // the signal mask that init was started with
	printed bool    // a usage error was printed
}

// next returns the next option, or nil at the end. A bad option is reported as getopt_long(3) does,
// followed by the usage of the init, and ends the process with status 1.
func (c *commandLine) next(g *options.Getopt, usage string) (opt *options.Option, value string) {
	var p options.Problem
	opt, value = g.Next(&p)
	if p.Reason != options.None {
		c.badOption(g, p)
		c.show(2, usage, 1)
	}
	return opt, value
}

// takeCommand records where the command begins, and reports whether there is one.
func (c *commandLine) takeCommand(g *options.Getopt) bool {
	c.o.Command = g.First
	return g.First < len(g.Argv)
}

// show prints a text in which every "%" stands for the name of the program, and ends the process.
// In the format json, no usage follows an error.
func (c *commandLine) show(fd int, text string, status int) {
	report.RestoreMask(c.mask)
	if status != 0 && !c.printed {
		report.UsageError(c.o, "no command")
	}
	if status != 0 && c.o.LogFormat == options.LogJSON {
		sys.Exit(status)
	}
	name := ascii.Base(c.called)
	from := 0
	for n := 0; n < len(text); n++ {
		if text[n] == '%' {
			report.Print(fd, text[from:n])
			report.Print(fd, name)
			from = n + 1
		}
	}
	report.Print(fd, text[from:])
	sys.Exit(status)
}

// printUtil prints on stderr what util this is, before the version of another init.
func (c *commandLine) printUtil() {
	report.RestoreMask(c.mask)
	report.Print(2, "util ")
	report.Print(2, version.Number())
	report.Print(2, ", commit ")
	report.Print(2, version.Commit())
	report.Print(2, "\n")
}

// badOption reports what is wrong with an option in the words of getopt_long(3) of glibc.
//
//go:noinline
func (c *commandLine) badOption(g *options.Getopt, p options.Problem) {
	t := report.NewLine()
	t.Raw(c.called)
	t.Raw(": ")
	switch {
	case p.Reason == options.UnknownOption && p.Short != 0:
		t.Raw("invalid option -- '")
		t.Put(p.Short)
		t.Raw("'")
	case p.Reason == options.UnknownOption:
		t.Raw("unrecognized option '")
		t.Raw(g.Wrong)
		t.Raw("'")
	case p.Reason == options.Ambiguous:
		t.Raw("option '")
		t.Raw(g.Wrong)
		t.Raw("' is ambiguous; possibilities:")
		for n := range g.Table {
			if long := g.Table[n].Long; ascii.HasPrefix(long, p.Option[2:]) {
				t.Raw(" '--")
				t.Raw(long)
				t.Raw("'")
			}
		}
	case p.Reason == options.MissingValue && p.Short != 0:
		t.Raw("option requires an argument -- '")
		t.Put(p.Short)
		t.Raw("'")
	case p.Reason == options.MissingValue:
		t.Raw("option '--")
		t.Raw(g.Wrong)
		t.Raw("' requires an argument")
	case p.Reason == options.UnwantedValue:
		t.Raw("option '--")
		t.Raw(g.Wrong)
		t.Raw("' doesn't allow an argument")
	}
	c.wrong(t)
}

// wrong prints what is wrong with the command line.
func (c *commandLine) wrong(t *report.Line) {
	report.RestoreMask(c.mask)
	c.printed = true
	if !report.UsageError(c.o, t.Text()) {
		t.Finish()
		report.Print(2, t.Text())
	}
}

// isPosix reports whether an entry of the environment makes getopt stop at the first argument that
// is not an option.
func isPosix(entry string) bool {
	if len(entry) < 5 || entry[:5] != "POSIX" { // see variable
		return false
	}
	_, is := variable(entry, "POSIXLY_CORRECT=")
	return is
}

// variable returns the value of an entry of the environment if it begins with name, which ends
// with "=". To read the name costs a page fault. So callers first compare the entry with constants
// in the code that tell it from others that are usual, such as TINI_VERSION.
func variable(entry, name string) (value string, is bool) {
	if !ascii.HasPrefix(entry, name) {
		return "", false
	}
	return entry[len(name):], true
}

// leadingInt reads a number as C does: after white space, with a sign, up to the first other
// character. Without a digit, rest is all of text.
func leadingInt(text string) (n int, rest string) {
	i := 0
	for i < len(text) && (text[i] == ' ' || text[i] >= '\t' && text[i] <= '\r') {
		i++
	}
	negative := i < len(text) && text[i] == '-'
	if negative || i < len(text) && text[i] == '+' {
		i++
	}
	digits := i
	for ; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		n = int(min(int64(n)*10+int64(text[i]-'0'), 1<<31-1)) // ten times an int of 32 bits may wrap
	}
	if i == digits {
		return 0, text
	}
	if negative {
		n = -n
	}
	return n, text[i:]
}

// strerror appends what an error number means, as strerror(3) describes it.
func strerror(t *report.Line, e sys.Errno) {
	text := report.ErrnoText(e)
	if text == "" {
		t.Raw("Unknown error ")
		t.Num(int(e))
		return
	}
	t.Put(text[0] - ('a' - 'A'))
	t.Raw(text[1:])
}
