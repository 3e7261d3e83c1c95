package entry

import (
	"unsafe"

	"util/applets/init/compat"
	"util/applets/init/options"
	"util/applets/init/report"
	"util/applets/init/supervise"
	"util/applets/init/usage"
	"util/internal/ascii"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
)

// Name makes a process an init, as the base name of argv[0], or as the first argument of a
// program whose name begins with multicall ("util", "util-0.1", "util.arm64"). So does a name that
// begins with Alone, with or without Name after it. Under any other name init is started by way of
// the Go runtime, if there is one.
const (
	Name      = "init"
	Alone     = multicall + afterUtil
	multicall = "util"
	afterUtil = "-init"
)

// entry is called by _rt0_util in the first microsecond of the process, with all signals blocked.
// stack is what the kernel put on the stack, mask the signal mask that was in force. If this is a
// plain run of init, it becomes that and does not return. What else it may become, and when it
// returns, depends on the program: see other, in applets_linux.go and alone_linux.go.
//
//lint:ignore U1000 the assembly of _rt0_util calls it
func entry(stack unsafe.Pointer, mask sig.Set) {
	const word = unsafe.Sizeof(uintptr(0))
	argc := *(*int)(stack)
	argv := (**byte)(unsafe.Add(stack, word))
	words := unsafe.Slice(argv, argc)
	name, n := appletName(words)
	if as := options.InitOf(name); name == Name || as != options.Util {
		runInit(as, argv, words, n, mask)
	}
	other(name, argv, words, n, mask)
}

// appletName returns the name that argv begins with, or the argument after it if it begins with
// util, and how many words that takes.
func appletName(argv []*byte) (name string, words int) {
	if len(argv) == 0 {
		return "", 0
	}
	name = ascii.Base(sys.String(argv[0]))
	if len(name) < len(multicall) || name[:len(multicall)] != multicall {
		return name, 1
	}
	if len(name) >= len(Alone) && name[len(multicall):len(Alone)] == afterUtil {
		if len(argv) > 1 && sys.String(argv[1]) == Name { // as after util, and not the init of the image
			return Name, 2
		}
		return Name, 1
	}
	if len(argv) > 1 {
		return sys.String(argv[1]), 2
	}
	return name, 1
}

// environment returns the environment, which the kernel put behind argv.
func environment(argv **byte, argc int) (envp **byte) {
	return (**byte)(unsafe.Add(unsafe.Pointer(argv), (argc+1)*int(unsafe.Sizeof(argv))))
}

// runInit runs init, or an emulated init. words are argv, of which the first n name it. It does not
// return.
func runInit(as options.Init, argv **byte, words []*byte, n int, mask sig.Set) {
	const word = int(unsafe.Sizeof(uintptr(0)))
	envp := environment(argv, len(words))
	var (
		o options.Options
		s = supervise.Supervisor{Settings: &o.Settings, Envp: envp, Mask: mask, Entry: scattered()}
		r = report.Reporter{Options: &o, Facts: &s}
		p = compat.Personality{Rep: &r}
	)
	if problem := readCommandLine(&p, as, words[n-1:], sys.Vector(envp)); problem.Reason !=
		options.None {
		answer(&o, &problem, mask)
	}
	s.Argv = (**byte)(unsafe.Add(unsafe.Pointer(argv), (n+o.Command)*word))
	// With a log format, messages are init's own whatever its name.
	r.Foreign = o.As != options.Util && o.LogFormat == options.LogDefault
	o.Account = o.WantsSummary()
	o.Notes = r.Wanted()
	if o.UnknownVariable {
		r.UnknownVariables()
	}
	if o.WantsSummary() && !o.Pause {
		r.Begin()
	}
	r.CloseLog()
	if !s.Start() {
		cannotStart(&p)
	}
	switch {
	case r.Foreign:
		p.Started()
	case !o.Pause && (o.Verbose > 0 || s.TTY.AttachErr != 0):
		r.Started()
	}
	for over := false; !over; {
		over = s.Wait()
		printNotes(&p)
	}
	end(&p)
}

// readCommandLine reads a command line, whose first word is the name. The result has no reason if
// this is a plain run. Help and usage errors of other inits end the process.
func readCommandLine(p *compat.Personality, as options.Init, words,
	env []*byte,
) (problem options.Problem) {
	o := p.Rep.Options
	called := ""
	if as == options.Util {
		problem = options.Parse(o, words[1:], env)
	} else {
		called = sys.String(words[0])
		problem = o.ParseEnv(env)
		if problem.Reason == options.None {
			problem = o.Check()
		}
		if problem.Reason == options.None {
			o.As, problem.Reason = as, options.OtherInit
		}
	}
	if problem.Reason == options.OtherInit {
		begin := o.Command
		p.Read(called, words[1+begin:], env)
		o.Command += begin
		problem.Reason = options.None
	}
	return problem
}

// answer prints what a command line asks for that is not a plain run, and ends the process.
//
//go:noinline
func answer(o *options.Options, problem *options.Problem, mask sig.Set) {
	report.RestoreMask(mask)
	sys.Exit(usage.Answer(o, problem, linked))
}

// printNotes prints what happened, in the words of init or of the init that is emulated.
func printNotes(p *compat.Personality) {
	r := p.Rep
	notes := r.Facts.TakeNotes()
	for i := range notes {
		if !r.Foreign || !p.Tell(&notes[i]) {
			r.Tell(&notes[i])
		}
	}
}

// cannotStart prints why the command could not be started and ends the process.
//
//go:noinline
func cannotStart(p *compat.Personality) {
	r := p.Rep
	o, s := r.Options, r.Facts
	status := uint8(proc.ExitNotFound)
	switch f := &s.Failure; {
	case f.Wait != 0 || f.Fork != 0:
		r.CannotStart()
		sys.Exit(proc.ExitFailed)
	case o.As != options.Util:
		p.CannotExec()
		status = s.Status.Exit
	case f.Found:
		status = proc.ExitCannot
	}
	r.CannotStart()
	proc.Reap(s.PID, nil)
	sys.Exit(int(o.Exit.Code(status)))
}

// end prints why init ends, if that is wanted, and ends the process.
func end(p *compat.Personality) {
	r := p.Rep
	o, s := r.Options, r.Facts
	code := s.ExitCode()
	if s.HasSummary() {
		if r.Foreign {
			p.Ended(code)
		}
		if !r.Foreign || o.TerminationLog != "" || !s.Ended {
			r.Ended(code)
		}
	}
	sys.Exit(int(code))
}

// PC returns the address of the early entry, which the linker flag -E makes the entry point
// of the program. It is 0 on an architecture that has no early entry.
func PC() uintptr { return entryPC() }

// quoted appends a text from outside, as far as the rest of the message fits.
func quoted(t *report.Line, text string) {
	const most = 256
	t.Raw(`"`)
	t.Plain(text[:min(len(text), most)])
	t.Raw(`"`)
}
