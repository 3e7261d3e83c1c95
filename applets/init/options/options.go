// Package options is init's command line: the table of its options, the parser, and the values that
// come out of it. Help, completion and the documents are made from the same table.
//
// It runs before the Go runtime, under the rule of package entry, and in tests. What is wrong
// with a command line is a [Problem], a plain value; package usage puts it into words.
package options

import "util/applets/init/supervise"

// EnvPrefix is what the name of every environment variable of init begins with.
const EnvPrefix = envPrefix1 + envPrefix2

// Its parts, for a comparison in code: see "Constants of a plain run" in package entry.
const (
	envPrefix1 = "UTIL_"
	envPrefix2 = "INIT_"
)

// Options is what a command line and an environment ask of init. The zero value is the default.
type Options struct {
	supervise.Settings

	WarnReaped      bool      // print a line for each orphan reaped
	Verbose         uint8     // 1: what happens to the command; 2: orphans as well
	LogFormat       LogFormat // of init's lines
	TerminationLog  string    // a file for the last line, or ""
	As              Init      // the init whose command line follows
	UnknownVariable bool      // a variable has the prefix but is not one of init's
	Command         int       // index of the command in the argv given to Parse
}

// LogFormat is the format of init's lines.
type LogFormat uint8

// The formats.
const (
	LogDefault LogFormat = iota // text, and only what --verbose and --warn-reaped ask for
	LogText
	LogJSON
)

// WantsSummary reports whether init's last line must say why it ended.
func (o *Options) WantsSummary() bool {
	return o.Verbose > 0 || o.LogFormat != LogDefault || o.TerminationLog != ""
}

// ID identifies an option within init.
type ID uint8

// The options of all command lines.
const (
	SingleChild ID = iota + 1
	RewriteSignal
	ParentDeath
	Verbose
	WarnReaped
	Grace
	StopSignal
	StopDelay
	ScopeOf
	ExitCode
	LogFormatOf
	TerminationLog
	Pause
	Compat
	Help
	Version
)

// Arg says what an option takes.
type Arg uint8

// What an option takes.
const (
	NoArg       Arg = iota // nothing
	OptionalArg            // --option or --option=value
	RequiredArg            // --option value, --option=value, -o value, -ovalue
)

// Option is one option of a command line.
type Option struct {
	ID    ID
	Short byte   // 0 if there is no short form
	Long  string // without the dashes
	Arg   Arg
	Env   string // its variable without EnvPrefix, "" if there is none
	Value string // what help calls the value
	Help  string
}

// Table lists init's options in the order of the help. It is the only list: the parser, the help,
// the completion and the table in docs/init.md (checked by a test) are made from it.
var Table = [...]Option{
	{
		SingleChild, 'c', "single-child", OptionalArg, "SINGLE_CHILD", "",
		"send signals to the command only, not to its process group",
	},
	{
		RewriteSignal, 'r', "rewrite", RequiredArg, "REWRITE", "FROM:TO",
		"forward signal TO when FROM arrives, or nothing if TO is none; repeatable, or a list " +
			"with commas",
	},
	{
		ParentDeath, 'p', "parent-death", RequiredArg, "PARENT_DEATH", "SIGNAL",
		"have the kernel send SIGNAL to init, which forwards it, when init's parent ends",
	},
	{
		Grace, 'g', "grace", RequiredArg, "GRACE", "DURATION",
		"time from a stop signal to KILL, such as 8s, 500ms or plain seconds; 0, the default, " +
			"means no KILL, and no waiting for other processes after the command has ended",
	},
	{
		StopSignal, 0, "stop-signal", RequiredArg, "STOP_SIGNAL", "SIGNAL",
		"a signal that starts a stop, besides TERM and INT; repeatable, or a list with commas",
	},
	{
		StopDelay, 0, "stop-delay", RequiredArg, "STOP_DELAY", "DURATION",
		"forward a stop signal only after this time, so that load balancers can stop sending " +
			"requests; the grace period runs at the same time",
	},
	{
		ScopeOf, 0, "scope", RequiredArg, "SCOPE", "SCOPE",
		"which processes a stop applies to. group: the command's process group; ordered (the " +
			"default with --grace): the group first, then every process that the command left; " +
			"container: every process at once",
	},
	{
		ExitCode, 'e', "exit-code", RequiredArg, "EXIT_CODE", "FROM:TO",
		"end with status TO when the command's status is FROM: a number, a signal that ended it, " +
			"or any (except 0); repeatable, or a list with commas",
	},
	{
		Pause, 0, "pause", OptionalArg, "PAUSE", "",
		"run no command: reap orphans until TERM, INT, PWR or RTMIN+3, then end with status 0",
	},
	{
		LogFormatOf, 0, "log-format", RequiredArg, "LOG_FORMAT", "FORMAT",
		"format of init's lines, text or json; if given, the last line says why the command ended",
	},
	{
		TerminationLog, 0, "termination-log", RequiredArg, "TERMINATION_LOG", "PATH",
		"also write that last line to PATH, such as /dev/termination-log",
	},
	{
		Verbose, 'v', "verbose", OptionalArg, "VERBOSE", "",
		"print on stderr what happens; given twice, also each orphan that is reaped",
	},
	{
		WarnReaped, 'w', "warn-reaped", OptionalArg, "WARN_REAPED", "",
		"print on stderr which orphans were reaped",
	},
	{
		Compat, 0, "compat", RequiredArg, "COMPAT", "NAME",
		"act as another init: what follows is a command line of dumb-init, tini, docker-init, " +
			"catatonit or podman-init",
	},
	{Help, 'h', "help", NoArg, "", "", "show this help"},
	{Version, 0, "version", NoArg, "", "", "show the version"},
}
