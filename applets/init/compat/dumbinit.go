package compat

import (
	"util/applets/init/options"
	"util/applets/init/report"
	"util/applets/init/supervise"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// dumb-init 1.2.5: options end at the first argument that is not one; the command leads a new
// session, or with --single-child stays in init's group; the status is 1 for bad usage and 2 for
// a command that cannot be executed. Programs and tests match its messages, so they are the
// original ones.

// The order is that in which getopt_long lists what an abbreviation may mean.
var dumbInitTable = [...]options.Option{
	{ID: options.Help, Short: 'h', Long: "help"},
	{ID: options.SingleChild, Short: 'c', Long: "single-child"},
	{ID: options.RewriteSignal, Short: 'r', Long: "rewrite", Arg: options.RequiredArg},
	{ID: options.Verbose, Short: 'v', Long: "verbose"},
	{ID: options.Version, Short: 'V', Long: "version"},
}

const (
	dumbInitVersion = "dumb-init v1.2.5\n"

	dumbInitHelp = dumbInitVersion + `Usage: % [option] command [[arg] ...]

dumb-init is a simple process supervisor that forwards signals to children.
It is designed to run as PID1 in minimal container environments.

Optional arguments:
   -c, --single-child   Run in single-child mode.
                        In this mode, signals are only proxied to the
                        direct child and not any of its descendants.
   -r, --rewrite s:r    Rewrite received signal s to new signal r before proxying.
                        To ignore (not proxy) a signal, rewrite it to 0.
                        This option can be specified multiple times.
   -v, --verbose        Print debugging information to stderr.
   -h, --help           Print this help message and exit.
   -V, --version        Print the current version and exit.

Full help is available online at https://github.com/Yelp/dumb-init
`
	dumbInitUsage = `Usage: % [option] program [args]
Try % --help for full usage.
`
	dumbInitRewriteUsage = "Usage: -r option takes <signum>:<signum>, " +
		"where <signum> is between 1 and 31." + `
This option can be specified multiple times.
Use --help for full usage.
`
	dumbInitBadRewrite = "option -r takes SIGNAL:SIGNAL, numbers from 1 to 31, the second also 0"
)

func (p *Personality) dumbInit(c *commandLine, argv, envp []*byte) {
	o := c.o
	sharedGroup := false
	debug, setsid := false, false // if a variable is there twice, the first counts (getenv(3))
	for _, entry := range envp {
		if *entry != 'D' {
			continue
		}
		text := sys.String(entry)
		if len(text) < 11 || text[:5] != "DUMB_" {
			continue
		}
		switch text[5:11] { // see variable
		case "INIT_D":
			if value, is := variable(text, "DUMB_INIT_DEBUG="); is && !debug {
				debug = true
				if value == "1" {
					o.Verbose, p.debugVar = 1, true
				}
			}
		case "INIT_S":
			if value, is := variable(text, "DUMB_INIT_SETSID="); is && !setsid {
				setsid = true
				if value == "0" {
					sharedGroup, p.groupVar = true, true
				}
			}
		}
	}
	g := options.Getopt{Argv: argv, Table: dumbInitTable[:], Mode: options.Abbreviate}
	for opt, value := c.next(&g, ""); opt != nil; opt, value = c.next(&g, "") {
		switch opt.ID {
		case options.Help:
			c.show(2, dumbInitHelp, 0)
		case options.Version:
			c.show(2, dumbInitVersion, 0)
		case options.Verbose:
			o.Verbose = 1
		case options.SingleChild:
			sharedGroup = true
		case options.RewriteSignal:
			if !dumbInitRewrite(o, value) {
				report.RestoreMask(c.mask)
				c.printed = true
				report.UsageError(o, dumbInitBadRewrite)
				c.show(2, dumbInitRewriteUsage, 1)
			}
		}
	}
	if !c.takeCommand(&g) {
		c.show(2, dumbInitUsage, 1)
	}
	if o.Verbose > 0 {
		o.Verbose = 2 // orphans as well
	}
	o.Single = o.Single || sharedGroup
	// Fields, not a composite literal: the linker would lay its value out in the read-only data.
	o.Placement = supervise.NewSession
	if sharedGroup {
		o.Placement = supervise.SharedGroup
	}
	o.NoSubreaper = true
	o.NoSweep = sharedGroup
	o.NoContinue = true
	o.RewriteSweep = true
	o.DropCHLD = true
	o.OnTSTP, o.OnTTIN = supervise.StopAlways, supervise.StopAlways
}

// dumbInitRewrite reads s:r as sscanf(3) does with %d:%d, which ignores what follows.
func dumbInitRewrite(o *options.Options, pair string) bool {
	const most = 31
	from, rest := leadingInt(pair)
	if len(rest) == len(pair) || rest == "" || rest[0] != ':' {
		return false
	}
	to, end := leadingInt(rest[1:])
	if len(end) == len(rest)-1 || from < 1 || from > most || to < 0 || to > most {
		return false
	}
	o.Rewrite[from] = supervise.Rewriting(to)
	if to == 0 {
		o.Rewrite[from] = supervise.Drop
	}
	return true
}

// dumbInitLine begins a message.
func dumbInitLine() *report.Line {
	t := report.NewLine()
	t.Raw("[dumb-init] ")
	return t
}

//go:noinline
func (p *Personality) dumbInitText(text string) {
	t := dumbInitLine()
	t.Raw(text)
	p.Rep.End(t)
}

//go:noinline
func (p *Personality) dumbInitNum(before string, n int, after string) {
	t := dumbInitLine()
	t.Raw(before)
	t.Num(n)
	t.Raw(after)
	p.Rep.End(t)
}

//go:noinline
func (p *Personality) dumbInitErrno(before string, e sys.Errno) {
	t := dumbInitLine()
	t.Raw(before)
	t.Raw(" (errno=")
	t.Num(int(e))
	t.Raw(" ")
	strerror(t, e)
	t.Raw(").")
	p.Rep.End(t)
}

func (p *Personality) dumbInitStarted() {
	s := p.Rep.Facts
	if p.Rep.Options.Verbose == 0 {
		return
	}
	if p.debugVar {
		p.dumbInitText("Running in debug mode.")
	}
	if p.groupVar {
		p.dumbInitText("Not running in setsid mode.")
	}
	ownSession := s.Placement != supervise.SharedGroup
	if ownSession {
		switch {
		case s.TTY.Missing:
			p.dumbInitErrno("Unable to detach from controlling tty", unix.ENOTTY)
		case s.TTY.DetachErr != 0:
			p.dumbInitErrno("Unable to detach from controlling tty", s.TTY.DetachErr)
		case s.TTY.WasLeader:
			p.dumbInitText("Detached from controlling tty, " +
				"ignoring the first SIGHUP and SIGCONT we receive.")
		default:
			p.dumbInitText("Detached from controlling tty, but was not session leader.")
		}
	}
	p.dumbInitNum("Child spawned with PID ", int(s.PID), ".")
	if !ownSession {
		return
	}
	switch {
	case s.TTY.Missing:
		p.dumbInitErrno("Unable to attach to controlling tty", unix.ENOTTY)
	case !s.TTY.WasLeader:
		p.dumbInitErrno("Unable to attach to controlling tty", unix.EPERM)
	case s.TTY.AttachErr != 0:
		p.dumbInitErrno("Unable to attach to controlling tty", s.TTY.AttachErr)
	}
	p.dumbInitText("setsid complete.")
	for n := sig.HUP; n <= sig.CONT; n++ {
		if s.TTY.HandOff.Has(n) {
			p.dumbInitNum("Received signal ", int(n), ".")
			p.dumbInitNum("Ignoring tty hand-off signal ", int(n), ".")
		}
	}
}

//go:noinline
func (p *Personality) dumbInitTell(n *supervise.Note) {
	switch n.Kind {
	case supervise.Received:
		p.dumbInitNum("Received signal ", int(n.Arrived), ".")
	case supervise.Forwarded:
		p.dumbInitForwarded(n.Arrived, n.Sent)
	case supervise.Dropped:
		if n.Arrived != sig.CHLD {
			p.dumbInitIgnored(n.Arrived)
		}
	case supervise.Reaped:
		p.dumbInitReaped(n.Child)
	}
}

func (p *Personality) dumbInitForwarded(arrived, sent sig.Signal) {
	if sent != arrived || p.Rep.Options.Rewrite[arrived] != supervise.Unchanged {
		p.dumbInitTranslated(int(arrived), int(sent))
	}
	p.dumbInitNum("Forwarded signal ", int(sent), " to children.")
	p.dumbInitSuspends(arrived)
}

func (p *Personality) dumbInitIgnored(arrived sig.Signal) {
	if p.Rep.Options.Rewrite[arrived] == supervise.Drop {
		p.dumbInitTranslated(int(arrived), 0)
	}
	p.dumbInitText("Not forwarding signal 0 to children (ignored).")
	p.dumbInitSuspends(arrived)
}

//go:noinline
func (p *Personality) dumbInitTranslated(from, to int) {
	t := dumbInitLine()
	t.Raw("Translating signal ")
	t.Num(from)
	t.Raw(" to ")
	t.Num(to)
	t.Raw(".")
	p.Rep.End(t)
}

func (p *Personality) dumbInitSuspends(arrived sig.Signal) {
	switch arrived {
	case sig.TSTP, sig.TTIN, sig.TTOU:
		p.dumbInitText("Suspending self due to TTY signal.")
	}
}

//go:noinline
func (p *Personality) dumbInitReaped(child proc.Child) {
	t := dumbInitLine()
	t.Raw("A child with PID ")
	t.Num(int(child.Pid))
	if child.Status.Signal != 0 {
		t.Raw(" was terminated by signal ")
		t.Num(int(child.Status.Signal))
	} else {
		t.Raw(" exited with exit status ")
		t.Num(int(child.Status.Exit))
	}
	t.Raw(".")
	p.Rep.End(t)
}

func (p *Personality) dumbInitEnded(code uint8) {
	s := p.Rep.Facts
	p.dumbInitReaped(proc.Child{Pid: s.PID, Status: s.Status})
	if s.Rewrite[sig.TERM] == supervise.Drop {
		p.dumbInitIgnored(sig.TERM)
	} else {
		p.dumbInitForwarded(sig.TERM, s.SweepSignal())
	}
	p.dumbInitNum("Child exited with status ", int(code), ". Goodbye.")
}

//go:noinline
func (p *Personality) dumbInitCannotExec(e sys.Errno) {
	t := dumbInitLine()
	t.Plain(p.Rep.Facts.Name())
	t.Raw(": ")
	strerror(t, e)
	p.Rep.End(t)
}
