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
		Use: `util APPLET [argument…]
util help [APPLET] | --list [--compat] | --version
util --install [-s] [--force] [--compat] [DIR [NAME…]]
util completion bash|zsh|fish`,
		Long: `A container init and entrypoint toolkit in one binary. An applet can also be
chosen by the name of a link to the binary, such as /sbin/init.`,
		Short: "container init and entrypoint toolkit",
		Args:  cobra.ArbitraryArgs,
	})
	f := cmd.Flags()
	f.BoolVar(&list, "list", false, "print the names of the applets")
	f.BoolVar(&install, "install", false,
		"make a link to util for each applet, in DIR or in util's own directory; "+
			"with NAME…, only for these")
	f.BoolVarP(&in.symbolic, "symbolic", "s", false,
		"with --install: make symbolic links, not hard links")
	f.BoolVar(&in.force, "force", false, "with --install: replace existing files")
	f.BoolVar(&in.compat, "compat", false,
		"with --list and --install: include the names of other inits")
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
			return cli.Usagef("options --symbolic, --force and --compat: " +
				"only together with --install (--compat also with --list)")
		case len(args) > 0 && find(args[0]) != nil:
			return cli.Usagef("argument %q: unexpected: the options of an applet follow its name", args[0])
		case len(args) > 0:
			hint := cli.DidYouMean(args[0], append(names(), "help", "completion"))
			if hint == "" {
				hint = " (see util --list)"
			}
			err := fmt.Errorf("applet %q: unknown%s", args[0], hint)
			return &cli.Exit{Status: proc.ExitNotFound, Err: err}
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

// namesWith returns the names of the applets, and with compat those of the other inits too.
func namesWith(compat bool) []string {
	all := names()
	if compat {
		all = append(all, options.Aliases[:]...)
	}
	return all
}

// help writes the help of util itself: the applets and the options.
func help(w io.Writer, c *cobra.Command) {
	const under = "       " // "Usage: "
	usage := strings.ReplaceAll(c.Use, "\n", "\n"+under)
	fmt.Fprintf(w, "Usage: %s\n\n%s\n\nApplets:\n", usage, c.Long)
	for _, a := range table {
		fmt.Fprintf(w, "  %-15s %s\n", a.Name, a.Short)
	}
	fmt.Fprintf(w, `
Called by one of these names, init reads the command line of that program:
  %s

Options:
%s
'util APPLET --help' shows the options of an applet.
`, strings.Join(options.Aliases[:], ", "), cli.Options(c))
}
