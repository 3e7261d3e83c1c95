// Package initcmd is the face of util init under the Go runtime: help, completion, the words for a bad command line,
// and the way back into package pid1, which does the work before the runtime boots. (Go allows no package named init.)
package initcmd

import (
	"strings"

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
		ValidArgsFunction:  complete,
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

// complete offers options as long as the command has not begun, then files.
func complete(_ *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	if strings.HasPrefix(word, "-") && len(args) == 0 {
		var words []string
		for _, o := range pid1.Table {
			if strings.HasPrefix("--"+o.Long, word) {
				words = append(words, "--"+o.Long+"\t"+o.Help)
			}
		}
		return words, cobra.ShellCompDirectiveNoFileComp
	}
	return nil, cobra.ShellCompDirectiveDefault
}
