// Package applets holds the table of applets and finds the one that a command line names.
package applets

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"util/applets/healthcheck"
	initcmd "util/applets/init"
	"util/applets/init/entry"
	"util/applets/init/options"
	"util/applets/reap"
	"util/applets/runas"
	sendsig "util/applets/signal"
	"util/applets/waitfor"
	"util/internal/cli"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
	"util/internal/version"

	"github.com/spf13/cobra"
)

// Applet is one program of the binary.
type Applet struct {
	Name  string
	Short string // its line in the help of util

	// New makes the command. Its RunE returns a *cli.Exit for every status except 0.
	New func() *cobra.Command

	cli.Completions
}

// table lists the applets. No other place does.
var table = []Applet{
	{
		"init", "run a command as PID 1: forward signals, reap orphans",
		initcmd.New, initcmd.Completions,
	},
	{
		"wait-for-port", "wait until services are up, then run a command",
		waitfor.New, waitfor.Completions,
	},
	{
		"healthcheck", "check once whether services are up, for health checks",
		healthcheck.New, healthcheck.Completions,
	},
	{
		"run-as", "become another user for good, then run a command",
		runas.New, runas.Completions,
	},
	{
		"sendsig", "send a signal to processes and wait until they end",
		sendsig.New, sendsig.Completions,
	},
	{
		"reap-once", "reap ended children, then run a command; or list zombies",
		reap.New, reap.Completions,
	},
}

// Commands returns the command of util itself, then those of the applets, for their manual pages.
func Commands() []*cobra.Command {
	all := []*cobra.Command{newRoot()}
	for _, a := range table {
		c := a.New()
		c.Short = a.Short
		all = append(all, c)
	}
	return all
}

// Main runs the applet that argv names and returns the exit status. The name is the base name of
// argv[0] or, if that is not the name of an applet, argv[1]. A base name that begins with
// [entry.Alone] is init's too.
func Main(argv []string) int {
	p := &program{out: &cli.Output{FD: 1}, err: &cli.Output{FD: 2}}
	if unsupported != "" {
		return p.report("util", errors.New(unsupported))
	}
	resetQuit()
	if len(argv) == 0 {
		return p.run("util", newRoot(), nil)
	}
	called, args := filepath.Base(argv[0]), argv[1:]
	if strings.HasPrefix(called, entry.Alone) {
		called = entry.Name
		if len(args) > 0 && args[0] == entry.Name {
			args = args[1:]
		}
	}
	if isOther(called) {
		return p.report("util init", initcmd.RunAs(argv))
	}
	if a := find(called); a != nil {
		return p.run("util "+a.Name, a.New(), args)
	}
	return p.root(args)
}

// resetQuit gives QUIT its default action, or ignores it if the program was started so. On QUIT the
// Go runtime would print the stacks of its threads and exit with status 2, which means bad usage
// here.
func resetQuit() {
	action := sys.Sigaction{Handler: sys.SigDfl}
	if proc.Inherited.Ignored.Has(sig.QUIT) {
		action.Handler = sys.SigIgn
	}
	sys.RtSigaction(sig.QUIT, &action, nil)
}

// program is one run of util.
type program struct{ out, err *cli.Output }

// root runs util under its own name, or under a name that it does not know.
func (p *program) root(args []string) int {
	if len(args) == 0 {
		return p.run("util", newRoot(), args)
	}
	if isOther(args[0]) {
		return p.report("util init", initcmd.RunAs(args))
	}
	if a := find(args[0]); a != nil {
		return p.run("util "+a.Name, a.New(), args[1:])
	}
	switch args[0] {
	case "help":
		return p.help(args[1:])
	case "completion":
		return p.run("util completion", newCompletion(), args[1:])
	case completeWord:
		complete(p.out, args[1:])
		return p.report("util", nil)
	}
	return p.run("util", newRoot(), args)
}

// help runs "util help [APPLET]", which is the same as "util [APPLET] --help".
func (p *program) help(args []string) int {
	const helpName = "util help"
	switch {
	case len(args) == 0, args[0] == "-h", args[0] == "--help":
		return p.root([]string{"--help"})
	case len(args) > 1:
		return p.report(helpName, cli.Usagef("argument %q: only one applet can be named", args[1]))
	case isOther(args[0]):
		return p.root([]string{args[0], "-h"})
	case find(args[0]) != nil, args[0] == "completion":
		return p.root([]string{args[0], "--help"})
	}
	return p.report(helpName, cli.Usagef("applet %s", unknown(args[0], names())))
}

// unknown is the message about a name that is not one of all.
func unknown(name string, all []string) string {
	return fmt.Sprintf("%q: unknown%s", name, cli.DidYouMean(name, all))
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

func names() (all []string) {
	for _, a := range table {
		all = append(all, a.Name)
	}
	return all
}

// isOther reports whether name is that of another init, whose command line init then reads.
func isOther(name string) bool { return options.InitOf(name) != options.Util }

// run executes a command and reports its error. A message begins with name.
func (p *program) run(name string, cmd *cobra.Command, args []string) int {
	cmd.SetOut(p.out)
	cmd.SetErr(p.err)
	cmd.SetArgs(append([]string{}, args...)) // not nil, which cobra takes for os.Args
	err := cmd.Execute()
	if errors.Is(err, cli.ErrVersion) {
		text := version.Text(initcmd.Linked())
		fmt.Fprint(p.out, strings.Join(text[:], ""))
		err = nil
	}
	return p.report(name, err)
}

// report prints the message of an error and returns the exit status. Lost output is an error too.
func (p *program) report(name string, err error) int {
	err = p.out.Check(err)
	if err == nil {
		return proc.ExitOK
	}
	status := proc.ExitFailed
	if exit, ok := errors.AsType[*cli.Exit](err); ok {
		status = exit.Status
	}
	if text := err.Error(); text != "" {
		text = fmt.Sprintf("%s: %s\n", name, text)
		if status == proc.ExitUsage {
			text += fmt.Sprintf("Try '%s --help'.\n", name)
		}
		fmt.Fprint(p.err, text)
	}
	return status
}
