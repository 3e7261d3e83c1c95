package cli

import (
	"slices"
	"strings"

	"util/internal/sig"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Completion is what a word of a command line can become: one of Words, or something that the shell
// itself must look up.
type Completion struct {
	Words []string // each may have a description after a tab
	Kind  Kind
}

// Kind is what completes a word.
type Kind string

// The kinds of completions, as the completion scripts read them.
const (
	Words    Kind = "words" // only the words of the Completion
	Files    Kind = "files"
	Commands Kind = "commands"
)

// Completer returns what word can become. args are the arguments before it, without the options. A
// "--" is among them if options and arguments can be mixed.
type Completer func(cmd *cobra.Command, args []string, word string) Completion

// Completions tells how the command line of an applet is completed. Its options are those of its
// flags.
type Completions struct {
	Values       map[string]Completer // by the long name of the option; others have no completion
	Args         Completer
	Interspersed bool // options and arguments can be mixed
}

// Complete completes word, which comes after words on the command line of cmd. It marks the options
// that it finds as changed in the flags of cmd.
func (c Completions) Complete(cmd *cobra.Command, words []string, word string) Completion {
	var args []string
	var valueOf *pflag.Flag
	options := true
	for _, w := range words {
		switch {
		case valueOf != nil:
			valueOf = nil
		case options && w == "--":
			options = false
			if c.Interspersed {
				args = append(args, w)
			}
		case options && len(w) > 1 && w[0] == '-':
			f, value := lastOption(cmd.Flags(), w)
			if f == nil {
				args = append(args, w) // such as -TERM
				continue
			}
			f.Changed = true
			if value {
				valueOf = f
			}
		default:
			args = append(args, w)
			options = options && c.Interspersed
		}
	}
	name, value, inside := strings.Cut(word, "=")
	switch {
	case valueOf != nil:
		return c.value(cmd, valueOf.Name, "", word)
	case options && inside && strings.HasPrefix(name, "--"):
		return c.value(cmd, name[2:], name+"=", value)
	case options && strings.HasPrefix(word, "-"):
		return optionWords(cmd.Flags(), word)
	case c.Args == nil:
		return Completion{Kind: Files}
	}
	return c.Args(cmd, args, word)
}

// value completes the value of an option. Each completion begins with before.
func (c Completions) value(cmd *cobra.Command, name, before, value string) Completion {
	completer := c.Values[name]
	if completer == nil {
		return Completion{Kind: Words}
	}
	return prefixed(before, completer(cmd, nil, value))
}

// lastOption returns the last option of a word, or nil if the word has none, and whether the next
// word is the value of that option.
func lastOption(flags *pflag.FlagSet, word string) (f *pflag.Flag, value bool) {
	if long, ok := strings.CutPrefix(word, "--"); ok {
		long, _, inside := strings.Cut(long, "=")
		f = flags.Lookup(long)
		return f, f != nil && f.NoOptDefVal == "" && !inside
	}
	for i := 1; i < len(word); i++ {
		f = flags.ShorthandLookup(word[i : i+1])
		if f == nil {
			return nil, false
		}
		if f.NoOptDefVal == "" { // the value is the rest of the word, if there is one
			return f, i+1 == len(word)
		}
	}
	return f, false
}

// optionWords returns the options that begin with a word.
func optionWords(flags *pflag.FlagSet, word string) Completion {
	var all []string
	flags.VisitAll(func(f *pflag.Flag) {
		_, usage := pflag.UnquoteUsage(f)
		all = append(all, "--"+f.Name+"\t"+usage)
	})
	return OneOf(all...)(nil, nil, word)
}

// OneOf completes to one of these words.
func OneOf(words ...string) Completer {
	return func(_ *cobra.Command, _ []string, word string) Completion {
		differs := func(w string) bool { return !strings.HasPrefix(w, word) }
		return Completion{slices.DeleteFunc(slices.Clone(words), differs), Words}
	}
}

// AFile completes to a file.
func AFile(*cobra.Command, []string, string) Completion { return Completion{Kind: Files} }

// ACommand completes a command and its arguments. args are the words of the command so far.
func ACommand(_ *cobra.Command, args []string, _ string) Completion {
	if len(args) == 0 {
		return Completion{Kind: Commands}
	}
	return Completion{Kind: Files}
}

// ASignal completes to the name of a signal, in the spelling in which word begins: upper or lower
// case, with or without SIG.
func ASignal(_ *cobra.Command, _ []string, word string) Completion {
	return OneOf(signalsLike(word)...)(nil, nil, word)
}

// signalsLike returns the names of all signals, in the spelling in which word begins.
func signalsLike(word string) (all []string) {
	upper := strings.ToUpper(word)
	small := word == strings.ToLower(word) && word != upper
	before := ""
	if upper == "SI" || strings.HasPrefix(upper, "SIG") {
		before = "SIG"
	}
	for _, name := range sig.Names() {
		if name[0] >= '0' && name[0] <= '9' { // 32 and 33 have no names
			continue
		}
		name = before + name
		if small {
			name = strings.ToLower(name)
		}
		all = append(all, name)
	}
	return all
}

// Pair completes FROM and TO with a separator between them, such as FROM:TO. With a nil to, nothing
// completes TO.
func Pair(separator string, from, to Completer) Completer {
	return func(cmd *cobra.Command, args []string, word string) Completion {
		first, second, both := strings.Cut(word, separator)
		if both && to == nil {
			return Completion{Kind: Words}
		}
		if both {
			return prefixed(first+separator, to(cmd, args, second))
		}
		c := from(cmd, args, word)
		for i := range c.Words {
			c.Words[i] += separator
		}
		return c
	}
}

// List completes the last item of a list with commas.
func List(one Completer) Completer {
	return func(cmd *cobra.Command, args []string, word string) Completion {
		at := strings.LastIndexByte(word, ',') + 1
		return prefixed(word[:at], one(cmd, args, word[at:]))
	}
}

func prefixed(before string, c Completion) Completion {
	for i := range c.Words {
		c.Words[i] = before + c.Words[i]
	}
	return c
}
