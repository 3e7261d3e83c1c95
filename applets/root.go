package applets

import (
	"fmt"
	"io"
	"strings"

	"util/applets/init/options"
	"util/internal/cli"
	"util/internal/proc"

	"github.com/spf13/cobra"
)

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
	f.BoolVar(&install, "install", false, "link the applets into the directory that follows, or beside util; only those that are named behind it, if any are")
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
		case install:
			if err := in.take(args); err != nil {
				return err
			}
			return in.run()
		case in.symbolic || in.force || in.compat && !list:
			return cli.Usagef("options --symbolic, --force and --compat: only together with --install (--compat also with --list)")
		case len(args) > 0:
			return &cli.Exit{Status: proc.ExitNotFound, Err: fmt.Errorf("applet %q: unknown%s", args[0], cli.DidYouMean(args[0], append(names(), "help", "completion")))}
		case list:
			fmt.Fprintln(out, strings.Join(namesWith(in.compat), "\n"))
		case showVersion:
			return cli.ErrVersion
		default:
			help(out, c)
		}
		return nil
	}
	return cmd
}

// namesWith returns the names of the applets, with compat also those under which init is another init.
func namesWith(compat bool) []string {
	all := names()
	if compat {
		all = append(all, options.Aliases[:]...)
	}
	return all
}

// help writes the list of applets and util's own options.
func help(w io.Writer, c *cobra.Command) {
	fmt.Fprint(w, `Usage: util APPLET [argument…]
       util help [APPLET] | --list [--compat] | --version
       util --install [-s] [--force] [--compat] [DIR [NAME…]]
       util completion bash|zsh|fish

A container init and entrypoint toolkit in one binary. An applet is also chosen by the name under which
the binary is called, through a link such as /sbin/init.

Applets:
`)
	for _, a := range table {
		fmt.Fprintf(w, "  %-15s %s\n", a.Name, a.Short)
	}
	fmt.Fprintf(w, "\nUnder the names %s,\ninit takes the command lines of those programs.\n", strings.Join(options.Aliases[:], ", "))
	fmt.Fprintf(w, "\nOptions:\n%s\n'util APPLET --help' shows the options of an applet.\n", c.Flags().FlagUsagesWrapped(100))
}
