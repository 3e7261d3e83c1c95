// Package reap is util reap-once. It reaps the children that it was started with and that have
// ended, and lists zombies that only their own parents can reap.
//
// It does not reap for as long as a container runs. That is the task of init.
package reap

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"util/internal/cli"
	"util/internal/proc"
	"util/internal/procfs"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// Options are the options and arguments of the command line.
type Options struct {
	Wait    bool
	Limit   time.Duration // the time limit of Wait; 0: no limit
	Strict  bool
	Nudge   bool
	JSON    bool
	Quiet   bool
	Verbose bool
	Command []string
}

// New makes the command of util reap-once.
func New() *cobra.Command {
	cmd := cli.Setup(&cobra.Command{
		Use:   "reap-once [option…] [--] [command [argument…]]",
		Short: "reap children that have ended, then run a command; or list zombies by parent",
		Long: `Reaps all of its own children that have ended. A process keeps its children when
it executes another program, so this works at the end of an entrypoint script.
Then the command replaces reap-once.

Without a command, it lists the zombies of other processes, by parent. Only its
parent can reap a zombie; KILL has no effect on it. Every process is a zombie
for a moment before its parent reaps it, so only zombies that remain after a
short delay are counted.

Exit status without a command:
  0      there are no zombies
  1      there are zombies
Exit status with a command: that of the command, or
  126    the command cannot be run, or a directory in PATH cannot be searched
  127    the command was not found
Exit status in both cases:
  2      bad usage
  124    the time limit of --wait was reached, with --strict
  128+n  signal n ended the wait`,
		Example: `  # the last line of an entrypoint script
  exec util reap-once --wait 2s -- app
  # list the zombies and their parents
  util reap-once
  # remind the parents to reap
  util reap-once --nudge
  # the instruction of a Dockerfile
  HEALTHCHECK CMD ["/sbin/util", "reap-once", "-q"]`,
	})
	o := &Options{}
	f := cmd.Flags()
	wait := f.String("wait", "",
		"wait until no child is left, for at most `DURATION` (0: no limit)")
	f.BoolVar(&o.Strict, "strict", false,
		"with --wait: exit with status 124 if the time limit is reached")
	f.BoolVar(&o.Nudge, "nudge", false,
		"send SIGCHLD to the parents of zombies that catch or block it, then check again")
	f.BoolVar(&o.JSON, "json", false, "print JSON, one object per line")
	f.BoolVarP(&o.Quiet, "quiet", "q", false, "print only errors")
	f.BoolVarP(&o.Verbose, "verbose", "v", false, "also print what is done")
	cli.AddStandardFlags(cmd)
	cmd.RunE = func(c *cobra.Command, args []string) error {
		o.Wait = f.Changed("wait")
		o.Command = args
		if err := o.take(*wait); err != nil {
			return err
		}
		return run(o, c.OutOrStdout(), c.ErrOrStderr())
	}
	return cmd
}

// take reads the value of --wait and checks that the options can be combined.
func (o *Options) take(wait string) (err error) {
	if o.Wait {
		if o.Limit, err = cli.ParseDuration(wait); err != nil {
			return cli.Usagef("--wait: %q: %w", wait, err)
		}
	}
	switch {
	case o.Strict && !o.Wait:
		return cli.Usagef("option --strict: needs --wait")
	case o.Nudge && len(o.Command) > 0:
		return cli.Usagef("option --nudge: cannot be combined with a command, " +
			"because other processes are then not examined")
	case o.Quiet && (o.Verbose || o.JSON):
		return cli.Usagef("option --quiet: cannot be combined with --verbose or --json")
	}
	return nil
}

// Completions completes the command line of reap-once.
var Completions = cli.Completions{Args: cli.ACommand}

// reaper carries out one command line.
type reaper struct {
	*Options
	fs  *procfs.FS // nil without /proc
	out *bufio.Writer
	err io.Writer
}

func run(o *Options, out, errOut io.Writer) error {
	fs, noProc := procfs.Open()
	switch {
	case o.Quiet:
		out = io.Discard
	case len(o.Command) > 0:
		out = errOut // stdout belongs to the command
	}
	r := &reaper{Options: o, fs: fs, out: bufio.NewWriter(out), err: errOut}
	defer r.out.Flush()
	if err := r.reap(); err != nil {
		return err
	}
	if len(o.Command) > 0 {
		r.out.Flush()
		return cli.Exec(o.Command)
	}
	if fs == nil {
		err := fmt.Errorf("the zombies of other processes cannot be listed: %w", noProc)
		return &cli.Exit{Status: proc.ExitFailed, Err: err}
	}
	return r.audit()
}

// reap reaps the children that have ended, and with --wait also those that end later. If it returns
// an error, the command must not run.
func (r *reaper) reap() error {
	// This comes before the first check for ended children, so that no SIGCHLD is missed.
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	r.reapEnded()
	if !r.Wait || proc.Childless(false) {
		return nil
	}
	asked := make(chan os.Signal, 1)
	for _, s := range []syscall.Signal{unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM} {
		if !signal.Ignored(s) {
			signal.Notify(asked, s)
		}
	}
	defer signal.Stop(asked)
	var timeUp <-chan time.Time
	if r.Limit > 0 {
		timeUp = time.After(r.Limit)
	}
	for !proc.Childless(false) {
		select {
		case <-ended:
			r.reapEnded()
		case <-timeUp:
			return r.expired()
		case s := <-asked:
			return interrupted(s.(syscall.Signal))
		}
	}
	return nil
}

// interrupted is the error for a signal that ends the wait.
func interrupted(s syscall.Signal) error {
	return &cli.Exit{
		Status: proc.ExitSignal + int(s),
		Err:    fmt.Errorf("interrupted by %s while waiting for children", unix.SignalName(s)),
	}
}

func (r *reaper) reapEnded() {
	for c := proc.NextChild(); c.Pid != 0; c = proc.NextChild() {
		name := ""
		if r.fs != nil {
			if st, err := r.fs.Stat(int(c.Pid)); err == nil {
				name = st.Name
			}
		}
		proc.Reap(c.Pid, nil)
		r.reaped(c, name)
	}
	r.out.Flush()
}

// expired reports the children that have not ended when the time limit is reached. This is an error
// only with --strict.
func (r *reaper) expired() error {
	text := fmt.Sprintf("children that have not ended after %v: %s",
		r.Limit, strings.Join(r.children(), ", "))
	if r.Strict {
		return &cli.Exit{Status: proc.ExitTimeout, Err: errors.New(text)}
	}
	if !r.Quiet {
		fmt.Fprintf(r.err, "util reap-once: warning: %s\n", text)
	}
	return nil
}

// children returns the titles of the children.
func (r *reaper) children() (titles []string) {
	if r.fs == nil {
		return []string{"unknown, because there is no /proc"}
	}
	all, _ := r.fs.All()
	for _, st := range all {
		if st.Parent == os.Getpid() {
			titles = append(titles, st.Title())
		}
	}
	return titles
}

// reaped reports a child that was reaped.
func (r *reaper) reaped(c proc.Child, name string) {
	if r.JSON {
		fields := []any{"event", "reaped", "pid", c.Pid, "name", name}
		if s := c.Status.Signal; s != 0 {
			fields = append(fields, "signal", s.Name(), "core", c.Status.Core)
		} else {
			fields = append(fields, "status", c.Status.Exit)
		}
		cli.JSON(r.out, fields...)
		return
	}
	how := fmt.Sprintf("exit status %d", c.Status.Exit)
	if s := c.Status.Signal; s != 0 {
		how = "ended by " + s.Name()
		if c.Status.Core {
			how += ", core dumped"
		}
	}
	fmt.Fprintf(r.out, "reaped %s: %s\n", procfs.Title(int(c.Pid), name), how)
}
