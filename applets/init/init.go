// Package initcmd is the face of util init under the Go runtime: help, completion, the words for a bad command line,
// and the way back into package pid1, which does the work before the runtime boots. (Go allows no package named init.)
package initcmd

import (
	"util/applets/init/pid1"
	"util/internal/cli"

	"github.com/spf13/cobra"
)

// New makes the command of util init. A plain run of init comes here only if the program was built without the early
// entry, or called by a name that the early entry does not know; it then executes itself anew.
func New() *cobra.Command {
	cmd := cli.Setup(&cobra.Command{
		Use:   "init [option…] [--] command [argument…]",
		Short: "run a command as PID 1: forward signals, reap orphans",
		Long: `Starts the command in a new session, forwards every signal to its process group, reaps orphans, and ends with the
command's status: its exit status, or 128+n if signal n ended it. Options end at the first argument that is not one.

With --grace, a stop (TERM, INT, or a --stop-signal) goes to the command's group; once the command has ended, what it left gets
TERM, but for what was started since; when the time is over, all that are left get KILL.

Every option has an environment variable, for engines that can pass no arguments; a flag beats its variable.

Exit status: the command's; 126 it was found but cannot be run; 127 it was not found; 2 bad usage; 1 init could not start it.`,
		Example: `  util init -- nginx -g 'daemon off;'
  util init --rewrite TERM:QUIT -- nginx -g 'daemon off;'
  UTIL_INIT_REWRITE=HUP:none,TERM:INT util init -v python3 app.py`,
		DisableFlagParsing: true, // package pid1 has the only parser
	})
	f := cmd.Flags()
	for _, o := range pid1.Table {
		usage := o.Help
		if o.Env != "" {
			usage += " (" + pid1.EnvPrefix + o.Env + ")"
		}
		short := ""
		if o.Short != 0 {
			short = string(rune(o.Short))
		}
		if o.Arg == pid1.MustArg {
			f.StringP(o.Long, short, "", usage)
			f.Lookup(o.Long).Value = placeholder{f.Lookup(o.Long).Value, o.Value}
		} else {
			f.BoolP(o.Long, short, false, usage)
		}
	}
	cmd.RunE = func(c *cobra.Command, args []string) error { return run(c, args) }
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
		"compat":          cli.OneOf(pid1.Aliases[:]...),
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
