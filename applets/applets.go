// Package applets holds the table of applets and finds the one that a command line names.
package applets

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	initcmd "util/applets/init"
	"util/applets/init/pid1"
	"util/applets/reap"
	sendsig "util/applets/signal"
	"util/applets/waitfor"
	"util/internal/cli"
	"util/internal/proc"
	"util/internal/version"

	"github.com/spf13/cobra"
)

// Applet is one program of the binary.
type Applet struct {
	Name  string
	Short string                // its line in the list
	New   func() *cobra.Command // makes its command, whose RunE returns a *cli.Exit for any status but 0
}

// table is the one place that lists the applets.
var table = []Applet{
	{"init", "run a command as PID 1: forward signals, reap orphans", initcmd.New},
	{"wait-for-port", "wait until ports accept connections, then run a command", waitfor.New},
	{"sendsig", "send a signal to processes and wait for their end", sendsig.New},
	{"reap-once", "reap dead children, then run a command; or list the zombies", reap.New},
}

// Main runs the applet that argv names, by the base name of argv[0] or else by its first argument, and returns the
// exit status.
func Main(argv []string) int {
	name, args := "util", argv
	if len(argv) > 0 {
		args = argv[1:]
		called := filepath.Base(argv[0])
		if a := find(called); a != nil {
			return run("util "+a.Name, a.New(), args)
		}
		if isAlias(called) {
			return report("util init", initcmd.RunAs(argv))
		}
	}
	cmd := newRoot()
	if len(args) > 0 {
		if a := find(args[0]); a != nil {
			return run("util "+a.Name, a.New(), args[1:])
		}
		if isAlias(args[0]) {
			return report("util init", initcmd.RunAs(args))
		}
		switch args[0] {
		case "completion":
			name += " completion"
			fallthrough
		case cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd:
			addCommands(cmd)
		}
	}
	return run(name, cmd, args)
}

// find returns the applet of that name, or nil.
func find(name string) *Applet {
	for i := range table {
		if table[i].Name == name {
			return &table[i]
		}
	}
	return nil
}

// isAlias reports whether init is another init under that name.
func isAlias(name string) bool { return pid1.PersonalityOf(name) != pid1.Util }

// run executes a command and reports its error. name is how the message begins.
func run(name string, cmd *cobra.Command, args []string) int {
	cmd.SetArgs(args)
	return report(name, cmd.Execute())
}

// report turns an error into a message and an exit status.
func report(name string, err error) int {
	if err == nil {
		return proc.ExitOK
	}
	status := proc.ExitFailed
	var exit *cli.Exit
	if errors.As(err, &exit) {
		status = exit.Status
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(os.Stderr, "%s: %s\n", name, text)
		if status == proc.ExitUsage {
			fmt.Fprintf(os.Stderr, "Try '%s --help'.\n", name)
		}
	}
	return status
}

// newRoot makes the command that is util itself.
func newRoot() *cobra.Command {
	var list, install, showVersion bool
	var in installation
	cmd := cli.Setup(&cobra.Command{
		Use:  "util",
		Args: cobra.ArbitraryArgs,
	})
	f := cmd.Flags()
	f.BoolVar(&list, "list", false, "print the names of the applets")
	f.BoolVar(&install, "install", false, "link the applets into the directory that follows, or beside util")
	f.BoolVarP(&in.symbolic, "symbolic", "s", false, "with --install: symbolic links, not hard links")
	f.BoolVar(&in.force, "force", false, "with --install: replace files that exist")
	f.BoolVar(&in.compat, "compat", false, "with --list and --install: the names of other inits as well")
	f.BoolVar(&showVersion, "version", false, "show the version")
	f.BoolP("help", "h", false, "show this help")
	f.SetInterspersed(true)
	cmd.SetHelpFunc(func(c *cobra.Command, _ []string) { help(c.OutOrStdout(), c) })
	cmd.RunE = func(c *cobra.Command, args []string) error {
		out := c.OutOrStdout()
		switch {
		case install && len(args) <= 1:
			if len(args) == 1 {
				in.dir = args[0]
			}
			return in.run()
		case install:
			return cli.Usagef("argument %q: --install takes one directory", args[1])
		case in.symbolic || in.force || in.compat && !list:
			return cli.Usagef("options --symbolic, --force and --compat: only together with --install (--compat also with --list)")
		case len(args) > 0:
			return &cli.Exit{Status: proc.ExitNotFound, Err: fmt.Errorf("applet %q: unknown%s", args[0], cli.DidYouMean(args[0], names()))}
		case list:
			for _, name := range in.names() {
				fmt.Fprintln(out, name)
			}
		case showVersion:
			fmt.Fprint(out, version.Text(initcmd.LinkedEarly()))
		default:
			help(out, c)
		}
		return nil
	}
	return cmd
}

func names() []string {
	var all []string
	for _, a := range table {
		all = append(all, a.Name)
	}
	return all
}

// help writes the list of applets and util's own options.
func help(w io.Writer, c *cobra.Command) {
	fmt.Fprint(w, `Usage: util APPLET [argument…]
       util --list [--compat] | --version | --install [-s] [--force] [--compat] [DIR]
       util completion bash|zsh|fish

A container init and entrypoint toolkit in one binary. An applet is also chosen by the name under which
the binary is called, through a link such as /sbin/init.

Applets:
`)
	for _, a := range table {
		fmt.Fprintf(w, "  %-15s %s\n", a.Name, a.Short)
	}
	fmt.Fprintf(w, "\nUnder the names %s,\ninit takes the command lines of those programs.\n", strings.Join(pid1.Aliases[:], ", "))
	fmt.Fprintf(w, "\nOptions:\n%s\n'util APPLET --help' shows the options of an applet.\n", c.Flags().FlagUsages())
}

// addCommands gives the root the commands that completion scripts ask about.
func addCommands(root *cobra.Command) {
	for _, a := range table {
		root.AddCommand(a.New())
	}
	root.AddCommand(cli.Setup(&cobra.Command{
		Use:       "completion bash|zsh|fish",
		Short:     "write a completion script for a shell",
		Long:      "Writes a completion script for a shell to stdout.",
		Example:   "  util completion bash >/etc/bash_completion.d/util",
		ValidArgs: []string{"bash", "zsh", "fish"},
		RunE: func(c *cobra.Command, args []string) error {
			out := c.OutOrStdout()
			if len(args) == 1 {
				switch args[0] {
				case "bash":
					return root.GenBashCompletionV2(out, true)
				case "zsh":
					return root.GenZshCompletion(out)
				case "fish":
					return root.GenFishCompletion(out, true)
				}
				return cli.Usagef("shell %q: unknown; one of bash, zsh, fish", args[0])
			}
			return cli.Usagef("one shell is needed: bash, zsh or fish")
		},
	}))
}
