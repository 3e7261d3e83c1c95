package readiness

import (
	"net/netip"

	"util/internal/cli"
	"util/internal/readiness/protocol"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/sys/unix"
)

// Flags are the options about targets that all applets with targets have.
type Flags struct {
	Parser
	four, six bool
}

// AddTo adds the options to a command.
func (l *Flags) AddTo(f *pflag.FlagSet) {
	f.Var((*statuses)(&l.HTTP.Up), "http-status",
		"the statuses of http that count as up, such as 200,204,300-399; by default 200-399")
	f.Var((*headers)(&l.HTTP.Headers), "http-header",
		"send `FIELD`, such as \"Host: web\", over http (can be repeated)")
	f.BoolVarP(&l.four, "ipv4", "4", false, "use only IPv4 addresses")
	f.BoolVarP(&l.six, "ipv6", "6", false, "use only IPv6 addresses")
}

// Fill sets the targets and the address family of a wait. args are the arguments of the command
// line that name targets.
func (l *Flags) Fill(o *Options, args []string) error {
	switch {
	case l.four && l.six:
		return cli.Usagef("options -4 and -6: cannot be combined; both families are the default")
	case l.four:
		o.Family = unix.AF_INET
	case l.six:
		o.Family = unix.AF_INET6
	}
	if len(args) == 0 {
		return cli.Usagef("target: missing: give at least one port, such as 80 or db:5432")
	}
	for _, arg := range args {
		targets, err := l.Parse(arg)
		if err != nil {
			return err
		}
		for _, target := range targets {
			ip, err := netip.ParseAddr(target.Host)
			if err == nil && o.Family != 0 && ip.Unmap().Is4() != l.four {
				return targetError(target.Name,
					"is not of the address family that -4 or -6 selects")
			}
		}
		o.Targets = append(o.Targets, targets...)
	}
	return nil
}

// statuses is the value of --http-status.
type statuses protocol.StatusSet

func (*statuses) Type() string   { return "LIST" }
func (*statuses) String() string { return "" }

// Set reads a list of statuses.
func (s *statuses) Set(text string) error {
	set, err := protocol.ParseStatuses(text)
	if err == nil {
		*s = statuses(set)
	}
	return err
}

// headers is the value of --http-header.
type headers []string

func (*headers) Type() string   { return "FIELD" }
func (*headers) String() string { return "" }

// Set adds a field.
func (h *headers) Set(text string) error {
	field, err := protocol.ParseHeader(text)
	if err == nil {
		*h = append(*h, field)
	}
	return err
}

// Complete completes a word that is a target.
func Complete(_ *cobra.Command, _ []string, word string) cli.Completion {
	if hasScheme(word, "unix") || hasScheme(word, "file") {
		return cli.Completion{Kind: cli.Files}
	}
	return cli.Completion{Kind: cli.Words}
}
