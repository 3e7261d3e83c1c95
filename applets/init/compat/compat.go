// Package compat makes init emulate dumb-init, tini or catatonit. One file for each has its
// options, its environment, its messages, and as [supervise.Differences] the ways in which it
// behaves differently. All of them fill the same Options and run under the same supervisor.
//
// It runs before the Go runtime, under the rule of package entry. Help and usage errors of the
// other inits are printed here, and end the process.
package compat

import (
	"util/applets/init/options"
	"util/applets/init/report"
	"util/applets/init/supervise"
	"util/internal/proc"
	"util/internal/sig"
)

// Personality is the init that is emulated.
type Personality struct {
	Rep *report.Reporter // its Options.As says which init that is

	silent   bool          // tini: only fatal messages
	debugVar bool          // dumb-init: DUMB_INIT_DEBUG asked for messages
	groupVar bool          // dumb-init: DUMB_INIT_SETSID asked for init's own group
	stdout   report.Logger // tini: messages that are not errors
}

// name is the usual name of the init.
func name(is options.Init) string {
	switch is {
	case options.DumbInit:
		return "dumb-init"
	case options.Tini:
		return "tini"
	case options.Catatonit:
		return "catatonit"
	}
	return "init"
}

// Read reads a command line of the init into the reporter's options. argv are the arguments after
// the name, and called is the name, or "". Where the init would show a help or a usage error,
// Read does so and ends the process.
func (p *Personality) Read(called string, argv, envp []*byte) {
	o := p.Rep.Options
	if called == "" {
		called = name(o.As)
	}
	c := commandLine{o: o, called: called, mask: p.Rep.Facts.Mask}
	switch o.As {
	case options.DumbInit:
		p.dumbInit(&c, argv, envp)
	case options.Tini:
		p.tini(&c, argv, envp)
	case options.Catatonit:
		p.catatonit(&c, argv, envp)
	}
	if o.IsWide() {
		o.NoSubreaper = false // the processes that a stop applies to must be init's descendants
	}
}

// Started prints what the init prints when the command runs.
//
//go:noinline
func (p *Personality) Started() {
	switch p.Rep.Options.As {
	case options.DumbInit:
		p.dumbInitStarted()
	case options.Tini:
		p.tiniStarted()
	case options.Catatonit:
		p.catatonitStarted()
	}
}

// Tell prints what the init prints about a note. It returns false if that is for the reporter.
//
//go:noinline
func (p *Personality) Tell(n *supervise.Note) bool {
	if n.Kind == supervise.Killing {
		return false
	}
	switch p.Rep.Options.As {
	case options.DumbInit:
		p.dumbInitTell(n)
	case options.Tini:
		p.tiniTell(n)
	case options.Catatonit:
		p.catatonitTell(n)
	}
	return true
}

// Ended prints what the init prints at its end. code is its exit status.
//
//go:noinline
func (p *Personality) Ended(code uint8) {
	switch p.Rep.Options.As {
	case options.DumbInit:
		p.dumbInitEnded(code)
	case options.Tini:
		p.tiniEnded()
	}
}

// CannotExec records the status of a command that cannot be executed, and prints the messages of
// the init unless they are util's own. In the originals it is the child that fails to execute the
// command, prints why and exits, and init then ends as with any command.
//
//go:noinline
func (p *Personality) CannotExec() {
	s, o := p.Rep.Facts, p.Rep.Options
	e := s.Failure.Exec
	switch p.Rep.Options.As {
	case options.DumbInit:
		s.Status.Exit = 2
	case options.Tini:
		s.Status.Exit = tiniExecStatus(e)
	case options.Catatonit:
		s.Status.Exit = proc.ExitFailed
	}
	if !p.Rep.Foreign {
		return
	}
	p.Started()
	switch p.Rep.Options.As {
	case options.DumbInit:
		p.dumbInitCannotExec(e)
	case options.Tini:
		p.tiniCannotExec(e)
	case options.Catatonit:
		p.catatonitCannotExec(e)
	}
	if o.Verbose > 0 {
		p.Tell(&supervise.Note{Kind: supervise.Received, Arrived: sig.CHLD})
	}
	if o.WantsSummary() {
		p.Ended(o.Exit.Code(s.Status.Exit))
	}
}
