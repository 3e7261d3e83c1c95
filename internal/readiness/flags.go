package readiness

import (
	"net/netip"
	"slices"
	"strings"

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
func (f *Flags) AddTo(set *pflag.FlagSet) {
	set.Var((*statuses)(&f.HTTP.Up), "http-status",
		"the HTTP statuses that count as up, such as 200,204,300-399; by default 200-399")
	set.Var((*headers)(&f.HTTP.Headers), "http-header",
		"send `FIELD`, such as \"Host: web\", over HTTP (can be repeated)")
	set.BoolVarP(&f.four, "ipv4", "4", false, "use only IPv4 addresses")
	set.BoolVarP(&f.six, "ipv6", "6", false, "use only IPv6 addresses")
}

// Fill sets the targets and the address family of a wait. args are the arguments of the command
// line that name targets.
func (f *Flags) Fill(o *Options, args []string) error {
	switch {
	case f.four && f.six:
		return cli.Usagef("options -4 and -6: cannot be combined; both families are the default")
	case f.four:
		o.Family = unix.AF_INET
	case f.six:
		o.Family = unix.AF_INET6
	}
	if len(args) == 0 {
		return cli.Usagef("target: missing: give at least one, such as 80, db:5432 or http://web/")
	}
	for _, arg := range args {
		targets, err := f.Parse(arg)
		if err != nil {
			return err
		}
		for _, target := range targets {
			ip, err := netip.ParseAddr(target.Host)
			if err == nil && o.Family != 0 && ip.Unmap().Is4() != f.four {
				return cli.Usagef("target %q: is not of the address family that -4 or -6 selects",
					target.Name)
			}
		}
		o.Targets = append(o.Targets, targets...)
	}
	asksHTTP := slices.ContainsFunc(o.Targets, func(t Target) bool {
		_, ok := t.Protocol.(protocol.HTTP)
		return ok
	})
	if !asksHTTP && (len(f.HTTP.Headers) > 0 || f.HTTP.Up != protocol.StatusSet{}) {
		return cli.Usagef("options --http-status and --http-header: " +
			"no target is asked over HTTP: write a URL, as in http://localhost:8080/")
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

// Redact returns what a message may show of a field: its name.
func (*headers) Redact(field string) string {
	name, _, ok := strings.Cut(field, ":")
	if !ok {
		return "…"
	}
	return name + ": …"
}

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
