package pid1

import (
	"unsafe"

	"util/internal/sig"
	"util/internal/sys"
)

// EnvPrefix stands before the name of every environment variable of init.
const EnvPrefix = "UTIL_INIT_"

// Options is what a command line and an environment ask of init. The zero value is the default.
type Options struct {
	habits

	Single         bool                   // signals go to the command alone, not to its group
	WarnReaped     bool                   // a line for each orphan reaped
	Verbose        uint8                  // 1: what happens to the command; 2: orphans and terminals as well
	ParentDeath    sig.Signal             // sent to init when its parent ends; 0 none
	Rewrite        [sig.Max + 1]Rewriting // by the signal that arrives
	Grace          int64                  // nanoseconds between being asked to end and KILL; 0 no grace period
	Delay          int64                  // nanoseconds between the arrival of a stop signal and its forwarding
	StopSignals    sig.Set                // ask the command to end, beside TERM and INT
	Scope          Scope                  // which processes a stop is about, and when
	ExitTo         [256]uint8             // init's exit status, by the command's, where ExitMapped has it
	ExitMapped     [4]uint64              // bit n: status n is mapped
	LogFormat      LogFormat              // of init's lines
	Pause          bool                   // there is no command; reap until TERM, INT, PWR or RTMIN+3
	TerminationLog string                 // a file for the last line, or ""
	anyMapped      bool                   // other statuses than 0 that are not mapped become anyTo
	anyTo          uint8
	strange        bool // there is a variable UTIL_INIT_… that init does not know

	Command   int     // where the command's name is, in the argv given to Parse
	path      address // the PATH entry of the environment
	listenPid address // its LISTEN_PID entry
}

// address is that of a C string in argv or in the environment; 0 is none. A number, not a pointer: a pointer that is stored
// through a pointer makes the compiler ask whether the garbage collector is running, which costs a page fault. And not an
// index: the vector belongs to whoever edits it (package proc removes entries), the texts stay where they are.
type address uintptr

func addressOf(text *byte) address { return address(unsafe.Pointer(text)) }

// text is the string, "" if there is none.
func (a address) text() string {
	if a == 0 {
		return ""
	}
	return sys.String(*(**byte)(unsafe.Pointer(&a)))
}

// Scope says which processes a stop is about: whom the stop signal reaches, who gets TERM when the command has ended, and
// who gets KILL in the end.
type Scope uint8

const (
	ScopeDefault   Scope = iota // ScopeOrdered if there is a grace period, else ScopeGroup
	ScopeGroup                  // the command's process group
	ScopeOrdered                // first the command's process group; once the command has ended, every descendant of init
	ScopeContainer              // every descendant of init at once; as PID 1, all that were started in its container
)

// LogFormat is the format of init's lines.
type LogFormat uint8

const (
	LogDefault LogFormat = iota // text, and only what --verbose and --warn-reaped ask for
	LogText
	LogJSON
)

// mapped reports whether --exit-code maps a status.
func (o *Options) mapped(status uint8) bool { return o.ExitMapped[status/64]&(1<<(status%64)) != 0 }

// mapExit makes init end with status to when the command's is from.
func (o *Options) mapExit(from, to uint8) {
	o.ExitTo[from] = to
	o.ExitMapped[from/64] |= 1 << (from % 64)
}

// ExitCode is the status that init ends with when the command's is status.
func (o *Options) ExitCode(status uint8) uint8 {
	if o.mapped(status) {
		return o.ExitTo[status]
	}
	if status != 0 && o.anyMapped {
		return o.anyTo
	}
	return status
}

// explains reports whether init is to say, when it ends, why.
func (o *Options) explains() bool {
	return o.Verbose > 0 || o.LogFormat != LogDefault || o.TerminationLog != ""
}

// wide reports whether a stop is about more than the command's group.
func (o *Options) wide() bool {
	return o.Scope >= ScopeOrdered || o.Scope == ScopeDefault && o.Grace > 0
}

// atOnce reports whether a stop signal goes to all that a stop is about, rather than to the command's group first.
func (o *Options) atOnce() bool { return o.Scope == ScopeContainer && !o.Single }

// Rewriting says what is forwarded in place of a signal.
type Rewriting uint8

// Values of [Rewriting] beside the numbers of signals.
const (
	Unchanged Rewriting = 0
	Drop      Rewriting = 255
)

// ID names an option within init.
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

const (
	NoArg   Arg = iota // nothing
	MayArg             // --option or --option=value
	MustArg            // --option value, --option=value, -o value, -ovalue
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

// Table lists init's options in the order of the help. It is the only list: the parser, the help, the completion and
// the README's table (checked by a test) are made from it.
var Table = [...]Option{
	{SingleChild, 'c', "single-child", MayArg, "SINGLE_CHILD", "", "send signals to the command alone, not to its process group"},
	{RewriteSignal, 'r', "rewrite", MustArg, "REWRITE", "FROM:TO", "forward signal TO when FROM arrives, nothing if TO is none; repeatable, or a list with commas"},
	{ParentDeath, 'p', "parent-death", MustArg, "PARENT_DEATH", "SIGNAL", "have the kernel send SIGNAL to init, which forwards it, when init's parent ends"},
	{Grace, 'g', "grace", MustArg, "GRACE", "DURATION", "time between being asked to end and KILL, such as 8s, 500ms or plain seconds; 0, the default: no KILL, and no waiting for others once the command has ended"},
	{StopSignal, 0, "stop-signal", MustArg, "STOP_SIGNAL", "SIGNAL", "a signal that asks the command to end, beside TERM and INT; repeatable, or a list with commas"},
	{StopDelay, 0, "stop-delay", MustArg, "STOP_DELAY", "DURATION", "forward a stop signal only after this time, in which load balancers forget the container; the grace period runs meanwhile"},
	{ScopeOf, 0, "scope", MustArg, "SCOPE", "group|ordered|container", "whom a stop is about: the command's process group; the group first, then every process that the command left (the default with --grace); every process at once"},
	{ExitCode, 'e', "exit-code", MustArg, "EXIT_CODE", "FROM:TO", "end with status TO when the command's is FROM: a number, a signal that ended it, or any (but 0); repeatable, or a list with commas"},
	{Pause, 0, "pause", MayArg, "PAUSE", "", "run no command; reap orphans until TERM, INT, PWR or RTMIN+3, then end with status 0"},
	{LogFormatOf, 0, "log-format", MustArg, "LOG_FORMAT", "text|json", "format of init's lines; given, the last one says why the command ended"},
	{TerminationLog, 0, "termination-log", MustArg, "TERMINATION_LOG", "PATH", "write that last line to PATH as well, such as /dev/termination-log"},
	{Verbose, 'v', "verbose", MayArg, "VERBOSE", "", "say on stderr what happens; twice: orphans and terminals as well"},
	{WarnReaped, 'w', "warn-reaped", MayArg, "WARN_REAPED", "", "say on stderr which orphans were reaped"},
	{Compat, 0, "compat", MustArg, "COMPAT", "NAME", "be another init: what follows is a command line of dumb-init, tini, docker-init, catatonit or podman-init"},
	{Help, 'h', "help", NoArg, "", "", "show this help"},
	{Version, 0, "version", NoArg, "", "", "show the version"},
}
