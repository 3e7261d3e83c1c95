// Package cli holds what the command lines of all applets share: errors with an exit status, the
// layout of the help, suggestions for misspelt names, completion. It knows nothing of what an
// applet does, and nothing in it runs before the Go runtime.
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

// Exit is an error that ends the program with Status. Err is printed on stderr, unless it is nil.
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

// Usagef returns an error about the command line, with status 2. By convention its text is
// `what: "value": why`.
func Usagef(format string, args ...any) error {
	return &Exit{proc.ExitUsage, fmt.Errorf(format, args...)}
}

// Setup makes a command behave as all applets do: errors are returned and not printed, options end
// at the first argument, and help and errors have the form of this project.
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

// ErrVersion is what a command returns for --version. The caller of the command prints the version.
var ErrVersion = errors.New("the version was asked for")

// AddStandardFlags adds the options that every applet has, after its own. They are handled before
// RunE, except in a command that parses its flags itself: it must call [Answer].
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

// Answer prints the help, or returns ErrVersion, if the parsed flags ask for it.
func Answer(c *cobra.Command) (answered bool, err error) {
	if help, _ := c.Flags().GetBool("help"); help {
		return true, c.Help()
	}
	if version, _ := c.Flags().GetBool("version"); version {
		return true, ErrVersion
	}
	return false, nil
}

// flagError turns an error of pflag into one in the form of this project.
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
	case errors.As(err, &invalid):
		flag, why := invalid.GetFlag(), invalid.Unwrap()
		if flag.Value.Type() == "bool" {
			why = errors.New("is neither true nor false")
		}
		value := invalid.GetValue()
		if secret, ok := flag.Value.(interface{ Redact(value string) string }); ok {
			value = secret.Redact(value)
		}
		return Usagef("%s: %q: %w", flagName(flag), value, why)
	}
	return &Exit{proc.ExitUsage, err}
}

// options returns the long options of a command.
func options(c *cobra.Command) (all []string) {
	c.Flags().VisitAll(func(f *pflag.Flag) { all = append(all, "--"+f.Name) })
	return all
}

func flagName(f *pflag.Flag) string { return "--" + f.Name }

// helpWidth is how many columns of a terminal the list of options takes at most.
const helpWidth = 80

// Options returns the list of a command's options, for its help.
func Options(c *cobra.Command) string { return c.Flags().FlagUsagesWrapped(helpWidth) }

// Synopsis returns the lines that say how to call an applet.
func Synopsis(c *cobra.Command) []string {
	lines := strings.Split(c.Use, "\n")
	for i := range lines {
		lines[i] = "util " + lines[i]
	}
	return lines
}

// Help writes the help of a command: how to call it, what it does, its options, its examples.
func Help(w io.Writer, c *cobra.Command) {
	fmt.Fprintf(w, "Usage: %s\n", strings.Join(Synopsis(c), "\n       "))
	text := c.Long
	if text == "" {
		text = c.Short
	}
	fmt.Fprintf(w, "\n%s\n", strings.TrimSpace(text))
	if options := Options(c); options != "" {
		fmt.Fprintf(w, "\nOptions:\n%s", options)
	}
	if c.Example != "" {
		fmt.Fprintf(w, "\nExamples:\n%s\n", strings.Trim(c.Example, "\n"))
	}
}
