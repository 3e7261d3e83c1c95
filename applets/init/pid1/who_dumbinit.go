package pid1

import (
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
)

// dumb-init 1.2.5: options end at the first argument that is none; the command leads a new session, or with
// --single-child stays where init is; statuses 1 for bad usage and 2 for a command that cannot be executed. Programs and
// tests match its texts, so they are what they were.

var dumbInitTable = [...]Option{ // in the order in which getopt_long lists what an abbreviation may mean
	{ID: Help, Short: 'h', Long: "help"},
	{ID: SingleChild, Short: 'c', Long: "single-child"},
	{ID: RewriteSignal, Short: 'r', Long: "rewrite", Arg: MustArg},
	{ID: Verbose, Short: 'v', Long: "verbose"},
	{ID: Version, Short: 'V', Long: "version"},
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
	dumbInitRewrite = `Usage: -r option takes <signum>:<signum>, where <signum> is between 1 and 31.
This option can be specified multiple times.
Use --help for full usage.
`
)

func (o *Options) dumbInit(i *imitator) {
	for _, entry := range i.envp {
		if *entry != 'D' {
			continue
		}
		text := sys.String(entry)
		if value, is := variable(text, "DUMB_INIT_DEBUG="); is && value == "1" {
			o.Verbose, o.debugVar = 1, true
		}
		if value, is := variable(text, "DUMB_INIT_SETSID="); is && value == "0" {
			o.inGroup, o.groupVar = true, true
		}
	}
	g := getopt{argv: i.argv, table: dumbInitTable[:], mode: abbreviate}
	for opt, value := i.next(&g, ""); opt != nil; opt, value = i.next(&g, "") {
		switch opt.ID {
		case Help:
			i.show(2, dumbInitHelp, 0)
		case Version:
			i.show(2, dumbInitVersion, 0)
		case Verbose:
			o.Verbose = 1
		case SingleChild:
			o.inGroup = true
		case RewriteSignal:
			if !o.dumbInitRewrite(value) {
				i.said = true
				fail(i.format, i.log, "option -r takes SIGNAL:SIGNAL, numbers from 1 to 31, the second also 0")
				i.show(2, dumbInitRewrite, 1)
			}
		}
	}
	if !o.commandIs(&g) {
		i.show(2, dumbInitUsage, 1)
	}
	if o.Verbose > 0 {
		o.Verbose = 2 // orphans as well
	}
	o.Single = o.Single || o.inGroup
	o.noSweep = o.inGroup
	o.noReaper = true
}

// dumbInitRewrite reads s:r as sscanf(3) does with %d:%d, which does not look at what follows.
func (o *Options) dumbInitRewrite(pair string) bool {
	const most = 31
	from, rest := leadingInt(pair)
	if len(rest) == len(pair) || rest == "" || rest[0] != ':' {
		return false
	}
	to, end := leadingInt(rest[1:])
	if len(end) == len(rest)-1 || from < 1 || from > most || to < 0 || to > most {
		return false
	}
	o.Rewrite[from] = Rewriting(to)
	if to == 0 {
		o.Rewrite[from] = Drop
	}
	return true
}

const dumbInitPrefix = "[dumb-init] "

//go:noinline
func (s *supervisor) dumbInitText(text string) {
	t := newLine()
	t.raw(dumbInitPrefix)
	t.raw(text)
	t.endAs(s)
}

//go:noinline
func (s *supervisor) dumbInitNum(before string, n int, after string) {
	t := newLine()
	t.raw(dumbInitPrefix)
	t.raw(before)
	t.num(n)
	t.raw(after)
	t.endAs(s)
}

//go:noinline
func (s *supervisor) dumbInitErrno(before string, e sys.Errno) {
	t := newLine()
	t.raw(dumbInitPrefix)
	t.raw(before)
	t.raw(" (errno=")
	t.num(int(e))
	t.raw(" ")
	t.reason(e)
	t.raw(").")
	t.endAs(s)
}

func (s *supervisor) dumbInitStarted() {
	if s.Verbose == 0 {
		return
	}
	if s.debugVar {
		s.dumbInitText("Running in debug mode.")
	}
	if s.groupVar {
		s.dumbInitText("Not running in setsid mode.")
	}
	if !s.inGroup {
		switch {
		case s.guise.detached != 0:
			s.dumbInitErrno("Unable to detach from controlling tty", s.guise.detached)
		case s.guise.leader:
			s.dumbInitText("Detached from controlling tty, ignoring the first SIGHUP and SIGCONT we receive.")
		default:
			s.dumbInitText("Detached from controlling tty, but was not session leader.")
		}
	}
	s.dumbInitNum("Child spawned with PID ", int(s.pid), ".")
	if s.inGroup {
		return
	}
	if s.guise.attached != 0 {
		s.dumbInitErrno("Unable to attach to controlling tty", s.guise.attached)
	}
	s.dumbInitText("setsid complete.")
	for n := sig.HUP; n <= sig.CONT; n++ {
		if s.guise.handOff.Has(n) {
			s.dumbInitNum("Received signal ", int(n), ".")
			s.dumbInitNum("Ignoring tty hand-off signal ", int(n), ".")
		}
	}
}

//go:noinline
func (s *supervisor) dumbInitTranslated(from, to int) {
	t := newLine()
	t.raw(dumbInitPrefix)
	t.raw("Translating signal ")
	t.num(from)
	t.raw(" to ")
	t.num(to)
	t.raw(".")
	t.endAs(s)
}

func (s *supervisor) dumbInitForwarded(arrived, sent sig.Signal) {
	if sent != arrived || s.Rewrite[arrived] != Unchanged {
		s.dumbInitTranslated(int(arrived), int(sent))
	}
	s.dumbInitNum("Forwarded signal ", int(sent), " to children.")
	s.dumbInitSuspends(arrived)
}

func (s *supervisor) dumbInitIgnored(arrived sig.Signal) {
	if s.Rewrite[arrived] == Drop {
		s.dumbInitTranslated(int(arrived), 0)
	}
	s.dumbInitText("Not forwarding signal 0 to children (ignored).")
	s.dumbInitSuspends(arrived)
}

func (s *supervisor) dumbInitSuspends(arrived sig.Signal) {
	switch arrived {
	case sig.TSTP, sig.TTIN, sig.TTOU:
		s.dumbInitText("Suspending self due to TTY signal.")
	}
}

//go:noinline
func (s *supervisor) dumbInitReaped(child proc.Child) {
	t := newLine()
	t.raw(dumbInitPrefix)
	t.raw("A child with PID ")
	t.num(int(child.Pid))
	if child.Status.Signal != 0 {
		t.raw(" was terminated by signal ")
		t.num(int(child.Status.Signal))
	} else {
		t.raw(" exited with exit status ")
		t.num(int(child.Status.Exit))
	}
	t.raw(".")
	t.endAs(s)
}

func (s *supervisor) dumbInitEnded(code uint8) {
	s.dumbInitReaped(proc.Child{Pid: s.pid, Status: s.status})
	switch {
	case s.Rewrite[sig.TERM] == Drop:
		s.dumbInitIgnored(sig.TERM)
	default:
		s.dumbInitForwarded(sig.TERM, s.lastSignal())
	}
	s.dumbInitNum("Child exited with status ", int(code), ". Goodbye.")
}

//go:noinline
func (s *supervisor) dumbInitCannotExec(e sys.Errno) {
	t := newLine()
	t.raw(dumbInitPrefix)
	t.plain(s.name())
	t.raw(": ")
	t.reason(e)
	t.endAs(s)
}
