package pid1

import "util/internal/sig"

// EnvPrefix stands before the name of every environment variable of init.
const EnvPrefix = "UTIL_INIT_"

// Options is what a command line and an environment ask of init. The zero value is the default.
type Options struct {
	Single      bool                   // signals go to the command alone, not to its group
	WarnReaped  bool                   // a line for each orphan reaped
	Verbose     uint8                  // 1: what happens to the command; 2: orphans and terminals as well
	ParentDeath sig.Signal             // sent to init when its parent ends; 0 none
	Rewrite     [sig.Max + 1]Rewriting // by the signal that arrives

	// Where in argv and envp something stands. Numbers, not pointers: a pointer stored through a pointer makes the
	// compiler ask whether the garbage collector is running, which costs a page fault.
	Command   int // the command's name, in the argv given to Parse
	path      int // the PATH entry, in envp; -1 if there is none
	listenPid int // the LISTEN_PID entry, in envp; -1 if there is none
}

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
	{Verbose, 'v', "verbose", MayArg, "VERBOSE", "", "say on stderr what happens; twice: orphans and terminals as well"},
	{WarnReaped, 'w', "warn-reaped", MayArg, "WARN_REAPED", "", "say on stderr which orphans were reaped"},
	{Help, 'h', "help", NoArg, "", "", "show this help"},
	{Version, 0, "version", NoArg, "", "", "show the version"},
}
