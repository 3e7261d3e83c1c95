package pid1

import (
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
	"util/internal/version"

	"golang.org/x/sys/unix"
)

// tini 0.19.0, which Docker runs as docker-init: options may stand behind other arguments; the command leads a process
// group in init's session; init is a subreaper only if asked; 126 and 127 as in shells. Messages have levels, and the
// lower ones go to stdout. The help is in our own words.

// The options that only other inits have.
const (
	signalsToGroup ID = 128 + iota
	becomeSubreaper
	showLicence
)

var tiniTable = [...]Option{
	{ID: Help, Short: 'h'},
	{ID: becomeSubreaper, Short: 's'},
	{ID: ParentDeath, Short: 'p', Arg: MustArg},
	{ID: Verbose, Short: 'v'},
	{ID: WarnReaped, Short: 'w'},
	{ID: signalsToGroup, Short: 'g'},
	{ID: ExitCode, Short: 'e', Arg: MustArg},
	{ID: showLicence, Short: 'l'},
}

// posixVar makes getopt stop at the first argument that is no option.
const posixVar = "POSIXLY_CORRECT="

const (
	tiniVersion = "tini version 0.19.0"

	tiniHelp = `% (tini version 0.19.0)
Usage: % [OPTIONS] PROGRAM -- [ARGS] | --version

This is util init under the name of tini. Its options here:

  --version: show the version; it must stand alone.
  -h: show this help.
  -s: become a subreaper, which orphans become children of where init is not PID 1.
  -p SIGNAL: have init sent SIGNAL when its parent ends, as in "-p SIGKILL".
  -v: say more; up to 3 times.
  -w: say which orphans were reaped.
  -g: signals go to the command's process group, not to the command alone.
  -e EXIT_CODE: end with 0 when the command's status is EXIT_CODE (0 to 255); repeatable.
  -l: show the licence.

Variables:

  TINI_SUBREAPER: as -s.
  TINI_VERBOSITY: 0 to 4, instead of -v (1 without either).
  TINI_KILL_PROCESS_GROUP: as -g.

Every option of 'util init' is there as a variable as well: see 'util init --help'.

`
	licence = `This is util, called as %. It shares no code with the program of that name.

util is free software under the MIT licence: copyright (c) 2026 the util authors; it may be used, copied, changed and
passed on, with this notice; it comes without any warranty. The file LICENSE of its source has the full text, and the
notices of the modules that are linked in.
`
)

func (o *Options) tini(i *imitator) {
	if len(i.argv) == 1 && sys.String(i.argv[0]) == "--version" {
		i.tiniVersion()
	}
	g := getopt{argv: i.argv, table: tiniTable[:], mode: permute | shortOnly}
	level, fromEnv := warnLevel, -1
	group, reaper := false, false
	for _, entry := range i.envp {
		switch *entry {
		case 'P':
			if _, is := variable(sys.String(entry), posixVar); is {
				g.mode &^= permute
			}
		case 'T':
			text := sys.String(entry)
			if _, is := variable(text, "TINI_SUBREAPER="); is {
				reaper = true
			}
			if _, is := variable(text, "TINI_KILL_PROCESS_GROUP="); is {
				group = true
			}
			if value, is := variable(text, "TINI_VERBOSITY="); is {
				if fromEnv, _ = leadingInt(value); fromEnv < 0 {
					fromEnv = traceLevel // as an unsigned number it is large
				}
			}
		}
	}
	for opt, value := i.next(&g, tiniHelp); opt != nil; opt, value = i.next(&g, tiniHelp) {
		switch opt.ID {
		case Help:
			i.show(1, tiniHelp, 0)
		case showLicence:
			i.show(1, licence, 0)
		case becomeSubreaper:
			reaper = true
		case signalsToGroup:
			group = true
		case Verbose:
			level++
		case WarnReaped:
			o.WarnReaped = true
		case ParentDeath:
			if !o.tiniParentDeath(value) {
				i.tiniInvalid(opt.Short, value)
			}
		case ExitCode:
			n, rest := leadingInt(value)
			if rest != "" || n < 0 || n > 255 {
				i.tiniInvalid(opt.Short, value)
			}
			o.mapExit(uint8(n), 0)
		}
	}
	if !o.commandIs(&g) {
		i.show(2, tiniHelp, 1)
	}
	if fromEnv >= 0 {
		level = fromEnv
	}
	o.Verbose = max(o.Verbose, uint8(max(0, min(level, traceLevel)-warnLevel)))
	o.silent = level < warnLevel
	o.Single = !group
	o.noReaper = !reaper
	o.noSweep = true
}

// tiniVersion shows the version in the form that Docker reads: "tini version X - git.COMMIT".
func (i *imitator) tiniVersion() {
	printTo(1, tiniVersion)
	printTo(1, " - git.")
	printTo(1, version.Commit())
	i.showVersion("\n")
}

// tiniParentDeath takes a signal as tini knows it: with SIG, in upper case, and none of the few that not every
// architecture has.
func (o *Options) tiniParentDeath(text string) bool {
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

// tiniInvalid complains about the value of an option and ends the process.
//
//go:noinline
func (i *imitator) tiniInvalid(letter byte, value string) {
	t := newLine()
	t.tini(fatalLevel, sys.Getpid())
	t.raw("Not a valid option for -")
	t.put(letter)
	t.raw(": ")
	t.raw(value)
	i.wrong(t)
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

// The levels of messages. Verbose counts from warnLevel.
const (
	fatalLevel = iota
	warnLevel
	infoLevel
	debugLevel
	traceLevel
)

// tini begins a message.
func (t *line) tini(level int, pid int32) {
	t.raw("[")
	switch level {
	case fatalLevel:
		t.raw("FATAL")
	case warnLevel:
		t.raw("WARN ")
	case infoLevel:
		t.raw("INFO ")
	case debugLevel:
		t.raw("DEBUG")
	default:
		t.raw("TRACE")
	}
	t.raw(" tini (")
	t.num(int(pid))
	t.raw(")] ")
}

// tiniSays begins a message, if its level is wanted.
func (s *supervisor) tiniSays(t *line, level int) bool {
	if int(s.Verbose)+warnLevel < level || s.silent && level > fatalLevel {
		return false
	}
	t.tini(level, s.self)
	return true
}

// tiniEnds writes a message: the serious ones to stderr, the others to stdout.
func (s *supervisor) tiniEnds(t *line, level int) {
	if level <= warnLevel {
		t.endAs(s)
		return
	}
	t.finish()
	s.guise.out.stdout = true
	s.guise.out.write(t.buf[:t.n])
}

//go:noinline
func (s *supervisor) tiniText(level int, text string) {
	t := newLine()
	if s.tiniSays(t, level) {
		t.raw(text)
		s.tiniEnds(t, level)
	}
}

// tiniQuoted writes a message with a number in quotes.
//
//go:noinline
func (s *supervisor) tiniQuoted(level int, before string, n int, after string) {
	t := newLine()
	if s.tiniSays(t, level) {
		t.raw(before)
		t.raw("'")
		t.num(n)
		t.raw("'")
		t.raw(after)
		s.tiniEnds(t, level)
	}
}

const tiniNoReaper = `Tini is not running as PID 1 and isn't registered as a child subreaper.
Zombie processes will not be re-parented to Tini, so zombie reaping won't work.
To fix the problem, use the -s option or set the environment variable TINI_SUBREAPER to register Tini as a child subreaper, or run Tini as PID 1.`

//go:noinline
func (s *supervisor) tiniStarted() {
	if s.self != 1 && s.noReaper && !sys.IsSubreaper() {
		s.tiniText(warnLevel, tiniNoReaper)
	}
	if s.Verbose == 0 {
		return
	}
	if !s.noReaper {
		s.tiniText(traceLevel, "Registered as child subreaper")
	}
	t := newLine()
	if s.tiniSays(t, infoLevel) {
		t.raw("Spawned child process '")
		t.plain(s.name())
		t.raw("' with pid '")
		t.num(int(s.pid))
		t.raw("'")
		s.tiniEnds(t, infoLevel)
	}
}

//go:noinline
func (s *supervisor) tiniForwarded(sent sig.Signal, e sys.Errno) {
	t := newLine()
	switch {
	case e != 0:
		if s.tiniSays(t, warnLevel) {
			t.raw("Cannot forward signal '")
			t.signalText(sent)
			t.raw("': ")
			t.reason(e)
			s.tiniEnds(t, warnLevel)
		}
	case s.tiniSays(t, debugLevel):
		t.raw("Passing signal: '")
		t.signalText(sent)
		t.raw("'")
		s.tiniEnds(t, debugLevel)
	}
}

//go:noinline
func (s *supervisor) tiniReaped(child proc.Child) {
	s.tiniQuoted(debugLevel, "Reaped child with pid: ", int(child.Pid), "")
	t := newLine()
	if s.WarnReaped && s.tiniSays(t, warnLevel) {
		t.raw("Reaped zombie process with pid=")
		t.num(int(child.Pid))
		s.tiniEnds(t, warnLevel)
	}
}

//go:noinline
func (s *supervisor) tiniEnded() {
	s.tiniQuoted(debugLevel, "Reaped child with pid: ", int(s.pid), "")
	if s.status.Signal == 0 {
		s.tiniQuoted(infoLevel, "Main child exited normally (with status ", int(s.status.Exit), ")")
	} else {
		t := newLine()
		if s.tiniSays(t, infoLevel) {
			t.raw("Main child exited with signal (with signal '")
			t.signalText(s.status.Signal)
			t.raw("')")
			s.tiniEnds(t, infoLevel)
		}
	}
	s.tiniIdle()
	s.tiniText(traceLevel, "Exiting: child has exited")
}

// tiniIdle says that there is nobody to reap.
func (s *supervisor) tiniIdle() {
	if int(s.Verbose) < traceLevel-warnLevel {
		return
	}
	if proc.Childless(s.ended) {
		s.tiniText(traceLevel, "No child to wait")
	} else {
		s.tiniText(traceLevel, "No child to reap")
	}
}

//go:noinline
func (s *supervisor) tiniCannotExec(e sys.Errno) {
	t := newLine()
	t.tini(fatalLevel, s.pid)
	t.raw("exec ")
	t.plain(s.name())
	t.raw(" failed: ")
	t.reason(e)
	t.endAs(s)
}

// signalTexts are what strsignal(3) of glibc says.
var signalTexts = [...]string{
	1: "Hangup", 2: "Interrupt", 3: "Quit", 4: "Illegal instruction", 5: "Trace/breakpoint trap", 6: "Aborted",
	7: "Bus error", 8: "Floating point exception", 9: "Killed", 10: "User defined signal 1", 11: "Segmentation fault",
	12: "User defined signal 2", 13: "Broken pipe", 14: "Alarm clock", 15: "Terminated", 16: "Stack fault",
	17: "Child exited", 18: "Continued", 19: "Stopped (signal)", 20: "Stopped", 21: "Stopped (tty input)",
	22: "Stopped (tty output)", 23: "Urgent I/O condition", 24: "CPU time limit exceeded", 25: "File size limit exceeded",
	26: "Virtual timer expired", 27: "Profiling timer expired", 28: "Window changed", 29: "I/O possible",
	30: "Power failure", 31: "Bad system call",
}

// signalText appends what strsignal(3) says of a signal.
func (t *line) signalText(s sig.Signal) {
	switch {
	case int(s) < len(signalTexts):
		t.raw(signalTexts[s])
	case s >= sig.RTMin:
		t.raw("Real-time signal ")
		t.num(int(s - sig.RTMin))
	default:
		t.raw("Unknown signal ")
		t.num(int(s))
	}
}
