package readiness

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
)

// maxAddresses is the maximum number of addresses of a name that are tried, for each family and
// source.
const maxAddresses = 64

// inHosts returns all addresses for a name in the text of an /etc/hosts file. The name may be the
// first one in a line or an alias (hosts(5)).
func inHosts(text []byte, name string) []netip.Addr {
	var ips []netip.Addr
	name = strings.TrimSuffix(name, ".")
	for line := range bytes.Lines(text) {
		line, _, _ = bytes.Cut(line, []byte("#"))
		fields := bytes.Fields(line)
		if len(fields) < 2 {
			continue
		}
		ip, err := netip.ParseAddr(string(fields[0]))
		isName := func(field []byte) bool {
			return sameName(strings.TrimSuffix(string(field), "."), name)
		}
		if err != nil || !slices.ContainsFunc(fields[1:], isName) {
			continue
		}
		if ips = append(ips, ip.Unmap()); len(ips) == maxAddresses {
			break
		}
	}
	return ips
}

// sameName compares two names as the DNS does: it ignores the case of ASCII letters, but of no
// other letters (RFC 4343).
func sameName(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		if lower(a[i]) != lower(b[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// isLocal reports whether a name means this host, regardless of any resolver (RFC 6761, section
// 6.3).
func isLocal(name string) bool {
	name = strings.TrimSuffix(name, ".")
	const local = "localhost"
	rest := len(name) - len(local)
	return rest >= 0 && sameName(name[rest:], local) && (rest == 0 || name[rest-1] == '.')
}

// usable reports whether an address can be the address of a host. Some name servers and hosts files
// give a name the address 0.0.0.0 or :: to block it; the kernel would connect to this host (ip(7)).
func usable(ip netip.Addr) bool {
	return !ip.IsUnspecified() && !ip.IsMulticast() && ip != broadcast
}
