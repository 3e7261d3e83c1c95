// Package runas is util run-as. It becomes another user for good, and executes a command in its own
// place.
//
// Package become does the work, mostly before the Go runtime boots. This package has the help, the
// command lines that are not plain, and the words for what went wrong. Running a command as another
// user for a while, and asking who may (sudo), are outside its scope.
package runas

import (
	"os"
	"runtime"
	"slices"
	"strings"

	"util/applets/runas/become"
	"util/internal/cli"
	"util/internal/proc"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// Options are the options and arguments of the command line.
type Options struct {
	become.Options
	Command []string
}

// New makes the command of util run-as.
func New() *cobra.Command {
	cmd := cli.Setup(&cobra.Command{
		Use:     "run-as [option…] USER[:GROUP] [--] command [argument…]",
		Short:   "become another user for good, then run a command",
		Long:    long,
		Example: example,
	})
	o := &Options{}
	f := cmd.Flags()
	f.BoolVar(&o.NoNewPrivs, "no-new-privs", false,
		"no set-user-ID program or file capability gives the command privileges")
	f.BoolVar(&o.KeepGroups, "keep-groups", false,
		"keep the supplementary groups of the caller, root's too")
	cli.AddStandardFlags(cmd)
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if err := o.take(args); err != nil {
			return err
		}
		return run(o)
	}
	return cmd
}

const long = `Becomes USER for good and executes the command, which replaces run-as: it has
the same PID, terminal and open files. Real, effective and saved IDs become
those of USER, and all capabilities are dropped, unless USER is root. run-as
then verifies that it cannot go back. HOME is set; other variables stay.
Options come before USER.

USER is a name in /etc/passwd or a number, and gets its groups in /etc/group.
With GROUP, a name or a number, it has that group alone. Numbers work without
these files; a number without an entry has group 0 and the home directory /.

Becoming another user needs root, or CAP_SETUID and CAP_SETGID. If user and
groups are already right, nothing is needed.

Exit status: that of the command, or
  1    the command was not run: USER is unknown, or run-as cannot become it
  2    bad usage
  126  the command cannot be run, or a directory in PATH cannot be searched
  127  the command was not found`

const example = `  util run-as app -- app --serve
  util run-as 1000:1000 -- app
  util init -- util wait-for-port env:DATABASE_URL -- util run-as app -- app`

// Completions completes the command line of run-as. Users and groups are those of its files.
var Completions = cli.Completions{
	Args: func(c *cobra.Command, args []string, word string) cli.Completion {
		if len(args) == 0 {
			return cli.OneOf(whoLike(word)...)(c, nil, word)
		}
		args = args[1:]
		if len(args) > 0 && args[0] == "--" {
			args = args[1:]
		}
		return cli.ACommand(c, args, word)
	},
}

// whoLike returns what USER[:GROUP] can be, as far as word goes: users, or the groups after a user.
func whoLike(word string) (all []string) {
	user, _, colon := strings.Cut(word, ":")
	if !colon {
		return become.Users()
	}
	for _, group := range become.Groups() {
		all = append(all, user+":"+group)
	}
	return all
}

// take reads the arguments. The first "--" after the options is not one of them.
func (o *Options) take(args []string) error {
	if len(args) == 0 {
		return cli.Usagef("user: missing: give a name or a number, such as app or 1000:1000")
	}
	o.Command = args[1:]
	if reason := o.ParseUser(args[0]); reason != become.None {
		return explain(o, become.Problem{Reason: reason})
	}
	if len(o.Command) > 0 && o.Command[0] == "--" {
		o.Command = o.Command[1:]
	}
	if len(o.Command) == 0 {
		return cli.Usagef("command: missing after %q", o.Who)
	}
	return nil
}

// isSecure reads AT_SECURE from the auxiliary vector.
func isSecure() bool {
	vector, err := unix.Auxv()
	secure := err != nil
	for _, entry := range vector {
		secure = secure || entry[0] == become.Secure && entry[1] != 0
	}
	return secure
}

// run becomes the user, unless that happened before the runtime booted, and executes the command.
func run(o *Options) error {
	runtime.LockOSThread() // credentials, and the signal mask, are the thread's
	result := become.Early
	if !result.Done {
		o.Secure = isSecure()
		result.Home, result.Problem = become.Become(&o.Options)
	}
	if result.Problem.Reason != become.None {
		return explain(o, result.Problem)
	}
	if err := os.Setenv("HOME", strings.Clone(result.Home)); err != nil {
		return &cli.Exit{Status: proc.ExitFailed, Err: err}
	}
	return cli.Exec(slices.Clone(o.Command))
}
