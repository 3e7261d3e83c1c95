package waitfor_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// TestNeverConnectsToItself: in a range of four ephemeral ports, a connection to one of them that nobody listens on soon
// comes from the port itself. It must not pass for a listener, and must never take the port: a server that binds it
// without SO_REUSEADDR can do so at any moment.
func TestNeverConnectsToItself(t *testing.T) {
	isolate(t)
	sysctl(t, "ipv4/ip_local_port_range", "40000 40003")
	p := test.Start(t, util(t, "-4", "--interval", "1ms", "--state", "down", "--stable", "500", "40001", "40002"))
	taken := 0
	binds := 0
	ended := make(chan struct{})
	go func() { p.Rest(); close(ended) }()
	for running := true; running; binds++ {
		select {
		case <-ended:
			running = false
		default:
		}
		s, err := bindStrict(40001 + binds%2)
		if err != nil {
			taken++
			continue
		}
		s.close()
	}
	if status := p.Status(); status != 0 {
		t.Errorf("status %d, want 0 after 500 refused connections in a row: %s", status, p.Stderr())
	}
	if binds < 100 {
		t.Errorf("tried to bind only %d times", binds)
	}
	if taken > 0 && hasLocalPortRange() {
		t.Errorf("a probe had taken the port %d of %d times", taken, binds)
	}
}

// hasLocalPortRange reports whether the kernel has IP_LOCAL_PORT_RANGE (Linux 6.3).
func hasLocalPortRange() bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_LOCAL_PORT_RANGE, 0) == nil
}

// TestSelfConnectionIsSeen is about kernels without IP_LOCAL_PORT_RANGE, and about the case in which all ephemeral
// ports are targets: the connection to itself happens, but is told from a listener and leaves no TIME_WAIT.
func TestSelfConnectionIsSeen(t *testing.T) {
	isolate(t)
	sysctl(t, "ipv4/ip_local_port_range", "40001 40001")
	_, stderr := expect(t, 124, []string{"connection refused"}, "-v", "-t", "500ms", "127.0.0.1:40001")
	if strings.Contains(stderr, "accepted") {
		t.Errorf("took itself for a listener: %s", stderr)
	}
	listenStrict(t, 40001, 1).close()
}

// TestLeavesNoTimeWait: after any probing, a server that binds without SO_REUSEADDR starts at once.
func TestLeavesNoTimeWait(t *testing.T) {
	for _, c := range []struct {
		name  string
		args  []string
		serve func(t *testing.T, fd int)
		want  int
	}{
		{"the server closes when we do", nil, func(t *testing.T, fd int) {
			if n, err := unix.Read(fd, make([]byte, 10)); n != 0 || err != nil {
				t.Errorf("the listener reads %d, %v; want a clean end", n, err)
			}
		}, 0},
		{"the server greets and closes when we do", []string{"--hold", "100ms"}, func(t *testing.T, fd int) {
			if _, err := unix.Write(fd, make([]byte, 20000)); err != nil {
				t.Error(err)
			}
			if n, err := unix.Read(fd, make([]byte, 10)); n != 0 || err != nil {
				t.Errorf("the listener reads %d, %v; want a clean end", n, err)
			}
		}, 0},
		{"the server closes first", []string{"--hold", "19s", "-t", "20s"}, func(*testing.T, int) {}, 124},
		{"the server greets and closes first", []string{"--hold", "19s", "-t", "20s"}, func(t *testing.T, fd int) {
			if _, err := unix.Write(fd, []byte("no backend\n")); err != nil {
				t.Error(err)
			}
		}, 124},
	} {
		t.Run(c.name, func(t *testing.T) {
			isolate(t)
			s := listenStrict(t, 0, 5)
			p := test.Start(t, util(t, append(c.args, s.address())...))
			fd := s.accept(t)
			c.serve(t, fd)
			unix.Close(fd)
			if c.want == 0 {
				if status := p.Status(); status != c.want {
					t.Errorf("status %d: %s", status, p.Stderr())
				}
			} else {
				s.close() // before the next attempt: the last one is what could have left a TIME_WAIT
			}
			s.close()
			again, err := bindStrict(s.port)
			for end := time.Now().Add(time.Second); err != nil && c.want != 0 && time.Now().Before(end); {
				again, err = bindStrict(s.port) // our reset comes a moment after the server's close
			}
			if err != nil {
				text, _ := os.ReadFile("/proc/thread-self/net/tcp")
				t.Fatalf("bind after probing: %v\n%s", err, text)
			}
			again.close()
			if c.want != 0 {
				p.Signal(syscall.SIGTERM)
			}
		})
	}
}

// TestListenerSeesACleanClose: with no more than the defaults, a listener that waits for the client to speak reads an
// end, not a reset.
func TestListenerSeesACleanClose(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ends := make(chan error, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, err = c.Read(make([]byte, 1))
			ends <- err
			c.Close()
		}
	}()
	for range 20 {
		expect(t, 0, nil, "--stable", "2", "--interval", "1ms", l.Addr().String())
		for range 2 {
			if err := <-ends; err == nil || err.Error() != "EOF" {
				t.Fatalf("the listener reads %v, want EOF", err)
			}
		}
	}
}

// TestSlowListenerSeesACleanClose: one that accepts only after the wait has ended, too.
func TestSlowListenerSeesACleanClose(t *testing.T) {
	s := listenStrict(t, 0, 5)
	defer s.close()
	expect(t, 0, nil, s.address())
	fd := s.accept(t)
	defer unix.Close(fd)
	if n, err := unix.Read(fd, make([]byte, 10)); n != 0 || err != nil {
		t.Errorf("the listener reads %d, %v; want a clean end", n, err)
	}
}

// TestCleanCloseOfAGreeter: one that speaks at once reads an end, not a reset, whether we have read what it said or not.
func TestCleanCloseOfAGreeter(t *testing.T) {
	s := listenStrict(t, 0, 5)
	defer s.close()
	for range 10 {
		p := test.Start(t, util(t, s.address()))
		fd := s.accept(t)
		_, _ = unix.Write(fd, make([]byte, 100))
		if n, err := unix.Read(fd, make([]byte, 10)); n != 0 || err != nil {
			t.Errorf("the listener reads %d, %v; want a clean end", n, err)
		}
		unix.Close(fd)
		if status := p.Status(); status != 0 {
			t.Fatalf("status %d", status)
		}
	}
}

// TestCleanCloseOfATalker: one that never stops talking reads an end too.
func TestCleanCloseOfATalker(t *testing.T) {
	s := listenStrict(t, 0, 5)
	defer s.close()
	p := test.Start(t, util(t, "--hold", "20ms", s.address()))
	fd := s.accept(t)
	defer unix.Close(fd)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for talk := make([]byte, 1<<16); ; {
			if _, err := unix.Write(fd, talk); err != nil {
				return
			}
		}
	}()
	if n, err := unix.Read(fd, make([]byte, 10)); n != 0 || err != nil {
		t.Errorf("the listener reads %d, %v; want a clean end", n, err)
	}
	<-stopped
	if status := p.Status(); status != 0 {
		t.Errorf("status %d", status)
	}
}

// TestCleanCloseOnTERM: also if the wait is ended while a connection is held.
func TestCleanCloseOnTERM(t *testing.T) {
	s := listenStrict(t, 0, 5)
	defer s.close()
	p := test.Start(t, util(t, "-t", "0", "--hold", "1h", s.address()))
	fd := s.accept(t)
	defer unix.Close(fd)
	p.Signal(syscall.SIGTERM)
	if status := p.Status(); status != 143 {
		t.Errorf("status %d", status)
	}
	if n, err := unix.Read(fd, make([]byte, 10)); n != 0 || err != nil {
		t.Errorf("the listener reads %d, %v; want a clean end", n, err)
	}
}

// TestProxyThatAcceptsFirst: --hold tells one whose backend is missing from one whose backend is there.
func TestProxyThatAcceptsFirst(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var backend sync.WaitGroup
	backend.Add(1)
	ready := make(chan struct{})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			select {
			case <-ready:
				defer c.Close()
			default:
				c.Close()
			}
		}
	}()
	expect(t, 0, nil, l.Addr().String())
	expect(t, 124, []string{"accepts, but closed the connection within 50ms"}, "--hold", "50ms", "-t", "300ms", l.Addr().String())
	close(ready)
	begin := time.Now()
	expect(t, 0, nil, "--hold", "50ms", "-t", "10s", l.Addr().String())
	if took := time.Since(begin); took < 50*time.Millisecond {
		t.Errorf("the wait took %v, less than --hold", took)
	}
}

// TestFullBacklog: a listener that takes no more connections is neither up nor down.
func TestFullBacklog(t *testing.T) {
	isolate(t)
	s := listenStrict(t, 0, 0)
	defer s.close()
	for range 3 { // fill the backlog
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(fd)
		_ = unix.Connect(fd, &unix.SockaddrInet4{Port: s.port, Addr: [4]byte{127, 0, 0, 1}})
	}
	for _, state := range []string{"up", "down"} {
		expect(t, 124, []string{"no answer within 100ms"}, "-s", state, "-t", "300ms", "--connect-timeout", "100ms", s.address())
	}

	path := filepath.Join(t.TempDir(), "a.sock")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	client, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, state := range []string{"up", "down"} {
		expect(t, 124, []string{"backlog is full"}, "-s", state, "-t", "300ms", "unix:"+path)
	}
}

// TestBlackHole: where nothing comes back, an address is neither up nor down, and each attempt ends in time.
func TestBlackHole(t *testing.T) {
	isolate(t)
	veth(t)
	blackHole(t, "2")
	for _, state := range []string{"up", "down"} {
		begin := time.Now()
		expect(t, 124, []string{"no answer within 100ms"}, "-s", state, "-t", "400ms", "--connect-timeout", "100ms", "10.9.0.2:80")
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s: took %v", state, took)
		}
		expect(t, 124, []string{"no answer yet"}, "-s", state, "-t", "100ms", "10.9.0.2:80")
		expect(t, 124, []string{"unreachable"}, "-s", state, "-t", "100ms", "10.8.0.1:80")
	}
	// A signal ends the wait though nothing is due for an hour.
	p := test.Start(t, util(t, "-v", "-t", "0", "--connect-timeout", "1h", "10.9.0.2:80"))
	begun(t, p)
	p.Signal(syscall.SIGTERM)
	if status := p.Status(); status != 143 {
		t.Errorf("status %d", status)
	}
	// Not even where this host could bind any address.
	sysctl(t, "ipv4/ip_nonlocal_bind", "1")
	expect(t, 124, []string{"no answer within 50ms"}, "-s", "down", "-t", "200ms", "--connect-timeout", "50ms", "10.9.0.2:80")
	// Refused it is, on an own address.
	expect(t, 0, nil, "-s", "down", "-t", "5s", "10.9.0.1:80")
}

// TestFreeToBind: a port of this host that answers nothing is down if it can be bound, and only then.
func TestFreeToBind(t *testing.T) {
	isolate(t)
	nft := test.Tool(t, "nft")
	if out, err := exec.Command(nft, "add table inet t; add chain inet t in { type filter hook input priority 0; }; add rule inet t in tcp dport 8080 drop").CombinedOutput(); err != nil {
		test.Missing(t, "nft", string(out))
	}
	expect(t, 124, []string{"no answer within 50ms"}, "-s", "up", "-t", "200ms", "--connect-timeout", "50ms", "8080")
	expect(t, 0, nil, "-s", "down", "-t", "10s", "--connect-timeout", "50ms", "8080")
	s := listenStrict(t, 8080, 1)
	defer s.close()
	expect(t, 124, []string{"no answer within 50ms"}, "-s", "down", "-t", "300ms", "--connect-timeout", "50ms", "8080")
}

// TestChangeOfError: connection refused becomes no route.
func TestChangeOfError(t *testing.T) {
	isolate(t)
	veth(t)
	cmd := util(t, "-t", "0", "10.9.0.1:80")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = w
	p := test.Start(t, cmd)
	w.Close()
	lines := readLines(t, r)
	lines.expect(`util wait-for-port: target "10.9.0.1:80": connection refused`)
	ip(t, "address del 10.9.0.1/24 dev v0")
	lines.expect(`util wait-for-port: target "10.9.0.1:80": network is unreachable (was: connection refused)`)
	p.Signal(syscall.SIGTERM)
	if status := p.Status(); status != 143 {
		t.Errorf("status %d", status)
	}
}

// TestDeadFirstAddress: the addresses of a name are tried in parallel, so one that is dead costs nothing.
func TestDeadFirstAddress(t *testing.T) {
	isolate(t)
	veth(t)
	blackHole(t, "2")
	dns := newResolver(t)
	dns.set("db", "10.9.0.2", "10.9.0.1")
	l := listen(t, "tcp", "10.9.0.1:0")
	_, port, _ := net.SplitHostPort(l.Addr().String())
	begin := time.Now()
	expect(t, 0, nil, "--connect-timeout", "19s", "-t", "20s", "db:"+port)
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
	expect(t, 124, []string{"still accepts"}, "-s", "down", "-t", "300ms", "db:"+port)
	expect(t, 124, []string{"10.9.0.1:9 connection refused, 10.9.0.2:9 no answer within 100ms"}, "-s", "down", "-t", "400ms", "--connect-timeout", "100ms", "db:9")
}

// TestNameLater: a name that does not resolve yet is neither up nor down, and is looked up anew at each attempt.
func TestNameLater(t *testing.T) {
	isolate(t)
	dns := newResolver(t)
	l := listen(t, "tcp", "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, state := range []string{"up", "down"} {
		expect(t, 124, []string{`"db:` + port + `": its name does not resolve: no such host (asked 127.0.0.1:53)`}, "-s", state, "-t", "300ms", "db:"+port)
	}
	cmd := util(t, "-t", "0", "db:"+port)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = w
	p := test.Start(t, cmd)
	w.Close()
	lines := readLines(t, r)
	lines.expect(`util wait-for-port: target "db:` + port + `": its name does not resolve: no such host (asked 127.0.0.1:53)`)
	dns.set("db", "127.0.0.2") // the wrong one first: an attempt must not stay with it
	lines.expect(`util wait-for-port: target "db:` + port + `": connection refused (was: its name does not resolve: no such host (asked 127.0.0.1:53))`)
	dns.set("db", "127.0.0.1")
	if status := p.Status(); status != 0 {
		t.Errorf("status %d", status)
	}
	// Targets with the same name share its look-ups.
	before := dns.asked()
	expect(t, 124, nil, "-t", "600ms", "db:1")
	one := dns.asked() - before
	expect(t, 124, nil, "-t", "600ms", "db:1", "db:2", "db:3")
	if three := dns.asked() - before - one; one < 4 || three > 2*one {
		t.Errorf("asked %d times for one target and %d times for three of the same name", one, three)
	}
}

// TestResolverDown: what is wrong with the resolver is said, in words that stay the same.
func TestResolverDown(t *testing.T) {
	isolate(t)
	resolvConf(t)
	expect(t, 124, []string{"its name does not resolve: connection refused (asked 127.0.0.1:53)"}, "-t", "500ms", "db:80")
}

// TestLocalhostNeedsNoFiles: a scratch image has neither /etc/hosts nor /etc/resolv.conf.
func TestLocalhostNeedsNoFiles(t *testing.T) {
	isolate(t)
	empty := t.TempDir()
	if err := unix.Mount(empty, "/etc", "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount("/etc", unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	l := listen(t, "tcp", "[::1]:0")
	_, port, _ := net.SplitHostPort(l.Addr().String())
	expect(t, 0, nil, port, "localhost:"+port)
	expect(t, 0, nil, "-s", "down", "-4", "localhost:"+port)
}

// TestDownWithoutIPv6: where the loopback has no IPv6, localhost is down when IPv4 says so.
func TestDownWithoutIPv6(t *testing.T) {
	isolate(t)
	sysctl(t, "ipv6/conf/all/disable_ipv6", "1")
	port := freePort(t)
	expect(t, 0, nil, "-t", "5s", "-s", "down", port)
	expect(t, 124, []string{port + `": connection refused`}, "-t", "100ms", port)
	expect(t, 124, nil, "-t", "100ms", "-s", "down", "[::1]:"+port)
}

// TestNoFileIsLeftOpen after any number of attempts, of all kinds.
func TestNoFileIsLeftOpen(t *testing.T) {
	isolate(t)
	veth(t)
	blackHole(t, "2")
	dns := newResolver(t)
	dns.set("some", "127.0.0.1", "10.9.0.2")
	proxy, err := net.Listen("tcp", "127.0.0.1:0") // closes at once
	if err != nil {
		t.Fatal(err)
	}
	defer proxy.Close()
	go func() {
		for {
			c, err := proxy.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	p := test.Start(t, util(t, "-v", "-t", "0", "--interval", "1ms", "--connect-timeout", "50ms", "--hold", "10ms",
		"127.0.0.1:1", "10.9.0.2:80", "some:80", "missing:80", "unix:/does/not/exist", proxy.Addr().String(), "10.8.0.1:1"))
	most := 0
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		most = max(most, len(openFiles(t, p.Process.Pid)))
	}
	// stdin, stdout, stderr; epoll and eventfd of the loop and of the runtime; the watch; a few sockets in use.
	if most > 20 {
		t.Errorf("%d open files", most)
	}
}

// resolvConf makes 127.0.0.1 the resolver of this mount namespace.
func resolvConf(t testing.TB) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(path, []byte("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{path: "/etc/resolv.conf", "/dev/null": "/etc/hosts"} {
		if err := unix.Mount(from, to, "", unix.MS_BIND, ""); err != nil {
			t.Fatal(err)
		}
	}
}

// resolver is a DNS server at 127.0.0.1:53. It knows A records; other names do not exist.
type resolver struct {
	mutex sync.Mutex
	names map[string][]net.IP
	count int
}

func newResolver(t testing.TB) *resolver {
	t.Helper()
	resolvConf(t)
	c, err := net.ListenPacket("udp4", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	r := &resolver{names: map[string][]net.IP{}}
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			_, _ = c.WriteTo(r.answer(buf[:n]), from)
		}
	}()
	return r
}

func (r *resolver) set(name string, ips ...string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.names[name] = nil
	for _, ip := range ips {
		r.names[name] = append(r.names[name], net.ParseIP(ip).To4())
	}
}

func (r *resolver) asked() int {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return r.count
}

// answer makes the reply to a query with one question (RFC 1035, section 4).
func (r *resolver) answer(query []byte) []byte {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.count++
	var labels []string
	at := 12
	for query[at] != 0 {
		n := int(query[at])
		labels = append(labels, string(query[at+1:at+1+n]))
		at += 1 + n
	}
	kind := query[at+2]
	end := at + 5
	ips, known := r.names[strings.Join(labels, ".")]
	if kind != 1 {
		ips = nil
	}
	reply := append([]byte{query[0], query[1], 0x84 | query[2]&1, 0x80, 0, 1, 0, byte(len(ips)), 0, 0, 0, 0}, query[12:end]...)
	if !known {
		reply[3] |= 3 // NXDOMAIN
	}
	for _, ip := range ips {
		reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		reply = append(reply, ip...)
	}
	return reply
}

// TestLinkLocal: the zone of an IPv6 address is an interface, which may come later.
func TestLinkLocal(t *testing.T) {
	isolate(t)
	expect(t, 124, []string{`no network interface "v0"`}, "-t", "100ms", "[fe80::1%v0]:80")
	p := test.Start(t, util(t, "-t", "0", "[fe80::1%v0]:8080"))
	veth(t)
	ip(t, "address add fe80::1/64 dev v0 nodad")
	var l net.Listener
	test.Eventually(t, "listen on the link-local address", func() (ok bool) {
		var err error
		l, err = net.Listen("tcp", "[fe80::1%v0]:8080")
		return err == nil
	})
	defer l.Close()
	if status := p.Status(); status != 0 {
		t.Errorf("status %d: %s", status, p.Stderr())
	}
}

// TestLoopbackThroughNetfilter: a port without a listener that leads somewhere is found all the same.
func TestLoopbackThroughNetfilter(t *testing.T) {
	isolate(t)
	nft := test.Tool(t, "nft")
	l := listen(t, "tcp", "127.0.0.1:0")
	p := test.Start(t, util(t, "-t", "0", "127.0.0.1:8080"))
	rule := fmt.Sprintf("add table ip t; add chain ip t out { type nat hook output priority -100; }; add rule ip t out tcp dport 8080 redirect to :%d", l.Addr().(*net.TCPAddr).Port)
	if out, err := exec.Command(nft, rule).CombinedOutput(); err != nil {
		test.Missing(t, "nft", string(out))
	}
	if status := p.Status(); status != 0 {
		t.Errorf("status %d: %s", status, p.Stderr())
	}
}

// TestManifest: the command lines of the manifest under examples/ are right.
func TestManifest(t *testing.T) {
	isolate(t)
	newResolver(t)
	text, err := os.ReadFile("../../examples/kubernetes-init-container.yaml")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for line := range strings.Lines(string(text)) {
		_, list, ok := strings.Cut(line, "command: ")
		var words []string
		if !ok || json.Unmarshal([]byte(list), &words) != nil || words[1] != "wait-for-port" {
			continue
		}
		found++
		expect(t, 124, nil, append(words[2:], "--timeout", "200ms")...)
	}
	if found != 2 {
		t.Errorf("found %d command lines of wait-for-port, want 2", found)
	}
}
