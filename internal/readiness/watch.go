package readiness

import (
	"encoding/binary"
	"time"

	"golang.org/x/sys/unix"
)

// watch detects changes of the targets on this host, so that attempts can be rare and the wait
// still ends at once. It reads the kernel's table of listening TCP sockets (sock_diag(7)), which
// costs the same for any number of targets, and calls stat(2) for the unix sockets. A change only
// triggers an attempt: netfilter may redirect a port that has no listener, and a listener need not
// accept.
type watch struct {
	fd        int // NETLINK_SOCK_DIAG, or -1 where the kernel does not answer
	buf       [32 << 10]byte
	listeners map[uint16]uint64 // by port of a target: the sum of its listeners' inode numbers
	sockets   int               // in the table
	due       time.Time
}

// newWatch returns a watch for the ports of targets.
func newWatch(targets []*target) *watch {
	w := &watch{fd: -1, listeners: map[uint16]uint64{}}
	for _, t := range targets {
		if t.isTCP() {
			w.listeners[t.Port] = 0
		}
	}
	const kind = unix.SOCK_DGRAM | unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
	if fd, err := unix.Socket(unix.AF_NETLINK, kind, unix.NETLINK_SOCK_DIAG); err == nil {
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

// update reads the table again.
func (w *watch) update() {
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

// sees reports whether changes of a near target can be detected. Those of an abstract unix socket
// cannot, because there is no file to stat.
func (w *watch) sees(t *target) bool {
	if !t.isTCP() {
		return t.File || !isAbstract(t.Path)
	}
	return w.fd >= 0
}

// mark returns a number that changes when the listener of the target changes.
func (w *watch) mark(t *target) uint64 {
	if t.isTCP() {
		return w.listeners[t.Port]
	}
	var st unix.Stat_t
	if unix.Stat(t.Path, &st) != nil {
		return 0
	}
	return st.Ino ^ uint64(st.Ctim.Nano())
}

// dump adds the listeners of one address family to the table. It reports whether the kernel
// returned the complete table.
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
	kernel := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	if err := unix.Sendto(w.fd, request[:], 0, kernel); err != nil {
		return false
	}
	for {
		n, _, err := unix.Recvfrom(w.fd, w.buf[:], 0)
		if err != nil {
			return false
		}
		if done, ok := w.readMessages(w.buf[:n]); done || !ok {
			return ok
		}
	}
}

// readMessages reads the netlink messages in a datagram. done is whether the dump is complete; ok
// is false for an error.
func (w *watch) readMessages(m []byte) (done, ok bool) {
	order := binary.NativeEndian
	for len(m) >= unix.NLMSG_HDRLEN {
		length := int(order.Uint32(m))
		if length < unix.NLMSG_HDRLEN || length > len(m) {
			return false, false
		}
		switch order.Uint16(m[4:]) {
		case unix.NLMSG_DONE:
			return true, true
		case unix.SOCK_DIAG_BY_FAMILY:
			w.add(m[unix.NLMSG_HDRLEN:length])
		default: // NLMSG_ERROR
			return false, false
		}
		m = m[min(len(m), (length+3)&^3):]
	}
	return false, true
}

// add records one struct inet_diag_msg (sock_diag(7)).
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
