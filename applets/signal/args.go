package sendsig

import (
	"errors"
	"fmt"
	"strings"

	"util/internal/ascii"
	"util/internal/cli"
	"util/internal/sig"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// line is a command line, split by the kind of its words.
type line struct {
	flags  []string // for the flag parser
	signal string   // of -SIGNAL
	words  []string // all others

	// afterWait is the one of the words that follows --wait without a value. A number there can be a
	// target, or a time limit that lacks the "=".
	afterWait string
}

// split separates the forms of kill(1), which a flag parser does not know, from the rest of a
// command line. These are -SIGNAL and, after a signal or "--", the process group -PGID.
func split(f *pflag.FlagSet, args []string) (l line, err error) {
	signal := false // a signal or target has been seen
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
		case len(word) < 2 || word[0] != '-', signal && ascii.IsDigit(word[1]):
			l.words = append(l.words, word)
			signal = true
			if i > 0 && args[i-1] == "--wait" {
				l.afterWait = word
			}
		case signal:
			return l, cli.Usagef("option %q: unknown", word)
		default:
			l.signal = word[1:]
			signal = true
		}
	}
	return l, nil
}

// isCluster reports whether word is a group of short options. A signal such as -segv is not,
// although there is an option -s.
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

// take sets the signal and the targets from the words of the command line. It checks that the
// options can be combined.
func (o *Options) take(l line, signal string) error {
	words, err := o.takeSignal(l, signal)
	if err != nil {
		return err
	}
	others := len(words) > 1 || len(o.targets()) > 0 || len(o.selectors()) > 0
	for _, word := range words {
		err := o.addTarget(word)
		if err == nil && word == l.afterWait && others {
			err = errors.New("follows --wait, beside other targets or selectors: put it before --wait")
		}
		if err != nil {
			return cli.Usagef("target %q: %w%s", word, err, l.waitHint(word))
		}
	}
	if o.Signal == 0 && o.IfHandled {
		return cli.Usagef("option --if-handled: cannot be combined with signal 0, " +
			"which no process receives")
	}
	if len(o.targets()) == 0 && len(o.selectors()) == 0 {
		return cli.Usagef("target: missing: give a PID or a selector (--name, --tree, …)")
	}
	return nil
}

// waitHint is what to do about a wrong word if it may be meant as the time limit of --wait, or "".
func (l line) waitHint(word string) string {
	if _, err := cli.ParseDuration(word); word != l.afterWait || err != nil {
		return ""
	}
	return fmt.Sprintf(" (the time limit of --wait is written --wait=%s)", word)
}

// takeSignal sets the signal, which is option (the value of -s), or -SIGNAL, or the first word. The
// remaining words are the targets.
func (o *Options) takeSignal(l line, option string) (targets []string, err error) {
	text, targets := option, l.words
	switch {
	case option != "" && l.signal != "":
		return nil, cli.Usagef("signal %q: conflicts with -s %s", l.signal, option)
	case l.signal != "":
		text = l.signal
	case option == "" && len(targets) > 0:
		text, targets = targets[0], targets[1:]
	case option == "":
		return nil, cli.Usagef("signal: missing: the signal comes first, then the targets")
	}
	if o.Signal, err = parseSignal(text); err != nil {
		return nil, cli.Usagef("signal %q: %w%s", text, err, l.waitHint(text))
	}
	return targets, nil
}

// targets returns the kinds of targets that are given.
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
			return errors.New("means every process: use --all (or --group 1 for process group 1)")
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

// Completions completes the command line of sendsig. The first word is the signal, unless an option
// gives it.
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
