package compat

import (
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"util/applets/init/options"
	"util/applets/init/report"
	"util/applets/init/supervise"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
	"util/internal/test"

	"golang.org/x/sys/unix"
)

// The tests of this file compare how the command lines of the other inits are read with a second
// parser, which was written from their manuals and that of getopt_long(3).

// syntax is what an init gives getopt: its letters, of which some take a value, and its long
// options with the letters that they stand for.
type syntax struct {
	name    string
	table   []options.Option
	mode    options.Mode
	letters string
	valued  string
	long    []struct {
		name   string
		letter byte
	}
}

var syntaxes = []syntax{
	{
		name: "dumb-init", table: dumbInitTable[:], mode: options.Abbreviate,
		letters: "hvVcr", valued: "r",
		long: []struct {
			name   string
			letter byte
		}{
			{"help", 'h'},
			{"single-child", 'c'},
			{"rewrite", 'r'},
			{"verbose", 'v'},
			{"version", 'V'},
		},
	},
	{
		name: "tini", table: tiniTable[:], mode: options.Permute | options.ShortOnly,
		letters: "hvwglpse", valued: "pe",
	},
	{
		name: "catatonit", table: catatonitTable[:], mode: options.Permute | options.Abbreviate,
		letters: "ghLPV",
		long: []struct {
			name   string
			letter byte
		}{{"version", 'V'}},
	},
}

// given is an option of a command line.
type given struct {
	letter byte
	value  string
}

// read is what getopt makes of a command line: the options, whether the next one is wrong, and the
// other arguments.
type read struct {
	options []given
	wrong   bool
	rest    []string
}

// referenceGetopt is a second implementation of options.Getopt.
func (x *syntax) referenceGetopt(args []string, permute bool) (r read) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			r.rest = append(r.rest, args...)
			return r
		case len(arg) < 2 || arg[0] != '-':
			r.rest = append(r.rest, arg)
			if !permute {
				r.rest = append(r.rest, args...)
				return r
			}
		case arg[1] == '-' && x.mode&options.ShortOnly == 0:
			name, value, hasValue := strings.Cut(arg[2:], "=")
			letter := x.letterOf(name)
			takes := letter != 0 && strings.IndexByte(x.valued, letter) >= 0
			if letter == 0 || hasValue && !takes || !hasValue && takes && len(args) == 0 {
				r.wrong = true
				return r
			}
			if takes && !hasValue {
				value, args = args[0], args[1:]
			}
			r.options = append(r.options, given{letter, value})
		default:
			for i := 1; i < len(arg); i++ {
				o := given{letter: arg[i]}
				if strings.IndexByte(x.letters, o.letter) < 0 {
					r.wrong = true
					return r
				}
				if strings.IndexByte(x.valued, o.letter) >= 0 {
					o.value = arg[i+1:]
					i = len(arg)
					if o.value == "" {
						if len(args) == 0 {
							r.wrong = true
							return r
						}
						o.value, args = args[0], args[1:]
					}
				}
				r.options = append(r.options, o)
			}
		}
	}
	return r
}

// letterOf returns the letter of a long option, which may be abbreviated; 0 if there is none, or if
// there are several.
func (x *syntax) letterOf(name string) (letter byte) {
	for _, l := range x.long {
		switch {
		case l.name == name:
			return l.letter
		case strings.HasPrefix(l.name, name) && letter == 0:
			letter = l.letter
		case strings.HasPrefix(l.name, name):
			return 0
		}
	}
	return letter
}

// FuzzGetopt gets command lines with NUL bytes between the arguments.
func FuzzGetopt(f *testing.F) {
	for _, line := range seeds {
		f.Add(strings.ReplaceAll(line.args, " ", "\x00"), true)
	}
	f.Fuzz(func(t *testing.T, line string, permute bool) {
		for _, x := range syntaxes {
			args := separated(line)
			mode := x.mode
			if !permute {
				mode &^= options.Permute
			}
			g := options.Getopt{Argv: test.CStrings(args), Table: x.table, Mode: mode}
			var got read
			for {
				var p options.Problem
				opt, value := g.Next(&p)
				if p.Reason != options.None {
					got.wrong = true
					break
				}
				if opt == nil {
					for _, arg := range g.Argv[g.First:] {
						got.rest = append(got.rest, sys.String(arg))
					}
					break
				}
				letter := opt.Short
				got.options = append(got.options, given{letter, value})
			}
			want := x.referenceGetopt(args, mode&options.Permute != 0)
			if want.wrong {
				want.rest = nil
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s %q:\n got %+v\nwant %+v", x.name, args, got, want)
			}
		}
	})
}

// personality is what a command line and an environment ask of one of the inits.
type personality struct {
	o                          options.Options
	silent, debugVar, groupVar bool
	command                    []string
}

// FuzzRead compares the command lines that run a command. All others would end the process: what is
// wrong with them is in FuzzGetopt and FuzzValues, and in the comparison with the originals.
func FuzzRead(f *testing.F) {
	for _, s := range seeds {
		f.Add(strings.ReplaceAll(s.args, " ", "\x00"), strings.ReplaceAll(s.env, " ", "\x00"))
	}
	f.Fuzz(func(t *testing.T, line, environment string) {
		args, env := separated(line), separated(environment)
		for as, reference := range map[options.Init]func(args, env []string) (personality, bool){
			options.DumbInit:  referenceDumbInit,
			options.Tini:      referenceTini,
			options.Catatonit: referenceCatatonit,
		} {
			want, runs := reference(args, env)
			if !runs {
				continue
			}
			got := personality{o: options.Options{As: as}}
			s := supervise.Supervisor{Settings: &got.o.Settings}
			p := Personality{Rep: &report.Reporter{Options: &got.o, Facts: &s}}
			argv := test.CStrings(args)
			p.Read("", argv, test.CStrings(env))
			for _, arg := range argv[got.o.Command:] {
				got.command = append(got.command, sys.String(arg))
			}
			got.silent, got.debugVar, got.groupVar = p.silent, p.debugVar, p.groupVar
			want.o.As, want.o.Command = as, got.o.Command
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s %q %q:\n got %+v\nwant %+v", name(as), env, args, got, want)
			}
		}
	})
}

// getenv is getenv(3).
func getenv(env []string, name string) (value string, set bool) {
	for _, entry := range env {
		if value, set := strings.CutPrefix(entry, name+"="); set {
			return value, true
		}
	}
	return "", false
}

func has(env []string, name string) bool {
	_, set := getenv(env, name)
	return set
}

var (
	integer = regexp.MustCompile(`^[ \t\n\v\f\r]*([+-]?[0-9]+)`)
	pair    = regexp.MustCompile(`^[ \t\n\v\f\r]*([+-]?[0-9]+):[ \t\n\v\f\r]*([+-]?[0-9]+)`)
)

// limited reads a number, or what it is limited to: that is more than any valid one.
func limited(digits string) int {
	n, _ := new(big.Int).SetString(digits, 10)
	if most := big.NewInt(1 << 30); n.CmpAbs(most) > 0 {
		return 1 << 30 * n.Sign()
	}
	return int(n.Int64())
}

// referenceInt is a second implementation of leadingInt.
func referenceInt(text string) (n int, rest string) {
	match := integer.FindStringSubmatch(text)
	if match == nil {
		return 0, text
	}
	return limited(match[1]), text[len(match[0]):]
}

func referenceRewrite(o *options.Options, value string) bool {
	match := pair.FindStringSubmatch(value)
	if match == nil {
		return false
	}
	from, to := limited(match[1]), limited(match[2])
	if from < 1 || from > 31 || to < 0 || to > 31 {
		return false
	}
	o.Rewrite[from] = supervise.Drop
	if to != 0 {
		o.Rewrite[from] = supervise.Rewriting(to)
	}
	return true
}

func referenceParentDeath(o *options.Options, value string) bool {
	switch value {
	case "SIGSTKFLT", "SIGIO", "SIGPOLL", "SIGPWR", "SIGCLD", "SIGIOT", "SIGUNUSED":
		return false
	}
	s := sig.Signal(unix.SignalNum(value))
	if s != 0 {
		o.ParentDeath = s
	}
	return s != 0
}

// FuzzValues gets values of options. What an original rejects is rejected.
func FuzzValues(f *testing.F) {
	for _, text := range []string{
		"15:3", "15,3", "15:", ":3", "+1:-0", " 1: 2x", "32:1", "1:32", "0:1", "4294967311:3", "15:3:4",
		"SIGTERM", "TERM", "sigterm", "SIGRTMIN", "SIGRTMIN+1", "SIGPOLL", "SIGPWR", "SIG15", "SIG", "",
		"\v3", "3 ", "0x3", "- 3", "99999999999999999999", "-99999999999999999999",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var got, want options.Options
		if ok := dumbInitRewrite(&got, text); ok != referenceRewrite(&want, text) || got != want {
			t.Errorf("-r %q: %v, %v, want %v", text, ok, got.Rewrite, want.Rewrite)
		}
		if ok := tiniParentDeath(&got, text); ok != referenceParentDeath(&want, text) || got != want {
			t.Errorf("-p %q: %v, %v, want %v", text, ok, got.ParentDeath, want.ParentDeath)
		}
		n, rest := leadingInt(text)
		wantN, wantRest := referenceInt(text)
		const most = 1 << 30
		if min(max(n, -most), most) != wantN || rest != wantRest {
			t.Errorf("%q: %d, %q, want %d, %q", text, n, rest, wantN, wantRest)
		}
	})
}

func referenceDumbInit(args, env []string) (p personality, runs bool) {
	debug, _ := getenv(env, "DUMB_INIT_DEBUG")
	setsid, _ := getenv(env, "DUMB_INIT_SETSID")
	p.debugVar, p.groupVar = debug == "1", setsid == "0"
	verbose, single := p.debugVar, p.groupVar
	line := syntaxes[0].referenceGetopt(args, false)
	if line.wrong || len(line.rest) == 0 {
		return p, false
	}
	for _, o := range line.options {
		switch o.letter {
		case 'h', 'V':
			return p, false
		case 'v':
			verbose = true
		case 'c':
			single = true
		case 'r':
			if !referenceRewrite(&p.o, o.value) {
				return p, false
			}
		}
	}
	if verbose {
		p.o.Verbose = 2
	}
	p.o.Placement = supervise.NewSession
	if single {
		p.o.Single, p.o.NoSweep, p.o.Placement = true, true, supervise.SharedGroup
	}
	p.o.NoSubreaper, p.o.NoContinue, p.o.RewriteSweep, p.o.DropCHLD = true, true, true, true
	p.o.OnTSTP, p.o.OnTTIN = supervise.StopAlways, supervise.StopAlways
	p.command = line.rest
	return p, true
}

func referenceTini(args, env []string) (p personality, runs bool) {
	line := syntaxes[1].referenceGetopt(args, !has(env, "POSIXLY_CORRECT"))
	if line.wrong || len(line.rest) == 0 || slices.Equal(args, []string{"--version"}) {
		return p, false
	}
	level := 1
	reaper, group := has(env, "TINI_SUBREAPER"), has(env, "TINI_KILL_PROCESS_GROUP")
	for _, o := range line.options {
		switch o.letter {
		case 'h', 'l':
			return p, false
		case 'v':
			level++
		case 'w':
			p.o.WarnReaped = true
		case 's':
			reaper = true
		case 'g':
			group = true
		case 'p':
			if !referenceParentDeath(&p.o, o.value) {
				return p, false
			}
		case 'e':
			n, rest := referenceInt(o.value)
			if rest != "" || n < 0 || n > 255 {
				return p, false
			}
			p.o.Exit.Map(uint8(n), proc.ExitOK)
		}
	}
	if value, set := getenv(env, "TINI_VERBOSITY"); set {
		if level, _ = referenceInt(value); level < 0 {
			level = 4
		}
	}
	p.silent = level == 0
	p.o.Verbose = uint8(max(0, min(level, 4)-1))
	p.o.Single, p.o.NoSubreaper = !group, !reaper
	p.o.Placement, p.o.NoSweep, p.o.DropCHLD = supervise.OwnGroup, true, true
	p.o.OnTSTP, p.o.OnTTIN = supervise.Pass, supervise.Discard
	p.command = line.rest
	return p, true
}

func referenceCatatonit(args, env []string) (p personality, runs bool) {
	line := syntaxes[2].referenceGetopt(args, !has(env, "POSIXLY_CORRECT"))
	p.o.Single = true
	for _, o := range line.options {
		switch o.letter {
		case 'h', 'L', 'V':
			return p, false
		case 'g':
			p.o.Single = false
		case 'P':
			p.o.Pause = true
		}
	}
	if line.wrong || len(line.rest) == 0 && !p.o.Pause {
		return p, false
	}
	if has(env, "CATATONIT_DEBUG") {
		p.o.Verbose = 1
	}
	p.o.Placement, p.o.NoSweep, p.o.DropCHLD = supervise.OwnGroup, true, true
	p.o.OnTSTP, p.o.OnTTIN = supervise.Discard, supervise.Discard
	p.command = line.rest
	return p, true
}

// separated splits a text at its NUL bytes. An empty text has no parts.
func separated(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\x00")
}

// seeds are command lines and environments. Spaces separate the entries of both.
var seeds = []struct{ args, env string }{
	{"true", ""},
	{"-c -v true -v", "DUMB_INIT_DEBUG=1"},
	{"-r 15:3 --rewrite=1:0 --rew +2:+5x true", "DUMB_INIT_SETSID=0"},
	{"-r15:32 -r 4294967311:3 true", "DUMB_INIT_DEBUG=0 DUMB_INIT_DEBUG=1"},
	{"--verb --single-child -- true", "DUMB_INIT_SETSID=1 DUMB_INIT_SETSID=0"},
	{"-r 15,3 true", ""},
	{"-r 15:+ true", ""},
	{"--ver true", ""},
	{"--help=3 --v true", ""},
	{"true -s -- -g", "TINI_VERBOSITY=3 TINI_VERBOSITY=0"},
	{"-sgwvvv -e 143 -e3 -pSIGHUP true -g", "TINI_SUBREAPER= TINI_KILL_PROCESS_GROUP=1"},
	{"-p SIGIO -e 256 true", "TINI_VERBOSITY=-1"},
	{"-e -1 -e  -e 1x true", "TINI_VERBOSITY= +2x"},
	{"true -s", "POSIXLY_CORRECT= TINI_VERBOSITY=x"},
	{"-p SIGRTMIN+1 true", ""},
	{"-p sigterm true", ""},
	{"--version", ""},
	{"-P", "CATATONIT_DEBUG="},
	{"-gP true -g", "POSIXLY_CORRECT=1 CATATONIT_DEBUG"},
	{"--vers", ""},
	{"--= -=x - --", ""},
	{"a -- -g b", ""},
}
