package waitfor_test

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"util/applets"
	"util/internal/sig"
	"util/internal/test"
	"util/internal/test/kernels/protocol"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { test.Main(m, applets.Main) }

// util returns the command util wait-for-port.
func util(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	return exec.Command(test.Util(t), append([]string{"wait-for-port"}, args...)...)
}

// expect runs wait-for-port to its end. The test fails unless it ends with that status and stderr
// contains all the texts.
func expect(t testing.TB, status int, texts []string, args ...string) (stdout, stderr string) {
	t.Helper()
	got, stdout, stderr := test.Run(t, util(t, args...))
	if got != status {
		t.Errorf("%q: status %d, want %d; stderr: %s", args, got, status, stderr)
	}
	for _, text := range texts {
		if !strings.Contains(stderr, text) {
			t.Errorf("%q: stderr does not contain %q: %s", args, text, stderr)
		}
	}
	return stdout, stderr
}

// expectStatus waits for the end of wait-for-port.
func expectStatus(t testing.TB, p *test.Process, want int) {
	t.Helper()
	if status := p.Status(); status != want {
		t.Errorf("status %d, want %d; stderr: %s", status, want, p.Stderr())
	}
}

// run runs a program that the test needs. The test fails if the program does.
func run(t testing.TB, name string, args ...string) {
	t.Helper()
	status, stdout, stderr := test.Run(t, exec.Command(test.Tool(t, name), args...))
	if status != 0 {
		t.Fatalf("%s %q: status %d: %s%s", name, args, status, stdout, stderr)
	}
}

// ip runs ip(8).
func ip(t testing.TB, line string) {
	t.Helper()
	run(t, "ip", strings.Fields(line)...)
}

// nft runs nft(8) with one command line, or ends the test if the kernel does not support it.
func nft(t testing.TB, line string) {
	t.Helper()
	status, _, stderr := test.Run(t, exec.Command(test.Tool(t, "nft"), line))
	if status != 0 {
		test.Missing(t, "nft", stderr)
	}
}

// veth makes the interface v0 with the address 10.9.0.1/24. Its peer is up, but nothing answers
// there.
func veth(t testing.TB) {
	t.Helper()
	ip(t, "link add v0 address 02:00:00:00:00:01 "+
		"type veth peer name v1 address 02:00:00:00:00:02")
	ip(t, "address add 10.9.0.1/24 dev v0")
	ip(t, "link set v0 up")
	ip(t, "link set v1 up")
}

// blackHole makes 10.9.0.2 an address that never answers.
func blackHole(t testing.TB) {
	t.Helper()
	ip(t, "neighbor replace 10.9.0.2 lladdr 02:00:00:00:00:99 dev v0 nud permanent")
}

// sysctl writes a file below /proc/sys/net, which belongs to the network namespace.
func sysctl(t testing.TB, name, value string) {
	t.Helper()
	test.Must(t, os.WriteFile("/proc/sys/net/"+name, []byte(value), 0))
}

// strict is a listener without SO_REUSEADDR, which package net always sets: it cannot bind a port
// that has a connection in TIME_WAIT.
type strict struct {
	fd   int
	port int
}

// bindStrict binds a port of 127.0.0.1; 0 selects a free port.
func bindStrict(port int) (*strict, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	err = unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}})
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &strict{fd, sa.(*unix.SockaddrInet4).Port}, nil
}

// listenStrict binds a port like bindStrict and listens.
func listenStrict(t testing.TB, port, backlog int) *strict {
	t.Helper()
	s, err := bindStrict(port)
	if err == nil {
		err = unix.Listen(s.fd, backlog)
	}
	if err != nil {
		t.Fatalf("listen on port %d: %v", port, err)
	}
	return s
}

func (s *strict) address() string { return "127.0.0.1:" + strconv.Itoa(s.port) }

// accept accepts a connection. accept(2) and reads from the connection end at the deadline.
func (s *strict) accept(t testing.TB) int {
	t.Helper()
	timeout := unix.NsecToTimeval(int64(test.Deadline))
	test.Must(t, unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout))
	fd, _, err := unix.Accept(s.fd)
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	test.Must(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout))
	return fd
}

func (s *strict) close() { unix.Close(s.fd) }

// listen returns a listener that is served by [serve] until the end of the test.
func listen(t testing.TB, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	test.Must(t, err)
	t.Cleanup(func() { l.Close() })
	go serve(l)
	return l
}

// portOf returns the port of a TCP listener.
func portOf(l net.Listener) string { return strconv.Itoa(l.Addr().(*net.TCPAddr).Port) }

// serve accepts connections. It reads from each until the client closes.
func serve(l net.Listener) {
	accept(l, func(c net.Conn) {
		defer c.Close()
		_, _ = io.Copy(io.Discard, c)
	})
}

// accept accepts connections until the listener is closed, and calls handle for each in a
// goroutine.
func accept(l net.Listener, handle func(c net.Conn)) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go handle(c)
	}
}

// freePort returns a port of 127.0.0.1 that has no listener. It is below the ephemeral ports, so
// that no client can take it.
func freePort(t testing.TB) string {
	t.Helper()
	for port := 20000 + os.Getpid()%5000; port < 32000; port++ {
		s, err := bindStrict(port)
		if err == nil {
			s.close()
			return strconv.Itoa(port)
		}
	}
	t.Fatal("no free port")
	return ""
}

// openFiles lists the open files of a process.
func openFiles(t testing.TB, pid int) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "fd"))
	test.Must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// begun waits until the signal handlers of wait-for-port and the socket of its watch exist. In a
// machine of package kernels there is no sock_diag(7) for TCP, so that the socket is soon closed:
// there it waits until TERM is caught.
func begun(t testing.TB, p *test.Process) {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(p.Process.Pid))
	test.Eventually(t, "the wait has begun", func() bool {
		if os.Getenv(protocol.MachineVariable) != "" {
			status, _ := os.ReadFile(filepath.Join(dir, "status"))
			return sig.MaskIn(string(status), "SigCgt:\t").Has(sig.TERM)
		}
		for _, name := range openFiles(t, p.Process.Pid) {
			to, _ := os.Readlink(filepath.Join(dir, "fd", name))
			if strings.HasPrefix(to, "socket:") {
				return true
			}
		}
		return false
	})
}
