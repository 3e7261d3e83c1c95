package readiness

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"util/internal/readiness/protocol"

	"golang.org/x/sys/unix"
)

// phase is the state of a probe.
type phase uint8

const (
	connecting phase = iota
	talking          // a conversation is in progress
	held             // until the connection has been open long enough
	closing          // the conversation is over, and the server is about to close the connection
)

// probe is one connection. These rules prevent it from disturbing the port and its listener:
//
//   - Until the connection is established, closing the socket sends nothing and leaves no
//     TIME_WAIT: SO_LINGER is {1, 0}.
//   - A port is never connected to itself: see [sourcePorts], and selfConnected for kernels before
//     6.3.
//   - Once connected, the probe closes first, so that the TIME_WAIT state is on its side (RFC 9293,
//     section 3.6.1). The port of the listener stays free for a server that binds it without
//     SO_REUSEADDR. If the peer closes first, a reset removes its TIME_WAIT. If both close at the
//     same time, TIME_WAIT is on both sides, so a peer that is about to close is waited for.
//   - Data from the peer is read and discarded while the connection is held, because closing with
//     unread data resets the connection (RFC 2525, section 2.17). Later data is answered by a
//     reset, but by then the peer has received the FIN, so that it reads an end of file first.
type probe struct {
	id     int32
	fd     int
	target *target
	to     address
	sa     unix.Sockaddr
	phase  phase
	began  time.Time
	until  time.Time // when the phase ends

	talk protocol.Conversation
	out  []byte // to be sent
	// something has been received
	answering bool
	limit     time.Duration // from began to until
	drained   int           // bytes that were discarded
}

// open creates the socket. source limits its local port.
func (p *probe) open(source portRange) error {
	fd, err := unix.Socket(p.to.family(), unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	p.fd = fd
	if p.to.family() == unix.AF_UNIX {
		return nil
	}
	p.linger(true)
	if source != (portRange{}) {
		// ENOPROTOOPT before Linux 6.3.
		limits := int(source.high)<<16 | int(source.low)
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE, limits)
	}
	return nil
}

// linger sets whether closing the socket resets the connection.
func (p *probe) linger(reset bool) {
	var l unix.Linger
	if reset {
		l.Onoff = 1
	}
	_ = unix.SetsockoptLinger(p.fd, unix.SOL_SOCKET, unix.SO_LINGER, &l) // cannot fail for TCP
}

// connect starts the connection. Called again, it returns the result (connect in POSIX).
// EINPROGRESS and EALREADY mean that the result is not known yet.
func (p *probe) connect() error {
	err := unix.Connect(p.fd, p.sa)
	if err == unix.EINPROGRESS && p.to.near() {
		err = unix.Connect(p.fd, p.sa) // on the loopback the result is known at once
	}
	return err
}

// selfConnected reports whether the socket is connected to itself. That happens when the kernel
// chooses the destination port as the local port: TCP then performs a simultaneous open.
func (p *probe) selfConnected() bool {
	if p.to.path != "" {
		return false
	}
	local, err := localAddress(p.fd)
	to := netip.AddrPortFrom(p.to.Addr().WithZone(""), p.to.Port())
	return err == nil && local == to
}

// prepareClose prepares an established connection for close, so that no TIME_WAIT is left on the
// port of the listener.
func (p *probe) prepareClose() {
	if p.to.path == "" {
		info, err := unix.GetsockoptTCPInfo(p.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil && info.State == closeWait {
			p.linger(true)
			return
		}
	}
	_ = unix.Shutdown(p.fd, unix.SHUT_WR) // ENOTCONN: reset by the peer
	p.drain()
}

// closeWait is the kernel's TCP_CLOSE_WAIT: only the peer has closed the connection.
const closeWait = 8

// flush writes what is to be sent, as far as the socket takes it.
func (p *probe) flush() {
	for len(p.out) > 0 {
		n, err := unix.Write(p.fd, p.out)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return
		case err != nil: // the peer has gone, which reading will show
			p.out = nil
			return
		}
		p.out = p.out[n:]
	}
}

// drain discards the data from the peer. It reports whether the connection is still open.
func (p *probe) drain() bool {
	var buf [4096]byte
	for range 16 { // a peer that never stops sending must not block the loop
		n, err := unix.Read(p.fd, buf[:])
		switch {
		case err == unix.EAGAIN:
			return true
		case n <= 0 || err != nil:
			return false
		}
		p.drained += n
	}
	return true
}

// verdictOf returns what an error of connect(2) means.
func verdictOf(err error, to address) (verdict, string) {
	if err == nil {
		return accepted, acceptsConnections
	}
	errno, _ := errors.AsType[unix.Errno](err)
	switch errno {
	case unix.ECONNREFUSED:
		return refused, "connection refused"
	case unix.ENOENT, unix.ENOTDIR: // there is no socket, so there is no listener
		return refused, "no such file"
	case unix.EAGAIN:
		if to.path != "" {
			return unclear, "the listener's backlog is full"
		}
	case unix.EPROTOTYPE:
		return unclear, "is not a stream socket"
	case unix.EADDRNOTAVAIL, unix.EAFNOSUPPORT, unix.ENETUNREACH:
		if to.family() == unix.AF_INET6 {
			return absent, err.Error()
		}
		if errno == unix.EADDRNOTAVAIL {
			return unclear, "no local port is free to connect from " +
				"(net.ipv4.ip_local_port_range)"
		}
	}
	return unclear, err.Error()
}

// freeToBind reports whether the address belongs to this host and its port can be bound. It is used
// only if a connection attempt timed out, because it occupies the port for a moment.
func freeToBind(a address, sa unix.Sockaddr) bool {
	return isOwn(a, sa) && succeeds(a.family(), unix.SOCK_STREAM, func(fd int) error {
		if a.family() == unix.AF_INET6 {
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
		}
		return unix.Bind(fd, sa)
	})
}

// isOwn reports whether the address belongs to this host: the source address of a datagram to it is
// then the same address. With net.ipv4.ip_nonlocal_bind, bind(2) succeeds for other addresses too.
// No datagram is sent.
func isOwn(a address, sa unix.Sockaddr) bool {
	return succeeds(a.family(), unix.SOCK_DGRAM, func(fd int) error {
		if err := unix.Connect(fd, sa); err != nil {
			return err
		}
		local, err := localAddress(fd)
		if err == nil && local.Addr() != a.Addr().WithZone("") {
			err = unix.EADDRNOTAVAIL
		}
		return err
	})
}

// localAddress returns the local address and port of a socket, without the zone of an IPv6 address.
func localAddress(fd int) (netip.AddrPort, error) {
	local, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, err
	}
	switch local := local.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(local.Addr), uint16(local.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(local.Addr), uint16(local.Port)), nil
	}
	return netip.AddrPort{}, unix.EAFNOSUPPORT
}

// succeeds creates a socket, calls do with it, and closes it.
func succeeds(family, kind int, do func(fd int) error) bool {
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return do(fd) == nil
}

// portRange is a range of ports, both ends included. The zero value is the empty range.
type portRange struct{ low, high uint16 }

// sourcePorts returns the largest part of the kernel's range of ephemeral ports that contains no
// port of a target, for IP_LOCAL_PORT_RANGE (ip(7), Linux 6.3). A probe then cannot occupy a port
// that a server is about to bind. The result is empty if the whole range can be used, or no part of
// it.
func sourcePorts(ephemeral portRange, targets []uint16) portRange {
	var inside []uint16
	for _, port := range targets {
		if ephemeral.low <= port && port <= ephemeral.high {
			inside = append(inside, port)
		}
	}
	if len(inside) == 0 {
		return portRange{}
	}
	slices.Sort(inside)
	var best portRange
	width := 0
	low := int(ephemeral.low)
	for _, port := range append(inside, 0) {
		high := int(port) - 1
		if port == 0 {
			high = int(ephemeral.high)
		}
		if high-low+1 > width {
			best, width = portRange{uint16(low), uint16(high)}, high-low+1
		}
		low = int(port) + 1
	}
	return best
}

// ephemeralPorts returns net.ipv4.ip_local_port_range, which also applies to IPv6, or the kernel's
// default if /proc is missing.
func ephemeralPorts() portRange {
	r := portRange{32768, 60999}
	// Package os would start the runtime's poller.
	fd, err := unix.Open("/proc/sys/net/ipv4/ip_local_port_range", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return r
	}
	defer unix.Close(fd)
	var text [64]byte
	n, err := unix.Read(fd, text[:])
	if err != nil {
		return r
	}
	if fields := strings.Fields(string(text[:n])); len(fields) == 2 {
		low, high := parsePort(fields[0]), parsePort(fields[1])
		if low > 0 && low <= high {
			r = portRange{low, high}
		}
	}
	return r
}
