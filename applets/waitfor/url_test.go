package waitfor_test

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"util/internal/test"
)

// web is an HTTP server with a status that can be changed.
type web struct {
	status   atomic.Int32
	requests atomic.Int32
	last     atomic.Pointer[http.Request]
}

// serveWeb serves HTTP until the test ends.
func serveWeb(t testing.TB, network, address string, status int) (*web, net.Listener) {
	t.Helper()
	l, err := net.Listen(network, address)
	test.Must(t, err)
	w := &web{}
	w.status.Store(int32(status))
	server := &http.Server{Handler: http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.requests.Add(1)
		w.last.Store(r)
		out.WriteHeader(int(w.status.Load()))
	})}
	go server.Serve(l) //nolint:errcheck // ends with the listener
	t.Cleanup(func() { server.Close() })
	return w, l
}

// TestHTTP: a target that is asked over HTTP works with the options of all targets.
func TestHTTP(t *testing.T) {
	w, l := serveWeb(t, "tcp", "127.0.0.1:0", 503)
	url := "http://" + l.Addr().String() + "/health?token=secret"
	shown := strings.Replace(url, "token=secret", "…", 1)

	_, stderr := expect(t, 124, []string{`target "` + shown + `": status 503`}, "-t", "200ms", url)
	if strings.Contains(stderr, "secret") {
		t.Errorf("prints what may be secret: %s", stderr)
	}
	expect(t, 124, []string{"still accepts connections"}, "-s", "down", "-t", "100ms", url)
	expect(t, 0, nil, "--http-status", "200,500-599", url)
	expect(t, 0, nil, "--any", "-t", "5s", url, l.Addr().String())
	w.status.Store(302)
	expect(t, 0, nil, "--stable", "3", url)
	expect(t, 124, nil, "--http-status", "200", "-t", "100ms", url)
	_, stderr = expect(t, 0, []string{"attempt 1: " + l.Addr().String() + ": ready after"}, "-v", url)
	if strings.Contains(stderr, "secret") {
		t.Errorf("prints what may be secret: %s", stderr)
	}
	expect(t, 0, []string{`"result":"ready"`}, "-v", "--json", url)

	user := strings.Replace(url, "//", "//user:pass@", 1)
	expect(t, 0, nil, "--http-header", "Host: shop.example", "--http-header", "X-A: b", user)
	r := w.last.Load()
	name, password, _ := r.BasicAuth()
	if r.Method != "GET" || r.RequestURI != "/health?token=secret" || r.Host != "shop.example" ||
		r.Header.Get("X-A") != "b" || name != "user" || password != "pass" || !r.Close {
		t.Errorf("the request was %+v", r)
	}

	// The wait ends after the status has changed.
	w.status.Store(503)
	p, lines := startLines(t, util(t, "-t", "0", url))
	lines.expect(`util wait-for-port: target "` + shown + `": status 503`)
	w.status.Store(204)
	expectStatus(t, p, 0)

	l.Close()
	expect(t, 0, nil, "-s", "down", "-t", "5s", url)
}

// TestHTTPOverUnixSocket: in both forms, also for an abstract socket.
func TestHTTPOverUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a:b.sock")
	w, _ := serveWeb(t, "unix", path, 200)
	for _, form := range []string{"http+unix:%s:/health?a=b", "http://unix:%s:/health?a=b"} {
		expect(t, 0, nil, "-t", "5s", fmt.Sprintf(form, path))
		if r := w.last.Load(); r.RequestURI != "/health?a=b" || r.Host != "localhost" {
			t.Errorf("asked for %q of %q", r.RequestURI, r.Host)
		}
	}
	name := fmt.Sprintf("@util-test-http-%d", os.Getpid())
	serveWeb(t, "unix", name, 404)
	expect(t, 124, []string{"status 404"}, "-t", "100ms", "http+unix:"+name)
}

// TestOneConversation: of the addresses of a name, one is asked; the next one only if the first is
// not ready.
func TestOneConversation(t *testing.T) {
	test.Isolate(t)
	const url = "http://localhost:80/"
	one, _ := serveWeb(t, "tcp", "127.0.0.1:80", 200)
	two, _ := serveWeb(t, "tcp", "[::1]:80", 200)
	expect(t, 0, nil, "-t", "5s", url)
	if n, m := one.requests.Load(), two.requests.Load(); n+m != 1 {
		t.Errorf("asked the addresses %d and %d times, want one request in all", n, m)
	}
	one.status.Store(500)
	expect(t, 0, nil, "-t", "5s", url)
	two.status.Store(503)
	expect(t, 124, []string{"127.0.0.1:80 status 500, [::1]:80 status 503"}, "-t", "100ms", url)
}

// TestStaggeredAddresses: an address that does not answer delays the next one by a quarter of a
// second.
func TestStaggeredAddresses(t *testing.T) {
	test.Isolate(t)
	veth(t)
	blackHole(t)
	dns, _ := newResolver(t)
	ip(t, "neighbor replace 10.9.0.3 lladdr 02:00:00:00:00:98 dev v0 nud permanent")
	ip(t, "address add 10.9.0.4/24 dev v0")
	dns.set("web", "10.9.0.2", "10.9.0.3", "10.9.0.4")
	w, _ := serveWeb(t, "tcp", "10.9.0.4:80", 200)
	within(t, 10*time.Second, func() {
		expect(t, 0, nil, "--connect-timeout", "19s", "-t", "20s", "http://web/")
	})
	if n := w.requests.Load(); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	w.status.Store(503)
	expect(t, 124, []string{`"http://web/": status 503`},
		"--connect-timeout", "300ms", "-t", "2s", "http://web/")
}

// TestSilentHTTPServer: a server that accepts and says nothing is neither up nor down.
func TestSilentHTTPServer(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	for _, state := range []string{"up", "down"} {
		expect(t, 124, []string{"accepted, but did not answer within 50ms"},
			"-s", state, "-t", "400ms", "--connect-timeout", "50ms", "http://"+l.Addr().String())
	}
}

// TestFile: a file is up when it exists and down when it is gone.
func TestFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "ready")
	expect(t, 124, []string{`target "file:` + path + `": no such file`}, "-t", "50ms", "file:"+path)
	expect(t, 0, nil, "-t", "5s", "-s", "down", "file:"+path)
	p := test.Start(t, util(t, "-t", "0", "file:"+path))
	begun(t, p)
	test.Must(t, os.WriteFile(path, nil, 0o600))
	expectStatus(t, p, 0)
	expect(t, 124, []string{"still exists"}, "-t", "50ms", "-s", "down", "file:"+path)
	p = test.Start(t, util(t, "-t", "0", "-s", "down", "file:"+path))
	begun(t, p)
	test.Must(t, os.Remove(path))
	expectStatus(t, p, 0)
	long := "file:/" + strings.Repeat("a", 5000)
	expect(t, 1, []string{"has 5001 bytes, but at most 4095 are possible"}, long)
	expect(t, 124, []string{"file name too long"}, "-t", "50ms", "file:"+dir+strings.Repeat("a", 300))
}

// TestVariable: the targets in a variable.
func TestVariable(t *testing.T) {
	a, b := listen(t, "tcp", "127.0.0.1:0"), listen(t, "tcp", "127.0.0.1:0")
	cmd := util(t, "-v", "-t", "5s", "env:WAIT_HOSTS")
	cmd.Env = append(os.Environ(),
		fmt.Sprintf("WAIT_HOSTS= %s, amqp://guest:secret@%s/vhost\n", a.Addr(), b.Addr()))
	status, _, stderr := test.Run(t, cmd)
	for _, want := range []string{
		`"` + a.Addr().String() + `": is up`,
		`"amqp://` + b.Addr().String() + `": is up`,
	} {
		if status != 0 || !strings.Contains(stderr, want) || strings.Contains(stderr, "secret") {
			t.Errorf("status %d; want %q: %s", status, want, stderr)
		}
	}
}

// TestHungAddress: an address that accepts and says nothing does not hide one that is ready, also
// if there is little time.
func TestHungAddress(t *testing.T) {
	test.Isolate(t)
	l, err := net.Listen("tcp", "127.0.0.1:80")
	test.Must(t, err)
	defer l.Close() // the kernel accepts, and nobody answers
	serveWeb(t, "tcp", "[::1]:80", 200)
	expect(t, 0, nil, "-t", "900ms", "http://localhost/")
	status, stdout, _ := test.Run(t, exec.Command(test.Util(t), "healthcheck", "http://localhost/"))
	if status != 0 {
		t.Errorf("healthcheck: status %d, %s", status, stdout)
	}
}

// TestDeadAddresses: what one address answers is not delayed by others that do not answer, and the
// time of a check is enough for all of them.
func TestDeadAddresses(t *testing.T) {
	test.Isolate(t)
	veth(t)
	dns, _ := newResolver(t)
	addresses := []string{"10.9.0.1"}
	for i := range 10 {
		dead := fmt.Sprintf("10.9.0.%d", 20+i)
		addresses = append(addresses, dead)
		ip(t, "neighbor replace "+dead+" lladdr 02:00:00:00:00:99 dev v0 nud permanent")
	}
	// Addresses are tried in their order.
	ip(t, "address add 10.9.0.99/24 dev v0")
	addresses[0] = "10.9.0.99"
	dns.set("web", addresses...)
	w, _ := serveWeb(t, "tcp", "10.9.0.99:80", 200)
	status, stdout, _ := test.Run(t, exec.Command(test.Util(t), "healthcheck", "http://web/"))
	if status != 0 {
		t.Errorf("healthcheck: status %d, %s", status, stdout)
	}
	w.status.Store(503)
	dns.set("web", "10.9.0.20", "10.9.0.99")
	within(t, 1500*time.Millisecond, func() {
		cmd := exec.Command(test.Util(t), "healthcheck", "http://web/")
		if status, stdout, _ := test.Run(t, cmd); status != 1 || stdout != "http://web/: status 503" {
			t.Errorf("healthcheck: status %d, %s", status, stdout)
		}
	})
	w.requests.Store(0)
	dns.set("web", "10.9.0.20")
	expect(t, 124, []string{`"http://web/": no answer within 100ms`},
		"-t", "300ms", "--connect-timeout", "100ms", "http://web/")
	if n := w.requests.Load(); n != 0 {
		t.Errorf("%d requests to an address that the name no longer has", n)
	}
}

// TestBodyOverUnixSocket: a server that sends the body a little later than the head can send it.
func TestBodyOverUnixSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	l, err := net.Listen("unix", path)
	test.Must(t, err)
	defer l.Close()
	failed := make(chan error, 10)
	go accept(l, func(c net.Conn) {
		defer c.Close()
		_, _ = c.Read(make([]byte, 4096))
		_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
		time.Sleep(10 * time.Millisecond) // the distance is what is tested
		_, err := c.Write(make([]byte, 1000))
		failed <- err
	})
	for range 5 {
		expect(t, 0, nil, "-t", "5s", "http+unix:"+path)
		if err := <-failed; err != nil {
			t.Errorf("the server could not send the body: %v", err)
		}
	}
}
