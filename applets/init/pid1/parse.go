package pid1

import (
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
)

// Reason says why a command line is not a plain run of a command.
type Reason uint8

// The reasons. Those behind WantsVersion, but Impersonates, are usage errors.
const (
	None            Reason = iota // it is a plain run
	WantsHelp                     // --help
	WantsVersion                  // --version
	UnknownOption                 // Problem.Option is not in the table
	MissingValue                  // the option takes a value and there is none
	UnwantedValue                 // the option takes no value
	NoCommand                     // there is no command
	BadBool                       // Problem.Bad is neither true nor false
	BadCount                      // Problem.Bad is not a number from 0 to 9
	UnknownSignal                 // Problem.Bad is no signal
	CannotCatch                   // Problem.Bad is KILL or STOP, which never reach init
	NotFromTo                     // Problem.Bad is not of the form FROM:TO
	BadDuration                   // Problem.Bad is no duration
	BadStatus                     // Problem.Bad is neither a status nor, where that is possible, a signal or "any"
	BadScope                      // Problem.Bad is neither group nor container
	BadLogFormat                  // Problem.Bad is neither text nor json
	UnwantedCommand               // a command together with --pause; Problem.Value is it
	Impersonates                  // no error: Options.As says whose command line begins at Options.Command
	Ambiguous                     // Problem.Option stands for several options
	UnknownInit                   // Problem.Bad is no init that init can be
	NotFirst                      // the option stands behind others
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
	if p = o.ParseEnv(envp); p.Reason != None {
		return p
	}
	if o.As != Util && !(len(argv) > 0 && isCompat(sys.String(argv[0]))) {
		return Problem{Reason: Impersonates}
	}
	g := getopt{argv: argv, table: Table[:]}
	verbose, first := false, true
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
		if opt.ID == Compat {
			if first {
				o.Command = g.first
				return Problem{Reason: Impersonates}
			}
			return Problem{Reason: NotFirst, Option: g.name, Value: value}
		}
		first = false
	}
	if o.Pause {
		if g.first < len(argv) {
			return Problem{Reason: UnwantedCommand, Value: sys.String(argv[g.first])}
		}
		return p
	}
	if g.first == len(argv) {
		return Problem{Reason: NoCommand}
	}
	o.Command = g.first
	return p
}

// isCompat reports whether an argument is --compat, which beats its variable.
func isCompat(arg string) bool {
	name, _, _ := cut(arg, '=')
	return name == "--compat"
}

// ParseEnv reads what init needs of the environment: its own variables, PATH and LISTEN_PID. Where one of these two is
// there twice, the first counts, as for getenv(3).
func (o *Options) ParseEnv(envp []*byte) (p Problem) {
	o.path, o.listenPid = -1, -1
	for i, entry := range envp {
		// Most entries are told apart by their first letters. The short prefixes, up to eight letters, are compared in
		// code; a longer one is a string constant in memory that a plain run does not touch otherwise.
		switch *entry {
		case 'P':
			if o.path < 0 && hasPrefix(sys.String(entry), pathVar) {
				o.path = i
			}
		case 'L':
			text := sys.String(entry)
			if o.listenPid < 0 && hasPrefix(text, "LISTEN_") && hasPrefix(text, listenPidVar) {
				o.listenPid = i
			}
		case 'U':
			text := sys.String(entry)
			if hasPrefix(text, "UTIL_") && hasPrefix(text, EnvPrefix) {
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
	case Pause:
		return setBool(&o.Pause, value, given)
	case ParentDeath:
		return setSignal(&o.ParentDeath, value)
	case StopSignal:
		return setSignal(&o.StopSignal, value)
	case RewriteSignal, ExitCode:
		for more := true; more && r == None; {
			var pair string
			pair, value, more = cut(value, ',')
			if id == ExitCode {
				r, bad = o.exitCode(pair)
			} else {
				r, bad = o.rewrite(pair)
			}
		}
		return r, bad
	case Grace:
		d, ok := parseDuration(value)
		if !ok {
			return BadDuration, value
		}
		o.Grace = d
	case ScopeOf:
		switch {
		case equalFold(value, "group"):
			o.Scope = ScopeGroup
		case equalFold(value, "container"):
			o.Scope = ScopeContainer
		default:
			return BadScope, value
		}
	case LogFormatOf:
		switch {
		case equalFold(value, "text"):
			o.LogFormat = LogText
		case equalFold(value, "json"):
			o.LogFormat = LogJSON
		default:
			return BadLogFormat, value
		}
	case TerminationLog:
		o.TerminationLog = value
	case Compat:
		o.As = PersonalityOf(value)
		if o.As == Util {
			return UnknownInit, value
		}
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

// exitCode takes one FROM:TO of exit statuses into o. What is said of one status beats "any".
func (o *Options) exitCode(pair string) (r Reason, bad string) {
	fromText, toText, ok := cut(pair, ':')
	if !ok {
		return NotFromTo, pair
	}
	to, ok := parseStatus(toText)
	if !ok {
		return BadStatus, toText
	}
	if equalFold(fromText, "any") {
		o.anyMapped, o.anyTo = true, to
		return None, ""
	}
	from, ok := parseStatus(fromText)
	if !ok {
		s, ok := sig.Parse(fromText)
		if !ok || fromText[0] >= '0' && fromText[0] <= '9' {
			return BadStatus, fromText
		}
		from = proc.ExitSignal + uint8(s)
	}
	o.mapExit(from, to)
	return None, ""
}

// parseStatus reads an exit status, 0 to 255.
func parseStatus(text string) (status uint8, ok bool) {
	n := number(text)
	return uint8(n), n >= 0 && n <= 255
}

// parseDuration reads a time as time.ParseDuration does, without a sign and without fractions of nanoseconds, or a plain
// number of seconds.
func parseDuration(text string) (ns int64, ok bool) {
	const most = int64(100 * 365 * 24 * 3600 * 1e9) // a hundred years; also what keeps the sums within an int64
	for text != "" {
		var whole, fraction, scale int64 = 0, 0, 1
		digits := 0
		for ; text != "" && text[0] >= '0' && text[0] <= '9'; text = text[1:] {
			if whole = whole*10 + int64(text[0]-'0'); whole > most {
				return 0, false
			}
			digits++
		}
		if text != "" && text[0] == '.' {
			for text = text[1:]; text != "" && text[0] >= '0' && text[0] <= '9'; text = text[1:] {
				if scale < 1e9 {
					fraction, scale = fraction*10+int64(text[0]-'0'), scale*10
				}
				digits++
			}
		}
		var unit int64
		switch {
		case digits == 0:
			return 0, false
		case text == "" && !ok:
			unit = 1e9
		case hasPrefix(text, "ns"):
			unit, text = 1, text[2:]
		case hasPrefix(text, "us"):
			unit, text = 1e3, text[2:]
		case hasPrefix(text, "ms"):
			unit, text = 1e6, text[2:]
		case hasPrefix(text, "s"):
			unit, text = 1e9, text[1:]
		case hasPrefix(text, "m"):
			unit, text = 60e9, text[1:]
		case hasPrefix(text, "h"):
			unit, text = 3600e9, text[1:]
		default:
			return 0, false
		}
		if whole > most/unit {
			return 0, false
		}
		if ns += whole*unit + fraction*(unit/scale) + fraction*(unit%scale)/scale; ns > most {
			return 0, false
		}
		ok = true
	}
	return ns, ok
}

// setSignal sets *s to the signal that the value names.
func setSignal(s *sig.Signal, value string) (r Reason, bad string) {
	parsed, ok := sig.Parse(value)
	if !ok {
		return UnknownSignal, value
	}
	*s = parsed
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
