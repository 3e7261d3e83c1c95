package options

import (
	"fmt"
	"maps"
	"math/big"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"util/applets/init/supervise"
	"util/internal/sig"
	"util/internal/test"

	"golang.org/x/sys/unix"
)

// The tests of this file compare Parse, which does not use the Go runtime, with a second parser
// that does: reference. Both must return the same for every command line and environment.
//
// To search for one for which they do not:
//
//	go test -run '^$' -fuzz FuzzParse -fuzztime 10m ./applets/init/options

// reference is a second implementation of Parse.
func reference(args, env []string) (Options, Problem) {
	o, p := referenceParse(args, env)
	if (p.Reason == None || p.Reason == OtherInit) && o.Grace > 0 && o.Delay >= o.Grace {
		return o, Problem{Reason: DelayTooLong}
	}
	return o, p
}

func referenceParse(args, env []string) (Options, Problem) {
	o := Options{}
	var first Problem
	seen := map[string]bool{}
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		long, ok := longByVariable[name]
		if ok && seen[name] { // as for getenv(3)
			continue
		}
		seen[name] = true
		if !ok && value != "" && strings.HasPrefix(name, "UTIL_INIT_") {
			o.UnknownVariable = true
		}
		if ok && value != "" {
			if reason, bad := referenceSet(&o, long, value, true); reason != None && first.Reason == None {
				first = Problem{Reason: reason, Option: name, Value: value, Bad: bad}
			}
		}
	}
	if first.Reason != None {
		return o, first
	}

	if name, _, _ := strings.Cut(strings.Join(args[:min(1, len(args))], ""), "="); o.As != Util &&
		name != "--compat" {
		return o, Problem{Reason: OtherInit}
	}

	rest := args
	counted, named, atFirst := false, false, true
	for len(rest) > 0 && strings.HasPrefix(rest[0], "-") && rest[0] != "-" {
		arg := rest[0]
		rest = rest[1:]
		if arg == "--" {
			break
		}
		// A bundle -abc is the list -a -b -c; what follows an option that takes a value is its value.
		type option struct {
			p     Problem // what names the option
			long  string
			value string
			given bool
		}
		var options []option
		if strings.HasPrefix(arg, "--") {
			name, value, given := strings.Cut(arg, "=")
			options = []option{{Problem{Option: name}, name[2:], value, given}}
		} else {
			for i := 1; i < len(arg); i++ {
				opt := option{p: Problem{Short: arg[i]}, long: longByLetter[arg[i]]}
				if takesValue[opt.long] && i+1 < len(arg) {
					opt.value, opt.given = arg[i+1:], true
					i = len(arg)
				}
				options = append(options, opt)
			}
		}

		for _, opt := range options {
			p := opt.p
			switch {
			case !slices.Contains(longs, opt.long):
				p.Reason = UnknownOption
			case takesValue[opt.long] && !opt.given && len(rest) == 0:
				p.Reason = MissingValue
			case takesNone[opt.long] && opt.given:
				p.Reason, p.Value = UnwantedValue, opt.value
			}
			if p.Reason != None {
				return o, p
			}
			if takesValue[opt.long] && !opt.given {
				opt.value, opt.given, rest = rest[0], true, rest[1:]
			}
			if opt.long == "verbose" && !counted {
				o.Verbose, counted = 0, true // -v beats UTIL_INIT_VERBOSE, rather than adding to it
			}
			if opt.long == "stop-signal" && !named {
				o.StopSignals, named = 0, true
			}
			if p.Reason, p.Bad = referenceSet(&o, opt.long, opt.value, opt.given); p.Reason != None {
				p.Value = opt.value
				return o, p
			}
			switch {
			case opt.long == "compat" && atFirst:
				o.Command = len(args) - len(rest)
				return o, Problem{Reason: OtherInit}
			case opt.long == "compat":
				p.Reason, p.Value = NotFirst, opt.value
				return o, p
			}
			atFirst = false
		}
	}
	switch {
	case o.Pause && len(rest) > 0:
		return o, Problem{Reason: UnwantedCommand, Value: rest[0]}
	case o.Pause:
		return o, Problem{}
	case len(rest) == 0:
		return o, Problem{Reason: NoCommand}
	}
	o.Command = len(args) - len(rest)
	return o, Problem{}
}

var (
	longs = []string{
		"single-child", "rewrite", "parent-death", "grace", "stop-signal", "stop-delay", "scope",
		"exit-code", "pause", "log-format", "termination-log", "verbose", "warn-reaped", "compat",
		"help", "version",
	}
	longByLetter = map[byte]string{
		'c': "single-child", 'r': "rewrite", 'p': "parent-death", 'g': "grace", 'e': "exit-code",
		'v': "verbose", 'w': "warn-reaped", 'h': "help",
	}
	takesValue = map[string]bool{
		"rewrite": true, "parent-death": true, "grace": true, "stop-signal": true,
		"stop-delay": true, "scope": true, "exit-code": true, "log-format": true,
		"termination-log": true, "compat": true,
	}
	takesNone      = map[string]bool{"help": true, "version": true}
	longByVariable = map[string]string{
		"UTIL_INIT_SINGLE_CHILD":    "single-child",
		"UTIL_INIT_REWRITE":         "rewrite",
		"UTIL_INIT_PARENT_DEATH":    "parent-death",
		"UTIL_INIT_VERBOSE":         "verbose",
		"UTIL_INIT_WARN_REAPED":     "warn-reaped",
		"UTIL_INIT_GRACE":           "grace",
		"UTIL_INIT_STOP_SIGNAL":     "stop-signal",
		"UTIL_INIT_STOP_DELAY":      "stop-delay",
		"UTIL_INIT_SCOPE":           "scope",
		"UTIL_INIT_EXIT_CODE":       "exit-code",
		"UTIL_INIT_PAUSE":           "pause",
		"UTIL_INIT_LOG_FORMAT":      "log-format",
		"UTIL_INIT_TERMINATION_LOG": "termination-log",
		"UTIL_INIT_COMPAT":          "compat",
	}
	oneDigit    = regexp.MustCompile(`^[0-9]$`)
	threeDigits = regexp.MustCompile(`^[0-9]{1,3}$`)
	someDigits  = regexp.MustCompile(`^[0-9]{1,10}$`)
	plainTime   = regexp.MustCompile(`^([0-9]+\.?[0-9]*|\.[0-9]+)$`)
	someNumber  = regexp.MustCompile(`^[0-9]+`)
	oneTime     = regexp.MustCompile(`^([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|ms|s|m|h)`)
	truth       = map[string]bool{
		"1": true, "true": true, "yes": true, "on": true, "0": false,
		"false": false, "no": false, "off": false,
	}
)

// referenceSet is a second implementation of set.
func referenceSet(o *Options, long, value string, given bool) (Reason, string) {
	switch long {
	case "single-child", "warn-reaped", "pause":
		is, ok := truth[lower(value)]
		if !given {
			is, ok = true, true
		}
		if !ok {
			return BadBool, value
		}
		switch long {
		case "single-child":
			o.Single = is
		case "pause":
			o.Pause = is
		default:
			o.WarnReaped = is
		}
	case "verbose":
		if !given {
			o.Verbose = min(o.Verbose+1, 9)
		} else if !oneDigit.MatchString(value) {
			return BadCount, value
		} else {
			n, _ := strconv.Atoi(value)
			o.Verbose = uint8(n)
		}
	case "parent-death":
		s, ok := referenceSignal(value)
		if !ok {
			return UnknownSignal, value
		}
		o.ParentDeath = s
	case "stop-signal":
		for name := range strings.SplitSeq(value, ",") {
			s, ok := referenceSignal(name)
			switch {
			case !ok:
				return UnknownSignal, name
			case s == sig.Signal(unix.SIGKILL), s == sig.Signal(unix.SIGSTOP):
				return CannotCatch, name
			}
			o.StopSignals |= 1 << (s - 1)
		}
	case "grace", "stop-delay":
		d, reason := referenceDuration(value)
		if reason != None {
			return reason, value
		}
		if long == "grace" {
			o.Grace = d
		} else {
			o.Delay = d
		}
	case "scope":
		scope, ok := map[string]supervise.Scope{
			"group":   supervise.ScopeGroup,
			"ordered": supervise.ScopeOrdered, "container": supervise.ScopeContainer,
		}[lower(value)]
		if !ok {
			return BadScope, value
		}
		o.Scope = scope
	case "log-format":
		format, ok := map[string]LogFormat{"text": LogText, "json": LogJSON}[lower(value)]
		if !ok {
			return BadLogFormat, value
		}
		o.LogFormat = format
	case "termination-log":
		o.TerminationLog = value
	case "exit-code":
		for pair := range strings.SplitSeq(value, ",") {
			from, to, ok := strings.Cut(pair, ":")
			if !ok {
				return NotFromTo, pair
			}
			status, ok := referenceStatus(to)
			if !ok {
				return BadStatus, to
			}
			if lower(from) == "any" {
				o.Exit.MapOthers(status)
				continue
			}
			of, ok := referenceStatus(from)
			if !ok {
				s, isSignal := referenceSignal(from)
				if !isSignal || threeDigits.MatchString(from) {
					return BadStatus, from
				}
				of = 128 + uint8(s)
			}
			o.Exit.Map(of, status)
		}
	case "rewrite":
		for pair := range strings.SplitSeq(value, ",") {
			from, to, ok := strings.Cut(pair, ":")
			if !ok {
				return NotFromTo, pair
			}
			f, ok := referenceSignal(from)
			switch {
			case !ok:
				return UnknownSignal, from
			case f == sig.Signal(unix.SIGKILL), f == sig.Signal(unix.SIGSTOP):
				return CannotCatch, from
			case to == "0" || lower(to) == "none":
				o.Rewrite[f] = supervise.Drop
				continue
			}
			t, ok := referenceSignal(to)
			if !ok {
				return UnknownSignal, to
			}
			o.Rewrite[f] = supervise.Rewriting(t)
		}
	case "compat":
		as, ok := map[string]Init{
			"dumb-init": DumbInit, "tini": Tini, "tini-static": Tini, "docker-init": Tini,
			"catatonit": Catatonit, "podman-init": Catatonit,
		}[value]
		o.As = as
		if !ok {
			return UnknownInit, value
		}
	case "help":
		return WantsHelp, ""
	case "version":
		return WantsVersion, ""
	}
	return None, ""
}

// referenceStatus reads an exit status.
func referenceStatus(text string) (uint8, bool) {
	if !someDigits.MatchString(text) {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return uint8(n), err == nil && n <= 255
}

// referenceDuration is parseDuration in exact arithmetic; a fraction has nine digits that count.
func referenceDuration(text string) (int64, Reason) {
	units := map[string]int64{"ns": 1, "us": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9}
	most := new(big.Int).Mul(big.NewInt(100*365*24*3600), big.NewInt(1e9))
	sum := new(big.Int)
	if plainTime.MatchString(text) {
		text += "s"
	}
	if text == "" {
		return 0, BadDuration
	}
	for text != "" {
		if digits, ok := new(big.Int).SetString(someNumber.FindString(text), 10); ok &&
			digits.Cmp(most) > 0 {
			return 0, TooLong
		}
		match := oneTime.FindStringSubmatch(text)
		if match == nil {
			return 0, BadDuration
		}
		text = text[len(match[0]):]
		whole, fraction, _ := strings.Cut(match[1], ".")
		fraction = (fraction + "000000000")[:9]
		n, _ := new(big.Int).SetString("0"+whole+fraction, 10)
		n.Mul(n, big.NewInt(units[match[2]]))
		sum.Add(sum, n.Quo(n, big.NewInt(1e9)))
		if sum.Cmp(most) > 0 {
			return 0, TooLong
		}
	}
	return sum.Int64(), None
}

// lower converts ASCII letters to lower case. strings.ToLower would convert others too.
func lower(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

// signalNames maps each name of a signal, in lower case and without "sig", to its number.
var signalNames = func() map[string]sig.Signal {
	all := map[string]sig.Signal{
		"cld": 17, "iot": 6, "poll": 29, "unused": 31, "rtmin": 34,
		"rtmax": 64,
	}
	for n := sig.Signal(1); n <= 31; n++ {
		all[strings.ToLower(strings.TrimPrefix(unix.SignalName(syscall.Signal(n)), "SIG"))] = n
	}
	for n := sig.Signal(0); n <= 30; n++ {
		for _, format := range []string{"%d", "%02d", "%03d"} {
			all["rtmin+"+fmt.Sprintf(format, n)] = 34 + n
			all["rtmax-"+fmt.Sprintf(format, n)] = 64 - n
		}
	}
	return all
}()

var sortedNames = slices.Sorted(maps.Keys(signalNames))

// referenceSignal is a second implementation of sig.Parse.
func referenceSignal(text string) (sig.Signal, bool) {
	if threeDigits.MatchString(text) {
		n, _ := strconv.Atoi(text)
		return sig.Signal(n), n >= 1 && n <= 64
	}
	s, ok := signalNames[strings.TrimPrefix(lower(text), "sig")]
	return s, ok
}

// compare parses a command line and an environment in both ways.
func compare(t *testing.T, args, env []string) Problem {
	t.Helper()
	var got Options
	p := Parse(&got, test.CStrings(args), test.CStrings(env))
	want, wantProblem := reference(args, env)
	if p != wantProblem {
		t.Fatalf("args %q, env %q:\n got %+v\nwant %+v", args, env, p, wantProblem)
	}
	if (p.Reason == None || p.Reason == OtherInit) && got != want {
		t.Fatalf("args %q, env %q:\n got %+v\nwant %+v", args, env, got, want)
	}
	return p
}

// seeds are command lines and environments. Spaces separate the entries of both.
var seeds = []struct{ args, env string }{
	{"true", ""},
	{"", ""},
	{"--", ""},
	{"-- true", ""},
	{"-- -c", ""},
	{"-- --", ""},
	{"-", ""},
	{"- -c", ""},
	{"true -c --verbose", ""},
	{"-c true", ""},
	{"--single-child true", ""},
	{"--single-child=off true", ""},
	{"--single-child=YES -c true", ""},
	{"--single-child= true", ""},
	{"--single-child=2 true", ""},
	{"--single true", ""},
	{"-w true", ""},
	{"--warn-reaped=on true", ""},
	{"--warn-reaped=No true", ""},
	{"--warn-reaped=maybe true", ""},
	{"-v true", ""},
	{"-vvv true", ""},
	{"-vvvvvvvvvvvv true", ""},
	{"--verbose --verbose true", ""},
	{"--verbose=2 -v true", ""},
	{"-v --verbose=9 -v true", ""},
	{"--verbose=10 true", ""},
	{"--verbose=-1 true", ""},
	{"--verbose= true", ""},
	{"-v2 true", ""},
	{"-r TERM:QUIT true", ""},
	{"-rTERM:QUIT true", ""},
	{"-cvrTERM:QUIT true", ""},
	{"-cvr TERM:QUIT true", ""},
	{"--rewrite TERM:QUIT true", ""},
	{"--rewrite=TERM:QUIT true", ""},
	{"--rewrite=sigterm:SigQuit,1:none,12:0,RTMIN+3:RTMAX-2 true", ""},
	{"-r TERM:INT -r TERM:HUP -r 15:NONE true", ""},
	{"-r TSTP:TSTP true", ""},
	{"-r TERM true", ""},
	{"-r TERM:INT, true", ""},
	{"-r ,TERM:INT true", ""},
	{"-r TERM: true", ""},
	{"-r :TERM true", ""},
	{"-r TERM:INT:HUP true", ""},
	{"-r TREM:INT true", ""},
	{"-r TERM:IN true", ""},
	{"-r KILL:TERM true", ""},
	{"-r 19:TERM true", ""},
	{"-r TERM:KILL true", ""},
	{"-r 65:1 true", ""},
	{"-r -c true", ""},
	{"-r", ""},
	{"-cr", ""},
	{"--rewrite", ""},
	{"-p TERM true", ""},
	{"-pRTMIN+30 true", ""},
	{"--parent-death=9 true", ""},
	{"--parent-death 0 true", ""},
	{"--parent-death RTMIN+31 true", ""},
	{"-p", ""},
	{"-h", ""},
	{"-ch true", ""},
	{"--help true", ""},
	{"--help=1 true", ""},
	{"--version", ""},
	{"--version=1", ""},
	{"--verison", ""},
	{"-x true", ""},
	{"-cx true", ""},
	{"-c=1 true", ""},
	{"--=1 true", ""},
	{"--- true", ""},
	{"-é true", ""},
	{"--rewrite=ſIGTERM:INT true", ""},
	{"true", "PATH=/bin LISTEN_PID=7 HOME=/"},
	{"true", "PATH= PATH=/bin LISTEN_PID=7 LISTEN_PID=8"},
	{"true", "PATHS=/bin PATH LISTEN_PIDS=1"},
	{"true", "UTIL_INIT_SINGLE_CHILD=1 UTIL_INIT_WARN_REAPED=true UTIL_INIT_VERBOSE=2"},
	{"--single-child=0 -v true", "UTIL_INIT_SINGLE_CHILD=1 UTIL_INIT_VERBOSE=2"},
	{"true", "UTIL_INIT_REWRITE=TERM:QUIT,HUP:none UTIL_INIT_PARENT_DEATH=HUP"},
	{"-r TERM:INT -p INT true", "UTIL_INIT_REWRITE=TERM:QUIT,HUP:none UTIL_INIT_PARENT_DEATH=HUP"},
	{"true", "UTIL_INIT_REWRITE= UTIL_INIT_VERBOSE= UTIL_INIT_SINGLE_CHILD="},
	{"true", "UTIL_INIT_VERBOSE UTIL_INIT_ UTIL_INIT_=1 UTIL_INIT_NEWER=1 UTIL_INIT_HELP=1 UTIL=1 U"},
	{"true", "UTIL_INIT_VERBOSE=1 UTIL_INIT_VERBOSE=2"},
	{"true", "UTIL_INIT_VERBOSE=x"},
	{"true", "UTIL_INIT_VERBOSE=10"},
	{"true", "UTIL_INIT_SINGLE_CHILD=2"},
	{"true", "UTIL_INIT_WARN_REAPED=maybe"},
	{"true", "UTIL_INIT_REWRITE=TERM"},
	{"true", "UTIL_INIT_REWRITE=TERM=INT"},
	{"true", "UTIL_INIT_REWRITE=KILL:TERM"},
	{"true", "UTIL_INIT_PARENT_DEATH=none"},
	{"--help", "UTIL_INIT_VERBOSE=x"},
	{"-g 8s true", ""},
	{"-g8 true", ""},
	{"--grace=1h2m3.5s4ms5us6ns true", ""},
	{"--grace 0 true", ""},
	{"--grace 1.5 true", ""},
	{"--grace .5s true", ""},
	{"--grace . true", ""},
	{"--grace 1m30 true", ""},
	{"--grace 1x true", ""},
	{"--grace 876000h true", ""},
	{"--grace 876000.1h true", ""},
	{"--grace 99999999999999999999s true", ""},
	{"--stop-signal USR1 --scope group true", "UTIL_INIT_GRACE=5s UTIL_INIT_SCOPE=Container"},
	{"--stop-signal none true", ""},
	{"--stop-signal QUIT,HUP --stop-signal USR1 true", "UTIL_INIT_STOP_SIGNAL=WINCH,PWR"},
	{"--stop-signal QUIT, true", ""},
	{"--stop-signal KILL true", ""},
	{"--stop-delay 5s --grace 6 true", ""},
	{"--stop-delay 5s --grace 5 true", ""},
	{"--stop-delay 5s true", "UTIL_INIT_GRACE=4s"},
	{"--scope ordered true", ""},
	{"--grace 10000000000000000000ns true", ""},
	{"--grace 18446744073709551617 true", ""},
	{"--grace 3153600000000000000ns true", ""},
	{"--grace 3153600000000000001ns true", ""},
	{
		"--log-format json --frob true",
		"UTIL_INIT_GRACE=x UTIL_INIT_TERMINATION_LOG=/x UTIL_INIT_GRAEC=5s",
	},
	{"--scope all true", ""},
	{"-e 143:0,TERM:1,any:2 true", "UTIL_INIT_EXIT_CODE=3:4"},
	{"-e 256:0 true", ""},
	{"-e 15:TERM true", ""},
	{"-e 0300:0 true", ""},
	{"-e :0 true", ""},
	{"--pause", ""},
	{"--pause true", ""},
	{"--pause=no true", "UTIL_INIT_PAUSE=1"},
	{"--log-format json --termination-log /x true", "UTIL_INIT_LOG_FORMAT=text"},
	{"--log-format yaml true", ""},
}

// separated splits a text at a separator. An empty text has no parts.
func separated(text, separator string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, separator)
}

// FuzzParse gets command lines and environments. NUL bytes separate the entries of both.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(strings.ReplaceAll(s.args, " ", "\x00"), strings.ReplaceAll(s.env, " ", "\x00"))
	}
	f.Fuzz(func(t *testing.T, args, env string) {
		compare(t, separated(args, "\x00"), separated(env, "\x00"))
	})
}

// TestParse compares generated command lines and environments, which are the same in each run.
func TestParse(t *testing.T) {
	const lines = 200_000
	g := generator{rand.New(rand.NewPCG(1, 2))}
	seen := map[Reason]int{}
	for range lines {
		args, env := g.args(), g.env()
		seen[compare(t, args, env).Reason]++
	}
	for r := None; r <= NotFirst; r++ {
		if r == Ambiguous {
			continue // init's own options cannot be abbreviated
		}
		if seen[r] < lines/2000 {
			t.Errorf("reason %d came up %d times only: the generator is not worth much", r, seen[r])
		}
	}
}

// generator makes command lines, most of them correct, of words that have a meaning to init.
type generator struct{ *rand.Rand }

func (g generator) oneOf(words ...string) string { return words[g.IntN(len(words))] }

// sometimes is true once in n times.
func (g generator) sometimes(n int) bool { return g.IntN(n) == 0 }

func (g generator) args() (args []string) {
	for !g.sometimes(3) {
		args = append(args, g.option()...)
	}
	if g.sometimes(4) {
		args = append(args, "--")
	}
	if !g.sometimes(8) {
		args = append(args, g.oneOf("true", "/bin/sh", "-", "", "rewrite"))
	}
	if g.sometimes(3) {
		args = append(args, g.option()...)
	}
	return args
}

// option makes one option or a bundle.
func (g generator) option() []string {
	switch g.IntN(19) {
	case 18:
		if g.sometimes(3) {
			return []string{
				g.oneOf("--compat", "--compat="+g.mangle(g.oneOf(Aliases[:]...))),
				g.mangle(g.oneOf(Aliases[:]...)),
			}
		}
	case 12, 13:
		return []string{g.oneOf("-e", "-ve", "--exit-code"), g.exitCodes()}
	case 14:
		return []string{g.oneOf("-g", "-cg", "--grace"), g.duration()}
	case 15:
		return []string{"--grace=" + g.duration(), g.oneOf("--stop-signal="+g.signal(),
			"--stop-signal="+g.signal()+","+g.signal(), "--stop-delay="+g.duration())}
	case 16:
		return []string{g.oneOf("--scope=", "--log-format=", "--termination-log=") +
			g.mangle(g.oneOf("group", "ordered", "container", "text", "JSON"))}
	case 17:
		if g.sometimes(4) {
			return []string{g.mangle(g.oneOf("--pause", "--pause=no", "--pause=yes"))}
		}
	case 0, 1:
		return []string{g.oneOf("-c", "-v", "-w", "-vv", "-cv", "-wcv", "-vvvvvvvvvvv", "--single-child",
			"--verbose", "--warn-reaped")}
	case 2:
		return []string{g.oneOf("--single-child=", "--warn-reaped=") +
			g.mangle(g.oneOf("0", "1", "true", "FALSE", "Yes", "no", "on", "oFF"))}
	case 3:
		return []string{"--verbose=" + g.mangle(g.oneOf("0", "1", "2", "9"))}
	case 4, 5:
		return []string{g.oneOf("-r", "-cr", "-vwr", "--rewrite"), g.rewrites()}
	case 6:
		return []string{g.oneOf("-r", "-cr", "-vwr", "--rewrite=") + g.rewrites()}
	case 7:
		return []string{g.oneOf("-p", "-vp", "--parent-death"), g.signal()}
	case 8:
		return []string{g.oneOf("-p", "-vp", "--parent-death=") + g.signal()}
	case 9:
		if g.sometimes(3) {
			return []string{g.oneOf("-h", "-ch", "--help", "--help=", "--help=1", "--version", "--version=x",
				"-vh")}
		}
	case 10:
		if g.sometimes(3) {
			return []string{g.mangle(g.oneOf("-c", "-vw", "--rewrite", "--verbose", "--single-child=1",
				"--"))}
		}
	case 11:
		if g.sometimes(4) {
			return []string{g.oneOf("-r", "-p", "--rewrite", "--parent-death")}
		}
	}
	return nil
}

func (g generator) rewrites() string {
	var pairs []string
	for more := true; more; more = g.sometimes(2) {
		pairs = append(pairs,
			g.mangle(g.signal()+":"+g.oneOf("none", "None", "0", g.signal(), g.signal())))
	}
	return strings.Join(pairs, ",")
}

func (g generator) exitCodes() string {
	var pairs []string
	for more := true; more; more = g.sometimes(2) {
		from := g.oneOf("any", "ANY", g.signal(), fmt.Sprint(g.IntN(300)), "007")
		pairs = append(pairs, g.mangle(from+":"+fmt.Sprint(g.IntN(260))))
	}
	return strings.Join(pairs, ",")
}

func (g generator) duration() (text string) {
	if g.sometimes(8) { // what no number of the machine holds, and what just fits
		return g.mangle(g.oneOf("10000000000000000000ns", "18446744073709551617", "9223372036854775808ns",
			"3153600000000000000ns", "3153600000000000001ns",
			"99999999999999999999999999999999h", fmt.Sprint(g.Uint64())+g.oneOf("ns", "us", "s",
				""), "3153600000.000000001", "876000h1ns"))
	}
	for more := true; more; more = g.sometimes(3) {
		text += g.mangle(g.oneOf("0", "8", "250", "1.5", ".25", "3.1234567891", "876000", "99999999999") +
			g.oneOf("ns", "us", "ms", "s", "m", "h"))
	}
	if g.sometimes(4) {
		return g.oneOf("0", "10", "1.5", "")
	}
	return text
}

func (g generator) signal() string {
	switch g.IntN(4) {
	case 0:
		return fmt.Sprint(g.IntN(68))
	case 1:
		return "SIG" + strings.ToUpper(g.oneOf(sortedNames...))
	case 2:
		return g.mangle(g.oneOf(sortedNames...))
	}
	return g.oneOf("TERM", "INT", "KILL", "STOP", "RTMIN+2", "RTMAX-30", "rtmin", "Hup", "sigcld")
}

func (g generator) env() (env []string) {
	for !g.sometimes(3) {
		switch g.IntN(9) {
		case 8:
			if g.sometimes(3) {
				env = append(env, "UTIL_INIT_COMPAT="+g.mangle(g.oneOf(Aliases[:]...)))
			}
		case 0:
			env = append(env, g.oneOf("PATH=", "LISTEN_PID=", "PATH", "LISTEN_PIDS=", "PA=",
				"")+g.oneOf("/bin:/usr/bin", "77", ""))
		case 1:
			env = append(env, g.oneOf("HOME=/", "U", "UTIL_INIT_", "UTIL_INIT_=1", "UTIL_INIT_REWRITES=",
				"UTIL_INIT_REWRITES=1", "UTIL_INIT_VERSION=1", "P=L"))
		case 2:
			env = append(env, "UTIL_INIT_"+g.oneOf("SINGLE_CHILD=",
				"WARN_REAPED=")+g.mangle(g.oneOf("1", "no", "TRUE", "")))
		case 3:
			env = append(env, "UTIL_INIT_VERBOSE="+g.mangle(g.oneOf("", "0", "1", "7")))
		case 4:
			env = append(env, "UTIL_INIT_REWRITE="+g.rewrites())
		case 5:
			env = append(env, g.oneOf("UTIL_INIT_PARENT_DEATH=", "UTIL_INIT_STOP_SIGNAL=")+g.signal())
		case 6:
			env = append(env, "UTIL_INIT_EXIT_CODE="+g.exitCodes(),
				"UTIL_INIT_"+g.oneOf("GRACE=", "STOP_DELAY=")+g.duration())
		case 7:
			env = append(env, g.oneOf("UTIL_INIT_SCOPE=", "UTIL_INIT_LOG_FORMAT=", "UTIL_INIT_PAUSE=",
				"UTIL_INIT_TERMINATION_LOG=")+g.oneOf("group", "text", "no", "no", ""))
		}
	}
	return env
}

// mangle changes a byte of some words.
func (g generator) mangle(word string) string {
	if !g.sometimes(12) {
		return word
	}
	i := g.IntN(len(word) + 1)
	inserted := g.oneOf("-", "=", ":", ",", "0", "a", "SIG", "+", "\xff")
	return word[:i] + inserted + word[min(i+g.IntN(2), len(word)):]
}
