package waitfor

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// phase is how far a probe is.
type phase uint8

const (
	connecting phase = iota
	connected        // it may have to stay so for a while
)

// probe is one connection. Its rules keep it from harming the port:
//
//   - As long as nobody has answered, closing it sends nothing and leaves no TIME_WAIT: SO_LINGER is {1, 0}.
//   - It is never a connection of a port with itself: see [sourcePorts], and selfConnected for kernels before 6.3.
//   - Once connected we close first, so that TIME_WAIT is ours (RFC 9293, section 3.6.1): the listener's port stays free
//     for a server that binds it without SO_REUSEADDR. If the peer was faster, a reset ends its TIME_WAIT.
//   - What the peer says while the connection is held is read and dropped, because closing with unread data resets the
//     connection (RFC 2525, section 2.17). What it says later is answered by a reset, but our FIN is there before it, so
//     that it reads an end all the same.
type probe struct {
	id     int32
	fd     int
	target *target
	to     address
	sa     unix.Sockaddr
	phase  phase
	began  time.Time
	until  time.Time // when the time of the phase is up
}

// open makes the socket.
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
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE, int(source.high)<<16|int(source.low))
	}
	return nil
}

// linger says whether closing resets the connection.
func (p *probe) linger(reset bool) {
	var l unix.Linger
	if reset {
		l.Onoff = 1
	}
	_ = unix.SetsockoptLinger(p.fd, unix.SOL_SOCKET, unix.SO_LINGER, &l) // never fails on a TCP socket
}

// connect begins the connection, or asks how it went if it began before (POSIX connect). EINPROGRESS or EALREADY: not
// known yet.
func (p *probe) connect() error {
	err := unix.Connect(p.fd, p.sa)
	if err == unix.EINPROGRESS && p.to.near() {
		err = unix.Connect(p.fd, p.sa) // on the loopback the answer is already there
	}
	return err
}

// selfConnected reports whether the socket is connected to itself: the kernel chose the port that it connects to as its
// own, and TCP's simultaneous open did the rest.
func (p *probe) selfConnected() bool {
	if p.to.path != "" {
		return false
	}
	local, err := unix.Getsockname(p.fd)
	if err != nil {
		return false
	}
	switch local := local.(type) {
	case *unix.SockaddrInet4:
		return local.Port == int(p.to.Port()) && local.Addr == p.to.Addr().As4()
	case *unix.SockaddrInet6:
		return local.Port == int(p.to.Port()) && local.Addr == p.to.Addr().As16()
	}
	return false
}

// leave gets ready to close a connection in the way that leaves nothing behind.
func (p *probe) leave() {
	if p.to.path == "" {
		if info, err := unix.GetsockoptTCPInfo(p.fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil && info.State == closeWait {
			p.linger(true)
			return
		}
	}
	_ = unix.Shutdown(p.fd, unix.SHUT_WR) // ENOTCONN: reset by the peer
	p.drain()
}

// closeWait is TCP_CLOSE_WAIT of the kernel: the peer has closed, we have not.
const closeWait = 8

// drain drops what the peer has said. It reports whether the connection is still open.
func (p *probe) drain() bool {
	var buf [4096]byte
	for range 64 { // one that never stops talking must not keep us from the others
		n, err := unix.Read(p.fd, buf[:])
		switch {
		case err == unix.EAGAIN:
			return true
		case n <= 0 || err != nil:
			return false
		}
	}
	return true
}

// verdictOf says what an error of connect(2) means.
func verdictOf(err error, to address) (verdict, string) {
	switch err {
	case nil:
		return accepted, ""
	case unix.ECONNREFUSED:
		return refused, "connection refused"
	case unix.ENOENT, unix.ENOTDIR: // no socket, so nobody there
		return refused, "no such file"
	case unix.EAGAIN:
		if to.path != "" {
			return unclear, "somebody listens, but the backlog is full"
		}
	case unix.EPROTOTYPE:
		return unclear, "is a socket of another type, not a stream"
	case unix.EADDRNOTAVAIL, unix.EAFNOSUPPORT, unix.ENETUNREACH:
		if to.family() == unix.AF_INET6 {
			return absent, err.Error()
		}
		if err == unix.EADDRNOTAVAIL {
			return unclear, "no local port is free to connect from (net.ipv4.ip_local_port_range)"
		}
	}
	return unclear, err.Error()
}

// freeToBind reports whether the address is one of this host and its port can be bound. It is asked only where nobody
// answered, because a port that is bound for a moment is taken for that moment.
func freeToBind(a address, sa unix.Sockaddr) bool {
	return isOwn(a, sa) && succeeds(a.family(), unix.SOCK_STREAM, func(fd int) error {
		if a.family() == unix.AF_INET6 {
			_ = unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1)
		}
		return unix.Bind(fd, sa)
	})
}

// isOwn reports whether the address is one of this host: the source address of a datagram to it is then itself. bind
// alone does not tell, with net.ipv4.ip_nonlocal_bind. Nothing is sent.
func isOwn(a address, sa unix.Sockaddr) bool {
	return succeeds(a.family(), unix.SOCK_DGRAM, func(fd int) error {
		if err := unix.Connect(fd, sa); err != nil {
			return err
		}
		local, err := unix.Getsockname(fd)
		if err != nil {
			return err
		}
		switch local := local.(type) {
		case *unix.SockaddrInet4:
			if local.Addr == a.Addr().As4() {
				return nil
			}
		case *unix.SockaddrInet6:
			if local.Addr == a.Addr().As16() {
				return nil
			}
		}
		return unix.EADDRNOTAVAIL
	})
}

// succeeds makes a socket for the time of do.
func succeeds(family, kind int, do func(fd int) error) bool {
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return do(fd) == nil
}

// portRange is a range of ports, both ends included. The zero value is none.
type portRange struct{ low, high uint16 }

// sourcePorts returns the widest part of the kernel's range of ephemeral ports that holds no target's port, for
// IP_LOCAL_PORT_RANGE (ip(7), Linux 6.3), so that no probe takes a port that a server is about to bind. It is the zero
// value if all of the range is good, or none.
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

// ephemeralPorts returns net.ipv4.ip_local_port_range, which serves IPv6 too, or the kernel's default without /proc.
func ephemeralPorts() portRange {
	r := portRange{32768, 60999}
	// Not by package os, which would set the runtime's own poller to work.
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
