// Package sendsig is util sendsig. It selects processes, sends them a signal, and can wait until
// they have ended.
//
// Package procfs reads information about processes. Package pidfd holds them, so that no other
// process is hit.
package sendsig

import (
	"strconv"
	"time"

	"util/internal/cli"
	"util/internal/sig"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Options are the options and arguments of the command line.
type Options struct {
	Signal sig.Signal

	// Targets. A process must be one of them. If there are none, every process is a target.
	PIDs     []Target
	Groups   []int
	Sessions []int
	All      bool

	// Selectors. A process must match each one that is set.
	Name    string
	Exe     string
	Cmdline *pattern
	Parent  int
	Tree    int
	User    *uint32
	NS      int // a process in the PID namespace
	Pidfile string

	inPidfile Target // the content of Pidfile, after it has been read

	DryRun    bool
	IfHandled bool
	Queue     *int32 // the value to send with the signal
	Then      []Stage
	Wait      bool
	WaitLimit time.Duration // 0: no limit
	Verbose   bool
	JSON      bool
}

// Target is a process, given by its PID and, if Inode is not 0, the inode number of its pidfd.
type Target struct {
	PID   int
	Inode uint64
}

func (t Target) String() string {
	if t.Inode == 0 {
		return strconv.Itoa(t.PID)
	}
	return strconv.Itoa(t.PID) + ":" + strconv.FormatUint(t.Inode, 10)
}

// Stage is a further signal for the processes that have not ended after some time.
type Stage struct {
	Signal sig.Signal
	After  time.Duration // since the previous signal
}

// New makes the command of util sendsig.
func New() *cobra.Command {
	cmd := cli.Setup(&cobra.Command{
		Use:   "sendsig [option…] SIGNAL [TARGET…]\nsendsig -l [VALUE…]",
		Short: "send a signal to processes, by PID or by properties, and wait until they end",
		Long: `Sends SIGNAL to every process that is one of the targets and matches all
selectors. Without a target, every process that matches the selectors gets it.
The signal can also be given as -s SIGNAL or -SIGNAL. It is a name in upper or
lower case, with or without SIG, a number, RTMIN+n or RTMAX-n. Signal 0 sends
nothing and only checks whether there is a process to signal.

A target is a process (PID), a process that cannot be confused with a later one
of the same PID (PID:INODE, as printed by --dry-run), or a process group (-PGID,
after the signal or after --). sendsig never signals itself. It signals its own
ancestors only if they are given by PID, or by --all without a selector.

sendsig holds each selected process by a pidfd and checks it again before it
sends the signal, so it never hits another process that has reused the PID. With
selectors, groups and sessions, it repeats the search until it finds no new
process. It stops (STOP) the processes of --tree, the first one last, until all
are found and signalled, so that no child can escape. With --wait or --then, a
process that was already stopped is continued after TERM, INT, HUP or QUIT.

To signal processes and groups given by number, sendsig creates no task, so this
works even where a pids limit has been reached.

Exit status:
  0    all processes were signalled (and have ended, with --wait)
  1    no process matched, or none could be signalled
  2    bad usage
  64   some processes could not be signalled
  124  the time limit of --wait was reached`,
		Example: `  # two processes
  util sendsig TERM 12 15
  # the process of a pidfile, but only if it is still the app
  util sendsig HUP --pidfile /run/app.pid --name app
  # a process and all its descendants; wait until all have ended
  util sendsig TERM --tree 12 --then KILL@10s --wait
  # show which processes would be signalled
  util sendsig --dry-run TERM --cmdline 'worker [0-9]'
  # process group 12
  util sendsig TERM -- -12
  # show which signal exit status 143 stands for
  util sendsig -l 143`,
		DisableFlagParsing: true, // -TERM, -15 and -PGID are not flags: see split
	})
	o := &Options{}
	list, signal := addFlags(cmd.Flags(), o)
	cli.AddStandardFlags(cmd)
	cmd.RunE = func(c *cobra.Command, args []string) error {
		line, err := split(c.Flags(), args)
		if err != nil {
			return err
		}
		if err := c.Flags().Parse(line.flags); err != nil {
			return c.FlagErrorFunc()(c, err)
		}
		if answered, err := cli.Answer(c); answered {
			return err
		}
		if *list {
			return listSignals(c.OutOrStdout(), line)
		}
		if err := o.take(line, *signal); err != nil {
			return err
		}
		return run(o, c.OutOrStdout(), c.ErrOrStderr())
	}
	return cmd
}

// addFlags declares the options. It returns the values that are not part of Options.
func addFlags(f *pflag.FlagSet, o *Options) (list *bool, signal *string) {
	signal = f.StringP("signal", "s", "", "the `SIGNAL` to send")
	list = f.BoolP("list", "l", false,
		"list all signals, or convert each argument: a NAME, a NUMBER, an exit STATUS or a 0xMASK")
	addTargets(f, o)
	addSelectors(f, o)
	f.BoolVar(&o.DryRun, "dry-run", false, "send nothing; print which processes would be signalled")
	f.BoolVar(&o.IfHandled, "if-handled", false,
		"skip processes that neither catch nor block the signal")
	f.VarP(&option{many: true, word: "SIG@DURATION", set: o.addStage}, "then", "",
		"after DURATION, send SIG to the processes that have not ended; repeatable, each DURATION "+
			"counts from the signal before")
	f.VarPF(&option{word: "", set: o.setWait}, "wait", "",
		"wait until all processes have ended, for at most DURATION after the last signal").
		NoOptDefVal = noLimit
	one(f, "queue", "N", "send the integer N along with the signal (sigqueue(3))",
		into(&o.Queue, parseValue))
	f.BoolVarP(&o.Verbose, "verbose", "v", false, "print a line for each signal that was sent")
	f.BoolVar(&o.JSON, "json", false, "print events as JSON, one object per line")
	return list, signal
}

func addTargets(f *pflag.FlagSet, o *Options) {
	many := func(name, short, word, usage string, to *[]int) {
		f.VarP(&option{many: true, word: word, set: func(text string) error {
			id, err := parseID(text)
			*to = append(*to, id)
			return err
		}}, name, short, usage)
	}
	many("group", "g", "PGID", "target: all processes in this process group; repeatable", &o.Groups)
	many("session", "", "SID", "target: all processes in this session; repeatable", &o.Sessions)
	f.BoolVar(&o.All, "all", false,
		"target: every process in this PID namespace except PID 1 and sendsig, like kill -1")
}

func addSelectors(f *pflag.FlagSet, o *Options) {
	one(f, "name", "NAME", "selector: the exact command name", into(&o.Name, notEmpty))
	one(f, "exe", "PATH",
		"selector: the program that the process executes, by any absolute path to its file",
		into(&o.Exe, absolute))
	one(f, "cmdline", "REGEXP",
		"selector: the arguments, joined by spaces, contain a match of this regular expression",
		into(&o.Cmdline, parseRegexp))
	one(f, "parent", "PID", "selector: the children of this process", into(&o.Parent, parseID))
	one(f, "tree", "PID", "selector: this process and all its descendants", into(&o.Tree, parseID))
	one(f, "user", "USER", "selector: the effective user, by name or user ID",
		into(&o.User, parseUser))
	one(f, "ns", "PID",
		"selector: processes in the PID namespace of this process, but not in nested ones",
		into(&o.NS, parseID))
	one(f, "pidfile", "FILE", "selector: the process whose PID or PID:INODE is in this file",
		into(&o.Pidfile, notEmpty))
}

// one declares an option that can be given once.
func one(f *pflag.FlagSet, name, word, usage string, set func(string) error) {
	f.Var(&option{set: set, word: word}, name, usage)
}

// into returns a function that stores what parse returns.
func into[T any](to *T, parse func(string) (T, error)) func(string) error {
	return func(text string) (err error) {
		*to, err = parse(text)
		return err
	}
}

func (o *Options) addStage(text string) error {
	stage, err := parseStage(text)
	o.Then = append(o.Then, stage)
	return err
}

func (o *Options) setWait(text string) (err error) {
	o.Wait = true
	if text != noLimit {
		o.WaitLimit, err = cli.ParseDuration(text)
	}
	return err
}

// noLimit is the value of --wait without a time limit. The help shows it as the name of the value.
const noLimit = "DURATION"

// option is a flag whose value is read by a function. Unless many is set, it can be given only
// once, because a second value would silently replace the first one.
type option struct {
	set        func(string) error
	word       string // the name of the value in the help
	many, seen bool
}

func (v *option) String() string { return "" }
func (v *option) Type() string   { return v.word }

func (v *option) Set(text string) error {
	if v.seen && !v.many {
		return errTwice
	}
	v.seen = true
	return v.set(text)
}
