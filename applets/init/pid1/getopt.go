package pid1

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/sys"
)

// getopt walks over an argument vector, one option at a time, as getopt_long(3) does. Without any mode it stops at the
// first argument that is not an option. "--" always ends the options. Short options can be bundled (-cv, -vrTERM:INT).
type getopt struct {
	argv  []*byte
	table []Option
	mode  mode
	first int    // where the arguments begin that are no options; of those, the ones before i were passed over
	i     int    // the next argument
	short string // the letters of the last option that are still to be read

	// What next returned last.
	name     string // "--long" as written, without "=value"; "" for a short option
	letter   byte   // the letter of a short option, else 0
	hasValue bool

	// What is wrong, beside a Problem: the whole argument that stands for no option or for several, or the full name of
	// the option that lacks a value or takes none.
	wrong string
}

// mode is a set of habits of GNU's getopt_long.
type mode uint8

const (
	permute    mode = 1 << iota // options may stand behind other arguments, which are moved behind the options
	abbreviate                  // a long option may be cut short as far as it is one option's
	shortOnly                   // there are no long options: "--x" is -x after an option "-"
)

// next returns the next option and its value, or nil at the end; then the rest begins at first. An option that is not in
// the table, or lacks its value, or has one that it does not take, is described in p.
func (g *getopt) next(p *Problem) (opt *Option, value string) {
	g.letter, g.hasValue = 0, false
	if g.short != "" {
		return g.nextShort(p)
	}
	for {
		if g.i == len(g.argv) {
			return nil, ""
		}
		if arg := sys.String(g.argv[g.i]); len(arg) >= 2 && arg[0] == '-' {
			break
		}
		if g.mode&permute == 0 {
			return nil, ""
		}
		g.i++
	}
	arg := g.word()
	if arg == "--" {
		return nil, ""
	}
	if arg[1] != '-' || g.mode&shortOnly != 0 {
		g.name, g.short = "", arg[1:]
		return g.nextShort(p)
	}
	return g.nextLong(arg, p)
}

// word takes the next argument, and moves it in front of those that were passed over.
func (g *getopt) word() string {
	if g.i > g.first {
		// As numbers: a store of a pointer makes what holds it escape to the heap, as far as the compiler knows.
		taken := *g.number(g.i)
		for k := g.i; k > g.first; k-- {
			*g.number(k) = *g.number(k - 1)
		}
		*g.number(g.first) = taken
	}
	g.first++
	g.i++
	return sys.String(g.argv[g.first-1])
}

// number is the address of argv[k], as that of a number.
func (g *getopt) number(k int) *uintptr { return (*uintptr)(unsafe.Pointer(&g.argv[k])) }

// nextShort reads one letter.
func (g *getopt) nextShort(p *Problem) (opt *Option, value string) {
	g.letter, g.short = g.short[0], g.short[1:]
	for i := range g.table {
		if opt := &g.table[i]; opt.Short == g.letter {
			if opt.Arg == MustArg && g.short != "" {
				value, g.short, g.hasValue = g.short, "", true
			}
			return g.take(opt, value, p)
		}
	}
	*p = Problem{Reason: UnknownOption, Short: g.letter}
	return nil, ""
}

// nextLong reads a long option.
func (g *getopt) nextLong(arg string, p *Problem) (opt *Option, value string) {
	name, value, hasValue := ascii.Cut(arg, '=')
	g.name, g.hasValue = name, hasValue
	var found *Option
	n := 0
	for i := range g.table {
		opt := &g.table[i]
		if opt.Long == name[2:] && opt.Long != "" {
			return g.take(opt, value, p)
		}
		if g.mode&abbreviate != 0 && opt.Long != "" && ascii.HasPrefix(opt.Long, name[2:]) {
			found = opt
			n++
		}
	}
	switch n {
	case 0:
		g.wrong = arg
		*p = Problem{Reason: UnknownOption, Option: name}
	case 1:
		return g.take(found, value, p)
	default:
		g.wrong = arg
		*p = Problem{Reason: Ambiguous, Option: name}
	}
	return nil, ""
}

// take checks that opt has a value if it wants one, and takes the next argument for it.
func (g *getopt) take(opt *Option, value string, p *Problem) (*Option, string) {
	switch {
	case opt.Arg == NoArg && g.hasValue:
		g.wrong = opt.Long
		*p = Problem{Reason: UnwantedValue, Option: g.name, Value: value}
		return nil, ""
	case opt.Arg == MustArg && !g.hasValue:
		if g.i == len(g.argv) {
			g.wrong = opt.Long
			*p = Problem{Reason: MissingValue, Option: g.name, Short: g.letter}
			return nil, ""
		}
		value, g.hasValue = g.word(), true
	}
	return opt, value
}
