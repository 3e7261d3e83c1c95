package initcmd

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"util/applets/init/options"
	"util/applets/init/report"
	"util/internal/cli"
	"util/internal/proc"
	"util/internal/sig"

	"github.com/spf13/pflag"
)

// usageError reports what is wrong with a command line or a variable, in the way that the options
// read so far ask for.
func usageError(o *options.Options, p options.Problem) error {
	err := describe(o, p)
	if report.UsageError(o, err.Error()) {
		return &cli.Exit{Status: proc.ExitUsage}
	}
	return err
}

// describe puts a problem into words.
func describe(o *options.Options, p options.Problem) error {
	name := p.Option
	if name == "" {
		name = "-" + string(rune(p.Short))
	}
	switch p.Reason {
	case options.NoCommand:
		return cli.Usagef("command: missing: init needs a command to run")
	case options.UnwantedCommand:
		return cli.Usagef("command %q: --pause does not run a command", p.Value)
	case options.UnknownOption:
		return cli.Usagef("option %q: unknown%s", name, cli.DidYouMean(name, optionNames()))
	case options.MissingValue:
		return cli.Usagef("option %q: needs a value", name)
	case options.DelayTooLong:
		return cli.Usagef("--stop-delay (UTIL_INIT_STOP_DELAY): %q: must be shorter than the "+
			"grace period of %v, or the command is killed before it gets the stop signal",
			time.Duration(o.Delay).String(), time.Duration(o.Grace))
	case options.UnwantedValue:
		return cli.Usagef("option %q: takes no value, but has %q", name, p.Value)
	}
	why := ""
	switch p.Reason {
	case options.BadBool:
		why = "is neither true nor false"
	case options.BadCount:
		why = "is not a number from 0 to 9"
	case options.UnknownSignal:
		why = fmt.Sprintf("signal %q: unknown%s", p.Bad, cli.DidYouMean(p.Bad, sig.Names()))
	case options.CannotCatch:
		why = fmt.Sprintf("signal %q: cannot be caught, so init never sees it", p.Bad)
	case options.UnknownInit:
		why = "must be one of " + strings.Join(options.Aliases[:], ", ")
	case options.NotFirst:
		why = "must be the first option, because what follows is the other init's command line"
	case options.BadDuration:
		why = "is not a valid duration (use 500ms, 30s, 2m or plain seconds)"
	case options.TooLong:
		why = fmt.Sprintf("is too long: the maximum is %.0fh", time.Duration(options.MaxDuration).Hours())
	case options.BadStatus:
		why = part(p) + "is not a status from 0 to 255 (nor, before the colon, a signal or any)"
	case options.BadScope:
		why = "must be group, ordered or container"
	case options.BadLogFormat:
		why = "is neither text nor json"
	case options.NotFromTo:
		why = part(p) + "is not of the form FROM:TO"
	default:
		return &cli.Exit{
			Status: proc.ExitFailed,
			Err:    fmt.Errorf("problem %d has no message: a bug in util", p.Reason),
		}
	}
	return cli.Usagef("%s: %q: %s", name, p.Value, why)
}

// part names the wrong part of a value, unless that is all of it.
func part(p options.Problem) string {
	if p.Bad == p.Value {
		return ""
	}
	return strconv.Quote(p.Bad) + ": "
}

func optionNames() []string {
	var all []string
	for _, o := range options.Table {
		all = append(all, "--"+o.Long)
	}
	return all
}

// placeholder is the value of a flag that only appears in the help. Its type is the word that the
// help shows.
type placeholder struct {
	pflag.Value
	word string
}

func (p placeholder) Type() string { return p.word }
