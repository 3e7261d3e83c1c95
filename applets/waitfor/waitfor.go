// Package waitfor is util wait-for-port: it waits until TCP ports and unix sockets accept connections, or no longer do,
// and can then execute a command in its place.
//
// It finds out by connecting, as a client would, and promises that the listener is none the worse for it. What is said
// over a connection (HTTP, a database's log-in) is not its business, nor is UDP, where nothing can be seen without a
// reply.
//
// One goroutine does all the work in an event loop over raw sockets (loop.go), names among it (lookup.go). What a result
// means for a target is decided apart from that, in state.go.
package waitfor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"

	"util/internal/cli"
	"util/internal/proc"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// Options is what the command line says.
type Options struct {
	Targets []Target
	Any     bool          // end with the first target rather than the last
	Down    bool          // wait until connections are refused rather than accepted
	Family  int           // unix.AF_INET or AF_INET6 to use only these addresses; 0 is both
	Timeout time.Duration // for the whole wait; 0 is no limit
	// Interval is the pause after the first attempt. 0 chooses by where the target is.
	Interval time.Duration
	Connect  time.Duration // the limit for one connection
	Hold     time.Duration // how long a connection must stay open
	Stable   int           // successes in a row that it takes
	Quiet    bool
	Verbose  bool
	JSON     bool
	Command  []string // executed at the end; empty is none
}

// New makes the command of util wait-for-port.
func New() *cobra.Command {
	o := Options{Timeout: 30 * time.Second, Connect: time.Second, Stable: 1}
	var l line
	cmd := cli.Setup(&cobra.Command{
		Use:   "wait-for-port [option…] [HOST:]PORT… [-- command [argument…]]",
		Short: "wait until ports accept connections, then run a command",
		Long: `Waits until every target accepts connections, all at once, then ends with status 0 or executes the command in its
place. A target is PORT or :PORT (on localhost), HOST:PORT, [IPV6]:PORT, tcp:[HOST:]PORT, unix:PATH, or unix:@NAME for an
abstract socket; several can stand in one word, with commas between them. localhost means 127.0.0.1 and ::1, and what
/etc/hosts says besides; it needs no resolver. Names are looked up anew at each attempt, and all addresses of a name are
tried in parallel. A duration is like 500ms, 30s or 2m; a plain number is in seconds.

Down means refused: a timeout, an unreachable host or a name that does not resolve is neither up nor down.

Exit status: 0; the command's; 1 failed for good, such as an address that cannot exist; 2 bad usage; 124 timed out;
126 or 127 the command cannot be run or was not found; 130 or 143 ended by INT or TERM.`,
		Example: `  util wait-for-port db:5432 cache:6379 -- app --serve
  util wait-for-port --timeout 0 --hold 100ms tcp://proxy:80
  util wait-for-port --state down --timeout 5s 8080
  HEALTHCHECK CMD ["/sbin/util", "wait-for-port", "--timeout", "1s", "--exit-code", "1", "8080"]`,
	})
	f := cmd.Flags()
	f.SetInterspersed(true) // the command stands behind "--", so what comes before can be in any order
	f.StringVar(&l.host, "host", "", "the `HOST` of the targets that are only a port")
	f.VarP(duration{&o.Timeout, 0}, "timeout", "t", "how long to wait in all; 0 is no limit")
	f.Var(duration{&o.Interval, time.Millisecond}, "interval", "the pause after the first attempt, by default 10ms for loopback and unix sockets and 100ms elsewhere; it grows to at most 1s")
	f.Var(duration{&o.Connect, time.Millisecond}, "connect-timeout", "how long each connection may take")
	f.StringVarP(&l.state, "state", "s", "up", "the `STATE` to wait for: up or down (inuse and free mean the same)")
	f.Var(duration{&o.Hold, 0}, "hold", "how long a connection must stay open to count: sees through a proxy that accepts before what is behind it is there")
	f.Var(number{&o.Stable, maxStable}, "stable", "succeed `N` times in a row")
	f.BoolVar(&o.Any, "any", false, "end with the first target instead of the last")
	f.BoolVarP(&l.four, "ipv4", "4", false, "use only IPv4 addresses")
	f.BoolVarP(&l.six, "ipv6", "6", false, "use only IPv6 addresses")
	f.Var(number{&l.failure, 255}, "exit-code", "end with status `N`, 1 to 255, whatever the failure (Docker's HEALTHCHECK knows only 1)")
	f.BoolVarP(&o.Quiet, "quiet", "q", false, "say nothing but errors")
	f.BoolVarP(&o.Verbose, "verbose", "v", false, "say every attempt")
	f.BoolVar(&o.JSON, "json", false, "say one JSON object per event")
	cli.AddStandardFlags(cmd)

	flagError := cmd.FlagErrorFunc()
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return l.status(flagError(c, err)) })
	cmd.RunE = func(c *cobra.Command, args []string) error {
		if err := l.fill(&o, args, c.ArgsLenAtDash()); err != nil {
			return l.status(err)
		}
		ctx, stop := untilSignal()
		defer stop()
		return l.status(run(ctx, o))
	}
	return cmd
}

// Completions of the command line of wait-for-port: behind "--" is the command.
var Completions = cli.Completions{
	Values: map[string]cli.Completer{"state": cli.OneOf("up", "down", "inuse", "free")},
	Args: func(c *cobra.Command, args []string, word string) cli.Completion {
		if dash := slices.Index(args, "--"); dash >= 0 {
			return cli.ACommand(c, args[dash+1:], word)
		}
		if strings.HasPrefix(word, "unix:") {
			return cli.Completion{Kind: cli.Files}
		}
		return cli.Completion{Kind: cli.Words}
	},
	Interspersed: true,
}

// run waits for the targets and then executes the command. The error is a *cli.Exit. ctx ends the wait with its cause.
func run(ctx context.Context, o Options) error {
	if err := wait(ctx, o); err != nil || len(o.Command) == 0 {
		return err
	}
	if ctx.Err() != nil { // the signal came while the last word was said
		return context.Cause(ctx)
	}
	return cli.Exec(o.Command)
}

// untilSignal returns a context that ends with TERM or INT; its cause is the *cli.Exit for that. Where INT is ignored,
// as in a background job of a shell, it stays ignored.
func untilSignal() (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM)
	if !signal.Ignored(unix.SIGINT) {
		signal.Notify(signals, unix.SIGINT)
	}
	go func() {
		switch s := <-signals; s {
		case unix.SIGTERM:
			cancel(&cli.Exit{Status: proc.ExitSignal + int(unix.SIGTERM), Err: errors.New("ended by TERM")})
		case unix.SIGINT:
			cancel(&cli.Exit{Status: proc.ExitSignal + int(unix.SIGINT), Err: errors.New("ended by INT")})
		}
	}()
	return ctx, func() { signal.Stop(signals) }
}

// line is what of the command line is not an option as it stands.
type line struct {
	host, state string
	four, six   bool
	failure     int // --exit-code
}

// fill checks the command line and completes o with it. dash is the number of arguments before "--", or -1.
func (l *line) fill(o *Options, args []string, dash int) error {
	switch l.state {
	case "up", "inuse":
	case "down", "free":
		o.Down = true
	default:
		return cli.Usagef("--state: %q: is neither up nor down%s", l.state, cli.DidYouMean(l.state, []string{"up", "down", "inuse", "free"}))
	}
	switch {
	case l.four && l.six:
		return cli.Usagef("options -4 and -6: exclude each other; both families are the default")
	case l.four:
		o.Family = unix.AF_INET
	case l.six:
		o.Family = unix.AF_INET6
	}
	switch {
	case o.Quiet && o.Verbose:
		return cli.Usagef("options -q and -v: exclude each other")
	case o.Down && o.Hold > 0:
		return cli.Usagef("--hold: %q: is only for --state up", o.Hold)
	case o.Timeout > 0 && o.Hold >= o.Timeout:
		return cli.Usagef("--hold: %q: is not shorter than the --timeout of %q, so it would never succeed", o.Hold, o.Timeout)
	}
	if dash >= 0 {
		o.Command = args[dash:]
		args = args[:dash]
		if len(o.Command) == 0 {
			return cli.Usagef(`command: missing behind "--"`)
		}
	}
	if len(args) == 0 {
		return cli.Usagef("target: missing: say at least one port to wait for, such as 80 or db:5432")
	}
	for _, text := range args {
		targets, err := parseTargets(text, l.host)
		if err != nil {
			return err
		}
		for _, target := range targets {
			if ip, err := netip.ParseAddr(target.Host); err == nil && o.Family != 0 && ip.Unmap().Is4() != l.four {
				return cli.Usagef("target %q: is not of the address family that -4 or -6 asks for", target.Name)
			}
		}
		o.Targets = append(o.Targets, targets...)
	}
	return nil
}

// status puts --exit-code in the place of the status of a failure.
func (l *line) status(err error) error {
	var exit *cli.Exit
	if l.failure > 0 && errors.As(err, &exit) {
		return &cli.Exit{Status: l.failure, Err: exit.Err}
	}
	return err
}

// duration is the value of an option: a Go duration, or a number of seconds.
type duration struct {
	value *time.Duration
	least time.Duration
}

func (d duration) Type() string { return "DURATION" }

func (d duration) String() string {
	if d.value == nil || *d.value == 0 {
		return ""
	}
	return d.value.String()
}

// Set reads a duration. Nothing below least is accepted.
func (d duration) Set(text string) error {
	v, err := cli.ParseDuration(text)
	switch {
	case err != nil:
		return err
	case v < d.least:
		return fmt.Errorf("is less than %v", d.least)
	}
	*d.value = v
	return nil
}

// number is the value of an option: a whole number from 1 to most.
type number struct {
	value *int
	most  int
}

// maxStable bounds --stable. The shortest pause makes it some hours.
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
	if err != nil || v < 1 || v > uint64(n.most) {
		return fmt.Errorf("is not a whole number from 1 to %d", n.most)
	}
	*n.value = int(v)
	return nil
}
