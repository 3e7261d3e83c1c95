package waitfor

import (
	"bytes"
	"net/netip"
	"strings"
)

// maxAddresses is how many addresses of a name are tried, of each family and source.
const maxAddresses = 64

// inHosts returns all addresses that the text of an /etc/hosts gives a name, in any of its lines, first or as an alias
// (hosts(5)).
func inHosts(text []byte, name string) []netip.Addr {
	var ips []netip.Addr
	name = strings.TrimSuffix(name, ".")
	for line := range bytes.Lines(text) {
		line, _, _ = bytes.Cut(line, []byte("#"))
		var ip netip.Addr
		for i, field := range bytes.Fields(line) {
			if i == 0 {
				var err error
				if ip, err = netip.ParseAddr(string(field)); err != nil {
					break
				}
				continue
			}
			if sameName(strings.TrimSuffix(string(field), "."), name) {
				ips = append(ips, ip.Unmap())
				break
			}
		}
		if len(ips) == maxAddresses {
			break
		}
	}
	return ips
}

// sameName compares two names as the DNS does: the case of ASCII letters does not count, and of no others (RFC 4343).
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

// isLocal reports whether a name means this host whatever any resolver says (RFC 6761, section 6.3).
func isLocal(name string) bool {
	name = strings.TrimSuffix(name, ".")
	const local = "localhost"
	rest := len(name) - len(local)
	return rest >= 0 && sameName(name[rest:], local) && (rest == 0 || name[rest-1] == '.')
}

// usable reports whether an address can be that of a host to connect to. A name is given 0.0.0.0 or :: to block it, and
// the kernel would connect to this host instead (ip(7)).
func usable(ip netip.Addr) bool {
	return !ip.IsUnspecified() && !ip.IsMulticast() && ip != broadcast
}
