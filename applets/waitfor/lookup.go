package waitfor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

const (
	// grace is how old the question about a family must be for an attempt to go on without it, if the other family has been
	// answered. It is time for one repetition and its answer.
	grace = 500 * time.Millisecond
	// siblingLimit is the same where the addresses of both families are needed.
	siblingLimit = leastLimit
)

// lookup finds the addresses of one target for one attempt.
type lookup struct {
	names []string    // what is still to be asked for
	name  string      // what is asked for
	open  []*question // about that name, and not yet answered
	found bool        // a family has addresses
	no    answer      // what a server said about that name if the other family has none: noAddress or noName

	// for the message if nothing is found
	exists  bool           // one of the names exists
	blocked netip.Addr     // one of them has this address, which is no host's
	server  netip.AddrPort // who said no last
	silent  bool           // nobody has answered about one of them in time
	blame   blame
}

// resolve begins to find the addresses of a target that has a name.
func (w *waiter) resolve(t *target, now time.Time) {
	w.refresh(now)
	t.addresses, t.lookup = nil, nil
	ips := inHosts(w.files.hosts, t.Host)
	if isLocal(t.Host) {
		w.found(t, t.at(w.Family, append(ips, loopback4, loopback6)), now)
		return
	}
	if len(ips) > 0 {
		if all := t.at(w.Family, slices.DeleteFunc(slices.Clone(ips), func(ip netip.Addr) bool { return !usable(ip) })); len(all) > 0 {
			w.found(t, all, now)
			return
		}
		why := fmt.Sprintf("%s has only the address %v for it, which is no host's", hostsPath, ips[0])
		if usable(ips[0]) {
			why = fmt.Sprintf("%s has no %s address for it", hostsPath, familyText(w.Family))
		}
		w.unresolved(t, why, now)
		return
	}
	t.lookup = &lookup{names: w.files.names(t.Host)}
	w.advance(t, now)
}

// found connects to addresses that a name was found to have.
func (w *waiter) found(t *target, all []address, now time.Time) {
	t.addresses = append(t.addresses, all...)
	w.setFirst(t)
	w.connect(t, all, now)
}

// unresolved ends an attempt whose name has no address.
func (w *waiter) unresolved(t *target, why string, now time.Time) {
	t.addresses = nil
	t.results = append(t.results, result{why: noResolution + why})
	w.conclude(t, now)
}

const noResolution = "its name does not resolve: "

// refresh reads the files if that has not been done in this turn. If they have changed, look-ups that are under way begin
// anew.
func (w *waiter) refresh(now time.Time) {
	if !w.files.update(now) {
		return
	}
	for _, q := range w.questions {
		w.end(q, answer{}, nil)
	}
	clear(w.questions)
	for _, t := range w.targets {
		switch l := t.lookup; {
		case l == nil:
		case !l.found:
			w.resolve(t, now)
		default:
			for i, q := range l.open {
				l.open[i] = w.ask(q.topic, now)
			}
		}
	}
}

// kinds returns the types of records that are asked for.
func (w *waiter) kinds() []dnsmessage.Type {
	switch w.Family {
	case unix.AF_INET:
		return []dnsmessage.Type{dnsmessage.TypeA}
	case unix.AF_INET6:
		return []dnsmessage.Type{dnsmessage.TypeAAAA}
	}
	return []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA}
}

// advance goes on with the look-up of a target as far as that is possible now.
func (w *waiter) advance(t *target, now time.Time) {
	l := t.lookup
	for {
		if w.read(t, now); t.lookup != l { // an address has decided the attempt
			return
		}
		if l.name != "" {
			if !l.over(now, w.Down, t.open) {
				return
			}
			for _, q := range l.open {
				q.blame(&l.blame, now, false)
			}
			l.open = nil
		}
		switch {
		case l.found:
			t.lookup = nil
			if t.open == 0 {
				w.conclude(t, now)
			}
			return
		case len(l.names) == 0:
			w.preferred = netip.AddrPort{} // the servers before it may know better, if only they are given the time
			why := l.why(w.Family)
			t.lookup = nil
			w.unresolved(t, why, now)
			return
		}
		l.name, l.names, l.no = l.names[0], l.names[1:], answer{}
		for _, kind := range w.kinds() {
			l.open = append(l.open, w.ask(topic{l.name, kind}, now))
		}
	}
}

// read takes the answers that have come.
func (w *waiter) read(t *target, now time.Time) {
	l := t.lookup
	for _, q := range slices.Clone(l.open) {
		if !q.ended {
			continue
		}
		q.taken = true
		l.open = slices.DeleteFunc(l.open, func(o *question) bool { return o == q })
		q.blame(&l.blame, now, false)
		switch q.answer.said {
		case nothing:
			l.silent = true
		case noName:
			if l.no.said == nothing {
				l.no = q.answer
			}
			l.server = q.from.server
		case noAddress:
			l.no, l.exists, l.server = q.answer, true, q.from.server
		case addresses:
			ips := slices.DeleteFunc(slices.Clone(q.answer.ips), func(ip netip.Addr) bool { return !usable(ip) })
			all := slices.DeleteFunc(t.at(w.Family, ips), func(a address) bool { return slices.Contains(t.addresses, a) })
			if len(all) == 0 && !l.found { // ::ffff:10.0.0.1 may be one of those of the other family
				l.no, l.exists, l.server, l.blocked = answer{said: noAddress}, true, q.from.server, q.answer.ips[0]
				continue
			}
			l.found = true
			if w.found(t, all, now); t.lookup != l {
				return
			}
		}
	}
}

// over reports whether enough is known about the name that is asked for. open is the number of connections that are
// being made to addresses of the name.
func (l *lookup) over(now time.Time, down bool, open int) bool {
	if len(l.open) == 0 {
		return true
	}
	wait, ok := l.patience(down)
	return ok && (!l.found || down || open == 0) && !now.Before(l.open[0].began.Add(wait))
}

// patience returns how old the last open question may become, or false if only its own limit counts.
func (l *lookup) patience(down bool) (time.Duration, bool) {
	switch {
	case l.found && !down, !l.found && l.no.said == noName:
		return grace, true
	case !l.found && l.silent: // the servers may be dead, or only what is behind them for the domain of that name
		return grace, true
	case l.found, l.no.said == noAddress:
		return siblingLimit, true
	}
	return 0, false
}

// due returns when time alone moves the look-up on, or the zero time.
func (l *lookup) due(down bool, open int) time.Time {
	if wait, ok := l.patience(down); ok && len(l.open) > 0 && (!l.found || down || open == 0) {
		return l.open[0].began.Add(wait)
	}
	return time.Time{}
}

// why says why nothing was found.
func (l *lookup) why(family int) string {
	var b blame
	switch {
	case !l.server.IsValid():
	case l.blocked.IsValid() && !usable(l.blocked):
		b.add(fmt.Sprintf("only to %v, which is no host's address", l.blocked), l.server)
	case l.exists:
		b.add(strings.TrimSpace("no "+familyText(family))+" address", l.server)
	default:
		b.add("no such host", l.server)
	}
	return b.with(l.blame).String()
}

// pending says what is waited for.
func (l *lookup) pending(now time.Time) string {
	b := slices.Clone(l.blame)
	for _, q := range l.open {
		q.blame(&b, now, true)
	}
	if l.found && len(l.open) > 0 {
		return fmt.Sprintf("its %s addresses: %v", familyOf(l.open[0].kind), b)
	}
	if len(b) == 0 {
		return "its name has not been resolved yet"
	}
	return noResolution + b.String()
}

func familyOf(kind dnsmessage.Type) string {
	if kind == dnsmessage.TypeA {
		return "IPv4"
	}
	return "IPv6"
}

func familyText(family int) string {
	switch family {
	case unix.AF_INET:
		return "IPv4"
	case unix.AF_INET6:
		return "IPv6"
	}
	return ""
}

// blame is what name servers did wrong.
type blame []fault

type fault struct {
	what    string
	servers []netip.AddrPort
}

// add takes down a fault of a server, once.
func (b *blame) add(what string, server netip.AddrPort) {
	i := slices.IndexFunc(*b, func(f fault) bool { return f.what == what })
	if i < 0 {
		i = len(*b)
		*b = append(*b, fault{what: what})
	}
	if f := &(*b)[i]; !slices.Contains(f.servers, server) {
		f.servers = append(slices.Clip(f.servers), server)
	}
}

// with returns b, then the faults of other in an order that does not depend on when they came.
func (b blame) with(other blame) blame {
	other = slices.Clone(other)
	slices.SortFunc(other, func(x, y fault) int { return strings.Compare(x.what, y.what) })
	return append(b, other...)
}

// String returns the faults as in "no answer (asked 10.0.0.2:53, 10.0.0.3:53)".
func (b blame) String() string {
	var parts []string
	for _, f := range b {
		servers := slices.Clone(f.servers)
		slices.SortFunc(servers, netip.AddrPort.Compare)
		var names []string
		for _, s := range servers {
			names = append(names, s.String())
		}
		parts = append(parts, f.what+" (asked "+strings.Join(names, ", ")+")")
	}
	return strings.Join(parts, ", ")
}
