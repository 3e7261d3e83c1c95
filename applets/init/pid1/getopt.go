package pid1

import "util/internal/sys"

// getopt walks over an argument vector, one option at a time, as getopt_long(3) does with "+": it stops at the first
// argument that is not an option, and behind "--". Short options can be bundled (-cv, -vrTERM:INT).
type getopt struct {
	argv  []*byte
	table []Option
	i     int    // the next argument
	short string // the letters of argv[i-1] that are still to be read

	// What next returned last.
	name     string // "--long" as written, without "=value"; "" for a short option
	letter   byte   // the letter of a short option, else 0
	hasValue bool
}

// next returns the next option and its value, or nil at the end. An option that is not in the table, or lacks its
// value, or has one that it does not take, is described in p.
func (g *getopt) next(p *Problem) (opt *Option, value string) {
	g.letter, g.hasValue = 0, false
	if g.short != "" {
		return g.nextShort(p)
	}
	if g.i == len(g.argv) {
		return nil, ""
	}
	arg := sys.String(g.argv[g.i])
	if len(arg) < 2 || arg[0] != '-' {
		return nil, ""
	}
	g.i++
	if arg == "--" {
		return nil, ""
	}
	if arg[1] != '-' {
		g.name, g.short = "", arg[1:]
		return g.nextShort(p)
	}
	name, value, hasValue := cut(arg, '=')
	g.name, g.hasValue = name, hasValue
	for i := range g.table {
		if g.table[i].Long == name[2:] {
			return g.take(&g.table[i], value, p)
		}
	}
	*p = Problem{Reason: UnknownOption, Option: name}
	return nil, ""
}

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

// take checks that opt has a value if it wants one, and takes the next argument for it.
func (g *getopt) take(opt *Option, value string, p *Problem) (*Option, string) {
	switch {
	case opt.Arg == NoArg && g.hasValue:
		*p = Problem{Reason: UnwantedValue, Option: g.name, Value: value}
		return nil, ""
	case opt.Arg == MustArg && !g.hasValue:
		if g.i == len(g.argv) {
			*p = Problem{Reason: MissingValue, Option: g.name, Short: g.letter}
			return nil, ""
		}
		value, g.hasValue = sys.String(g.argv[g.i]), true
		g.i++
	}
	return opt, value
}
