// Package cli holds what the command lines of all applets have in common: how an error carries the exit status, what
// help looks like, and which name was probably meant. What an applet does is not its business, nor is anything that
// runs before the Go runtime.
package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"util/internal/proc"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Exit is an error that ends the program with Status. Err is said on stderr; nil says nothing.
type Exit struct {
	Status int
	Err    error
}

func (e *Exit) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

func (e *Exit) Unwrap() error { return e.Err }

// Usagef is an error about the command line, for status 2. By rule it reads `what: "value": why`.
func Usagef(format string, args ...any) error {
	return &Exit{proc.ExitUsage, fmt.Errorf(format, args...)}
}

// Setup gives a command the manners of this project: errors are returned rather than printed, flags end at the first
// argument, and help and flag errors have our form.
func Setup(cmd *cobra.Command) *cobra.Command {
	cmd.SilenceErrors = true
	cmd.SilenceUsage = true
	cmd.DisableFlagsInUseLine = true
	cmd.CompletionOptions.DisableDefaultCmd = true
	cmd.Flags().SortFlags = false
	cmd.Flags().SetInterspersed(false)
	cmd.SetFlagErrorFunc(flagError)
	cmd.SetHelpFunc(func(c *cobra.Command, _ []string) { Help(c.OutOrStdout(), c) })
	return cmd
}

// ErrVersion is returned by the command of an applet that was asked for the version. Who executes the command shows it.
var ErrVersion = errors.New("the version was asked for")

// AddStandardFlags adds the options that every applet has, behind its own. They are seen to before RunE, unless the
// command parses its flags itself: then it calls [Answer].
func AddStandardFlags(cmd *cobra.Command) {
	cmd.Flags().BoolP("help", "h", false, "show this help")
	cmd.Flags().Bool("version", false, "show the version")
	if !cmd.DisableFlagParsing {
		cmd.PreRunE = func(c *cobra.Command, _ []string) error {
			_, err := Answer(c)
			return err
		}
	}
}

// Answer shows the help, or returns ErrVersion, if the flags that were parsed ask for it.
func Answer(c *cobra.Command) (answered bool, err error) {
	if help, _ := c.Flags().GetBool("help"); help {
		return true, c.Help()
	}
	if version, _ := c.Flags().GetBool("version"); version {
		return true, ErrVersion
	}
	return false, nil
}

// flagError puts pflag's errors into words of our form.
func flagError(c *cobra.Command, err error) error {
	var (
		unknown  *pflag.NotExistError
		required *pflag.ValueRequiredError
		invalid  *pflag.InvalidValueError
	)
	switch {
	case errors.As(err, &unknown):
		name := unknown.GetSpecifiedName()
		if len(name) > 1 {
			return Usagef("option %q: unknown%s", "--"+name, DidYouMean("--"+name, options(c)))
		}
		return Usagef("option %q: unknown", "-"+name)
	case errors.As(err, &required):
		return Usagef("option %q: needs a value", flagName(required.GetFlag()))
	case errors.As(err, &invalid) && invalid.GetFlag().Value.Type() == "bool":
		return Usagef("%s: %q: is neither true nor false", flagName(invalid.GetFlag()), invalid.GetValue())
	case errors.As(err, &invalid):
		return Usagef("%s: %q: %w", flagName(invalid.GetFlag()), invalid.GetValue(), invalid.Unwrap())
	}
	return &Exit{proc.ExitUsage, err}
}

// options returns the long options of a command.
func options(c *cobra.Command) (all []string) {
	c.Flags().VisitAll(func(f *pflag.Flag) { all = append(all, "--"+f.Name) })
	return all
}

func flagName(f *pflag.Flag) string { return "--" + f.Name }

// Help writes the help of a command: what it does, how to call it, its options, then its examples.
func Help(w io.Writer, c *cobra.Command) {
	fmt.Fprintf(w, "Usage: util %s\n", c.Use)
	text := c.Long
	if text == "" {
		text = c.Short
	}
	fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(text))
	if options := c.Flags().FlagUsagesWrapped(100); options != "" {
		fmt.Fprintf(w, "\nOptions:\n%s", options)
	}
	if c.Example != "" {
		fmt.Fprintf(w, "\nExamples:\n%s\n", strings.Trim(c.Example, "\n"))
	}
}

// Nearest returns the candidate that word was probably meant to be, or "" if none is near: at most a third of its
// letters, and at least one, may have to be changed, added, left out or exchanged with a neighbour.
func Nearest(word string, candidates []string) string {
	best, bestDistance := "", max(1, len(word)/3)+1
	for _, c := range candidates {
		if d := distance(strings.ToLower(word), strings.ToLower(c)); d < bestDistance {
			best, bestDistance = c, d
		}
	}
	return best
}

// DidYouMean returns " (did you mean X?)" for the nearest candidate, or "".
func DidYouMean(word string, candidates []string) string {
	if near := Nearest(word, candidates); near != "" {
		return " (did you mean " + near + "?)"
	}
	return ""
}

// distance counts the edits from a to b, an exchange of two neighbours being one (optimal string alignment).
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
