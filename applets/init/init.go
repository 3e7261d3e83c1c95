// Package initcmd is the part of util init that runs under the Go runtime: help, completion, the
// messages for a wrong command line, and starting init by way of the early entry, which does the
// work before the runtime boots. (Go does not allow a package named init.)
package initcmd

import (
	"util/applets/init/options"
	"util/internal/cli"

	"github.com/spf13/cobra"
)

// New makes the command of util init. A plain run of init comes here only if the program was
// built without the early entry, or called by a name that the early entry does not know. It then
// executes itself again.
func New() *cobra.Command {
	cmd := cli.Setup(&cobra.Command{
		Use:   "init [option…] [--] command [argument…]",
		Short: "run a command as PID 1: forward signals, reap orphans",
		Long: `Starts the command in a new session, forwards every signal to its process
group, reaps orphans, and ends with the command's status: its exit status, or
128+n if signal n ended it. Options end at the first argument that is not one.

With --grace, a stop signal (TERM, INT or a --stop-signal) goes to the command's
group. After the command has ended, the processes that it left get TERM, except
those that were started since the stop signal. When the grace period expires,
the remaining processes get KILL.

Every option has an environment variable, for engines that cannot pass
arguments. A flag takes precedence over its variable.

Exit status: the command's; 126 if it was found but cannot be run; 127 if it was
not found; 2 for bad usage; 1 if init could not start it.`,
		Example: `  util init -- nginx -g 'daemon off;'
  util init --rewrite TERM:QUIT -- nginx -g 'daemon off;'
  UTIL_INIT_REWRITE=HUP:none,TERM:INT util init -v python3 app.py`,
		DisableFlagParsing: true, // package options has the only parser
	})
	f := cmd.Flags()
	for _, o := range options.Table {
		usage := o.Help
		if o.Env != "" {
			usage += " (" + options.EnvPrefix + o.Env + ")"
		}
		short := ""
		if o.Short != 0 {
			short = string(rune(o.Short))
		}
		if o.Arg == options.RequiredArg {
			f.StringP(o.Long, short, "", usage)
			f.Lookup(o.Long).Value = placeholder{f.Lookup(o.Long).Value, o.Value}
		} else {
			f.BoolP(o.Long, short, false, usage)
		}
	}
	cmd.RunE = run
	return cmd
}

// Completions of the command line of init.
var Completions = cli.Completions{
	Values: map[string]cli.Completer{
		"rewrite":         cli.List(cli.Pair(":", cli.ASignal, rewritten)),
		"parent-death":    cli.ASignal,
		"stop-signal":     cli.List(cli.ASignal),
		"scope":           cli.OneOf("group", "ordered", "container"),
		"exit-code":       cli.List(cli.Pair(":", ended, nil)),
		"log-format":      cli.OneOf("text", "json"),
		"termination-log": cli.AFile,
		"compat":          cli.OneOf(options.Aliases[:]...),
	},
	Args: cli.ACommand,
}

// rewritten completes what a signal is rewritten to.
func rewritten(c *cobra.Command, args []string, word string) cli.Completion {
	all := cli.ASignal(c, args, word)
	all.Words = append(all.Words, cli.OneOf("none")(c, args, word).Words...)
	return all
}

// ended completes the FROM of --exit-code: numbers are not offered.
func ended(c *cobra.Command, args []string, word string) cli.Completion {
	all := cli.ASignal(c, args, word)
	all.Words = append(all.Words, cli.OneOf("any")(c, args, word).Words...)
	return all
}
