package waitfor_test

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"util/applets"
	"util/internal/test"

	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { test.Main(m, applets.Main) }

// util makes a run of wait-for-port.
func util(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	return exec.Command(test.Util(t), append([]string{"wait-for-port"}, args...)...)
}

// expect runs wait-for-port to its end, and fails the test unless it has that status and stderr contains all of says.
func expect(t testing.TB, status int, says []string, args ...string) (stdout, stderr string) {
	t.Helper()
	got, stdout, stderr := test.Run(t, util(t, args...))
	if got != status {
		t.Errorf("%q: status %d, want %d; stderr: %s", args, got, status, stderr)
	}
	for _, text := range says {
		if !strings.Contains(stderr, text) {
			t.Errorf("%q: stderr does not contain %q: %s", args, text, stderr)
		}
	}
	return stdout, stderr
}

// isolate gives the rest of the test, and every program that it starts, a network namespace with nothing but a loopback,
// and a mount namespace. The thread of the test ends with it.
func isolate(t testing.TB) {
	t.Helper()
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "a network namespace of the test's own")
	}
	runtime.LockOSThread() // never unlocked: the runtime ends the thread when the test ends
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		test.Missing(t, "namespaces", err.Error())
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	ip(t, "link set lo up")
}

// ip runs ip(8).
func ip(t testing.TB, line string) {
	t.Helper()
	if out, err := exec.Command(test.Tool(t, "ip"), strings.Fields(line)...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v: %s", line, err, out)
	}
}

// veth makes the interface v0 with the address 10.9.0.1/24. Its other end is up and swallows everything.
func veth(t testing.TB) {
	t.Helper()
	ip(t, "link add v0 address 02:00:00:00:00:01 type veth peer name v1 address 02:00:00:00:00:02")
	ip(t, "address add 10.9.0.1/24 dev v0")
	ip(t, "link set v0 up")
	ip(t, "link set v1 up")
}

// blackHole makes 10.9.0.n an address from which nothing ever comes back.
func blackHole(t testing.TB, n string) {
	t.Helper()
	ip(t, "neighbor replace 10.9.0."+n+" lladdr 02:00:00:00:00:99 dev v0 nud permanent")
}

// sysctl writes a file below /proc/sys/net, which is that of the namespace.
func sysctl(t testing.TB, name, value string) {
	t.Helper()
	if err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0); err != nil {
		t.Fatal(err)
	}
}

// strict is a listener without SO_REUSEADDR, unlike those of package net: it cannot bind a port that has a TIME_WAIT.
type strict struct {
	fd   int
	port int
}

// bindStrict binds a port of 127.0.0.1, or any if it is 0.
func bindStrict(port int) (*strict, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
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

// listenStrict binds and listens.
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

// accept accepts a connection, with the test's deadline.
func (s *strict) accept(t testing.TB) int {
	t.Helper()
	timeout := unix.NsecToTimeval(int64(test.Deadline))
	if err := unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		t.Fatal(err)
	}
	fd, _, err := unix.Accept(s.fd)
	if err != nil {
		t.Fatalf("accept: %v", err)
	}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		t.Fatal(err)
	}
	return fd
}

func (s *strict) close() { unix.Close(s.fd) }

// listen returns a listener of a free port on 127.0.0.1 that accepts, reads until the client closes, and closes.
func listen(t testing.TB, network, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go serve(l)
	return l
}

func serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			var b [1]byte
			for {
				if _, err := c.Read(b[:]); err != nil {
					return
				}
			}
		}()
	}
}

// freePort returns a port of 127.0.0.1 on which nobody listens. It is below the ephemeral ports, so that no client gets
// it in the meantime.
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
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

// begun waits until wait-for-port has set up everything: its handlers, then the socket of its watch.
func begun(t testing.TB, p *test.Process) {
	t.Helper()
	dir := filepath.Join("/proc", strconv.Itoa(p.Process.Pid), "fd")
	test.Eventually(t, "the wait has begun", func() bool {
		for _, name := range openFiles(t, p.Process.Pid) {
			if to, _ := os.Readlink(filepath.Join(dir, name)); strings.HasPrefix(to, "socket:") {
				return true
			}
		}
		return false
	})
}
