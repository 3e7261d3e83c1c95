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

	"util/internal/test"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

// query is a query that a name server has received.
type query struct {
	dnsmessage.Message
	name string // without the dot at its end
	kind string // "A" or "AAAA"
	tcp  bool
	nth  int // how often the same query was received before
}

// reply returns an answer with those of the addresses that have the right family.
func (q query) reply(ips ...string) dnsmessage.Message {
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: q.ID, Response: true, RecursionAvailable: true},
		Questions: q.Questions,
	}
	for _, text := range ips {
		ip := netip.MustParseAddr(text)
		switch {
		case ip.Is4() && q.kind == "A":
			r := &dnsmessage.AResource{A: ip.As4()}
			m.Answers = append(m.Answers, q.record(dnsmessage.TypeA, r))
		case ip.Is6() && q.kind == "AAAA":
			r := &dnsmessage.AAAAResource{AAAA: ip.As16()}
			m.Answers = append(m.Answers, q.record(dnsmessage.TypeAAAA, r))
		}
	}
	return m
}

func (q query) record(kind dnsmessage.Type, body dnsmessage.ResourceBody) dnsmessage.Resource {
	name := q.Questions[0].Name
	h := dnsmessage.ResourceHeader{Name: name, Type: kind, Class: dnsmessage.ClassINET}
	return dnsmessage.Resource{Header: h, Body: body}
}

// code returns an answer without records.
func (q query) code(code dnsmessage.RCode) dnsmessage.Message {
	m := q.reply()
	m.RCode = code
	return m
}

// truncated returns an answer that is marked as truncated.
func (q query) truncated(ips ...string) dnsmessage.Message {
	m := q.reply(ips...)
	m.Truncated = true
	return m
}

func pack(m dnsmessage.Message) []byte {
	b, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return b
}

// handler handles a query of a name server. It may send any number of messages of any kind.
type handler func(q query, send func(message []byte))

// nameServer is a name server with the handler of a test.
type nameServer struct {
	mutex sync.Mutex
	log   []string // the queries received, as in "A db"; over TCP as in "TCP A db"
}

// asked returns the queries received so far.
func (s *nameServer) asked() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.log)
}

// read reads and records a query.
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

// serveNames starts a name server. do is called for each query, concurrently for several.
func serveNames(t testing.TB, address string, do handler) *nameServer {
	t.Helper()
	s := &nameServer{}
	c, err := net.ListenPacket("udp", address)
	test.Must(t, err)
	t.Cleanup(func() { c.Close() })
	l, err := net.Listen("tcp", address)
	test.Must(t, err)
	t.Cleanup(func() { l.Close() })
	go s.serveUDP(c, func(q query, from net.Addr) {
		do(q, func(message []byte) { _, _ = c.WriteTo(message, from) })
	})
	go accept(l, func(c net.Conn) {
		defer c.Close()
		s.serveTCP(c, do)
	})
	return s
}

func (s *nameServer) serveUDP(c net.PacketConn, do func(q query, from net.Addr)) {
	for buf := make([]byte, 512); ; {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return
		}
		if q, ok := s.read(buf[:n], false); ok {
			go do(q, from)
		}
	}
}

func (s *nameServer) serveTCP(c net.Conn, do handler) {
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
			size := binary.BigEndian.AppendUint16(nil, uint16(len(message)))
			_, _ = c.Write(append(size, message...))
		})
	}
}

// silence is a handler that never answers.
func silence(query, func([]byte)) {}

// knows returns a handler that knows one name, with these addresses. Other names do not exist.
func knows(name string, ips ...string) handler {
	return func(q query, send func([]byte)) {
		if q.name != name {
			send(pack(q.code(dnsmessage.RCodeNameError)))
			return
		}
		send(pack(q.reply(ips...)))
	}
}

// answersOnly returns a handler like knows that does not answer queries of another kind.
func answersOnly(kind, name string, ips ...string) handler {
	return func(q query, send func([]byte)) {
		if q.kind == kind {
			knows(name, ips...)(q, send)
		}
	}
}

// names is a set of names that a test can change. Its zero value is empty.
type names struct {
	mutex sync.Mutex
	ips   map[string][]string
}

// set gives a name other addresses.
func (n *names) set(name string, ips ...string) {
	n.mutex.Lock()
	defer n.mutex.Unlock()
	if n.ips == nil {
		n.ips = map[string][]string{}
	}
	n.ips[name] = ips
}

// handle is a handler.
func (n *names) handle(q query, send func([]byte)) {
	n.mutex.Lock()
	ips, ok := n.ips[q.name]
	n.mutex.Unlock()
	if !ok {
		send(pack(q.code(dnsmessage.RCodeNameError)))
		return
	}
	send(pack(q.reply(ips...)))
}

// etc bind-mounts files over /etc/hosts and /etc/resolv.conf. It returns the paths of these files,
// so that a test can change them.
func etc(t testing.TB, hosts, config string) (hostsPath, configPath string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"hosts": hosts, "resolv.conf": config} {
		path := filepath.Join(dir, name)
		rewrite(t, path, text)
		test.Must(t, unix.Mount(path, "/etc/"+name, "", unix.MS_BIND, ""))
	}
	return filepath.Join(dir, "hosts"), filepath.Join(dir, "resolv.conf")
}

// rewrite replaces the content of a file in place, as container engines do with /etc/hosts.
func rewrite(t testing.TB, path, text string) {
	t.Helper()
	test.Must(t, os.WriteFile(path, []byte(text), 0o644))
}
