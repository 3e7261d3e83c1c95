package pid1

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"util/internal/sig"

	"golang.org/x/sys/unix"
)

// The tests of this file compare Parse, which may use nothing of the Go runtime, with a second parser that may use all of
// it: reference. They must agree on every command line and environment.
//
// To search for one on which they do not:
//
//	go test -run '^$' -fuzz FuzzParse -fuzztime 10m ./applets/init/pid1

// reference is Parse by other means.
func reference(args, env []string) (Options, Problem) {
	o := Options{path: -1, listenPid: -1}
	for i, entry := range slices.Backward(env) { // of several with one name, the first counts, as for getenv(3)
		switch name, _, ok := strings.Cut(entry, "="); {
		case ok && name == "PATH":
			o.path = i
		case ok && name == "LISTEN_PID":
			o.listenPid = i
		}
	}
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		if long, ok := longByVariable[name]; ok && value != "" {
			if reason, bad := referenceSet(&o, long, value, true); reason != None {
				return o, Problem{Reason: reason, Option: name, Value: value, Bad: bad}
			}
		}
	}

	rest := args
	counted := false
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
			if p.Reason, p.Bad = referenceSet(&o, opt.long, opt.value, opt.given); p.Reason != None {
				p.Value = opt.value
				return o, p
			}
		}
	}
	if len(rest) == 0 {
		return o, Problem{Reason: NoCommand}
	}
	o.Command = len(args) - len(rest)
	return o, Problem{}
}

var (
	longs          = []string{"single-child", "rewrite", "parent-death", "verbose", "warn-reaped", "help", "version"}
	longByLetter   = map[byte]string{'c': "single-child", 'r': "rewrite", 'p': "parent-death", 'v': "verbose", 'w': "warn-reaped", 'h': "help"}
	takesValue     = map[string]bool{"rewrite": true, "parent-death": true}
	takesNone      = map[string]bool{"help": true, "version": true}
	longByVariable = map[string]string{
		"UTIL_INIT_SINGLE_CHILD": "single-child",
		"UTIL_INIT_REWRITE":      "rewrite",
		"UTIL_INIT_PARENT_DEATH": "parent-death",
		"UTIL_INIT_VERBOSE":      "verbose",
		"UTIL_INIT_WARN_REAPED":  "warn-reaped",
	}
	oneDigit    = regexp.MustCompile(`^[0-9]$`)
	threeDigits = regexp.MustCompile(`^[0-9]{1,3}$`)
	truth       = map[string]bool{"1": true, "true": true, "yes": true, "on": true, "0": false, "false": false, "no": false, "off": false}
)

// referenceSet is set by other means.
func referenceSet(o *Options, long, value string, given bool) (Reason, string) {
	switch long {
	case "single-child", "warn-reaped":
		is, ok := truth[lower(value)]
		if !given {
			is, ok = true, true
		}
		if !ok {
			return BadBool, value
		}
		if long == "single-child" {
			o.Single = is
		} else {
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
	case "rewrite":
		for _, pair := range strings.Split(value, ",") {
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
				o.Rewrite[f] = Drop
				continue
			}
			t, ok := referenceSignal(to)
			if !ok {
				return UnknownSignal, to
			}
			o.Rewrite[f] = Rewriting(t)
		}
	case "help":
		return WantsHelp, ""
	case "version":
		return WantsVersion, ""
	}
	return None, ""
}

// lower makes lower-case letters of ASCII's upper-case ones. To strings.ToLower there are more.
func lower(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

// signalNames maps all that names a signal, in lower case and without "sig", to its number.
var signalNames = func() map[string]sig.Signal {
	all := map[string]sig.Signal{"cld": 17, "iot": 6, "poll": 29, "unused": 31, "rtmin": 34, "rtmax": 64}
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

// referenceSignal is sig.Parse by other means.
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
	p := Parse(&got, cstrings(args), cstrings(env))
	want, wantProblem := reference(args, env)
	if p != wantProblem {
		t.Fatalf("args %q, env %q:\n got %+v\nwant %+v", args, env, p, wantProblem)
	}
	if p.Reason == None && got != want {
		t.Fatalf("args %q, env %q:\n got %+v\nwant %+v", args, env, got, want)
	}
	return p
}

func cstrings(texts []string) []*byte {
	var all []*byte
	for _, text := range texts {
		all = append(all, unsafe.StringData(text+"\x00"))
	}
	return all
}

// seeds are command lines and environments, both with a space behind each entry but the last.
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
}

// separated splits at a separator; nothing has no parts.
func separated(text, separator string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, separator)
}

// FuzzParse gets command lines and environments whose entries NUL bytes separate.
func FuzzParse(f *testing.F) {
	for _, s := range seeds {
		f.Add(strings.ReplaceAll(s.args, " ", "\x00"), strings.ReplaceAll(s.env, " ", "\x00"))
	}
	f.Fuzz(func(t *testing.T, args, env string) {
		compare(t, separated(args, "\x00"), separated(env, "\x00"))
	})
}

// TestParse compares on generated command lines and environments, the same ones every time.
func TestParse(t *testing.T) {
	const lines = 200_000
	g := generator{rand.New(rand.NewPCG(1, 2))}
	seen := map[Reason]int{}
	for range lines {
		args, env := g.args(), g.env()
		seen[compare(t, args, env).Reason]++
	}
	for r := None; r <= NotFromTo; r++ {
		if seen[r] < lines/1000 {
			t.Errorf("reason %d came up %d times only: the generator is not worth much", r, seen[r])
		}
	}
}

// generator makes command lines, mostly right, out of words that mean something to init.
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
	switch g.IntN(12) {
	case 0, 1:
		return []string{g.oneOf("-c", "-v", "-w", "-vv", "-cv", "-wcv", "-vvvvvvvvvvv", "--single-child", "--verbose", "--warn-reaped")}
	case 2:
		return []string{g.oneOf("--single-child=", "--warn-reaped=") + g.mangle(g.oneOf("0", "1", "true", "FALSE", "Yes", "no", "on", "oFF"))}
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
			return []string{g.oneOf("-h", "-ch", "--help", "--help=", "--help=1", "--version", "--version=x", "-vh")}
		}
	case 10:
		if g.sometimes(3) {
			return []string{g.mangle(g.oneOf("-c", "-vw", "--rewrite", "--verbose", "--single-child=1", "--"))}
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
		pairs = append(pairs, g.mangle(g.signal()+":"+g.oneOf("none", "None", "0", g.signal(), g.signal())))
	}
	return strings.Join(pairs, ",")
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
		switch g.IntN(8) {
		case 0:
			env = append(env, g.oneOf("PATH=", "LISTEN_PID=", "PATH", "LISTEN_PIDS=", "PA=", "")+g.oneOf("/bin:/usr/bin", "77", ""))
		case 1:
			env = append(env, g.oneOf("HOME=/", "U", "UTIL_INIT_", "UTIL_INIT_=1", "UTIL_INIT_REWRITES=1", "UTIL_INIT_VERSION=1", "P=L"))
		case 2:
			env = append(env, "UTIL_INIT_"+g.oneOf("SINGLE_CHILD=", "WARN_REAPED=")+g.mangle(g.oneOf("1", "no", "TRUE", "")))
		case 3:
			env = append(env, "UTIL_INIT_VERBOSE="+g.mangle(g.oneOf("", "0", "1", "7")))
		case 4:
			env = append(env, "UTIL_INIT_REWRITE="+g.rewrites())
		case 5:
			env = append(env, "UTIL_INIT_PARENT_DEATH="+g.signal())
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
