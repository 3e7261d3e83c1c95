// Package applets holds the table of applets and finds the one that a command line names.
package applets

import (
	"errors"
	"fmt"
	"path/filepath"

	initcmd "util/applets/init"
	"util/applets/init/options"
	"util/applets/reap"
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
	Short string                // its line in the list
	New   func() *cobra.Command // makes its command, whose RunE returns a *cli.Exit for any status but 0
	cli.Completions
}

// table is the one place that lists the applets.
var table = []Applet{
	{"init", "run a command as PID 1: forward signals, reap orphans", initcmd.New, initcmd.Completions},
	{"wait-for-port", "wait until ports accept connections, then run a command", waitfor.New, waitfor.Completions},
	{"sendsig", "send a signal to processes and wait for their end", sendsig.New, sendsig.Completions},
	{"reap-once", "reap dead children, then run a command; or list the zombies", reap.New, reap.Completions},
}

// Main runs the applet that argv names, by the base name of argv[0] or else by its first argument, and returns the
// exit status.
func Main(argv []string) int {
	plainQuit()
	p := &program{out: &cli.Output{FD: 1}, err: &cli.Output{FD: 2}}
	if len(argv) == 0 {
		return p.run("util", newRoot(), nil)
	}
	called, args := filepath.Base(argv[0]), argv[1:]
	if isOther(called) {
		return p.report("util init", initcmd.RunAs(argv))
	}
	if a := find(called); a != nil {
		return p.run("util "+a.Name, a.New(), args)
	}
	return p.root(args)
}

// plainQuit gives QUIT its default action, or leaves it ignored: the Go runtime would print the stacks of its threads and end with
// status 2, which is bad usage here.
func plainQuit() {
	action := sys.Sigaction{Handler: sys.SigDfl}
	if proc.Inherited.Ignored.Has(sig.QUIT) {
		action.Handler = sys.SigIgn
	}
	sys.RtSigaction(sig.QUIT, &action, nil)
}

// program is a run of util.
type program struct{ out, err *cli.Output }

// root is util under its own name.
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

// help is "util help [APPLET]", another way to say "util [APPLET] --help".
func (p *program) help(args []string) int {
	switch {
	case len(args) == 0, args[0] == "-h", args[0] == "--help":
		return p.root([]string{"--help"})
	case len(args) > 1:
		return p.report("util help", cli.Usagef("argument %q: one name is enough", args[1]))
	case isOther(args[0]):
		return p.root([]string{args[0], "-h"})
	case find(args[0]) != nil, args[0] == "completion":
		return p.root([]string{args[0], "--help"})
	}
	return p.report("util help", cli.Usagef("applet %q: unknown%s", args[0], cli.DidYouMean(args[0], names())))
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

// isOther reports whether init is another init under that name.
func isOther(name string) bool { return options.InitOf(name) != options.Util }

// run executes a command and reports its error. name is how the message begins.
func (p *program) run(name string, cmd *cobra.Command, args []string) int {
	cmd.SetOut(p.out)
	cmd.SetErr(p.err)
	cmd.SetArgs(append([]string{}, args...)) // never nil, which to cobra means os.Args
	err := cmd.Execute()
	if errors.Is(err, cli.ErrVersion) {
		fmt.Fprint(p.out, version.Text(initcmd.LinkedEarly()))
		err = nil
	}
	return p.report(name, err)
}

// report turns an error into a message and an exit status. Output that was lost is one.
func (p *program) report(name string, err error) int {
	err = p.out.Check(err)
	if err == nil {
		return proc.ExitOK
	}
	status := proc.ExitFailed
	var exit *cli.Exit
	if errors.As(err, &exit) {
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
