package options

import (
	"util/applets/init/supervise"
	"util/internal/ascii"
	"util/internal/proc"
	"util/internal/sig"
)

// set sets one option. given says whether there was a value at all.
func (o *Options) set(id ID, value string, given bool) (r Reason, bad string) {
	switch id {
	case SingleChild:
		return setBool(&o.Single, value, given)
	case WarnReaped:
		return setBool(&o.WarnReaped, value, given)
	case Pause:
		return setBool(&o.Pause, value, given)
	case Verbose:
		return o.setVerbose(value, given)
	case ParentDeath:
		return setSignal(&o.ParentDeath, value)
	case RewriteSignal, ExitCode, StopSignal:
		return o.setList(id, value)
	case Grace:
		return setDuration(&o.Grace, value)
	case StopDelay:
		return setDuration(&o.Delay, value)
	case ScopeOf:
		return o.setScope(value)
	case LogFormatOf:
		return o.setLogFormat(value)
	case TerminationLog:
		o.TerminationLog = value
	case Compat:
		if o.As = InitOf(value); o.As == Util {
			return UnknownInit, value
		}
	case Help:
		return WantsHelp, ""
	case Version:
		return WantsVersion, ""
	}
	return None, ""
}

// maxVerbose limits the level of messages, so that no number of -v wraps to 0.
const maxVerbose = 9

func (o *Options) setVerbose(value string, given bool) (r Reason, bad string) {
	if !given {
		o.Verbose = min(o.Verbose+1, maxVerbose)
		return None, ""
	}
	if len(value) != 1 || value[0] < '0' || value[0] > '9' {
		return BadCount, value
	}
	o.Verbose = value[0] - '0'
	return None, ""
}

func (o *Options) setScope(value string) (r Reason, bad string) {
	switch {
	case ascii.EqualFold(value, "group"):
		o.Scope = supervise.ScopeGroup
	case ascii.EqualFold(value, "ordered"):
		o.Scope = supervise.ScopeOrdered
	case ascii.EqualFold(value, "container"):
		o.Scope = supervise.ScopeContainer
	default:
		return BadScope, value
	}
	return None, ""
}

func (o *Options) setLogFormat(value string) (r Reason, bad string) {
	switch {
	case ascii.EqualFold(value, "text"):
		o.LogFormat = LogText
	case ascii.EqualFold(value, "json"):
		o.LogFormat = LogJSON
	default:
		return BadLogFormat, value
	}
	return None, ""
}

// setList sets an option whose value is a list with commas.
func (o *Options) setList(id ID, list string) (r Reason, bad string) {
	for more := true; more && r == None; {
		var part string
		part, list, more = ascii.Cut(list, ',')
		switch id {
		case ExitCode:
			r, bad = o.addExitCode(part)
		case StopSignal:
			r, bad = o.addStopSignal(part)
		default:
			r, bad = o.addRewrite(part)
		}
	}
	return r, bad
}

// addRewrite adds one FROM:TO of signals.
func (o *Options) addRewrite(pair string) (r Reason, bad string) {
	fromText, toText, ok := ascii.Cut(pair, ':')
	if !ok {
		return NotFromTo, pair
	}
	from, r := parseCatchable(fromText)
	if r != None {
		return r, fromText
	}
	if toText == "0" || ascii.EqualFold(toText, "none") {
		o.Rewrite[from] = supervise.Drop
		return None, ""
	}
	to, ok := sig.Parse(toText)
	if !ok {
		return UnknownSignal, toText
	}
	o.Rewrite[from] = supervise.Rewriting(to)
	return None, ""
}

// addStopSignal adds one stop signal.
func (o *Options) addStopSignal(text string) (r Reason, bad string) {
	s, r := parseCatchable(text)
	if r != None {
		return r, text
	}
	o.StopSignals |= sig.Of(s)
	return None, ""
}

// parseCatchable reads a signal that can reach init.
func parseCatchable(text string) (s sig.Signal, r Reason) {
	s, ok := sig.Parse(text)
	switch {
	case !ok:
		return 0, UnknownSignal
	case s == sig.KILL || s == sig.STOP:
		return 0, CannotCatch
	}
	return s, None
}

// addExitCode adds one FROM:TO of exit statuses. A single status takes precedence over "any".
func (o *Options) addExitCode(pair string) (r Reason, bad string) {
	fromText, toText, ok := ascii.Cut(pair, ':')
	if !ok {
		return NotFromTo, pair
	}
	to, ok := parseStatus(toText)
	if !ok {
		return BadStatus, toText
	}
	if ascii.EqualFold(fromText, "any") {
		o.Exit.MapOthers(to)
		return None, ""
	}
	from, ok := parseStatus(fromText)
	if !ok {
		s, ok := sig.Parse(fromText)
		if !ok || ascii.IsDigit(fromText[0]) {
			return BadStatus, fromText
		}
		from = proc.ExitSignal + uint8(s)
	}
	o.Exit.Map(from, to)
	return None, ""
}

// parseStatus reads an exit status, 0 to 255.
func parseStatus(text string) (status uint8, ok bool) {
	n := ascii.ParseDecimal(text)
	return uint8(n), n >= 0 && n <= 255
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

// setBool sets *b: to true without a value, else to what the value says.
func setBool(b *bool, value string, given bool) (r Reason, bad string) {
	switch {
	case !given, isOneOf(value, "1", "true", "yes", "on"):
		*b = true
	case isOneOf(value, "0", "false", "no", "off"):
		*b = false
	default:
		return BadBool, value
	}
	return None, ""
}

// isOneOf reports whether a value is one of four words, in any case.
func isOneOf(value, a, b, c, d string) bool {
	return ascii.EqualFold(value, a) || ascii.EqualFold(value, b) ||
		ascii.EqualFold(value, c) || ascii.EqualFold(value, d)
}
