package readiness

import (
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

const (
	// grace is how long an attempt waits for the answer about one address family after the question
	// was sent, when the other family has been answered. It is enough for one repetition.
	grace = 500 * time.Millisecond
	// siblingLimit is used instead of grace where the addresses of both families are needed.
	siblingLimit = minLimit
)

// lookup finds the addresses of one target for one attempt.
type lookup struct {
	names []string    // to be asked for after name
	name  string      // the name that is asked for now
	open  []*question // about name, not yet answered
	found bool        // one family has addresses
	no    answer      // the negative answer about name for one family: noAddress or noName

	// for the message if nothing is found
	exists  bool           // one of the names exists
	blocked netip.Addr     // one of the names has this address, which no host can have
	server  netip.AddrPort // the server that sent the last negative answer
	silent  bool           // a question about one of the names has timed out
	faults  faults
}

// resolve starts to find the addresses of a target that has a name.
func (w *Wait) resolve(t *target, now time.Time) {
	w.refresh(now)
	t.addresses, t.lookup = nil, nil
	ips := inHosts(w.files.hosts, t.Host)
	switch {
	case isLocal(t.Host):
		w.connectTo(t, t.at(w.Family, append(ips, loopback4, loopback6)), now)
	case w.files.err != nil:
		w.unresolved(t, w.files.err.Error(), now)
	case len(ips) > 0:
		w.resolveFromHosts(t, ips, now)
	default:
		t.lookup = &lookup{names: w.files.names(t.Host)}
		w.advance(t, now)
	}
}

// resolveFromHosts uses the addresses in /etc/hosts.
func (w *Wait) resolveFromHosts(t *target, ips []netip.Addr, now time.Time) {
	first := ips[0]
	if all := t.at(w.Family, onlyUsable(ips)); len(all) > 0 {
		w.connectTo(t, all, now)
		return
	}
	why := fmt.Sprintf("%s has only the address %v for it, which no host can have",
		hostsPath, first)
	if usable(first) {
		why = fmt.Sprintf("%s has no %s address for it", hostsPath, familyText(w.Family))
	}
	w.unresolved(t, why, now)
}

// onlyUsable returns a copy of a list of addresses without those that are not [usable].
func onlyUsable(ips []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(ips), func(ip netip.Addr) bool { return !usable(ip) })
}

// connectTo connects to the addresses of a name.
func (w *Wait) connectTo(t *target, all []address, now time.Time) {
	t.addresses = append(t.addresses, all...)
	w.setFirst(t)
	w.connect(t, all, now)
}

// unresolved ends an attempt for which no address was found.
func (w *Wait) unresolved(t *target, why string, now time.Time) {
	t.addresses = nil
	t.results = append(t.results, result{why: noResolution + why})
	w.conclude(t, now)
}

const noResolution = "the name does not resolve: "

// refresh reads the files, unless that has been done in this iteration of the loop. If they have
// changed, lookups in progress start again.
func (w *Wait) refresh(now time.Time) {
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

// kinds returns the types of records to ask for.
func (w *Wait) kinds() []dnsmessage.Type {
	switch w.Family {
	case unix.AF_INET:
		return []dnsmessage.Type{dnsmessage.TypeA}
	case unix.AF_INET6:
		return []dnsmessage.Type{dnsmessage.TypeAAAA}
	}
	return []dnsmessage.Type{dnsmessage.TypeA, dnsmessage.TypeAAAA}
}

// advance continues the lookup of a target as far as the answers permit.
func (w *Wait) advance(t *target, now time.Time) {
	l := t.lookup
	for {
		if w.readAnswers(t, now); t.lookup != l { // a connection has decided the attempt
			return
		}
		if l.name != "" {
			if !l.over(now, w.Down, t.open) {
				return
			}
			for _, q := range l.open {
				q.addFaults(&l.faults, now, false)
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
			// The next attempt asks the servers in the order of resolv.conf again, because another
			// server than the preferred one may know the name.
			w.preferred = netip.AddrPort{}
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

// readAnswers takes the answers that have arrived for a lookup.
func (w *Wait) readAnswers(t *target, now time.Time) {
	l := t.lookup
	for _, q := range slices.Clone(l.open) {
		if !q.ended {
			continue
		}
		q.taken = true
		l.open = slices.DeleteFunc(l.open, func(o *question) bool { return o == q })
		q.addFaults(&l.faults, now, false)
		if q.answer.meaning != addresses {
			l.negative(q)
			continue
		}
		if w.useAnswer(t, q, now); t.lookup != l {
			return
		}
	}
}

// negative records a question that brought no addresses.
func (l *lookup) negative(q *question) {
	switch q.answer.meaning {
	case noAnswer:
		l.silent = true
	case noName:
		if l.no.meaning == noAnswer {
			l.no = q.answer
		}
		l.server = q.from.server
	case noAddress:
		l.no, l.exists, l.server = q.answer, true, q.from.server
	}
}

// useAnswer connects to the addresses in the answer to a question.
func (w *Wait) useAnswer(t *target, q *question, now time.Time) {
	l := t.lookup
	// The answers of both families can hold the same address: ::ffff:10.0.0.1 is 10.0.0.1.
	all := slices.DeleteFunc(t.at(w.Family, onlyUsable(q.answer.ips)),
		func(a address) bool { return slices.Contains(t.addresses, a) })
	if len(all) == 0 && !l.found {
		l.no, l.exists = answer{meaning: noAddress}, true
		l.server, l.blocked = q.from.server, q.answer.ips[0]
		return
	}
	l.found = true
	w.connectTo(t, all, now)
}

// over reports whether enough is known about the current name. connecting is the number of
// connections in progress to addresses of the name.
func (l *lookup) over(now time.Time, down bool, connecting int) bool {
	if len(l.open) == 0 {
		return true
	}
	due := l.due(down, connecting)
	return !due.IsZero() && !now.Before(due)
}

// due returns when the lookup continues even without another answer, or the zero time if only the
// limits of its questions count.
func (l *lookup) due(down bool, connecting int) time.Time {
	wait, ok := l.wait(down)
	if !ok || len(l.open) == 0 || l.found && !down && connecting > 0 {
		return time.Time{}
	}
	return l.open[0].began.Add(wait)
}

// wait returns how long the last open question is waited for, or false if only its own limit
// counts.
func (l *lookup) wait(down bool) (time.Duration, bool) {
	switch {
	case l.found && !down, !l.found && l.no.meaning == noName:
		return grace, true
	case !l.found && l.silent: // the servers may be down, or may not reach those of one domain
		return grace, true
	case l.found, l.no.meaning == noAddress:
		return siblingLimit, true
	}
	return 0, false
}

// why returns the reason why nothing was found.
func (l *lookup) why(family int) string {
	var all faults
	switch {
	case !l.server.IsValid():
	case l.blocked.IsValid() && !usable(l.blocked):
		all.add(fmt.Sprintf("its only address is %v, which no host can have", l.blocked), l.server)
	case l.exists:
		all.add(strings.TrimSpace("no "+familyText(family))+" address", l.server)
	default:
		all.add("no such host", l.server)
	}
	return all.with(l.faults).String()
}

// pending returns what the lookup is waiting for.
func (l *lookup) pending(now time.Time) string {
	all := slices.Clone(l.faults)
	for _, q := range l.open {
		q.addFaults(&all, now, true)
	}
	if l.found && len(l.open) > 0 {
		return fmt.Sprintf("its %s addresses: %v", kindText(l.open[0].kind), all)
	}
	if len(all) == 0 {
		return "its name has not been resolved yet"
	}
	return noResolution + all.String()
}

func kindText(kind dnsmessage.Type) string {
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

// faults are the failures of name servers, each with the servers concerned.
type faults []fault

type fault struct {
	what    string
	servers []netip.AddrPort
}

// add records a failure of a server, once.
func (all *faults) add(what string, server netip.AddrPort) {
	i := slices.IndexFunc(*all, func(f fault) bool { return f.what == what })
	if i < 0 {
		i = len(*all)
		*all = append(*all, fault{what: what})
	}
	if f := &(*all)[i]; !slices.Contains(f.servers, server) {
		f.servers = append(slices.Clip(f.servers), server)
	}
}

// with appends other, sorted, because the order in which failures arrive must not matter.
func (all faults) with(other faults) faults {
	other = slices.Clone(other)
	sort.Slice(other, func(i, j int) bool { return other[i].what < other[j].what })
	return append(all, other...)
}

// String returns the failures as in "no answer (asked 10.0.0.2:53, 10.0.0.3:53)".
func (all faults) String() string {
	var parts []string
	for _, f := range all {
		servers := slices.Clone(f.servers)
		sort.Slice(servers, func(i, j int) bool { return servers[i].Compare(servers[j]) < 0 })
		var names []string
		for _, s := range servers {
			names = append(names, s.String())
		}
		parts = append(parts, f.what+" (asked "+strings.Join(names, ", ")+")")
	}
	return strings.Join(parts, ", ")
}
