// Package initcmd is the part of util init that runs under the Go runtime: completion, and starting
// init by way of the early entry, which does the work before the runtime boots. Where the early
// entry is missing, it also answers what is not a plain run, by package usage. (Go does not allow a
// package named init.)
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
		Use:                "init",
		DisableFlagParsing: true, // package options has the only parser
	})
	f := cmd.Flags() // for the completion
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
