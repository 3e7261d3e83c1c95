package readiness

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sort"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// address is where one connection goes: an IP address and port, or the path of a unix socket. For a
// target that is a file, it is the path of the file.
type address struct {
	netip.AddrPort
	path string // of a unix socket; "" for TCP
}

// String returns the address for messages.
func (a address) String() string {
	if a.path != "" {
		return strconv.Quote(a.path)
	}
	return a.AddrPort.String()
}

// near reports whether the address is a unix socket or a loopback address. A connection attempt
// to such an address is cheap.
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

// sockaddr returns the address in the form of connect(2). The error is about the zone of an IPv6
// address: a link-local address out of the DNS has none.
func (a address) sockaddr() (unix.Sockaddr, error) {
	switch a.family() {
	case unix.AF_UNIX:
		return &unix.SockaddrUnix{Name: a.path}, nil
	case unix.AF_INET:
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}, nil
	}
	if needsZone(a.Addr()) {
		return nil, errors.New("is a link-local address without an interface")
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

// interfaceIndex returns the index of a network interface, or 0 if no interface has that name
// (netdevice(7)).
func interfaceIndex(name string) uint32 {
	// A zone may also be given as a number (getaddrinfo(3)).
	if index, err := strconv.ParseUint(name, 10, 31); err == nil {
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

// fixed returns the addresses of a target that needs no resolver, or none if its name must be
// looked up. An error means that the address cannot exist.
func (t Target) fixed(family int) ([]address, error) {
	switch {
	case t.File && len(t.Path) > maxFilePath:
		return nil, fmt.Errorf("the path has %d bytes, but at most %d are possible",
			len(t.Path), maxFilePath)
	case t.File:
		return []address{{path: t.Path}}, nil
	case t.Path != "":
		return fixedPath(t.Path)
	}
	// For a local name, the addresses in /etc/hosts are added at each attempt.
	if isLocal(t.Host) {
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
	// The kernel connects to the loopback address instead of the unspecified one (ip(7)).
	case ip == netip.IPv4Unspecified():
		ip = loopback4
	case ip == netip.IPv6Unspecified():
		ip = loopback6
	case ip.IsMulticast():
		return nil, errors.New("is a multicast address, which cannot accept connections")
	case ip == broadcast:
		return nil, errors.New("is the broadcast address, which cannot accept connections")
	case needsZone(ip):
		return nil, errors.New("is a link-local address and needs an interface, " +
			"as in [fe80::1%eth0]:80")
	}
	return t.at(family, []netip.Addr{ip}), nil
}

// fixedPath returns the address of a unix socket, or an error if the path is too long.
func fixedPath(path string) ([]address, error) {
	what := "the path of the unix socket"
	if isAbstract(path) {
		// sun_path has room for 108 bytes here, but package unix accepts no more than 107.
		what = "the name of the unix socket, with its @,"
	}
	if len(path) > maxPath {
		return nil, fmt.Errorf("%s has %d bytes, but at most %d are possible",
			what, len(path), maxPath)
	}
	return []address{{path: path}}, nil
}

// needsZone reports whether an address is meaningless without an interface (RFC 4007).
func needsZone(ip netip.Addr) bool {
	return ip.Is6() && ip.IsLinkLocalUnicast() && ip.Zone() == ""
}

// isAbstract reports whether the path of a unix socket is a name in the abstract namespace
// (unix(7)), which does not appear in the file system.
func isAbstract(path string) bool { return strings.HasPrefix(path, "@") }

// maxFilePath is PATH_MAX without the final NUL (limits.h).
const maxFilePath = 4095

// maxPath is the size of sun_path without the final NUL (unix(7)).
const maxPath = 107

// at combines the IP addresses of a family with the port of the target. The result is sorted, so
// that messages do not change when a name server rotates its answers.
func (t Target) at(family int, ips []netip.Addr) []address {
	// slices.SortFunc would be another 10 kB of code for each type.
	sort.Slice(ips, func(i, j int) bool { return ips[i].Less(ips[j]) })
	var all []address
	for _, ip := range slices.Compact(ips) {
		a := address{AddrPort: netip.AddrPortFrom(ip, t.Port)}
		if family == 0 || family == a.family() {
			all = append(all, a)
		}
	}
	return all
}

// checkName returns an error if the host name cannot exist in the DNS (RFC 1035, section 2.3.4;
// RFC 3696, section 2).
func (t Target) checkName() error {
	name := strings.TrimSuffix(t.Host, ".")
	if len(name) > 253 {
		return fmt.Errorf("the host name has %d bytes, but at most 253 are possible", len(name))
	}
	labels := strings.Split(name, ".")
	for _, label := range labels {
		switch bad := strings.IndexFunc(label, notInName); {
		case label == "":
			return fmt.Errorf("host %q: has an empty part, so it is neither a name nor an address",
				t.Host)
		case len(label) > 63:
			return fmt.Errorf("host %q: has a part of more than 63 bytes, so it is not a name",
				t.Host)
		case bad >= 0:
			return fmt.Errorf("host %q: contains %q, so it is neither a name nor an address",
				t.Host, []rune(label[bad:])[0])
		}
	}
	if last := labels[len(labels)-1]; strings.Trim(last, "0123456789") == "" {
		return fmt.Errorf("host %q: ends in a number but is not an IPv4 address", t.Host)
	}
	return nil
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') &&
		r != '-' && r != '_'
}
