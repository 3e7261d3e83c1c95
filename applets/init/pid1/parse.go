package pid1

import (
	"util/internal/sig"
	"util/internal/sys"
)

// Reason says why a command line is not a plain run of a command.
type Reason uint8

// The reasons. Those behind WantsVersion are usage errors.
const (
	None          Reason = iota // it is a plain run
	WantsHelp                   // --help
	WantsVersion                // --version
	UnknownOption               // Problem.Option is not in the table
	MissingValue                // the option takes a value and there is none
	UnwantedValue               // the option takes no value
	NoCommand                   // there is no command
	BadBool                     // Problem.Bad is neither true nor false
	BadCount                    // Problem.Bad is not a number from 0 to 9
	UnknownSignal               // Problem.Bad is no signal
	CannotCatch                 // Problem.Bad is KILL or STOP, which never reach init
	NotFromTo                   // Problem.Bad is not of the form FROM:TO
)

// Problem is what [Parse] found instead of a plain run. Its strings lie within argv and envp, or are static.
type Problem struct {
	Reason Reason
	Option string // the option as the user wrote it, or the name of the variable
	Short  byte   // instead of Option, the letter of a short option
	Value  string // the value given to it
	Bad    string // the part of the value that is wrong
}

// Parse reads the arguments behind init's own name, and the variables of init in envp, into o. A flag beats its
// variable; for --rewrite, signal by signal. Options end at the first argument that is not one, or at "--".
func Parse(o *Options, argv, envp []*byte) (p Problem) {
	if p = o.parseEnv(envp); p.Reason != None {
		return p
	}
	g := getopt{argv: argv, table: Table[:]}
	verbose := false
	for {
		opt, value := g.next(&p)
		if p.Reason != None {
			return p
		}
		if opt == nil {
			break
		}
		if opt.ID == Verbose && !verbose { // the variable's level is not added to
			verbose = true
			o.Verbose = 0
		}
		if p.Reason, p.Bad = o.set(opt.ID, value, g.hasValue); p.Reason != None {
			p.Option, p.Short, p.Value = g.name, g.letter, value
			return p
		}
	}
	if g.i == len(argv) {
		return Problem{Reason: NoCommand}
	}
	o.Command = g.i
	return p
}

// parseEnv reads what init needs of the environment: its own variables, PATH and LISTEN_PID. Where one of these two is
// there twice, the first counts, as for getenv(3).
func (o *Options) parseEnv(envp []*byte) (p Problem) {
	o.path, o.listenPid = -1, -1
	for i, entry := range envp {
		// Most entries are told apart by their first letter, without reading the rest.
		switch *entry {
		case 'P':
			if o.path < 0 && hasPrefix(sys.String(entry), pathVar) {
				o.path = i
			}
		case 'L':
			if o.listenPid < 0 && hasPrefix(sys.String(entry), listenPidVar) {
				o.listenPid = i
			}
		case 'U':
			text := sys.String(entry)
			if hasPrefix(text, EnvPrefix) {
				if p = o.parseVariable(text); p.Reason != None {
					return p
				}
			}
		}
	}
	return p
}

// parseVariable reads an entry UTIL_INIT_NAME=value. An empty value is as good as no variable, and so is an unknown
// name: a newer init may know it.
func (o *Options) parseVariable(entry string) (p Problem) {
	name, value, _ := cut(entry, '=')
	if value == "" {
		return p
	}
	for i := range Table {
		if opt := &Table[i]; opt.Env != "" && opt.Env == name[len(EnvPrefix):] {
			if p.Reason, p.Bad = o.set(opt.ID, value, true); p.Reason != None {
				p.Option, p.Value = name, value
			}
			return p
		}
	}
	return p
}

// set takes one option into o. given tells whether there was a value at all.
func (o *Options) set(id ID, value string, given bool) (r Reason, bad string) {
	switch id {
	case SingleChild:
		return setBool(&o.Single, value, given)
	case WarnReaped:
		return setBool(&o.WarnReaped, value, given)
	case Verbose:
		if !given {
			o.Verbose = min(o.Verbose+1, mostVerbose)
			return None, ""
		}
		if len(value) != 1 || value[0] < '0' || value[0] > '9' {
			return BadCount, value
		}
		o.Verbose = value[0] - '0'
	case ParentDeath:
		s, ok := sig.Parse(value)
		if !ok {
			return UnknownSignal, value
		}
		o.ParentDeath = s
	case RewriteSignal:
		for more := true; more && r == None; {
			var pair string
			pair, value, more = cut(value, ',')
			r, bad = o.rewrite(pair)
		}
		return r, bad
	case Help:
		return WantsHelp, ""
	case Version:
		return WantsVersion, ""
	}
	return None, ""
}

// rewrite takes one FROM:TO into o.
func (o *Options) rewrite(pair string) (r Reason, bad string) {
	fromText, toText, ok := cut(pair, ':')
	if !ok {
		return NotFromTo, pair
	}
	from, ok := sig.Parse(fromText)
	if !ok {
		return UnknownSignal, fromText
	}
	if from == sig.KILL || from == sig.STOP {
		return CannotCatch, fromText
	}
	if toText == "0" || equalFold(toText, "none") {
		o.Rewrite[from] = Drop
		return None, ""
	}
	to, ok := sig.Parse(toText)
	if !ok {
		return UnknownSignal, toText
	}
	o.Rewrite[from] = Rewriting(to)
	return None, ""
}

// mostVerbose is as high as the level of messages goes, so that no number of -v brings it back to 0.
const mostVerbose = 9

// setBool sets *b: to true without a value, else to what the value says.
func setBool(b *bool, value string, given bool) (r Reason, bad string) {
	switch {
	case !given, value == "1", equalFold(value, "true"), equalFold(value, "yes"), equalFold(value, "on"):
		*b = true
	case value == "0", equalFold(value, "false"), equalFold(value, "no"), equalFold(value, "off"):
		*b = false
	default:
		return BadBool, value
	}
	return None, ""
}

// Variables that init reads beside its own.
const (
	pathVar      = "PATH="
	listenPidVar = "LISTEN_PID="
)

// hasPrefix reports whether text begins with prefix.
func hasPrefix(text, prefix string) bool {
	return len(text) >= len(prefix) && text[:len(prefix)] == prefix
}

// cut splits text at the first sep.
func cut(text string, sep byte) (before, after string, found bool) {
	for i := 0; i < len(text); i++ {
		if text[i] == sep {
			return text[:i], text[i+1:], true
		}
	}
	return text, "", false
}

// equalFold reports whether text equals lower, which is in lower case, when the case of letters in text is not looked at.
func equalFold(text, lower string) bool {
	if len(text) != len(lower) {
		return false
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
