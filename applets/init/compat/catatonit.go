package compat

import (
	"util/applets/init/options"
	"util/applets/init/report"
	"util/applets/init/supervise"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
)

// catatonit 0.1.7, which podman runs as podman-init: options may follow other arguments; the
// command leads a process group in init's session; the status of every failure is 1; -P runs no
// command. Its messages are our own words in its forms.

var catatonitTable = [...]options.Option{
	{ID: options.Help, Short: 'h'},
	{ID: signalsToGroup, Short: 'g'},
	{ID: showLicence, Short: 'L'},
	{ID: options.Pause, Short: 'P'},
	{ID: options.Version, Short: 'V', Long: "version"},
}

const (
	catatonitVersion = "tini version 0.1.7_catatonit\n"

	catatonitUsage = "usage: % [-ghLPV] [--] <progname> [<arguments>...]\n"

	catatonitHelp = catatonitUsage + `
This is util init under the name of catatonit. Its options here:
  -g              signals go to the command's process group, not to the command alone
  -h              show this help
  -L              show the licence
  -P              run no command; reap orphans until TERM or INT
  -V, --version   show the version

Every option of 'util init' can also be set by a variable: see 'util init --help'.
`
)

func (p *Personality) catatonit(c *commandLine, argv, envp []*byte) {
	o := c.o
	g := options.Getopt{Argv: argv, Table: catatonitTable[:], Mode: options.Abbreviate |
		options.Permute}
	for _, entry := range envp {
		switch *entry {
		case 'C':
			text := sys.String(entry)
			if len(text) < 11 || text[:6] != "CATATO" || text[6:11] != "NIT_D" { // see variable
				continue
			}
			if _, is := variable(text, "CATATONIT_DEBUG="); is {
				o.Verbose = max(o.Verbose, 1)
			}
		case 'P':
			if isPosix(sys.String(entry)) {
				g.Mode &^= options.Permute
			}
		}
	}
	group := false
	for opt, _ := c.next(&g, catatonitUsage); opt != nil; opt, _ = c.next(&g, catatonitUsage) {
		switch opt.ID {
		case options.Help:
			c.show(2, catatonitHelp, 0)
		case options.Version:
			c.printUtil()
			c.show(1, catatonitVersion, 0)
		case showLicence:
			c.show(1, licence, 0)
		case signalsToGroup:
			group = true
		case options.Pause:
			o.Pause = true
		}
	}
	if !c.takeCommand(&g) && !o.Pause {
		c.catatonitMissing()
	}
	o.Single = !group
	o.Placement = supervise.OwnGroup
	o.NoSweep = true
	o.DropCHLD = true
	o.OnTSTP, o.OnTTIN = supervise.Discard, supervise.Discard
}

// catatonitHead begins a message.
func catatonitHead(t *report.Line, level string, pid int32) {
	t.Raw(level)
	t.Raw(" (catatonit:")
	t.Num(int(pid))
	t.Raw("): ")
}

//go:noinline
func (c *commandLine) catatonitMissing() {
	t := report.NewLine()
	catatonitHead(t, "ERROR", sys.Getpid())
	t.Raw("missing program name")
	c.wrong(t)
	c.show(2, catatonitUsage, 1)
}

//go:noinline
func (p *Personality) catatonitStarted() {
	s := p.Rep.Facts
	if p.Rep.Options.Verbose == 0 || s.Pause {
		return
	}
	t := report.NewLine()
	catatonitHead(t, "DEBUG", s.Self)
	t.Raw("pid1 (")
	t.Num(int(s.PID))
	t.Raw(") spawned: ")
	t.Plain(s.Name())
	p.Rep.End(t)
}

//go:noinline
func (p *Personality) catatonitTell(n *supervise.Note) {
	switch n.Kind {
	case supervise.Forwarded:
		p.catatonitForwarded(n.Sent, n.Errno)
	case supervise.Reaped:
		p.catatonitReaped(n.Child)
	}
}

//go:noinline
func (p *Personality) catatonitForwarded(sent sig.Signal, e sys.Errno) {
	if e == 0 {
		return
	}
	t := report.NewLine()
	catatonitHead(t, "WARN", p.Rep.Facts.Self)
	t.Raw("forwarding of signal ")
	t.Num(int(sent))
	t.Raw(" to pid1 (")
	t.Num(int(p.Rep.Facts.PID))
	t.Raw(") failed: ")
	strerror(t, e)
	p.Rep.End(t)
}

//go:noinline
func (p *Personality) catatonitReaped(child proc.Child) {
	t := report.NewLine()
	catatonitHead(t, "DEBUG", p.Rep.Facts.Self)
	t.Raw("child process ")
	t.Num(int(child.Pid))
	t.Raw(" ")
	t.Status(child.Status)
	p.Rep.End(t)
}

//go:noinline
func (p *Personality) catatonitCannotExec(e sys.Errno) {
	t := report.NewLine()
	catatonitHead(t, "ERROR", p.Rep.Facts.PID)
	t.Raw("failed to exec pid1: ")
	strerror(t, e)
	p.Rep.End(t)
}
