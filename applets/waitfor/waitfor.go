// Package waitfor is util wait-for-port: it waits until services accept connections or answer that
// they are ready, or until they no longer accept any, and can then execute a command, which
// replaces it.
//
// How a service is asked is not its concern: see package readiness.
package waitfor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"time"

	"util/internal/cli"
	"util/internal/proc"
	"util/internal/readiness"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// Options are the settings from the command line.
type Options struct {
	readiness.Options
	Quiet   bool
	Verbose bool
	JSON    bool
	Command []string // executed at the end; may be empty
}

// New returns the command of util wait-for-port.
func New() *cobra.Command {
	o := Options{Options: readiness.Options{
		Timeout: 30 * time.Second, Connect: time.Second, Stable: 1,
	}}
	var l line
	l.Command = true
	cmd := cli.Setup(&cobra.Command{
		Use:     "wait-for-port [option…] TARGET… [-- command [argument…]]",
		Short:   "wait until services are up, then run a command",
		Long:    long,
		Example: example,
	})
	f := cmd.Flags()
	f.SetInterspersed(true) // options and targets before "--" may be in any order
	f.StringVar(&l.Host, "host", "", "the `HOST` of the targets that are only a port")
	f.VarP(cli.Duration(&o.Timeout, 0), "timeout", "t", "how long to wait in all; 0 is no limit")
	f.Var(cli.Duration(&o.Interval, time.Millisecond), "interval",
		"the pause after the first attempt, by default 10ms for loopback and unix sockets and "+
			"100ms elsewhere; it grows to at most 1s")
	f.Var(cli.Duration(&o.Connect, time.Millisecond), "connect-timeout",
		"how long each connection may take")
	f.StringVarP(&l.state, "state", "s", "up",
		"the `STATE` to wait for: up or down (inuse and free mean the same)")
	f.Var(cli.Duration(&o.Hold, 0), "hold", "how long a connection must stay open to count: "+
		"for a proxy that accepts connections before its backend is up")
	f.Var(number{&o.Stable, maxStable}, "stable", "succeed `N` times in a row")
	f.BoolVar(&o.Any, "any", false, "end with the first target instead of the last")
	l.AddTo(f)
	f.Var(number{&l.failure, 255}, "exit-code", "end with status `N`, 1 to 255, whatever the "+
		"failure (Docker's HEALTHCHECK knows only 1)")
	f.BoolVarP(&o.Quiet, "quiet", "q", false, "print nothing but errors")
	f.BoolVarP(&o.Verbose, "verbose", "v", false, "print every attempt")
	f.BoolVar(&o.JSON, "json", false, "print one JSON object per event")
	cli.AddStandardFlags(cmd)

	flagError := cmd.FlagErrorFunc()
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return l.status(flagError(c, err))
	})
	cmd.RunE = func(c *cobra.Command, args []string) error {
		if err := l.fill(&o, args, c.ArgsLenAtDash()); err != nil {
			return l.status(err)
		}
		ctx, stop := untilSignal()
		defer stop()
		return l.status(run(ctx, stop, o))
	}
	return cmd
}

const long = `Waits until every target is up, then ends with status 0 or executes the
command, which replaces wait-for-port. All targets are tried at the same time.

Several targets can be separated by commas, except env:NAME. A path must be
last. A target is one of these:
  [HOST:]PORT, tcp:[HOST:]PORT   accepts connections; the host is localhost
  unix:PATH, unix:@NAME          accepts connections on a unix socket
  http://HOST[:PORT][/PATH]      answers with an HTTP status from 200 to 399
  http+unix:SOCKET[:/PATH]       the same on a unix socket
  postgres://, mysql://, redis://HOST[:PORT]   answers that it is ready
  amqp://HOST and others         accepts connections on the port of the scheme
  file:PATH                      the file exists
  env:NAME                       the targets in a variable, such as DATABASE_URL
User, password and options of a URL are ignored, except over HTTP.

localhost means 127.0.0.1, ::1 and the addresses in /etc/hosts; it needs no
resolver. Names are looked up again at each attempt. An IPv6 address needs
brackets. A duration is like 500ms, 30s or 2m; a plain number is in seconds.

Down means that connections are refused, or that the file is gone. A timeout,
an unreachable host or a name that does not resolve is neither up nor down.

Exit status:
  0         every target is ready (with --any: one)
  1         failed for good, for example because an address cannot exist
  2         bad usage
  124       timed out
  126, 127  the command cannot be run, or was not found
  130, 143  ended by INT or TERM
  other     the exit status of the command`

const example = `  util wait-for-port db:5432 cache:6379 -- app --serve
  util wait-for-port env:DATABASE_URL http://auth/healthz -- app --serve
  util wait-for-port --timeout 0 --hold 100ms tcp://proxy:80
  util wait-for-port --state down --timeout 5s 8080`

// Completions are the completions of wait-for-port. The words after "--" are a command.
var Completions = cli.Completions{
	Values: map[string]cli.Completer{"state": cli.OneOf(states...)},
	Args: func(c *cobra.Command, args []string, word string) cli.Completion {
		if dash := slices.Index(args, "--"); dash >= 0 {
			return cli.ACommand(c, args[dash+1:], word)
		}
		return readiness.Complete(c, args, word)
	},
	Interspersed: true,
}

// run waits for the targets, and then executes the command. The error is a *cli.Exit. When ctx is
// canceled, the wait ends with the cause of ctx as its error. stop is what untilSignal returned.
func run(ctx context.Context, stop func(), o Options) error {
	if err := wait(ctx, o); err != nil || len(o.Command) == 0 {
		return err
	}
	stop()                // from here on a signal ends the process itself, until the exec
	if ctx.Err() != nil { // one came after the last check
		return context.Cause(ctx)
	}
	return cli.Exec(o.Command)
}

// wait waits for the targets. The error is a *cli.Exit with the targets that are not ready.
func wait(ctx context.Context, o Options) error {
	w, err := readiness.New(o.Options)
	if err != nil {
		return &cli.Exit{Status: proc.ExitFailed, Err: err}
	}
	defer w.Close()
	r := newReport(w, o)
	result, err := w.Run(ctx, r)
	if err != nil {
		return &cli.Exit{Status: proc.ExitFailed, Err: err}
	}
	err = r.failure(ctx, result)
	r.end(err, time.Now())
	if o.JSON && err != nil { // the error has been printed as an event
		var exit *cli.Exit
		errors.As(err, &exit)
		return &cli.Exit{Status: exit.Status}
	}
	return err
}

// untilSignal returns a context that TERM or INT cancels; its cause is the *cli.Exit for that
// signal. If INT was ignored at the start, as in a background job of a shell, it stays ignored.
// After stop, ctx is canceled if a signal has arrived, and the next one has its default action.
func untilSignal() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM)
	if !signal.Ignored(unix.SIGINT) {
		signal.Notify(signals, unix.SIGINT)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		name, number := "TERM", unix.SIGTERM
		switch arrived := <-signals; arrived {
		case nil: // closed by stop
			return
		case unix.SIGINT:
			name, number = "INT", unix.SIGINT
		}
		why := errors.New("ended by " + name)
		cancel(&cli.Exit{Status: proc.ExitSignal + int(number), Err: why})
	}()
	return ctx, sync.OnceFunc(func() {
		signal.Stop(signals) // waits until all that has arrived is in the channel
		close(signals)
		<-done
	})
}

// line holds the options that need to be converted before they become part of [Options].
type line struct {
	readiness.Flags
	state   string
	failure int // --exit-code
}

// fill checks the command line and completes o. dash is the number of arguments before "--", or -1.
func (l *line) fill(o *Options, args []string, dash int) error {
	if err := l.fillState(o); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	if dash >= 0 {
		args, o.Command = args[:dash], args[dash:]
		if len(o.Command) == 0 {
			return cli.Usagef(`command: missing after "--"`)
		}
	}
	return l.Fill(&o.Options, args)
}

func (l *line) fillState(o *Options) error {
	switch l.state {
	case "up", "inuse":
	case "down", "free":
		o.Down = true
	default:
		return cli.Usagef("--state: %q: is neither up nor down%s",
			l.state, cli.DidYouMean(l.state, states))
	}
	return nil
}

var states = []string{"up", "down", "inuse", "free"}

// check returns an error for options that contradict each other.
func (o *Options) check() error {
	switch {
	case o.Quiet && o.Verbose:
		return cli.Usagef("options -q and -v: cannot be combined")
	case o.Down && o.Hold > 0:
		return cli.Usagef("--hold: %q: is only for --state up", o.Hold)
	case o.Timeout > 0 && o.Hold >= o.Timeout:
		return cli.Usagef("--hold: %q: is not shorter than the --timeout of %q, "+
			"so the wait could never succeed", o.Hold, o.Timeout)
	}
	return nil
}

// status replaces the exit status of an error by the value of --exit-code.
func (l *line) status(err error) error {
	var exit *cli.Exit
	if l.failure > 0 && errors.As(err, &exit) {
		return &cli.Exit{Status: l.failure, Err: exit.Err}
	}
	return err
}

// number is the value of an option: a whole number from 1 to max.
type number struct {
	value *int
	max   int
}

// maxStable is the maximum of --stable. Even with the shortest pause it takes several hours.
const maxStable = 1_000_000

func (n number) Type() string { return "N" }

func (n number) String() string {
	if n.value == nil {
		return ""
	}
	return strconv.Itoa(*n.value)
}

// Set reads a number.
func (n number) Set(text string) error {
	v, err := strconv.ParseUint(text, 10, 32)
	if err != nil || v < 1 || v > uint64(n.max) {
		return fmt.Errorf("is not a whole number from 1 to %d", n.max)
	}
	*n.value = int(v)
	return nil
}
