package pid1

import (
	"util/internal/ascii"
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
	BadDuration                   // Problem.Bad is not a valid duration
	TooLong                       // Problem.Bad is a duration of more than MostDuration
	DelayTooLong                  // no error of one option: Options.Delay is not less than Options.Grace
	BadStatus                     // Problem.Bad is neither a status nor, where that is possible, a signal or "any"
	BadScope                      // Problem.Bad is none of group, ordered and container
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
// variable; for --rewrite, signal by signal. Options end at the first argument that is not one, or at "--". When something is
// wrong, o has what was read before, and all variables.
func Parse(o *Options, argv, envp []*byte) (p Problem) {
	p = o.parse(argv, envp)
	if p.Reason == None || p.Reason == Impersonates {
		if wrong := o.Check(); wrong.Reason != None {
			return wrong
		}
	}
	return p
}

// Check reports what is wrong with options that are right one by one.
func (o *Options) Check() (p Problem) {
	if o.Grace > 0 && o.Delay >= o.Grace {
		p.Reason = DelayTooLong
	}
	return p
}

func (o *Options) parse(argv, envp []*byte) (p Problem) {
	if p = o.ParseEnv(envp); p.Reason != None {
		return p
	}
	if o.As != Util && !(len(argv) > 0 && isCompat(sys.String(argv[0]))) {
		return Problem{Reason: Impersonates}
	}
	g := getopt{argv: argv, table: Table[:]}
	verbose, stopSignal, first := false, false, true
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
		if opt.ID == StopSignal && !stopSignal { // nor are the variable's signals
			stopSignal = true
			o.StopSignals = 0
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
	name, _, _ := ascii.Cut(arg, '=')
	return name == "--compat"
}

// ParseEnv reads what init needs of the environment: its own variables, PATH and LISTEN_PID. Where one of these two is
// there twice, the first counts, as for getenv(3). It reads all variables, and reports the first that is wrong.
func (o *Options) ParseEnv(envp []*byte) (p Problem) {
	for _, entry := range envp {
		// Most entries are told apart by their first letters. A constant of up to 16 letters stays within the code only where
		// it is written as one side of the comparison. As a parameter, even of hasPrefix, which is inlined, it is a string in
		// memory that a plain run does not touch otherwise, and on arm64 comparing it is a call of far code.
		switch *entry {
		case 'P':
			text := sys.String(entry)
			if o.path == 0 && len(text) >= len(pathVar) && text[:len(pathVar)] == pathVar {
				o.path = addressOf(entry)
			}
		case 'L':
			text := sys.String(entry)
			if o.listenPid == 0 && len(text) >= len(listenPidVar) && text[:len(listenPidVar)] == listenPidVar {
				o.listenPid = addressOf(entry)
			}
		case 'U':
			text := sys.String(entry)
			if len(text) >= len(EnvPrefix) && text[:len(EnvPrefix)] == EnvPrefix {
				if wrong := o.parseVariable(text); p.Reason == None {
					p = wrong
				}
			}
		}
	}
	return p
}

// parseVariable reads an entry UTIL_INIT_NAME=value. An empty value is as good as no variable. An unknown name is no error,
// as a newer init may know it; but it may be misspelt, and is worth a message.
func (o *Options) parseVariable(entry string) (p Problem) {
	name, value, _ := ascii.Cut(entry, '=')
	if value == "" {
		return p
	}
	opt := optionOf(name)
	if opt == nil {
		o.strange = true
		return p
	}
	if p.Reason, p.Bad = o.set(opt.ID, value, true); p.Reason != None {
		p.Option, p.Value = name, value
	}
	return p
}

// optionOf returns the option whose variable has that name, which begins with EnvPrefix, or nil.
func optionOf(name string) *Option {
	for i := range Table {
		if opt := &Table[i]; opt.Env != "" && opt.Env == name[len(EnvPrefix):] {
			return opt
		}
	}
	return nil
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
	case RewriteSignal, ExitCode, StopSignal:
		for more := true; more && r == None; {
			var part string
			part, value, more = ascii.Cut(value, ',')
			switch id {
			case ExitCode:
				r, bad = o.exitCode(part)
			case StopSignal:
				r, bad = o.stopSignal(part)
			default:
				r, bad = o.rewrite(part)
			}
		}
		return r, bad
	case Grace:
		return setDuration(&o.Grace, value)
	case StopDelay:
		return setDuration(&o.Delay, value)
	case ScopeOf:
		switch {
		case equalFold(value, "group"):
			o.Scope = ScopeGroup
		case equalFold(value, "ordered"):
			o.Scope = ScopeOrdered
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
	fromText, toText, ok := ascii.Cut(pair, ':')
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

// stopSignal takes one signal that asks the command to end into o.
func (o *Options) stopSignal(text string) (r Reason, bad string) {
	s, ok := sig.Parse(text)
	if !ok {
		return UnknownSignal, text
	}
	if s == sig.KILL || s == sig.STOP {
		return CannotCatch, text
	}
	o.StopSignals |= sig.Of(s)
	return None, ""
}

// exitCode takes one FROM:TO of exit statuses into o. What is said of one status beats "any".
func (o *Options) exitCode(pair string) (r Reason, bad string) {
	fromText, toText, ok := ascii.Cut(pair, ':')
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
	n := ascii.Number(text)
	return uint8(n), n >= 0 && n <= 255
}

// MostDuration is the longest duration, in nanoseconds: a hundred years of 365 days, 876000h. It keeps every sum of two
// within an int64.
const MostDuration = int64(100 * 365 * 24 * 3600 * 1e9)

// setDuration sets *ns to the duration that the value names.
func setDuration(ns *int64, value string) (r Reason, bad string) {
	d, r := parseDuration(value)
	if r != None {
		return r, value
	}
	*ns = d
	return None, ""
}

// parseDuration reads a time as time.ParseDuration does, without a sign and without fractions of nanoseconds, or a plain
// number of seconds. The reason is None, BadDuration or TooLong.
func parseDuration(text string) (ns int64, r Reason) {
	r = BadDuration
	for text != "" {
		var whole, fraction, scale int64 = 0, 0, 1
		digits := 0
		for ; text != "" && text[0] >= '0' && text[0] <= '9'; text = text[1:] {
			digit := int64(text[0] - '0')
			if whole > (MostDuration-digit)/10 { // too long in the smallest unit already
				return 0, TooLong
			}
			whole = whole*10 + digit
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
			return 0, BadDuration
		case text == "" && r == BadDuration:
			unit = 1e9
		case ascii.HasPrefix(text, "ns"):
			unit, text = 1, text[2:]
		case ascii.HasPrefix(text, "us"):
			unit, text = 1e3, text[2:]
		case ascii.HasPrefix(text, "ms"):
			unit, text = 1e6, text[2:]
		case ascii.HasPrefix(text, "s"):
			unit, text = 1e9, text[1:]
		case ascii.HasPrefix(text, "m"):
			unit, text = 60e9, text[1:]
		case ascii.HasPrefix(text, "h"):
			unit, text = 3600e9, text[1:]
		default:
			return 0, BadDuration
		}
		if whole > MostDuration/unit {
			return 0, TooLong
		}
		if ns += whole*unit + fraction*(unit/scale) + fraction*(unit%scale)/scale; ns > MostDuration {
			return 0, TooLong
		}
		r = None
	}
	return ns, r
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
