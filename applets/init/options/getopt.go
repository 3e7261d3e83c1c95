package options

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/sys"
)

// Getopt goes over an argument vector, one option at a time, as getopt_long(3) does. Without a
// mode it stops at the first argument that is not an option. "--" always ends the options. Short
// options can be bundled (-cv, -vrTERM:INT).
type Getopt struct {
	Argv  []*byte
	Table []Option
	Mode  Mode
	First int    // where the arguments after the options begin; those before i were passed over
	i     int    // the next argument
	short string // the rest of a bundle of short options

	// What Next returned last.
	name     string // "--long" as written, without "=value"; "" for a short option
	letter   byte   // the letter of a short option, else 0
	hasValue bool

	// Wrong says more about a Problem: the whole argument that matches no option or several, or the
	// full name of the option that lacks a value or does not take one.
	Wrong string
}

// Mode is a set of features of GNU's getopt_long.
type Mode uint8

// The modes.
const (
	Permute    Mode = 1 << iota // options may follow other arguments, which are moved behind them
	Abbreviate                  // a long option may be abbreviated if that is not ambiguous
	ShortOnly                   // there are no long options: "--x" is -x after an option "-"
)

// Next returns the next option and its value, or nil at the end; then the rest begins at First. p
// says what is wrong with an option: it is not in the table, lacks its value, or does not take
// one.
func (g *Getopt) Next(p *Problem) (opt *Option, value string) {
	g.letter, g.hasValue = 0, false
	if g.short != "" {
		return g.nextShort(p)
	}
	for {
		if g.i == len(g.Argv) {
			return nil, ""
		}
		if arg := sys.String(g.Argv[g.i]); len(arg) >= 2 && arg[0] == '-' {
			break
		}
		if g.Mode&Permute == 0 {
			return nil, ""
		}
		g.i++
	}
	arg := g.word()
	if arg == "--" {
		return nil, ""
	}
	if arg[1] != '-' || g.Mode&ShortOnly != 0 {
		g.name, g.short = "", arg[1:]
		return g.nextShort(p)
	}
	return g.nextLong(arg, p)
}

// word takes the next argument, and moves it before those that were passed over.
func (g *Getopt) word() string {
	if g.i > g.First {
		// The pointers are moved as numbers. For a store of a pointer, the compiler would move the
		// structure that holds it to the heap.
		taken := *g.number(g.i)
		for k := g.i; k > g.First; k-- {
			*g.number(k) = *g.number(k - 1)
		}
		*g.number(g.First) = taken
	}
	g.First++
	g.i++
	return sys.String(g.Argv[g.First-1])
}

// number is the address of argv[k], as that of a number.
func (g *Getopt) number(k int) *uintptr { return (*uintptr)(unsafe.Pointer(&g.Argv[k])) }

// nextShort reads one letter.
func (g *Getopt) nextShort(p *Problem) (opt *Option, value string) {
	g.letter, g.short = g.short[0], g.short[1:]
	for i := range g.Table {
		if opt := &g.Table[i]; opt.Short == g.letter {
			if opt.Arg == RequiredArg && g.short != "" {
				value, g.short, g.hasValue = g.short, "", true
			}
			return g.take(opt, value, p)
		}
	}
	*p = Problem{Reason: UnknownOption, Short: g.letter}
	return nil, ""
}

// nextLong reads a long option.
func (g *Getopt) nextLong(arg string, p *Problem) (opt *Option, value string) {
	name, value, hasValue := ascii.Cut(arg, '=')
	g.name, g.hasValue = name, hasValue
	var found *Option
	n := 0
	for i := range g.Table {
		opt := &g.Table[i]
		if opt.Long == name[2:] && opt.Long != "" {
			return g.take(opt, value, p)
		}
		if g.Mode&Abbreviate != 0 && opt.Long != "" && ascii.HasPrefix(opt.Long, name[2:]) {
			found = opt
			n++
		}
	}
	switch n {
	case 0:
		g.Wrong = arg
		*p = Problem{Reason: UnknownOption, Option: name}
	case 1:
		return g.take(found, value, p)
	default:
		g.Wrong = arg
		*p = Problem{Reason: Ambiguous, Option: name}
	}
	return nil, ""
}

// take checks that opt has a value if it needs one, and takes the next argument for it.
func (g *Getopt) take(opt *Option, value string, p *Problem) (*Option, string) {
	switch {
	case opt.Arg == NoArg && g.hasValue:
		g.Wrong = opt.Long
		*p = Problem{Reason: UnwantedValue, Option: g.name, Value: value}
		return nil, ""
	case opt.Arg == RequiredArg && !g.hasValue:
		if g.i == len(g.Argv) {
			g.Wrong = opt.Long
			*p = Problem{Reason: MissingValue, Option: g.name, Short: g.letter}
			return nil, ""
		}
		value, g.hasValue = g.word(), true
	}
	return opt, value
}
