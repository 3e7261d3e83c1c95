package pid1

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// This file is what the personalities have in common: how they are chosen, and where init asks them. What one of them
// is, stands in the file with its name: its table of options, its environment, its texts. They all fill the same Options
// and are run by the same supervisor. All of it runs before the Go runtime, help and usage errors included.

// Personality is the init whose command line, environment, messages and habits are taken on.
type Personality uint8

const (
	Util Personality = iota // init's own
	DumbInit
	Tini
	Catatonit
)

// Aliases are the names under which init is another init.
var Aliases = [...]string{"dumb-init", "tini", "tini-static", "docker-init", "catatonit", "podman-init"}

// PersonalityOf returns the personality that goes with a name, or Util. The comparisons are code: a table would cost a
// page fault.
func PersonalityOf(name string) Personality {
	if len(name) < len("tini") {
		return Util
	}
	if name == "docker-init" || name == "tini" || name == "tini-static" {
		return Tini
	}
	if name == "dumb-init" {
		return DumbInit
	}
	if name == "catatonit" || name == "podman-init" {
		return Catatonit
	}
	return Util
}

func (as Personality) name() string {
	switch as {
	case DumbInit:
		return "dumb-init"
	case Tini:
		return "tini"
	case Catatonit:
		return "catatonit"
	}
	return Name
}

// habits are the ways in which other inits behave differently, whatever they are called. The zero value is init's own.
type habits struct {
	As       Personality
	inGroup  bool // the command stays in init's own process group and session
	noReaper bool // init does not make itself a subreaper
	debugVar bool // dumb-init: DUMB_INIT_DEBUG asked for messages
	groupVar bool // dumb-init: DUMB_INIT_SETSID asked for inGroup
	silent   bool // tini: nothing but what is fatal is said
	noSweep  bool // without a grace period, what is left of the command's group gets no TERM when the command has ended
}

// guise is what a personality notes during a run, for its messages.
type guise struct {
	out      logger    // to stdout
	detached sys.Errno // dumb-init: why init could not give up its controlling terminal
	attached sys.Errno // why the command could not take it
	leader   bool      // dumb-init: init led the session of the terminal that it gave up
	handOff  sig.Set   // dumb-init: the signals of giving it up
}

// impersonate reads the arguments behind the name into s.Options, as the init does whose personality was chosen. Where
// that init would show a help or complain, it does so and ends the process. called is the name.
func (s *supervisor) impersonate(called string, argv, envp []*byte) {
	if called == "" {
		called = s.As.name()
	}
	i := imitator{format: s.LogFormat, log: s.TerminationLog, called: called, argv: argv, envp: envp}
	switch s.As {
	case DumbInit:
		s.dumbInit(&i)
	case Tini:
		s.tini(&i)
	case Catatonit:
		s.catatonit(&i)
	}
	if s.wide() {
		s.noReaper = false // whom a stop is about must be init's descendants
	}
}

// imitator is a command line of another init that is being read.
type imitator struct {
	format LogFormat
	log    string // the termination log
	said   bool   // what is wrong
	called string
	argv   []*byte
	envp   []*byte
}

// next returns the next option, or nil at the end. A bad option is complained about as getopt_long(3) does, followed by
// the usage of the init, and ends the process with status 1.
func (i *imitator) next(g *getopt, usage string) (opt *Option, value string) {
	var p Problem
	opt, value = g.next(&p)
	if p.Reason != None {
		i.complain(g, p)
		i.show(2, usage, 1)
	}
	return opt, value
}

// commandIs takes down where the command begins, and reports whether there is one.
func (o *Options) commandIs(g *getopt) bool {
	o.Command = g.first
	return g.first < len(g.argv)
}

// show writes a text in which every "%" stands for the name of the program, and ends the process. In the format json, there is
// no usage behind a complaint.
func (i *imitator) show(fd int, text string, status int) {
	if status != 0 && !i.said {
		fail(i.format, i.log, "no command")
	}
	if status != 0 && i.format == LogJSON {
		sys.Exit(status)
	}
	name := ascii.Base(i.called)
	from := 0
	for n := 0; n < len(text); n++ {
		if text[n] == '%' {
			printTo(fd, text[from:n])
			printTo(fd, name)
			from = n + 1
		}
	}
	printTo(fd, text[from:])
	sys.Exit(status)
}

// printTo writes a text as a program does that has nothing else to do. If it was for stdout and cannot be written, the process ends
// with status 1.
func printTo(fd int, text string) {
	for text != "" {
		n, e := sys.WriteString(fd, text)
		if e != 0 || n <= 0 {
			if fd == 1 {
				_, _ = sys.WriteString(2, "util init: stdout: cannot be written\n")
				sys.Exit(proc.ExitFailed)
			}
			return
		}
		text = text[n:]
	}
}

// complain says what is wrong with an option in the words of getopt_long(3) of glibc.
//
//go:noinline
func (i *imitator) complain(g *getopt, p Problem) {
	t := newLine()
	t.raw(i.called)
	t.raw(": ")
	switch {
	case p.Reason == UnknownOption && p.Short != 0:
		t.raw("invalid option -- '")
		t.put(p.Short)
		t.raw("'")
	case p.Reason == UnknownOption:
		t.raw("unrecognized option '")
		t.raw(g.wrong)
		t.raw("'")
	case p.Reason == Ambiguous:
		t.raw("option '")
		t.raw(g.wrong)
		t.raw("' is ambiguous; possibilities:")
		for n := range g.table {
			if long := g.table[n].Long; ascii.HasPrefix(long, p.Option[2:]) {
				t.raw(" '--")
				t.raw(long)
				t.raw("'")
			}
		}
	case p.Reason == MissingValue && p.Short != 0:
		t.raw("option requires an argument -- '")
		t.put(p.Short)
		t.raw("'")
	case p.Reason == MissingValue:
		t.raw("option '--")
		t.raw(g.wrong)
		t.raw("' requires an argument")
	case p.Reason == UnwantedValue:
		t.raw("option '--")
		t.raw(g.wrong)
		t.raw("' doesn't allow an argument")
	}
	i.wrong(t)
}

// wrong says what is wrong with the command line.
func (i *imitator) wrong(t *line) {
	i.said = true
	if !fail(i.format, i.log, t.text()) {
		t.finish()
		printTo(2, t.text())
	}
}

// variable returns the value of an entry of the environment if it begins with name, which ends with "=".
func variable(entry, name string) (value string, is bool) {
	if !ascii.HasPrefix(entry, name) {
		return "", false
	}
	return entry[len(name):], true
}

// leadingInt reads a number as C does: behind white space, with a sign, up to the first other character. Without a
// digit, rest is all of text.
func leadingInt(text string) (n int, rest string) {
	i := 0
	for i < len(text) && (text[i] == ' ' || text[i] >= '\t' && text[i] <= '\r') {
		i++
	}
	negative := i < len(text) && text[i] == '-'
	if negative || i < len(text) && text[i] == '+' {
		i++
	}
	digits := i
	for ; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		n = min(n*10+int(text[i]-'0'), 1<<31-1)
	}
	if i == digits {
		return 0, text
	}
	if negative {
		n = -n
	}
	return n, text[i:]
}

// Where a run differs. Decisions about signals are step's, which asks arrivesAs.

// terminalAs is terminal for a personality.
func (s *supervisor) terminalAs() (place proc.Place, fd int) {
	if s.inGroup {
		return proc.SameGroup, -1
	}
	fd = openTerminal()
	leader := fd >= 0 && sys.Getsid() == s.self
	if s.As == DumbInit {
		switch {
		case fd < 0:
			s.guise.detached, s.guise.attached = unix.ENOTTY, unix.ENOTTY
		case leader:
			s.guise.leader = true
			s.guise.handOff, s.guise.detached = giveUp(fd)
			return proc.TerminalOwner, fd
		default:
			// It leaves the session of its shell without a terminal; init hears ^C and ^Z in its place.
			s.guise.detached, s.guise.attached = sys.Ioctl(fd, unix.TIOCNOTTY, 0), unix.EPERM
		}
		return proc.NewSession, -1
	}
	if fd < 0 {
		return proc.Background, -1
	}
	s.jobs = true
	s.console = fd
	s.noStop = s.noStop || leader // there is no shell above to continue init
	if foreground(fd) == sys.Getpgid() {
		return proc.Foreground, fd
	}
	return proc.Background, fd
}

// arrivesAs is arrives where a personality's decision differs; else ok is false.
func (s *supervisor) arrivesAs(signal sig.Signal) (a Action, ok bool) {
	switch signal {
	case sig.CHLD: // theirs alone, whoever sent it
		return Action{Ignore, signal}, true
	case sig.TSTP, sig.TTIN, sig.TTOU:
	default:
		return Action{}, false
	}
	rewriting := s.Rewrite[signal]
	a = Action{Forward, signal}
	switch {
	case s.As == DumbInit:
		switch {
		case rewriting == Drop:
			a.Do = Ignore
		case rewriting != Unchanged:
			a.Signal = sig.Signal(rewriting)
		case !s.inGroup:
			a.Signal = sig.STOP
		}
		if !s.noStop {
			a.Do |= StopSelf
		}
	case rewriting != Unchanged:
		return Action{}, false
	case s.As == Catatonit || signal != sig.TSTP:
		a.Do = Ignore
	}
	return a, true
}

// lastSignal is what the rest of the command's group gets when the command has ended. dumb-init rewrites it too; 0 is no
// signal.
func (s *supervisor) lastSignal() sig.Signal {
	if s.As == DumbInit {
		switch r := s.Rewrite[sig.TERM]; r {
		case Unchanged:
		case Drop:
			return 0
		default:
			return sig.Signal(r)
		}
	}
	return sig.TERM
}

// Where init asks for words.

// speaks reports whether init's lines are the personality's: a log format asks for init's own.
func (s *supervisor) speaks() bool { return s.As != Util && s.LogFormat == LogDefault }

// introduce says what a personality has to say once the command runs.
func (s *supervisor) introduce(termErr sys.Errno) {
	if s.guise.attached == 0 {
		s.guise.attached = termErr
	}
	switch s.As {
	case DumbInit:
		s.dumbInitStarted()
	case Tini:
		s.tiniStarted()
	case Catatonit:
		s.catatonitStarted()
	}
}

// receiveAs looks at a signal before it is handled.
func (s *supervisor) receiveAs(ev *Event, info *sys.Siginfo) {
	const fromKernel = 128 // SI_KERNEL, sigaction(2)
	if s.Verbose > 0 && s.speaks() {
		s.sayArrivedAs(ev.Signal)
	}
	switch ev.Signal {
	case sig.INT, sig.QUIT, sig.TSTP, sig.WINCH:
		if s.inGroup && info.Code == fromKernel {
			ev.Kind = Typed
		}
	}
}

// sayArrivedAs says that a signal arrived.
func (s *supervisor) sayArrivedAs(arrived sig.Signal) {
	switch s.As {
	case DumbInit:
		s.dumbInitNum("Received signal ", int(arrived), ".")
	case Tini:
		if arrived == sig.CHLD {
			s.tiniText(debugLevel, "Received SIGCHLD")
		}
	}
}

func (s *supervisor) sayForwardedAs(arrived, sent sig.Signal, e sys.Errno) {
	switch s.As {
	case DumbInit:
		s.dumbInitForwarded(arrived, sent)
	case Tini:
		s.tiniForwarded(sent, e)
	case Catatonit:
		s.catatonitForwarded(sent, e)
	}
}

func (s *supervisor) sayIgnoredAs(arrived sig.Signal) {
	if s.As == DumbInit && arrived != sig.CHLD {
		s.dumbInitIgnored(arrived)
	}
}

func (s *supervisor) sayIdleAs() {
	if s.As == Tini {
		s.tiniIdle()
	}
}

func (s *supervisor) sayReapedAs(child proc.Child) {
	switch s.As {
	case DumbInit:
		s.dumbInitReaped(child)
	case Tini:
		s.tiniReaped(child)
	case Catatonit:
		s.catatonitReaped(child)
	}
}

func (s *supervisor) sayEndedAs(code uint8) {
	switch s.As {
	case DumbInit:
		s.dumbInitEnded(code)
	case Tini:
		s.tiniEnded()
	}
}

func (s *supervisor) sayCannotExecAs(e sys.Errno) {
	switch s.As {
	case DumbInit:
		s.dumbInitCannotExec(e)
	case Tini:
		s.tiniCannotExec(e)
	case Catatonit:
		s.catatonitCannotExec(e)
	}
}

// endUnstartedAs is endUnstarted for a personality. In the originals it is the child that fails to execute the command,
// says why and exits, and init then ends as with any command.
func (s *supervisor) endUnstartedAs(cmd *proc.Start) {
	switch s.As {
	case DumbInit:
		s.status.Exit = 2
	case Tini:
		s.status.Exit = tiniExecStatus(cmd.Errno)
	case Catatonit:
		s.status.Exit = proc.ExitFailed
	}
	if s.speaks() {
		s.introduce(cmd.TermErr)
		s.sayCannotExecAs(cmd.Errno)
		if s.Verbose > 0 {
			s.sayArrivedAs(sig.CHLD)
		}
		if s.explains() {
			s.sayEndedAs(s.ExitCode(s.status.Exit))
		}
	}
	s.sayCannotExec(cmd)
	proc.Reap(s.pid, nil)
	s.takeBack()
	sys.Exit(int(s.ExitCode(s.status.Exit)))
}

// endAs completes the line and writes it to stderr.
func (t *line) endAs(s *supervisor) {
	if s.log.lost > 0 {
		s.sayLost()
	}
	t.end(s)
}

// text is what the line holds so far.
func (t *line) text() string { return unsafe.String(&t.buf[0], t.n) }

// Words that C programs share.

// reason appends what an errno means, as strerror(3) has it.
func (t *line) reason(e sys.Errno) {
	text := errnoText(e)
	if text == "" {
		t.raw("Unknown error ")
		t.num(int(e))
		return
	}
	t.put(text[0] - ('a' - 'A'))
	t.raw(text[1:])
}
