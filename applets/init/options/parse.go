package options

import (
	"util/internal/ascii"
	"util/internal/sys"
)

// Reason says why a command line is not a plain run of a command.
type Reason uint8

// The reasons. Those after WantsVersion, except OtherInit, are usage errors.
const (
	None            Reason = iota // it is a plain run
	WantsHelp                     // --help
	WantsVersion                  // --version
	UnknownOption                 // Problem.Option is not in the table
	MissingValue                  // the option takes a value and there is none
	UnwantedValue                 // the option takes no value
	NoCommand                     // there is no command
	BadBool                       // Problem.Bad is neither true nor false
	BadCount                      // Problem.Bad is not a number from 0 to 9
	UnknownSignal                 // Problem.Bad is not a signal
	CannotCatch                   // Problem.Bad is KILL or STOP, which never reach init
	NotFromTo                     // Problem.Bad is not of the form FROM:TO
	BadDuration                   // Problem.Bad is not a valid duration
	TooLong                       // Problem.Bad is a duration of more than MaxDuration
	DelayTooLong                  // Settings.Delay is not less than Settings.Grace
	BadStatus                     // Problem.Bad is not a status, nor a signal or "any" where allowed
	BadScope                      // Problem.Bad is not group, ordered or container
	BadLogFormat                  // Problem.Bad is neither text nor json
	UnwantedCommand               // a command together with --pause: Problem.Value
	OtherInit                     // not an error: the command line of Options.As begins at Command
	Ambiguous                     // Problem.Option is an abbreviation of several options
	UnknownInit                   // Problem.Bad is not the name of an init that init can be
	NotFirst                      // the option comes after others
)

// Problem is what [Parse] found instead of a plain run. Its strings are parts of argv and envp, or
// static.
type Problem struct {
	Reason Reason
	Option string // the option as the user wrote it, or the name of the variable
	Short  byte   // instead of Option, the letter of a short option
	Value  string // the value given to it
	Bad    string // the part of the value that is wrong
}

// Parse reads the arguments after init's own name, and the variables of init in envp, into o. A
// flag takes precedence over its variable; for --rewrite, signal by signal. Options end at the
// first argument that is not one, or at "--". On an error, o holds all variables and the options
// before the wrong one.
func Parse(o *Options, argv, envp []*byte) (p Problem) {
	p = o.parse(argv, envp)
	if p.Reason == None || p.Reason == OtherInit {
		if wrong := o.Check(); wrong.Reason != None {
			return wrong
		}
	}
	return p
}

// Check reports options that are valid alone but not together.
func (o *Options) Check() (p Problem) {
	if o.Grace > 0 && o.Delay >= o.Grace {
		p.Reason = DelayTooLong
	}
	return p
}

func (o *Options) parse(argv, envp []*byte) (p Problem) {
	if p = o.ParseEnv(envp); p.Reason != None {
		return p
	}
	if o.As != Util && !(len(argv) > 0 && isCompat(sys.String(argv[0]))) {
		return Problem{Reason: OtherInit}
	}
	g := Getopt{Argv: argv, Table: Table[:]}
	verbose, stopSignal, first := false, false, true
	for {
		opt, value := g.Next(&p)
		if p.Reason != None {
			return p
		}
		if opt == nil {
			break
		}
		if opt.ID == Verbose && !verbose { // the flag replaces the variable's level
			verbose = true
			o.Verbose = 0
		}
		if opt.ID == StopSignal && !stopSignal { // and the variable's signals
			stopSignal = true
			o.StopSignals = 0
		}
		if p.Reason, p.Bad = o.set(opt.ID, value, g.hasValue); p.Reason != None {
			p.Option, p.Short, p.Value = g.name, g.letter, value
			return p
		}
		if opt.ID == Compat {
			if first {
				o.Command = g.First
				return Problem{Reason: OtherInit}
			}
			return Problem{Reason: NotFirst, Option: g.name, Value: value}
		}
		first = false
	}
	return o.takeCommand(argv, g.First)
}

// takeCommand records that the command begins at argv[first].
func (o *Options) takeCommand(argv []*byte, first int) (p Problem) {
	switch {
	case o.Pause && first < len(argv):
		return Problem{Reason: UnwantedCommand, Value: sys.String(argv[first])}
	case o.Pause:
		return p
	case first == len(argv):
		return Problem{Reason: NoCommand}
	}
	o.Command = first
	return p
}

// isCompat reports whether an argument is --compat, which takes precedence over its variable.
func isCompat(arg string) bool {
	name, _, _ := ascii.Cut(arg, '=')
	return name == "--compat"
}

// ParseEnv reads init's variables. It reads all of them, and reports the first that is wrong. If a
// variable is there twice, the first counts, as for getenv(3).
func (o *Options) ParseEnv(envp []*byte) (p Problem) {
	var seen uint32 // by ID
	for _, entry := range envp {
		if *entry != 'U' {
			continue
		}
		text := sys.String(entry)
		if len(text) >= len(EnvPrefix) && text[:len(envPrefix1)] == envPrefix1 &&
			text[len(envPrefix1):len(EnvPrefix)] == envPrefix2 {
			if wrong := o.parseVariable(text, &seen); p.Reason == None {
				p = wrong
			}
		}
	}
	return p
}

// parseVariable reads an entry UTIL_INIT_NAME=value. An empty value counts as unset. An unknown
// name is not an error, because a newer init may know it; but it may be misspelt, and is worth a
// message. seen has the options whose variables were read before.
func (o *Options) parseVariable(entry string, seen *uint32) (p Problem) {
	name, value, _ := ascii.Cut(entry, '=')
	opt := OfVariable(name)
	if opt == nil {
		o.UnknownVariable = o.UnknownVariable || value != ""
		return p
	}
	bit := uint32(1) << opt.ID
	if *seen&bit != 0 {
		return p
	}
	*seen |= bit
	if value == "" {
		return p
	}
	if p.Reason, p.Bad = o.set(opt.ID, value, true); p.Reason != None {
		p.Option, p.Value = name, value
	}
	return p
}

// OfVariable returns the option with that variable, whose name begins with EnvPrefix, or nil.
func OfVariable(name string) *Option {
	for i := range Table {
		if opt := &Table[i]; opt.Env != "" && opt.Env == name[len(EnvPrefix):] {
			return opt
		}
	}
	return nil
}
