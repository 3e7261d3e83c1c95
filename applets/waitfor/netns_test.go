package waitfor_test

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// TestNeverConnectsToItself: with only four ephemeral ports, the kernel soon chooses the
// destination port as the local port of a connection, which then connects to itself. Such a
// connection must not count as a listener. It must not even occupy the port: a server without
// SO_REUSEADDR can bind it at any time.
func TestNeverConnectsToItself(t *testing.T) {
	test.Isolate(t)
	sysctl(t, "ipv4/ip_local_port_range", "40000 40003")
	times := "500"
	if testing.Short() { // with one processor, util tries once in a time slice of the loop below
		times = "50"
	}
	p := test.Start(t, util(t, "-4", "--interval", "1ms", "--state", "down", "--stable", times,
		"40001", "40002"))
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
	expectStatus(t, p, 0)
	if binds < 100 {
		t.Errorf("tried to bind only %d times", binds)
	}
	if taken > 0 && hasLocalPortRange() {
		t.Errorf("the port was occupied %d of %d times", taken, binds)
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

// TestSelfConnectionIsDetected: without IP_LOCAL_PORT_RANGE, or if all ephemeral ports are targets,
// a port can be connected to itself. That does not count as a listener and leaves no TIME_WAIT.
func TestSelfConnectionIsDetected(t *testing.T) {
	test.Isolate(t)
	sysctl(t, "ipv4/ip_local_port_range", "40001 40001")
	_, stderr := expect(t, 124, []string{"connection refused"},
		"-v", "-t", "500ms", "127.0.0.1:40001")
	if strings.Contains(stderr, "accepted") {
		t.Errorf("counts the connection as a listener: %s", stderr)
	}
	listenStrict(t, 40001, 1).close()
}

// readEnd fails the test unless a read from a connection returns the end of file.
func readEnd(t testing.TB, fd int) {
	t.Helper()
	if n, err := readFrom(fd, make([]byte, 10)); n != 0 || err != nil {
		t.Errorf("the listener reads %d, %v; want the end of file", n, err)
	}
}

// readFrom reads from a connection. With a timeout, read(2) is not restarted after a signal
// (signal(7)), and the Go runtime sends signals to its own threads.
func readFrom(fd int, p []byte) (n int, err error) {
	for {
		n, err = unix.Read(fd, p)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// write writes n bytes to a connection.
func write(t testing.TB, fd, n int) {
	t.Helper()
	_, err := unix.Write(fd, make([]byte, n))
	test.Must(t, err)
}

// TestLeavesNoTimeWait: after the wait, a server without SO_REUSEADDR can bind the port at once.
func TestLeavesNoTimeWait(t *testing.T) {
	for _, c := range []struct {
		name  string
		args  []string
		serve func(t *testing.T, fd int)
		want  int
	}{
		{"the client closes first", nil, func(t *testing.T, fd int) {
			readEnd(t, fd)
		}, 0},
		{
			"the server sends, the client closes first",
			[]string{"--hold", "100ms"},
			func(t *testing.T, fd int) {
				write(t, fd, 20000)
				readEnd(t, fd)
			}, 0,
		},
		{
			"the server closes first",
			[]string{"--hold", "19s", "-t", "20s"},
			func(*testing.T, int) {}, 124,
		},
		{
			"the server sends and closes first",
			[]string{"--hold", "19s", "-t", "20s"},
			func(t *testing.T, fd int) { write(t, fd, 10) }, 124,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			test.Isolate(t)
			s := listenStrict(t, 0, 5)
			p := test.Start(t, util(t, append(c.args, s.address())...))
			fd := s.accept(t)
			c.serve(t, fd)
			unix.Close(fd)
			if c.want == 0 {
				expectStatus(t, p, c.want)
			} else {
				s.close() // before the next attempt, so that only this one can leave a TIME_WAIT
			}
			s.close()
			again, err := bindStrict(s.port)
			end := time.Now().Add(time.Second)
			for err != nil && c.want != 0 && time.Now().Before(end) {
				again, err = bindStrict(s.port) // the reset arrives a moment after the close
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

// TestListenerReadsEndOfFile: a listener that waits for the client to send first reads the end of
// file, not a reset.
func TestListenerReadsEndOfFile(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	test.Must(t, err)
	defer l.Close()
	ends := make(chan error, 100)
	go accept(l, func(c net.Conn) {
		_, err := c.Read(make([]byte, 1))
		ends <- err
		c.Close()
	})
	for range 20 {
		expect(t, 0, nil, "--stable", "2", "--interval", "1ms", l.Addr().String())
		for range 2 {
			if err := <-ends; !errors.Is(err, io.EOF) {
				t.Fatalf("the listener reads %v, want EOF", err)
			}
		}
	}
}

// TestSlowListenerReadsEndOfFile: also if the connection is accepted after the wait has ended.
func TestSlowListenerReadsEndOfFile(t *testing.T) {
	s := listenStrict(t, 0, 5)
	defer s.close()
	expect(t, 0, nil, s.address())
	fd := s.accept(t)
	defer unix.Close(fd)
	readEnd(t, fd)
}

// TestGreetingListenerReadsEndOfFile: also if the server sends first, whether wait-for-port has
// read that or not.
func TestGreetingListenerReadsEndOfFile(t *testing.T) {
	s := listenStrict(t, 0, 5)
	defer s.close()
	for range 10 {
		p := test.Start(t, util(t, s.address()))
		fd := s.accept(t)
		_, _ = unix.Write(fd, make([]byte, 100))
		readEnd(t, fd)
		unix.Close(fd)
		expectStatus(t, p, 0)
	}
}

// TestSendingListenerReadsEndOfFile: also if the server never stops sending.
func TestSendingListenerReadsEndOfFile(t *testing.T) {
	s := listenStrict(t, 0, 5)
	defer s.close()
	p := test.Start(t, util(t, "--hold", "20ms", s.address()))
	fd := s.accept(t)
	defer unix.Close(fd)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for data := make([]byte, 1<<16); ; {
			if _, err := unix.Write(fd, data); err != nil {
				return
			}
		}
	}()
	readEnd(t, fd)
	<-stopped
	expectStatus(t, p, 0)
}

// TestListenerReadsEndOfFileOnTERM: also if TERM ends the wait while a connection is held.
func TestListenerReadsEndOfFileOnTERM(t *testing.T) {
	s := listenStrict(t, 0, 5)
	defer s.close()
	p := test.Start(t, util(t, "-t", "0", "--hold", "1h", s.address()))
	fd := s.accept(t)
	defer unix.Close(fd)
	p.Signal(syscall.SIGTERM)
	expectStatus(t, p, 143)
	readEnd(t, fd)
}

// TestProxyWithoutBackend: --hold detects a proxy that accepts connections and closes them, because
// its backend is not up.
func TestProxyWithoutBackend(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	test.Must(t, err)
	defer l.Close()
	ready, ended := make(chan struct{}), make(chan struct{})
	defer close(ended)
	go accept(l, func(c net.Conn) {
		defer c.Close()
		select {
		case <-ready:
			<-ended
		default:
		}
	})
	proxy := l.Addr().String()
	expect(t, 0, nil, proxy)
	expect(t, 124, []string{"accepted, but closed the connection within 50ms"},
		"--hold", "50ms", "-t", "300ms", proxy)
	close(ready)
	begin := time.Now()
	expect(t, 0, nil, "--hold", "50ms", "-t", "10s", proxy)
	if took := time.Since(begin); took < 50*time.Millisecond {
		t.Errorf("the wait took %v, less than --hold", took)
	}
}

// TestFullBacklog: a listener whose backlog is full is neither up nor down.
func TestFullBacklog(t *testing.T) {
	test.Isolate(t)
	s := listenStrict(t, 0, 0)
	defer s.close()
	for range 3 { // fill the backlog
		const kind = unix.SOCK_STREAM | unix.SOCK_NONBLOCK | unix.SOCK_CLOEXEC
		fd, err := unix.Socket(unix.AF_INET, kind, 0)
		test.Must(t, err)
		defer unix.Close(fd)
		_ = unix.Connect(fd, &unix.SockaddrInet4{Port: s.port, Addr: [4]byte{127, 0, 0, 1}})
	}
	for _, state := range []string{"up", "down"} {
		expect(t, 124, []string{"no answer within 100ms"},
			"-s", state, "-t", "300ms", "--connect-timeout", "100ms", s.address())
	}

	path := filepath.Join(t.TempDir(), "a.sock")
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	test.Must(t, err)
	defer unix.Close(fd)
	test.Must(t, unix.Bind(fd, &unix.SockaddrUnix{Name: path}))
	test.Must(t, unix.Listen(fd, 0))
	client, err := net.Dial("unix", path)
	test.Must(t, err)
	defer client.Close()
	for _, state := range []string{"up", "down"} {
		expect(t, 124, []string{"the listener's backlog is full"},
			"-s", state, "-t", "300ms", "unix:"+path)
	}
}

// TestBlackHole: an address that never answers is neither up nor down, and each attempt times out.
func TestBlackHole(t *testing.T) {
	test.Isolate(t)
	veth(t)
	blackHole(t)
	for _, state := range []string{"up", "down"} {
		within(t, 5*time.Second, func() {
			expect(t, 124, []string{"no answer within 100ms"},
				"-s", state, "-t", "400ms", "--connect-timeout", "100ms", "10.9.0.2:80")
		})
		expect(t, 124, []string{"no answer yet"}, "-s", state, "-t", "100ms", "10.9.0.2:80")
		expect(t, 124, []string{"unreachable"}, "-s", state, "-t", "100ms", "10.8.0.1:80")
	}
	// A signal ends the wait although the next timeout is an hour away.
	p := test.Start(t, util(t, "-v", "-t", "0", "--connect-timeout", "1h", "10.9.0.2:80"))
	begun(t, p)
	p.Signal(syscall.SIGTERM)
	expectStatus(t, p, 143)
	// The address is not down either if this host could bind any address.
	sysctl(t, "ipv4/ip_nonlocal_bind", "1")
	expect(t, 124, []string{"no answer within 50ms"},
		"-s", "down", "-t", "200ms", "--connect-timeout", "50ms", "10.9.0.2:80")
	// An address of this host refuses connections.
	expect(t, 0, nil, "-s", "down", "-t", "5s", "10.9.0.1:80")
}

// TestFreeToBind: a port of this host that does not answer is down only if it can be bound.
func TestFreeToBind(t *testing.T) {
	test.Isolate(t)
	nft(t, "add table inet t; add chain inet t in { type filter hook input priority 0; }; "+
		"add rule inet t in tcp dport 8080 drop")
	options := []string{"--connect-timeout", "50ms", "8080"}
	refused := []string{"no answer within 50ms"}
	expect(t, 124, refused, append(options, "-s", "up", "-t", "200ms")...)
	expect(t, 0, nil, append(options, "-s", "down", "-t", "10s")...)
	s := listenStrict(t, 8080, 1)
	defer s.close()
	expect(t, 124, refused, append(options, "-s", "down", "-t", "300ms")...)
}

// TestChangeOfReason: the reason changes from a refused connection to an unreachable network.
func TestChangeOfReason(t *testing.T) {
	test.Isolate(t)
	veth(t)
	p, lines := startLines(t, util(t, "-t", "0", "10.9.0.1:80"))
	lines.expect(`util wait-for-port: target "10.9.0.1:80": connection refused`)
	ip(t, "address del 10.9.0.1/24 dev v0")
	lines.expect(`util wait-for-port: target "10.9.0.1:80": ` +
		`network is unreachable (was: connection refused)`)
	p.Signal(syscall.SIGTERM)
	expectStatus(t, p, 143)
}

// TestFirstAddressSilent: the addresses of a name are tried in parallel, so an address that does
// not answer causes no delay.
func TestFirstAddressSilent(t *testing.T) {
	test.Isolate(t)
	veth(t)
	blackHole(t)
	dns, _ := newResolver(t)
	dns.set("db", "10.9.0.2", "10.9.0.1")
	db := "db:" + port(t, "10.9.0.1:0")
	within(t, 5*time.Second, func() {
		expect(t, 0, nil, "--connect-timeout", "19s", "-t", "20s", db)
	})
	expect(t, 124, []string{"still accepts"}, "-s", "down", "-t", "300ms", db)
	expect(t, 124, []string{"10.9.0.1:9 connection refused, 10.9.0.2:9 no answer within 100ms"},
		"-s", "down", "-t", "400ms", "--connect-timeout", "100ms", "db:9")
}

// TestNameLater: a name that does not resolve yet is neither up nor down. It is looked up again at
// each attempt.
func TestNameLater(t *testing.T) {
	test.Isolate(t)
	dns, server := newResolver(t)
	db := "db:" + port(t, "127.0.0.1:0")
	const missing = "the name does not resolve: no such host (asked 127.0.0.1:53)"
	for _, state := range []string{"up", "down"} {
		expect(t, 124, []string{`"` + db + `": ` + missing}, "-s", state, "-t", "300ms", db)
	}
	p, lines := startLines(t, util(t, "-t", "0", db))
	lines.expect(`util wait-for-port: target "` + db + `": ` + missing)
	dns.set("db", "127.0.0.2") // a wrong address first: the next attempt must not use it again
	lines.expect(`util wait-for-port: target "` + db + `": connection refused (was: ` +
		missing + `)`)
	dns.set("db", "127.0.0.1")
	expectStatus(t, p, 0)
	// Targets with the same name share its lookups.
	count := func(args ...string) int {
		before := len(server.asked())
		expect(t, 124, nil, append(args, "-t", "600ms")...)
		return len(server.asked()) - before
	}
	one := count("db:1")
	if three := count("db:1", "db:2", "db:3"); one < 4 || three > 2*one {
		t.Errorf("%d queries for one target and %d for three of the same name", one, three)
	}
}

// TestResolverDown: the reason names what is wrong with the resolver.
func TestResolverDown(t *testing.T) {
	test.Isolate(t)
	etc(t, "", localResolver)
	expect(t, 124, []string{"the name does not resolve: connection refused (asked 127.0.0.1:53)"},
		"-t", "500ms", "db:80")
}

// TestLocalhostWithoutFiles: an image made from scratch has no /etc/hosts and no /etc/resolv.conf.
func TestLocalhostWithoutFiles(t *testing.T) {
	test.Isolate(t)
	test.Must(t, unix.Mount(t.TempDir(), "/etc", "", unix.MS_BIND, ""))
	defer func() { test.Must(t, unix.Unmount("/etc", unix.MNT_DETACH)) }()
	port := port(t, "[::1]:0")
	expect(t, 0, nil, port, "localhost:"+port)
	expect(t, 0, nil, "-s", "down", "-4", "localhost:"+port)
}

// TestDownWithoutIPv6: without IPv6, localhost is down if its IPv4 address refuses connections.
func TestDownWithoutIPv6(t *testing.T) {
	test.Isolate(t)
	sysctl(t, "ipv6/conf/all/disable_ipv6", "1")
	port := freePort(t)
	expect(t, 0, nil, "-t", "5s", "-s", "down", port)
	expect(t, 124, []string{port + `": connection refused`}, "-t", "100ms", port)
	expect(t, 124, nil, "-t", "100ms", "-s", "down", "[::1]:"+port)
}

// TestNoFileIsLeftOpen: the number of open files does not grow with the number of attempts.
func TestNoFileIsLeftOpen(t *testing.T) {
	test.Isolate(t)
	veth(t)
	blackHole(t)
	dns, _ := newResolver(t)
	dns.set("some", "127.0.0.1", "10.9.0.2")
	closing, err := net.Listen("tcp", "127.0.0.1:0")
	test.Must(t, err)
	defer closing.Close()
	go accept(closing, func(c net.Conn) { c.Close() })
	p := test.Start(t, util(t, "-v", "-t", "0", "--interval", "1ms", "--connect-timeout", "50ms",
		"--hold", "10ms", "127.0.0.1:1", "10.9.0.2:80", "some:80", "missing:80",
		"unix:/does/not/exist", closing.Addr().String(), "10.8.0.1:1"))
	most := 0
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
		most = max(most, len(openFiles(t, p.Process.Pid)))
		time.Sleep(10 * time.Millisecond)
	}
	// stdin, stdout, stderr; epoll and eventfd of the loop and of the runtime; the watch; a few
	// sockets in use.
	if most > 20 {
		t.Errorf("%d open files", most)
	}
}

const localResolver = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"

// newResolver starts the name server of this mount namespace. It knows the names that the test
// sets.
func newResolver(t testing.TB) (*names, *nameServer) {
	t.Helper()
	etc(t, "", localResolver)
	n := &names{}
	return n, serveNames(t, "127.0.0.1:53", n.handle)
}

// TestLinkLocal: the interface of a link-local IPv6 address may appear later.
func TestLinkLocal(t *testing.T) {
	test.Isolate(t)
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
	expectStatus(t, p, 0)
}

// TestLoopbackThroughNetfilter: netfilter redirects a port without a listener to another port.
func TestLoopbackThroughNetfilter(t *testing.T) {
	test.Isolate(t)
	p := test.Start(t, util(t, "-t", "0", "127.0.0.1:8080"))
	nft(t, "add table ip t; add chain ip t out { type nat hook output priority -100; }; "+
		"add rule ip t out tcp dport 8080 redirect to :"+port(t, "127.0.0.1:0"))
	expectStatus(t, p, 0)
}

// TestManifest runs the command lines of the manifest under examples/.
func TestManifest(t *testing.T) {
	test.Isolate(t)
	newResolver(t)
	text, err := os.ReadFile("../../examples/kubernetes/init-container.yaml")
	test.Must(t, err)
	found := 0
	for line := range strings.Lines(string(text)) {
		_, list, ok := strings.Cut(line, "command: ")
		var words []string
		if !ok || json.Unmarshal([]byte(list), &words) != nil {
			continue
		}
		switch words[1] {
		case "wait-for-port":
			found++
			expect(t, 124, nil, append(words[2:], "--timeout", "200ms")...)
		case "healthcheck":
			found++
			status, stdout, stderr := test.Run(t, exec.Command(test.Util(t), words[1:]...))
			if why := words[2] + ": connection refused"; status != 1 || stdout != why {
				t.Errorf("%q: status %d, stdout %q, stderr %q; want 1, %q",
					words, status, stdout, stderr, why)
			}
		}
	}
	if found != 2 {
		t.Errorf("found %d command lines of wait-for-port and healthcheck, want 2", found)
	}
}
