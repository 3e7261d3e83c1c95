// Package sendsig is util sendsig: it selects processes, sends them a signal, and can wait for their end.
//
// How a process is read and held so that no other one is hit is the business of packages procfs and pidfd.
package sendsig

import (
	"strconv"
	"time"

	"util/applets/signal/bynumber"
	"util/internal/cli"
	"util/internal/proc"
	"util/internal/sig"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Options is what the command line says.
type Options struct {
	Signal sig.Signal

	// Targets. A process that is one of them is meant; if there are none, every process is.
	PIDs     []Target
	Groups   []int
	Sessions []int
	All      bool

	// Selectors. A process must match each that is not empty or 0.
	Name    string
	Exe     string
	Cmdline *pattern
	Parent  int
	Tree    int
	User    *uint32
	NS      int // a process of the PID namespace
	Pidfile string

	inPidfile Target // what Pidfile holds, once it was read

	DryRun    bool
	IfHandled bool
	Queue     *int32 // the value to send along
	Then      []Stage
	Wait      bool
	WaitLimit time.Duration // 0: none
	Verbose   bool
	JSON      bool
}

// Target is a process by its number and, if Inode is not 0, the inode number of its pidfd.
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

// Stage is a further signal for those that have not ended after a time.
type Stage struct {
	Signal sig.Signal
	After  time.Duration // counted from the signal before
}

// New makes the command of util sendsig.
func New() *cobra.Command {
	cmd := cli.Setup(&cobra.Command{
		Use:   "sendsig [option…] SIGNAL TARGET…",
		Short: "send a signal to processes, by number or by what they are, and wait for their end",
		Long: `Sends a signal to every process that is one of the targets and matches all selectors. Without targets, every
process that matches the selectors. The signal may also be given as -s SIGNAL or -SIGNAL. It is a name in any case, with or
without SIG, a number, RTMIN+n or RTMAX-n; 0 sends nothing and tells whether there is somebody to signal.

A target is a process (PID), a process that cannot be mistaken for a later one of the same number (PID:INODE, as
--dry-run shows it), or a process group (-PGID, behind the signal or --). sendsig never signals itself, and signals
its own ancestors only when they are named by number or by --all alone.

A process that is selected is held by a pidfd and looked at again before it is signalled, so that no other process can
be hit that was given its number. With selectors, groups and sessions the search is repeated until nothing new turns
up. So that no child can escape, the processes of --tree are stopped (STOP) until all are known and signalled, the first one
last. With --wait or --then, a process that somebody else has stopped is continued after TERM, INT, HUP or QUIT.

A signal for processes and groups by number needs no further task, so it can be sent where a pids limit is reached.

Exit status: 0 all were signalled (and have ended, with --wait); 1 none matched or none could be signalled; 64 some
could not; 124 the time of --wait was up; 2 bad usage.`,
		Example: `  util sendsig TERM 12 15                              two processes
  util sendsig HUP --pidfile /run/app.pid --name app   only if it still is the app
  util sendsig TERM --tree 12 --then KILL@10s --wait   a process and all its descendants, until all have ended
  util sendsig --dry-run TERM --cmdline 'worker [0-9]'  who would be signalled
  util sendsig TERM -- -12                             process group 12
  util sendsig -l 143                                  what signal does exit status 143 mean?`,
		DisableFlagParsing: true, // -TERM, -15 and -PGID are no flags: see split
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

// addFlags declares the options. Those that are not part of Options are returned.
func addFlags(f *pflag.FlagSet, o *Options) (list *bool, signal *string) {
	signal = f.StringP("signal", "s", "", "the `SIGNAL` to send")
	list = f.BoolP("list", "l", false, "list the signals; or convert what follows: a NAME, a NUMBER, an exit STATUS or a 0xMASK")
	number := func(to *int) func(string) error {
		return func(text string) (err error) { *to, err = parseID(text); return err }
	}
	add := func(name, short, word, usage string, set func(string) error) *pflag.Flag {
		return f.VarPF(&option{set: set, word: word}, name, short, usage)
	}
	many := func(name, short, word, usage string, to *[]int) {
		f.VarP(&option{many: true, word: word, set: func(text string) error {
			id, err := parseID(text)
			*to = append(*to, id)
			return err
		}}, name, short, usage)
	}
	many("group", "g", "PGID", "target: all processes of this process group; repeatable", &o.Groups)
	many("session", "", "SID", "target: all processes of this session; repeatable", &o.Sessions)
	f.BoolVar(&o.All, "all", false, "target: every process of this PID namespace but PID 1 and sendsig, as kill -1 does")
	add("name", "", "NAME", "selector: the exact command name", func(text string) error { o.Name = text; return notEmpty(text) })
	add("exe", "", "PATH", "selector: the program that it executes, by any path or link that leads to it", func(text string) error { o.Exe = text; return absolute(text) })
	add("cmdline", "", "REGEXP", "selector: the arguments, with blanks between them, contain this regular expression",
		func(text string) (err error) { o.Cmdline, err = parseRegexp(text); return err })
	add("parent", "", "PID", "selector: the children of this process", number(&o.Parent))
	add("tree", "", "PID", "selector: this process and all its descendants", number(&o.Tree))
	add("user", "", "USER", "selector: the effective user, by name or number", func(text string) (err error) { o.User, err = parseUser(text); return err })
	add("ns", "", "PID", "selector: in the PID namespace of this process, not in one below it", number(&o.NS))
	add("pidfile", "", "FILE", "selector: the process whose PID or PID:INODE the file holds", func(text string) error { o.Pidfile = text; return notEmpty(text) })
	f.BoolVar(&o.DryRun, "dry-run", false, "send nothing, print who would be signalled")
	f.BoolVar(&o.IfHandled, "if-handled", false, "skip processes that neither catch nor block the signal")
	f.VarP(&option{many: true, word: "SIG@DURATION", set: func(text string) error {
		stage, err := parseStage(text)
		o.Then = append(o.Then, stage)
		return err
	}}, "then", "", "after DURATION, send SIG to those that are still there; repeatable, each counts from the one before")
	add("wait", "", "", "wait until all have ended; at most DURATION, counted from the last signal",
		func(text string) (err error) {
			o.Wait = true
			if text != noLimit {
				o.WaitLimit, err = cli.ParseDuration(text)
			}
			return err
		}).NoOptDefVal = noLimit
	add("queue", "", "N", "send the number N along with the signal (sigqueue(3))", func(text string) (err error) { o.Queue, err = parseValue(text); return err })
	f.BoolVarP(&o.Verbose, "verbose", "v", false, "print a line for each signal that was sent")
	f.BoolVar(&o.JSON, "json", false, "print what is done as JSON, an object a line")
	return list, signal
}

// noLimit stands for the missing value of --wait, and is what the help shows in its place.
const noLimit = "DURATION"

// option is a flag whose text a function reads. Unless many is set it may be given only once: with a second value, the
// first one would be silently forgotten.
type option struct {
	set        func(string) error
	word       string // what the help calls the value
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

// Status of the whole run: see the help.
func (s *sender) status() int {
	switch {
	case s.timeUp:
		return proc.ExitTimeout
	case s.sent == 0:
		return proc.ExitFailed
	case s.failed > 0:
		return bynumber.ExitSome
	}
	return proc.ExitOK
}
