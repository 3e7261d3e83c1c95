// Package healthcheck is util healthcheck: it asks each target once whether it is up, for the
// health checks of engines and orchestrators.
//
// How a target is asked is not its concern: see package readiness. It does not repeat an attempt,
// because the engine repeats the check, and counts the failures.
package healthcheck

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"util/internal/cli"
	"util/internal/printable"
	"util/internal/proc"
	"util/internal/readiness"

	"github.com/spf13/cobra"
)

// defaultTimeout is shorter than Docker's limit of 30 s, so that the reason is printed before the
// engine kills the check. The 1 s of Kubernetes is too short for slow servers.
const defaultTimeout = 2 * time.Second

// New returns the command of util healthcheck. It ends with status 1 whatever the failure is.
func New() *cobra.Command {
	o := readiness.Options{Once: true, Timeout: defaultTimeout, Stable: 1}
	var l readiness.Flags
	cmd := cli.Setup(&cobra.Command{
		Use:     "healthcheck [option…] TARGET…",
		Short:   "check once whether services are up, for health checks",
		Long:    long,
		Example: example,
	})
	f := cmd.Flags()
	f.SetInterspersed(true)
	f.VarP(cli.Duration(&o.Timeout, time.Millisecond), "timeout", "t",
		"the time limit for the whole check")
	l.AddTo(f)
	cli.AddStandardFlags(cmd)

	flagError := cmd.FlagErrorFunc()
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return unhealthy(flagError(c, err))
	})
	cmd.RunE = func(c *cobra.Command, args []string) error {
		if dash := c.ArgsLenAtDash(); dash > 0 && dash < len(args) {
			return unhealthy(cli.Usagef("argument %q: no command is run here: leave out \"--\" and "+
				"what follows, or use wait-for-port", args[dash]))
		}
		if err := l.Fill(&o, args); err != nil {
			return unhealthy(err)
		}
		return run(o, c.OutOrStdout())
	}
	return cmd
}

const long = `Checks every target once, all at the same time, and ends with status 0 if all
are up. Otherwise it prints a line for each target that is not up, with the
reason. Docker and Kubernetes show these lines.

A target is PORT (on localhost), HOST:PORT, unix:PATH, http://HOST[:PORT]/PATH,
http+unix:SOCKET:/PATH, postgres://HOST, mysql://HOST, redis://HOST, a URL with
the scheme of another service, which means its TCP port, file:PATH, or env:NAME
for the targets in a variable. For all forms see 'util wait-for-port --help'.
Over HTTP the statuses 200 to 399 are up. Redirects are not followed.

Exit status:
  0  all targets are up
  1  a target is not up, the check could not be made, or the usage is wrong`

const example = `  util healthcheck http://localhost:8080/healthz
  util healthcheck --timeout 500ms 5432 file:/run/ready
  # the instruction of a Dockerfile
  HEALTHCHECK CMD ["/sbin/util", "healthcheck", "http://localhost:8080/healthz"]`

// Completions are the completions of healthcheck.
var Completions = cli.Completions{Args: readiness.Complete, Interspersed: true}

// run checks the targets and prints those that are not up.
func run(o readiness.Options, out io.Writer) error {
	o.Connect = o.Timeout // for messages: with Once, the deadline ends each connection
	w, err := readiness.New(o)
	if err != nil {
		return unhealthy(err)
	}
	defer w.Close()
	result, err := w.Run(context.Background(), silent{})
	switch {
	case err != nil:
		return unhealthy(err)
	case result == readiness.Succeeded:
		return nil
	}
	for _, s := range w.Statuses() {
		if s.Done {
			continue
		}
		why := s.Why
		if !s.Answered {
			why = fmt.Sprintf("no result within %v: %s", o.Timeout, why)
		}
		fmt.Fprintln(out, printable.Text(s.Name+": "+why)) // one line, whatever the name
	}
	return unhealthy(nil)
}

// unhealthy returns an error with the only status besides 0 that health checks have: for Docker, 2
// is reserved.
func unhealthy(err error) error {
	if exit, ok := errors.AsType[*cli.Exit](err); ok {
		err = exit.Err
	}
	return &cli.Exit{Status: proc.ExitFailed, Err: err}
}

// silent is a [readiness.Observer] that reports nothing.
type silent struct{}

func (silent) Attempted(readiness.Attempt, time.Time)      {}
func (silent) Changed(readiness.Status, string, time.Time) {}
func (silent) Tick(time.Time) time.Time                    { return time.Time{} }
