package waitfor_test

import (
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

// query is what a name server is asked.
type query struct {
	dnsmessage.Message
	name string // without the dot at its end
	kind string // "A" or "AAAA"
	tcp  bool
	nth  int // how often it was asked before
}

// reply makes an answer with addresses, of which those of the right family are taken.
func (q query) reply(ips ...string) dnsmessage.Message {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: q.ID, Response: true, RecursionAvailable: true}, Questions: q.Questions}
	for _, text := range ips {
		ip := netip.MustParseAddr(text)
		switch {
		case ip.Is4() && q.kind == "A":
			m.Answers = append(m.Answers, q.record(dnsmessage.TypeA, &dnsmessage.AResource{A: ip.As4()}))
		case ip.Is6() && q.kind == "AAAA":
			m.Answers = append(m.Answers, q.record(dnsmessage.TypeAAAA, &dnsmessage.AAAAResource{AAAA: ip.As16()}))
		}
	}
	return m
}

func (q query) record(kind dnsmessage.Type, body dnsmessage.ResourceBody) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Questions[0].Name, Type: kind, Class: dnsmessage.ClassINET}, Body: body}
}

// code makes an answer without records.
func (q query) code(code dnsmessage.RCode) dnsmessage.Message {
	m := q.reply()
	m.RCode = code
	return m
}

func pack(m dnsmessage.Message) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// nameServer is a name server that a test writes.
type nameServer struct {
	mutex sync.Mutex
	log   []string // "A db", in the order in which they came; over TCP "TCP A db"
}

// asked returns what was asked so far.
func (s *nameServer) asked() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.log)
}

// read takes down a query.
func (s *nameServer) read(message []byte, tcp bool) (q query, ok bool) {
	if q.Unpack(message) != nil || len(q.Questions) != 1 {
		return q, false
	}
	q.name = strings.TrimSuffix(q.Questions[0].Name.String(), ".")
	q.kind = strings.TrimPrefix(q.Questions[0].Type.String(), "Type")
	q.tcp = tcp
	what := q.kind + " " + q.name
	if tcp {
		what = "TCP " + what
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, before := range s.log {
		if before == what {
			q.nth++
		}
	}
	s.log = append(s.log, what)
	return q, true
}

// serveNames starts a name server. do is called for each query, at the same time for several; it may send any number of
// messages, of any kind.
func serveNames(t testing.TB, address string, do func(q query, send func(message []byte))) *nameServer {
	t.Helper()
	s := &nameServer{}
	c, err := net.ListenPacket("udp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for buf := make([]byte, 512); ; {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if q, ok := s.read(buf[:n], false); ok {
				go do(q, func(message []byte) { _, _ = c.WriteTo(message, from) })
			}
		}
	}()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				var size [2]byte
				if _, err := io.ReadFull(c, size[:]); err != nil {
					return
				}
				buf := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(c, buf); err != nil {
					return
				}
				if q, ok := s.read(buf, true); ok {
					do(q, func(message []byte) {
						_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...))
					})
				}
			}()
		}
	}()
	return s
}

// silence is a name server that never answers.
func silence(query, func([]byte)) {}

// knows answers queries for a name, with the addresses that it has; there are no others.
func knows(name string, ips ...string) func(q query, send func([]byte)) {
	return func(q query, send func([]byte)) {
		if q.name != name {
			send(pack(q.code(dnsmessage.RCodeNameError)))
			return
		}
		send(pack(q.reply(ips...)))
	}
}

// answersOnly is knows for queries of one kind, and silence for others.
func answersOnly(kind, name string, ips ...string) func(q query, send func([]byte)) {
	return func(q query, send func([]byte)) {
		if q.kind == kind {
			knows(name, ips...)(q, send)
		}
	}
}

// etc gives this mount namespace its own /etc/hosts and /etc/resolv.conf. It returns their paths, where a test can change
// them.
func etc(t testing.TB, hosts, config string) (hostsPath, configPath string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"hosts": hosts, "resolv.conf": config} {
		path := filepath.Join(dir, name)
		rewrite(t, path, text)
		if err := unix.Mount(path, "/etc/"+name, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "hosts"), filepath.Join(dir, "resolv.conf")
}

// rewrite gives a file another text, in place, as those who own /etc/hosts of a container do.
func rewrite(t testing.TB, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
