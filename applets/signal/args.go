package sendsig

import (
	"errors"
	"fmt"
	"math"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"util/internal/cli"
	"util/internal/sig"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

// line is a command line, split into what each word is.
type line struct {
	flags  []string // for the flag parser
	signal string   // of -SIGNAL
	words  []string // all others
}

// split takes kill's forms out of a command line, which no flag parser knows: -SIGNAL and, once there is a signal or
// a "--", the process group -PGID.
func split(f *pflag.FlagSet, args []string) (l line, err error) {
	signal := false // there is one
	for i := 0; i < len(args); i++ {
		word := args[i]
		switch {
		case word == "--":
			l.words = append(l.words, args[i+1:]...)
			return l, nil
		case strings.HasPrefix(word, "--"), isCluster(f, word):
			l.flags = append(l.flags, word)
			name, value := valued(f, word)
			signal = signal || name == "signal"
			if value && i+1 < len(args) {
				i++
				l.flags = append(l.flags, args[i])
			}
		case len(word) < 2 || word[0] != '-', signal && isDigit(word[1]):
			l.words = append(l.words, word)
			signal = true
		case signal:
			return l, cli.Usagef("option %q: unknown", word)
		default:
			l.signal = word[1:]
			signal = true
		}
	}
	return l, nil
}

// isCluster reports whether word is a group of short options. A signal such as -segv is none, though there is a -s.
func isCluster(f *pflag.FlagSet, word string) bool {
	if len(word) < 2 || word[0] != '-' || f.ShorthandLookup(word[1:2]) == nil {
		return false
	}
	_, signal := sig.Parse(word[1:])
	return !signal
}

// valued returns the last option of a word and whether its value is the next word.
func valued(f *pflag.FlagSet, word string) (name string, next bool) {
	if long, ok := strings.CutPrefix(word, "--"); ok {
		long, _, inside := strings.Cut(long, "=")
		flag := f.Lookup(long)
		return long, flag != nil && flag.NoOptDefVal == "" && !inside
	}
	for i := 1; i < len(word); i++ {
		flag := f.ShorthandLookup(word[i : i+1])
		switch {
		case flag == nil:
			return "", false
		case flag.NoOptDefVal == "": // the rest of the word is its value
			return flag.Name, i+1 == len(word)
		}
		name = flag.Name
	}
	return name, false
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

// take completes the options with the words of the command line and checks that they make sense together.
func (o *Options) take(l line, signal string) (err error) {
	words := l.words
	switch {
	case signal != "" && l.signal != "":
		return cli.Usagef("signal %q: there is -s %s as well", l.signal, signal)
	case l.signal != "":
		signal = l.signal
	case signal == "" && len(words) > 0:
		signal, words = words[0], words[1:]
	case signal == "":
		return cli.Usagef("signal: missing: the signal comes first, then the targets")
	}
	if o.Signal, err = parseSignal(signal); err != nil {
		return cli.Usagef("signal %q: %w", signal, err)
	}
	for _, word := range words {
		if err := o.addTarget(word); err != nil {
			if _, duration := cli.ParseDuration(word); o.Wait && duration == nil {
				err = fmt.Errorf("%w (the time of --wait is given as --wait=%s)", err, word)
			}
			return cli.Usagef("target %q: %w", word, err)
		}
	}
	if o.Signal == 0 && o.IfHandled {
		return cli.Usagef("option --if-handled: not together with signal 0, which is sent to nobody")
	}
	if len(o.targets()) == 0 && len(o.selectors()) == 0 {
		return cli.Usagef("target: missing: name a process, or select some (--name, --tree, …)")
	}
	return nil
}

// targets returns the words for the kinds of targets that are given.
func (o *Options) targets() (kinds []string) {
	if len(o.PIDs) > 0 {
		kinds = append(kinds, "PID")
	}
	if len(o.Groups) > 0 {
		kinds = append(kinds, "--group")
	}
	if len(o.Sessions) > 0 {
		kinds = append(kinds, "--session")
	}
	if o.All {
		kinds = append(kinds, "--all")
	}
	return kinds
}

// selectors returns the names of the selectors that are given.
func (o *Options) selectors() (names []string) {
	for _, s := range []struct {
		name  string
		given bool
	}{
		{"--name", o.Name != ""},
		{"--exe", o.Exe != ""},
		{"--cmdline", o.Cmdline != nil},
		{"--parent", o.Parent != 0},
		{"--tree", o.Tree != 0},
		{"--user", o.User != nil},
		{"--ns", o.NS != 0},
		{"--pidfile", o.Pidfile != ""},
	} {
		if s.given {
			names = append(names, s.name)
		}
	}
	return names
}

// addTarget reads PID, PID:INODE or -PGID.
func (o *Options) addTarget(word string) error {
	if group, ok := strings.CutPrefix(word, "-"); ok {
		if strings.TrimLeft(group, "0") == "1" {
			return errors.New("would be every process: say --all (or --group 1 for process group 1)")
		}
		id, err := parseID(group)
		if err == nil {
			o.Groups = append(o.Groups, id)
		}
		return err
	}
	t, err := parseTarget(word)
	if err == nil {
		o.PIDs = append(o.PIDs, t)
	}
	return err
}

func parseTarget(word string) (t Target, err error) {
	pid, inode, both := strings.Cut(word, ":")
	if t.PID, err = parseID(pid); err != nil {
		return t, err
	}
	if both {
		if t.Inode, err = strconv.ParseUint(inode, 10, 64); err != nil || t.Inode == 0 {
			return t, errors.New("is not of the form PID:INODE")
		}
	}
	return t, nil
}

var errTwice = errors.New("is given twice")

// parseID reads the number of a process, process group or session.
func parseID(text string) (int, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	switch {
	case text == "-1":
		return 0, errors.New("would be every process: say --all")
	case err != nil, !isDigit(text[0]): // no sign
		return 0, errors.New("is no number of a process or process group")
	case n == 0:
		if own := unix.Getpgrp(); own != 0 { // 0: its leader is outside this PID namespace
			return 0, fmt.Errorf("would be the process group of sendsig itself: say --group %d", own)
		}
		return 0, errors.New("would be the process group of sendsig itself: name its members")
	}
	return int(n), nil
}

// parseSignal is sig.Parse with words for what it does not know. 0 is no signal: kill(2) only finds out whether it could send one.
func parseSignal(text string) (sig.Signal, error) {
	if s, ok := sig.Parse(text); ok {
		return s, nil
	}
	if text != "" && strings.Trim(text, "0") == "" {
		return 0, nil
	}
	if text != "" && isDigit(text[0]) {
		return 0, errors.New("unknown: the signal comes first (1 to 64, or a name), then the targets")
	}
	return 0, errors.New("unknown" + cli.DidYouMean(text, sig.Names()))
}

func parseStage(text string) (Stage, error) {
	name, after, ok := strings.Cut(text, "@")
	if !ok {
		return Stage{}, errors.New("is not of the form SIG@DURATION")
	}
	s, err := parseSignal(name)
	if err != nil {
		return Stage{}, fmt.Errorf("signal %q: %w", name, err)
	}
	if s == 0 {
		return Stage{}, fmt.Errorf("signal %q: is none that could be sent", name)
	}
	d, err := cli.ParseDuration(after)
	if err != nil {
		return Stage{}, fmt.Errorf("%q %w", after, err)
	}
	return Stage{s, d}, nil
}

// parseValue reads what --queue sends: an int, as sigqueue(3) has it.
func parseValue(text string) (*int32, error) {
	n, err := strconv.ParseInt(text, 0, 32)
	if err != nil {
		return nil, fmt.Errorf("is no number from %d to %d", math.MinInt32, math.MaxInt32)
	}
	value := int32(n)
	return &value, nil
}

func parseRegexp(text string) (*pattern, error) {
	if text == "" {
		return nil, notEmpty(text) // it would match every process
	}
	p := &pattern{bytes: !utf8.ValidString(text)}
	// Arguments may hold line feeds, which are nothing special to ".".
	re, err := regexp.Compile("(?s)" + p.widen(text))
	if err != nil {
		return nil, fmt.Errorf("is no regular expression: %w", err)
	}
	p.re = re
	return p, nil
}

// pattern is the regular expression of --cmdline.
type pattern struct {
	re    *regexp.Regexp
	bytes bool // it is not UTF-8
}

func (p *pattern) matches(text string) bool { return p.re.MatchString(p.widen(text)) }

// widen makes every byte of text the character with its number where the expression is not UTF-8, as package regexp knows nothing
// else.
func (p *pattern) widen(text string) string {
	if !p.bytes {
		return text
	}
	wide := make([]rune, len(text))
	for i := range wide {
		wide[i] = rune(text[i])
	}
	return string(wide)
}

// parseUser reads a user's number, or a name of /etc/passwd.
func parseUser(text string) (*uint32, error) {
	if n, err := strconv.ParseUint(text, 10, 32); err == nil {
		uid := uint32(n)
		return &uid, nil
	}
	u, err := user.Lookup(text)
	if err != nil {
		return nil, errors.New("no such user in /etc/passwd (a number works without it)")
	}
	return parseUser(u.Uid)
}

func notEmpty(text string) error {
	if text == "" {
		return errors.New("is empty")
	}
	return nil
}

func absolute(text string) error {
	if !filepath.IsAbs(text) {
		return errors.New("is no absolute path")
	}
	return nil
}

// Completions of the command line of sendsig: the signal comes first, unless an option has it.
var Completions = cli.Completions{
	Values: map[string]cli.Completer{
		"signal":  cli.ASignal,
		"then":    cli.Pair("@", cli.ASignal, nil),
		"exe":     cli.AFile,
		"pidfile": cli.AFile,
	},
	Args: func(c *cobra.Command, args []string, word string) cli.Completion {
		if c.Flags().Changed("list") || len(args) == 0 && !c.Flags().Changed("signal") {
			return cli.ASignal(c, args, word)
		}
		return cli.Completion{Kind: cli.Words}
	},
	Interspersed: true,
}
