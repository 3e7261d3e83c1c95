package pid1

import (
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"
	"util/internal/version"
)

// catatonit 0.1.7, which podman runs as podman-init: options may stand behind other arguments; the command leads a
// process group in init's session; every failure is status 1; -P runs no command. Its texts are our own words in its
// forms.

var catatonitTable = [...]Option{
	{ID: Help, Short: 'h'},
	{ID: signalsToGroup, Short: 'g'},
	{ID: showLicence, Short: 'L'},
	{ID: Pause, Short: 'P'},
	{ID: Version, Short: 'V', Long: "version"},
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

Every option of 'util init' is there as a variable as well: see 'util init --help'.
`
)

func (o *Options) catatonit(i *imitator) {
	g := getopt{argv: i.argv, table: catatonitTable[:], mode: abbreviate | permute}
	for _, entry := range i.envp {
		switch *entry {
		case 'C':
			if _, is := variable(sys.String(entry), "CATATONIT_DEBUG="); is {
				o.Verbose = max(o.Verbose, 1)
			}
		case 'P':
			if _, is := variable(sys.String(entry), posixVar); is {
				g.mode &^= permute
			}
		}
	}
	group := false
	for opt, _ := i.next(&g, catatonitUsage); opt != nil; opt, _ = i.next(&g, catatonitUsage) {
		switch opt.ID {
		case Help:
			i.show(2, catatonitHelp, 0)
		case Version:
			i.showVersion(catatonitVersion)
		case showLicence:
			i.show(1, licence, 0)
		case signalsToGroup:
			group = true
		case Pause:
			o.Pause = true
		}
	}
	if !o.commandIs(&g) && !o.Pause {
		i.catatonitMissing()
	}
	o.Single = !group
	o.noSweep = true
}

// showVersion shows a version of another init, and on stderr what is behind it.
func (i *imitator) showVersion(text string) {
	printTo(2, "util ")
	printTo(2, version.Number())
	printTo(2, ", commit ")
	printTo(2, version.Commit())
	printTo(2, "\n")
	i.show(1, text, 0)
}

// catatonit begins a message.
func (t *line) catatonit(level string, pid int32) {
	t.raw(level)
	t.raw(" (catatonit:")
	t.num(int(pid))
	t.raw("): ")
}

//go:noinline
func (i *imitator) catatonitMissing() {
	t := newLine()
	t.catatonit("ERROR", sys.Getpid())
	t.raw("missing program name")
	i.wrong(t)
	i.show(2, catatonitUsage, 1)
}

//go:noinline
func (s *supervisor) catatonitStarted() {
	if s.Verbose == 0 || s.Pause {
		return
	}
	t := newLine()
	t.catatonit("DEBUG", s.self)
	t.raw("pid1 (")
	t.num(int(s.pid))
	t.raw(") spawned: ")
	t.plain(s.name())
	t.endAs(s)
}

//go:noinline
func (s *supervisor) catatonitForwarded(sent sig.Signal, e sys.Errno) {
	if e == 0 {
		return
	}
	t := newLine()
	t.catatonit("WARN", s.self)
	t.raw("forwarding of signal ")
	t.num(int(sent))
	t.raw(" to pid1 (")
	t.num(int(s.pid))
	t.raw(") failed: ")
	t.reason(e)
	t.endAs(s)
}

//go:noinline
func (s *supervisor) catatonitReaped(child proc.Child) {
	t := newLine()
	t.catatonit("DEBUG", s.self)
	t.raw("child process ")
	t.num(int(child.Pid))
	t.raw(" ")
	t.status(child.Status)
	t.endAs(s)
}

//go:noinline
func (s *supervisor) catatonitCannotExec(e sys.Errno) {
	t := newLine()
	t.catatonit("ERROR", s.pid)
	t.raw("failed to exec pid1: ")
	t.reason(e)
	t.endAs(s)
}
