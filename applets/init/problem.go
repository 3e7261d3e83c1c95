package initcmd

import (
	"fmt"
	"strings"
	"time"

	"util/applets/init/pid1"
	"util/internal/cli"
	"util/internal/proc"
	"util/internal/sig"

	"github.com/spf13/pflag"
)

// usageError says what is wrong with a command line or a variable, in the way that the options ask for, as far as they were read.
func usageError(o *pid1.Options, p pid1.Problem) error {
	err := describe(o, p)
	if pid1.Fail(o, err.Error()) {
		return &cli.Exit{Status: proc.ExitUsage}
	}
	return err
}

// describe puts a problem into words.
func describe(o *pid1.Options, p pid1.Problem) error {
	name := p.Option
	if name == "" {
		name = "-" + string(rune(p.Short))
	}
	switch p.Reason {
	case pid1.NoCommand:
		return cli.Usagef("command: missing: init needs a command to run")
	case pid1.UnwantedCommand:
		return cli.Usagef("command %q: --pause runs none", p.Value)
	case pid1.UnknownOption:
		return cli.Usagef("option %q: unknown%s", name, cli.DidYouMean(name, optionNames()))
	case pid1.MissingValue:
		return cli.Usagef("option %q: needs a value", name)
	case pid1.DelayTooLong:
		return cli.Usagef("--stop-delay (UTIL_INIT_STOP_DELAY): %q: is not less than the grace period of %v: the command would be killed before it is asked to end",
			time.Duration(o.Delay).String(), time.Duration(o.Grace))
	case pid1.UnwantedValue:
		return cli.Usagef("option %q: takes no value, but has %q", name, p.Value)
	}
	why := ""
	switch p.Reason {
	case pid1.BadBool:
		why = "is neither true nor false"
	case pid1.BadCount:
		why = "is not a number from 0 to 9"
	case pid1.UnknownSignal:
		why = fmt.Sprintf("signal %q: unknown%s", p.Bad, cli.DidYouMean(p.Bad, sig.Names()))
	case pid1.CannotCatch:
		why = fmt.Sprintf("signal %q: cannot be caught, so init never sees it", p.Bad)
	case pid1.UnknownInit:
		why = "is none of " + strings.Join(pid1.Aliases[:], ", ")
	case pid1.NotFirst:
		why = "has to be the first option, because what follows is the other init's command line"
	case pid1.BadDuration:
		why = "is not a valid duration (use 500ms, 30s, 2m or plain seconds)"
	case pid1.TooLong:
		why = fmt.Sprintf("is too long: the most is %.0fh", time.Duration(pid1.MostDuration).Hours())
	case pid1.BadStatus:
		why = fmt.Sprintf("%q: not a status from 0 to 255, nor (before the colon) a signal or any", p.Bad)
	case pid1.BadScope:
		why = "is none of group, ordered and container"
	case pid1.BadLogFormat:
		why = "is neither text nor json"
	case pid1.NotFromTo:
		why = fmt.Sprintf("%q is not of the form FROM:TO", p.Bad)
	default:
		return &cli.Exit{Status: proc.ExitFailed, Err: fmt.Errorf("problem %d: without words: a bug in util", p.Reason)}
	}
	return cli.Usagef("%s: %q: %s", name, p.Value, why)
}

func optionNames() []string {
	var all []string
	for _, o := range pid1.Table {
		all = append(all, "--"+o.Long)
	}
	return all
}

// placeholder is the value of a flag that is only there to be shown. Its type is the word that the help shows.
type placeholder struct {
	pflag.Value
	word string
}

func (p placeholder) Type() string { return p.word }
