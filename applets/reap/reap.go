// Package reap is util reap-once: it reaps the dead children that it was started with, and tells of zombies that only
// their own parents can reap.
//
// To reap for as long as a container lives is the business of init.
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

// Options is what the command line says.
type Options struct {
	Wait    bool
	Limit   time.Duration // of Wait; 0: none
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
		Short: "reap dead children, then run a command; or list the zombies and whose they are",
		Long: `Reaps every dead child that it has. A process keeps its children over an exec, so this works at the end of an entrypoint
script. Then it executes the command in its place.

Without a command it lists the zombies of other processes, by parent. Only the parent of a zombie can reap it; KILL does
nothing to it. A zombie is counted if it is still there after a moment, since every process is one until its parent
looks.

Exit status: without a command, 0 no zombie is left; 1 some are. With a command, the command's; 126 it was found but
cannot be run; 127 it was not found. 124 the time of --wait was up, with --strict; 128+n signal n ended the wait; 2 bad usage.`,
		Example: `  exec util reap-once --wait 2s -- app    the last line of an entrypoint script
  util reap-once                          which zombies are there, and whose are they?
  util reap-once --nudge                  remind their parents
  HEALTHCHECK CMD ["/sbin/util", "reap-once", "-q"]`,
	})
	o := &Options{}
	f := cmd.Flags()
	wait := f.String("wait", "", "go on until no child is left, for at most `DURATION` (0: no limit)")
	f.BoolVar(&o.Strict, "strict", false, "with --wait: if the time is up, end with status 124 instead of going on")
	f.BoolVar(&o.Nudge, "nudge", false, "send SIGCHLD to the parents of zombies that catch or block it, and look again")
	f.BoolVar(&o.JSON, "json", false, "print JSON, an object a line")
	f.BoolVarP(&o.Quiet, "quiet", "q", false, "print nothing but errors")
	f.BoolVarP(&o.Verbose, "verbose", "v", false, "print what is done as well")
	cli.AddStandardFlags(cmd)
	cmd.RunE = func(c *cobra.Command, args []string) error {
		o.Wait = f.Changed("wait")
		if o.Wait {
			limit, err := cli.ParseDuration(*wait)
			if err != nil {
				return cli.Usagef("--wait: %q: %w", *wait, err)
			}
			o.Limit = limit
		}
		o.Command = args
		switch {
		case o.Strict && !o.Wait:
			return cli.Usagef("option --strict: only together with --wait")
		case o.Nudge && len(args) > 0:
			return cli.Usagef("option --nudge: not together with a command, as no other process is looked at then")
		case o.Quiet && (o.Verbose || o.JSON):
			return cli.Usagef("option --quiet: not together with --verbose or --json")
		}
		return run(o, c.OutOrStdout(), c.ErrOrStderr())
	}
	return cmd
}

// Completions of the command line of reap-once.
var Completions = cli.Completions{Args: cli.ACommand}

// reaper carries out one command line.
type reaper struct {
	*Options
	fs  *procfs.FS // nil where there is no /proc
	out *bufio.Writer
	err io.Writer
}

func run(o *Options, out, errOut io.Writer) error {
	fs, noProc := procfs.Open()
	switch {
	case o.Quiet:
		out = io.Discard
	case len(o.Command) > 0:
		out = errOut // stdout is the command's
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
		return &cli.Exit{Status: proc.ExitFailed, Err: fmt.Errorf("zombies of other processes cannot be seen: %w", noProc)}
	}
	return r.audit()
}

// reap reaps the dead children, and with --wait those that end later. Its error says that the command is not to run.
func (r *reaper) reap() error {
	// SIGCHLD before the first look, so that none is missed.
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGCHLD)
	defer signal.Stop(ended)
	r.reapDead()
	if !r.Wait || proc.Childless(false) {
		return nil
	}
	asked := make(chan os.Signal, 1)
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM} {
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
			r.reapDead()
		case <-timeUp:
			return r.expired()
		case s := <-asked:
			return &cli.Exit{Status: proc.ExitSignal + int(s.(syscall.Signal)), Err: fmt.Errorf("ended by %s while waiting for children", unix.SignalName(s.(syscall.Signal)))}
		}
	}
	return nil
}

func (r *reaper) reapDead() {
	for c := proc.Ended(); c.Pid != 0; c = proc.Ended() {
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

// expired names the children that are still there when the time is up. That is an error only with --strict.
func (r *reaper) expired() error {
	text := fmt.Sprintf("children that are still there after %v: %s", r.Limit, strings.Join(r.children(), ", "))
	if r.Strict {
		return &cli.Exit{Status: proc.ExitTimeout, Err: errors.New(text)}
	}
	if !r.Quiet {
		fmt.Fprintf(r.err, "util reap-once: warning: %s\n", text)
	}
	return nil
}

// children returns what the children are called.
func (r *reaper) children() (titles []string) {
	if r.fs == nil {
		return []string{"unknown, as there is no /proc"}
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
