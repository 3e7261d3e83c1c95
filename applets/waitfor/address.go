package waitfor

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// address is where one connection goes to: an IP address and port, or the path of a unix socket.
type address struct {
	netip.AddrPort
	path string // of a unix socket; "" is TCP
}

// String returns the address for a line of text.
func (a address) String() string {
	if a.path != "" {
		return strconv.Quote(a.path)
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
		index := interfaceIndex(zone)
		if index == 0 {
			return nil, fmt.Errorf("no network interface %q", zone)
		}
		sa.ZoneId = index
	}
	return sa, nil
}

// interfaceIndex returns the number of a network interface, or 0 if there is none of that name (netdevice(7)).
func interfaceIndex(name string) uint32 {
	if index, err := strconv.ParseUint(name, 10, 31); err == nil { // a number is as good (getaddrinfo(3))
		return uint32(index)
	}
	request, err := unix.NewIfreq(name)
	if err != nil {
		return 0
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	if unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, request) != nil {
		return 0
	}
	return request.Uint32()
}

var (
	loopback4 = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	loopback6 = netip.IPv6Loopback()
	broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})
)

// fixed returns the addresses of a target that needs no resolver, or none if its name must be looked up. An error means
// that the address cannot exist.
func (t Target) fixed(family int) ([]address, error) {
	if t.Path != "" {
		what := "the path"
		if isAbstract(t.Path) {
			what = "the name, with its @," // 108 would fit, but package unix takes no more
		}
		if len(t.Path) > maxPath {
			return nil, fmt.Errorf("%s of a unix socket has at most %d bytes, this one has %d", what, maxPath, len(t.Path))
		}
		return []address{{path: t.Path}}, nil
	}
	if isLocal(t.Host) { // beside those of /etc/hosts, which are read at each attempt
		if err := t.checkName(); err != nil {
			return nil, err
		}
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
	case ip == broadcast:
		return nil, errors.New("is the broadcast address, which takes no connections")
	case ip.Is6() && ip.IsLinkLocalUnicast() && ip.Zone() == "":
		return nil, errors.New("is a link-local address and needs an interface, as in [fe80::1%eth0]:80")
	}
	return t.at(family, []netip.Addr{ip}), nil
}

// isAbstract reports whether the path of a unix socket is a name in the abstract namespace (unix(7)), which no file has.
func isAbstract(path string) bool { return strings.HasPrefix(path, "@") }

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
