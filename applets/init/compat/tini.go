package compat

import (
	"util/applets/init/options"
	"util/applets/init/report"
	"util/applets/init/supervise"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
	"util/internal/version"

	"golang.org/x/sys/unix"
)

// tini 0.19.0, which Docker runs as docker-init: options may follow other arguments; the command
// leads a process group in init's session; init is a subreaper only if asked; the statuses 126
// and 127 are as in shells. Messages have levels, and those that are not errors go to stdout. The
// help is in our own words.

var tiniTable = [...]options.Option{
	{ID: options.Help, Short: 'h'},
	{ID: becomeSubreaper, Short: 's'},
	{ID: options.ParentDeath, Short: 'p', Arg: options.RequiredArg},
	{ID: options.Verbose, Short: 'v'},
	{ID: options.WarnReaped, Short: 'w'},
	{ID: signalsToGroup, Short: 'g'},
	{ID: options.ExitCode, Short: 'e', Arg: options.RequiredArg},
	{ID: showLicence, Short: 'l'},
}

const (
	tiniVersion = "tini version 0.19.0"

	tiniHelp = `% (tini version 0.19.0)
Usage: % [OPTIONS] PROGRAM -- [ARGS] | --version

This is util init under the name of tini. Its options here:

  --version: show the version; it must stand alone.
  -h: show this help.
  -s: become a subreaper: adopt orphans where init is not PID 1.
  -p SIGNAL: have the kernel send SIGNAL to init when its parent ends ("-p SIGKILL").
  -v: say more; up to 3 times.
  -w: say which orphans were reaped.
  -g: signals go to the command's process group, not to the command alone.
  -e EXIT_CODE: end with 0 when the command's status is EXIT_CODE (0 to 255); repeatable.
  -l: show the licence.

Variables:

  TINI_SUBREAPER: as -s.
  TINI_VERBOSITY: 0 to 4, instead of -v (1 without either).
  TINI_KILL_PROCESS_GROUP: as -g.

Every option of 'util init' can also be set by a variable: see 'util init --help'.

`
	licence = `This is util, called as %. It shares no code with the program of that name.

util is free software under the MIT licence: copyright (c) 2026 the util authors.
It may be used, copied, changed and passed on, with this notice. It comes without
any warranty. The file LICENSE of its source has the full text, and the notices
of the modules that are linked in.
`
)

func (p *Personality) tini(c *commandLine, argv, envp []*byte) {
	if len(argv) == 1 && sys.String(argv[0]) == "--version" {
		c.tiniVersion()
	}
	o := c.o
	g := options.Getopt{Argv: argv, Table: tiniTable[:], Mode: options.Permute | options.ShortOnly}
	env := readTiniEnv(envp)
	if env.posix {
		g.Mode &^= options.Permute
	}
	level := warnLevel
	group, reaper := env.group, env.reaper
	for opt, value := c.next(&g, tiniHelp); opt != nil; opt, value = c.next(&g, tiniHelp) {
		switch opt.ID {
		case options.Help:
			c.show(1, tiniHelp, 0)
		case showLicence:
			c.show(1, licence, 0)
		case becomeSubreaper:
			reaper = true
		case signalsToGroup:
			group = true
		case options.Verbose:
			level++
		case options.WarnReaped:
			o.WarnReaped = true
		case options.ParentDeath:
			if !tiniParentDeath(o, value) {
				c.tiniInvalid(opt.Short, value)
			}
		case options.ExitCode:
			n, rest := leadingInt(value)
			if rest != "" || n < 0 || n > 255 {
				c.tiniInvalid(opt.Short, value)
			}
			o.Exit.Map(uint8(n), 0)
		}
	}
	if !c.takeCommand(&g) {
		c.show(2, tiniHelp, 1)
	}
	if env.level >= 0 {
		level = env.level
	}
	o.Verbose = max(o.Verbose, uint8(max(0, min(level, traceLevel)-warnLevel)))
	p.silent = level < warnLevel
	p.stdout.Stdout = true
	o.Single = !group
	o.Placement = supervise.OwnGroup
	o.NoSubreaper = !reaper
	o.NoSweep = true
	o.DropCHLD = true
	o.OnTSTP, o.OnTTIN = supervise.Pass, supervise.Discard
}

// tiniEnv is what tini reads from the environment.
type tiniEnv struct {
	posix  bool // POSIXLY_CORRECT
	group  bool // TINI_KILL_PROCESS_GROUP
	reaper bool // TINI_SUBREAPER
	level  int  // TINI_VERBOSITY, -1 if unset
}

func readTiniEnv(envp []*byte) (env tiniEnv) {
	env.level = -1
	for _, entry := range envp {
		switch *entry {
		case 'P':
			if isPosix(sys.String(entry)) {
				env.posix = true
			}
		case 'T':
			env.read(sys.String(entry))
		}
	}
	return env
}

// read reads an entry of the environment.
func (env *tiniEnv) read(entry string) {
	if len(entry) < 9 || entry[:5] != "TINI_" {
		return
	}
	switch entry[5:9] { // see variable
	case "SUBR":
		if _, is := variable(entry, "TINI_SUBREAPER="); is {
			env.reaper = true
		}
	case "KILL":
		if _, is := variable(entry, "TINI_KILL_PROCESS_GROUP="); is {
			env.group = true
		}
	case "VERB":
		value, is := variable(entry, "TINI_VERBOSITY=")
		if is && env.level < 0 { // the first counts, as for getenv(3)
			if env.level, _ = leadingInt(value); env.level < 0 {
				env.level = traceLevel // as an unsigned number it is large
			}
		}
	}
}

// tiniVersion prints the version in the form that Docker reads: "tini version X - git.COMMIT".
func (c *commandLine) tiniVersion() {
	c.printUtil()
	report.Print(1, tiniVersion)
	report.Print(1, " - git.")
	report.Print(1, version.Commit())
	c.show(1, "\n", 0)
}

// tiniParentDeath takes a signal as tini knows it: with SIG, in upper case, and none of the few
// that not every architecture has.
func tiniParentDeath(o *options.Options, text string) bool {
	s, ok := sig.Parse(text)
	if !ok || len(text) < 4 || text[:3] != "SIG" || s.Name() != text[3:] || s > 31 {
		return false
	}
	switch s.Name() {
	case "STKFLT", "IO", "PWR":
		return false
	}
	o.ParentDeath = s
	return true
}

// tiniInvalid reports a wrong value of an option and ends the process.
//
//go:noinline
func (c *commandLine) tiniInvalid(letter byte, value string) {
	t := report.NewLine()
	tiniHead(t, fatalLevel, sys.Getpid())
	t.Raw("Not a valid option for -")
	t.Put(letter)
	t.Raw(": ")
	t.Raw(value)
	c.wrong(t)
	sys.Exit(1)
}

// tiniExecStatus is the status for a command that cannot be executed.
func tiniExecStatus(e sys.Errno) uint8 {
	switch e {
	case unix.ENOENT:
		return proc.ExitNotFound
	case unix.EACCES:
		return proc.ExitCannot
	}
	return proc.ExitFailed
}

// The levels of messages. Options.Verbose counts from warnLevel.
const (
	fatalLevel = iota
	warnLevel
	infoLevel
	debugLevel
	traceLevel
)

// tiniHead begins a message.
func tiniHead(t *report.Line, level int, pid int32) {
	t.Raw("[")
	switch level {
	case fatalLevel:
		t.Raw("FATAL")
	case warnLevel:
		t.Raw("WARN ")
	case infoLevel:
		t.Raw("INFO ")
	case debugLevel:
		t.Raw("DEBUG")
	default:
		t.Raw("TRACE")
	}
	t.Raw(" tini (")
	t.Num(int(pid))
	t.Raw(")] ")
}

// tiniBegins begins a message, if its level is wanted.
func (p *Personality) tiniBegins(level int) (t *report.Line, wanted bool) {
	t = report.NewLine()
	if int(p.Rep.Options.Verbose)+warnLevel < level || p.silent && level > fatalLevel {
		return t, false
	}
	tiniHead(t, level, p.Rep.Facts.Self)
	return t, true
}

// tiniEnds writes a message: errors to stderr, others to stdout.
func (p *Personality) tiniEnds(t *report.Line, level int) {
	if level <= warnLevel {
		p.Rep.End(t)
		return
	}
	t.WriteTo(&p.stdout)
}

//go:noinline
func (p *Personality) tiniText(level int, text string) {
	if t, wanted := p.tiniBegins(level); wanted {
		t.Raw(text)
		p.tiniEnds(t, level)
	}
}

// tiniQuoted writes a message with a number in quotes.
//
//go:noinline
func (p *Personality) tiniQuoted(level int, before string, n int, after string) {
	if t, wanted := p.tiniBegins(level); wanted {
		t.Raw(before)
		t.Raw("'")
		t.Num(n)
		t.Raw("'")
		t.Raw(after)
		p.tiniEnds(t, level)
	}
}

const tiniNoReaper = "Tini is not running as PID 1 and isn't registered as a child subreaper.\n" +
	"Zombie processes will not be re-parented to Tini, so zombie reaping won't work.\n" +
	"To fix the problem, use the -s option or set the environment variable TINI_SUBREAPER to " +
	"register Tini as a child subreaper, or run Tini as PID 1."

//go:noinline
func (p *Personality) tiniStarted() {
	s := p.Rep.Facts
	if s.Self != 1 && s.NoSubreaper && !sys.IsSubreaper() {
		p.tiniText(warnLevel, tiniNoReaper)
	}
	if p.Rep.Options.Verbose == 0 {
		return
	}
	if !s.NoSubreaper {
		p.tiniText(traceLevel, "Registered as child subreaper")
	}
	if t, wanted := p.tiniBegins(infoLevel); wanted {
		t.Raw("Spawned child process '")
		t.Plain(s.Name())
		t.Raw("' with pid '")
		t.Num(int(s.PID))
		t.Raw("'")
		p.tiniEnds(t, infoLevel)
	}
}

//go:noinline
func (p *Personality) tiniTell(n *supervise.Note) {
	switch n.Kind {
	case supervise.Received:
		if n.Arrived == sig.CHLD {
			p.tiniText(debugLevel, "Received SIGCHLD")
		}
	case supervise.Forwarded:
		p.tiniForwarded(n.Sent, n.Errno)
	case supervise.Reaped:
		p.tiniReaped(n.Child)
	case supervise.Handled:
		p.tiniIdle()
	}
}

//go:noinline
func (p *Personality) tiniForwarded(sent sig.Signal, e sys.Errno) {
	if e != 0 {
		if t, wanted := p.tiniBegins(warnLevel); wanted {
			t.Raw("Cannot forward signal '")
			strsignal(t, sent)
			t.Raw("': ")
			strerror(t, e)
			p.tiniEnds(t, warnLevel)
		}
		return
	}
	if t, wanted := p.tiniBegins(debugLevel); wanted {
		t.Raw("Passing signal: '")
		strsignal(t, sent)
		t.Raw("'")
		p.tiniEnds(t, debugLevel)
	}
}

//go:noinline
func (p *Personality) tiniReaped(child proc.Child) {
	p.tiniQuoted(debugLevel, "Reaped child with pid: ", int(child.Pid), "")
	if !p.Rep.Options.WarnReaped {
		return
	}
	if t, wanted := p.tiniBegins(warnLevel); wanted {
		t.Raw("Reaped zombie process with pid=")
		t.Num(int(child.Pid))
		p.tiniEnds(t, warnLevel)
	}
}

//go:noinline
func (p *Personality) tiniEnded() {
	s := p.Rep.Facts
	p.tiniQuoted(debugLevel, "Reaped child with pid: ", int(s.PID), "")
	if s.Status.Signal == 0 {
		p.tiniQuoted(infoLevel, "Main child exited normally (with status ", int(s.Status.Exit), ")")
	} else if t, wanted := p.tiniBegins(infoLevel); wanted {
		t.Raw("Main child exited with signal (with signal '")
		strsignal(t, s.Status.Signal)
		t.Raw("')")
		p.tiniEnds(t, infoLevel)
	}
	p.tiniIdle()
	p.tiniText(traceLevel, "Exiting: child has exited")
}

// tiniIdle prints that there is no child to reap.
func (p *Personality) tiniIdle() {
	if int(p.Rep.Options.Verbose) < traceLevel-warnLevel {
		return
	}
	if proc.Childless(p.Rep.Facts.Ended) {
		p.tiniText(traceLevel, "No child to wait")
	} else {
		p.tiniText(traceLevel, "No child to reap")
	}
}

//go:noinline
func (p *Personality) tiniCannotExec(e sys.Errno) {
	t := report.NewLine()
	tiniHead(t, fatalLevel, p.Rep.Facts.PID)
	t.Raw("exec ")
	t.Plain(p.Rep.Facts.Name())
	t.Raw(" failed: ")
	strerror(t, e)
	p.Rep.End(t)
}

// signalTexts are the texts of glibc's strsignal(3).
var signalTexts = [...]string{
	1: "Hangup", 2: "Interrupt", 3: "Quit", 4: "Illegal instruction", 5: "Trace/breakpoint trap",
	6: "Aborted", 7: "Bus error", 8: "Floating point exception", 9: "Killed",
	10: "User defined signal 1", 11: "Segmentation fault", 12: "User defined signal 2",
	13: "Broken pipe", 14: "Alarm clock", 15: "Terminated", 16: "Stack fault", 17: "Child exited",
	18: "Continued", 19: "Stopped (signal)", 20: "Stopped", 21: "Stopped (tty input)",
	22: "Stopped (tty output)", 23: "Urgent I/O condition", 24: "CPU time limit exceeded",
	25: "File size limit exceeded", 26: "Virtual timer expired", 27: "Profiling timer expired",
	28: "Window changed", 29: "I/O possible", 30: "Power failure", 31: "Bad system call",
}

// strsignal appends what strsignal(3) says about a signal.
func strsignal(t *report.Line, s sig.Signal) {
	switch {
	case int(s) < len(signalTexts):
		t.Raw(signalTexts[s])
	case s >= sig.RTMin:
		t.Raw("Real-time signal ")
		t.Num(int(s - sig.RTMin))
	default:
		t.Raw("Unknown signal ")
		t.Num(int(s))
	}
}
