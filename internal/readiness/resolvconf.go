package readiness

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	maxServers   = 3 // MAXNS of resolv.conf(5)
	maxSearch    = 32
	maxNdots     = 15 // RES_MAXNDOTS
	defaultLimit = 5 * time.Second
	minLimit     = 3 * time.Second // slow resolvers answer after two seconds
	maxLimit     = 30 * time.Second
)

// resolvConf holds the settings in /etc/resolv.conf (resolv.conf(5)).
type resolvConf struct {
	servers []netip.AddrPort
	search  []string // without dots at the end; "" for the root
	ndots   int
	limit   time.Duration // for one question
}

// parseResolvConf reads the text of a resolv.conf file. Invalid lines are ignored, as the C library
// does. domain is used if the file has no search list.
//
// Some options have no effect: attempts, because a question is repeated until its limit; rotate,
// because a server that has answered is asked first; edns0 and trust-ad, because only addresses are
// requested.
func parseResolvConf(text, domain string) resolvConf {
	c := resolvConf{ndots: 1, limit: defaultLimit}
	if domain != "" {
		c.search = []string{domain}
	}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || line[0] == '#' || line[0] == ';' {
			continue
		}
		switch fields[0] {
		case "nameserver":
			c.addServer(fields[1])
		case "domain":
			c.search = searchList(fields[1:2])
		case "search":
			c.search = searchList(fields[1:])
		case "options":
			for _, option := range fields[1:] {
				c.option(option)
			}
		}
	}
	if len(c.servers) == 0 {
		c.servers = []netip.AddrPort{netip.AddrPortFrom(loopback4, 53)}
	}
	return c
}

// addServer adds a name server, unless the text is invalid or the list is full.
func (c *resolvConf) addServer(text string) {
	ip, err := netip.ParseAddr(text)
	server := netip.AddrPortFrom(ip.Unmap(), 53)
	if err == nil && len(c.servers) < maxServers && !slices.Contains(c.servers, server) {
		c.servers = append(c.servers, server)
	}
}

// option reads one option. A value above the maximum counts as the maximum.
func (c *resolvConf) option(text string) {
	name, value, _ := strings.Cut(text, ":")
	number, err := strconv.ParseUint(value, 10, 16)
	if err != nil {
		return
	}
	switch name {
	case "ndots":
		c.ndots = min(int(number), maxNdots)
	case "timeout":
		c.limit = min(max(time.Duration(number)*time.Second, minLimit), maxLimit)
	}
}

// searchList returns the domains of a search list, without duplicates.
func searchList(words []string) []string {
	var list []string
	for _, word := range words {
		domain := strings.TrimSuffix(word, ".")
		if len(list) < maxSearch && !slices.Contains(list, domain) {
			list = append(list, domain)
		}
	}
	return list
}

// names returns the absolute names to look up in order, each with the dot at its end
// (resolv.conf(5), ndots).
func (c *resolvConf) names(host string) []string {
	if strings.HasSuffix(host, ".") {
		return []string{host}
	}
	absolute := host + "."
	first := strings.Count(host, ".") >= c.ndots
	var all []string
	if first {
		all = append(all, absolute)
	}
	for _, domain := range c.search {
		if name := absolute + domain + "."; domain != "" && canBeName(name) {
			all = append(all, name)
		}
	}
	if !first {
		all = append(all, absolute)
	}
	return all
}

// canBeName reports whether an absolute name fits into a DNS message (RFC 1035, section 2.3.4).
func canBeName(name string) bool {
	if len(name) > 254 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(name, "."), ".") {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return true
}
