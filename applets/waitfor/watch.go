package waitfor

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"
)

// watch sees when something changes about the targets of this host, so that their attempts can be rare and the wait
// still ends at once. One look asks the kernel for its table of listening TCP sockets (sock_diag(7)), which costs the
// same for any number of targets, and stats the unix sockets. What it sees is only a hint to attempt: a port without a
// listener can lead somewhere through netfilter, and one with a listener need not accept.
type watch struct {
	fd        int // NETLINK_SOCK_DIAG, or -1 where the kernel does not answer
	buf       [32 << 10]byte
	listeners map[uint16]uint64 // for each port of a target, what listens there: the sum of the sockets' inodes
	sockets   int               // in the table
	due       time.Time
}

// newWatch makes a watch for the ports of targets.
func newWatch(targets []*target) *watch {
	w := &watch{fd: -1, listeners: map[uint16]uint64{}}
	for _, t := range targets {
		if t.Path == "" {
			w.listeners[t.Port] = 0
		}
	}
	if fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.NETLINK_SOCK_DIAG); err == nil {
		w.fd = fd
	}
	return w
}

func (w *watch) close() {
	if w.fd >= 0 {
		unix.Close(w.fd)
		w.fd = -1
	}
}

// look reads the table anew.
func (w *watch) look() {
	if w.fd < 0 {
		return
	}
	w.sockets = 0
	for port := range w.listeners {
		w.listeners[port] = 0
	}
	if !w.dump(unix.AF_INET) || !w.dump(unix.AF_INET6) {
		w.close()
	}
}

// sees reports whether changes of a near target can be seen. Those of an abstract unix socket cannot: it is no file.
func (w *watch) sees(t *target) bool {
	if t.Path != "" {
		return !isAbstract(t.Path)
	}
	return w.fd >= 0
}

// mark returns a number that changes when what may answer for the target does.
func (w *watch) mark(t *target) uint64 {
	if t.Path == "" {
		return w.listeners[t.Port]
	}
	var st unix.Stat_t
	if unix.Stat(t.Path, &st) != nil {
		return 0
	}
	return st.Ino ^ uint64(st.Ctim.Nano())
}

// dump adds the listeners of one address family to the table. It reports whether the kernel gave a whole table.
func (w *watch) dump(family uint8) bool {
	// struct nlmsghdr (netlink(7)) and struct inet_diag_req_v2 (sock_diag(7)).
	const size = unix.NLMSG_HDRLEN + 56
	var request [size]byte
	order := binary.NativeEndian
	order.PutUint32(request[0:], size)
	order.PutUint16(request[4:], unix.SOCK_DIAG_BY_FAMILY)
	order.PutUint16(request[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	request[16], request[17] = family, unix.IPPROTO_TCP
	order.PutUint32(request[20:], 1<<unix.BPF_TCP_LISTEN)
	if err := unix.Sendto(w.fd, request[:], 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return false
	}
	for {
		n, _, err := unix.Recvfrom(w.fd, w.buf[:], 0)
		if err != nil {
			return false
		}
		for m := w.buf[:n]; len(m) >= unix.NLMSG_HDRLEN; {
			length := int(order.Uint32(m))
			if length < unix.NLMSG_HDRLEN || length > len(m) {
				return false
			}
			switch order.Uint16(m[4:]) {
			case unix.NLMSG_DONE:
				return true
			case unix.SOCK_DIAG_BY_FAMILY:
				w.add(m[unix.NLMSG_HDRLEN:length])
			default: // NLMSG_ERROR
				return false
			}
			m = m[min(len(m), (length+3)&^3):]
		}
	}
}

// add takes down one struct inet_diag_msg (sock_diag(7)).
func (w *watch) add(m []byte) {
	if len(m) < 72 {
		return
	}
	w.sockets++
	port := binary.BigEndian.Uint16(m[4:])
	if sum, ok := w.listeners[port]; ok {
		w.listeners[port] = sum + uint64(binary.NativeEndian.Uint32(m[68:]))
	}
}
