package waitfor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// address is where one connection goes to: an IP address and port, or the path of a unix socket.
type address struct {
	netip.AddrPort
	path string // of a unix socket; "" is TCP
}

func (a address) String() string {
	if a.path != "" {
		return a.path
	}
	return a.AddrPort.String()
}

// near reports whether the address is a unix socket or on the loopback, where an attempt is cheap.
func (a address) near() bool { return a.path != "" || a.Addr().IsLoopback() }

// family returns AF_INET, AF_INET6 or AF_UNIX.
func (a address) family() int {
	switch {
	case a.path != "":
		return unix.AF_UNIX
	case a.Addr().Is4():
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// sockaddr returns the address in the form of connect(2). The error is about the zone of an IPv6 address.
func (a address) sockaddr() (unix.Sockaddr, error) {
	switch a.family() {
	case unix.AF_UNIX:
		return &unix.SockaddrUnix{Name: a.path}, nil
	case unix.AF_INET:
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}, nil
	}
	sa := &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	if zone := a.Addr().Zone(); zone != "" {
		device, err := net.InterfaceByName(zone)
		if err != nil {
			return nil, fmt.Errorf("no network interface %q", zone)
		}
		sa.ZoneId = uint32(device.Index)
	}
	return sa, nil
}

var (
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6 = netip.IPv6Loopback()
)

// fixed returns the addresses of a target that needs no resolver, or none if its name must be looked up. An error means
// that the address cannot exist.
func (t Target) fixed(family int) ([]address, error) {
	if t.Path != "" {
		if len(t.Path) > maxPath {
			return nil, fmt.Errorf("the path of a unix socket has at most %d bytes, this one has %d", maxPath, len(t.Path))
		}
		return []address{{path: t.Path}}, nil
	}
	if strings.EqualFold(strings.TrimSuffix(t.Host, "."), "localhost") { // RFC 6761, section 6.3
		return t.at(family, []netip.Addr{loopback4, loopback6}), nil
	}
	ip, err := netip.ParseAddr(t.Host)
	if err != nil {
		return nil, t.checkName()
	}
	switch ip = ip.Unmap(); {
	case ip == netip.IPv4Unspecified(): // the kernel connects to the loopback instead (ip(7))
		ip = loopback4
	case ip == netip.IPv6Unspecified():
		ip = loopback6
	case ip.IsMulticast():
		return nil, errors.New("is a multicast address, which takes no connections")
	case ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return nil, errors.New("is the broadcast address, which takes no connections")
	case ip.Is6() && ip.IsLinkLocalUnicast() && ip.Zone() == "":
		return nil, errors.New("is a link-local address and needs an interface, as in [fe80::1%eth0]:80")
	}
	return t.at(family, []netip.Addr{ip}), nil
}

// maxPath is the size of sun_path without the final NUL (unix(7)).
const maxPath = 107

// at gives the addresses of the family the target's port. They are sorted, so that a resolver that rotates them makes
// no difference to what is said.
func (t Target) at(family int, ips []netip.Addr) []address {
	slices.SortFunc(ips, netip.Addr.Compare)
	var all []address
	for _, ip := range slices.Compact(ips) {
		a := address{AddrPort: netip.AddrPortFrom(ip, t.Port)}
		if family == 0 || family == a.family() {
			all = append(all, a)
		}
	}
	return all
}

// checkName finds out whether a host's name can be in the DNS at all (RFC 1035, section 2.3.4; RFC 3696, section 2).
func (t Target) checkName() error {
	name := strings.TrimSuffix(t.Host, ".")
	if len(name) > 253 {
		return fmt.Errorf("a host name has at most 253 letters, this one has %d", len(name))
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		switch bad := strings.IndexFunc(label, notInName); {
		case label == "":
			return fmt.Errorf("host %q: has an empty part, so it can be neither a name nor an address", t.Host)
		case len(label) > 63:
			return fmt.Errorf("host %q: has a part with more than 63 letters, so it cannot be a name", t.Host)
		case bad >= 0:
			return fmt.Errorf("host %q: has %q in it, so it can be neither a name nor an address", t.Host, []rune(label[bad:])[0])
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return fmt.Errorf("host %q: ends in a number but is no IPv4 address", t.Host)
	}
	return nil
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// lookUp asks the resolver of package net, which reads /etc/hosts and /etc/resolv.conf if they exist.
func lookUp(ctx context.Context, family int, host string) ([]netip.Addr, error) {
	network := "ip"
	switch family {
	case unix.AF_INET:
		network = "ip4"
	case unix.AF_INET6:
		network = "ip6"
	}
	ips, err := net.DefaultResolver.LookupNetIP(ctx, network, host)
	switch {
	case err != nil:
		return nil, errors.New(dnsText(err))
	case len(ips) == 0:
		return nil, errors.New("its name does not resolve: no address")
	}
	for i := range ips {
		ips[i] = ips[i].Unmap()
	}
	return ips, nil
}

// dnsText says why a name does not resolve. It leaves out what differs each time, such as port numbers.
func dnsText(err error) string {
	why, server := err.Error(), ""
	var dns *net.DNSError
	if errors.As(err, &dns) {
		why, server = dns.Err, dns.Server
		switch {
		case dns.IsNotFound:
			why = "no such host"
		case dns.IsTimeout:
			why = "no answer"
		case strings.Contains(why, "->"): // "read udp HERE->THERE: read: connection refused"
			why = why[strings.LastIndex(why, ": ")+len(": "):]
		}
	}
	if server != "" {
		server = " (asked " + server + ")"
	}
	return "its name does not resolve: " + why + server
}
