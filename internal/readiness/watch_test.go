package readiness

import (
	"encoding/binary"
	"maps"
	"slices"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// diagMessage is a netlink message about a listener (sock_diag(7)).
func diagMessage(kind uint16, port uint16, inode uint32) []byte {
	m := make([]byte, unix.NLMSG_HDRLEN+72)
	binary.NativeEndian.PutUint32(m, uint32(len(m)))
	binary.NativeEndian.PutUint16(m[4:], kind)
	binary.BigEndian.PutUint16(m[unix.NLMSG_HDRLEN+4:], port)
	binary.NativeEndian.PutUint32(m[unix.NLMSG_HDRLEN+68:], inode)
	return m
}

// FuzzReadMessages gets datagrams of sock_diag(7). It compares what is read with what the netlink
// parser of package syscall finds.
func FuzzReadMessages(f *testing.F) {
	one := diagMessage(unix.SOCK_DIAG_BY_FAMILY, 80, 1000)
	two := append(slices.Clip(one), diagMessage(unix.SOCK_DIAG_BY_FAMILY, 80, 1<<32-1)...)
	f.Add(one)
	f.Add(append(two, diagMessage(unix.NLMSG_DONE, 80, 7)...))
	f.Add(diagMessage(unix.NLMSG_ERROR, 0, 0))
	f.Add(one[:len(one)-4])
	f.Add([]byte("\x0f\x00\x00\x00\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Add([]byte("\xff\xff\xff\xff\x14\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, datagram []byte) {
		w := &watch{fd: -1, listeners: map[uint16]uint64{80: 0, 443: 0}}
		done, ok := w.readMessages(datagram)
		if done && !ok || len(w.listeners) != 2 || w.sockets > len(datagram)/88 {
			t.Errorf("%q: done %v, ok %v, %d sockets, %v", datagram, done, ok, w.sockets, w.listeners)
		}
		messages, err := syscall.ParseNetlinkMessage(datagram)
		if err != nil {
			return
		}
		want := map[uint16]uint64{80: 0, 443: 0}
		wantDone, wantOK := false, true
		for _, m := range messages {
			if wantDone = m.Header.Type == unix.NLMSG_DONE; wantDone {
				break
			}
			if wantOK = m.Header.Type == unix.SOCK_DIAG_BY_FAMILY; !wantOK {
				break
			}
			if port := uint16(0); len(m.Data) >= 72 {
				port = binary.BigEndian.Uint16(m.Data[4:])
				if _, is := want[port]; is {
					want[port] += uint64(binary.NativeEndian.Uint32(m.Data[68:]))
				}
			}
		}
		if done != wantDone || ok != wantOK || !maps.Equal(w.listeners, want) {
			t.Errorf("%q: done %v, ok %v, %v, want %v, %v, %v",
				datagram, done, ok, w.listeners, wantDone, wantOK, want)
		}
	})
}
