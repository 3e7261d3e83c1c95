package protocol

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"
)

// converse has a conversation with a server, as long as the test waits for anything.
func converse(t testing.TB, p Protocol, network, address string) Reply {
	t.Helper()
	conn, err := net.DialTimeout(network, address, test.Deadline)
	test.Must(t, err)
	defer conn.Close()
	test.Must(t, conn.SetDeadline(time.Now().Add(test.Deadline)))
	c := p.Begin()
	r := c.Step(nil, false)
	var buf [512]byte
	for {
		if _, err := conn.Write(r.Send); err != nil && r.Verdict == Pending {
			t.Logf("write: %v", err) // the server has closed: its answer can still be read
		}
		if r.Verdict != Pending {
			return r
		}
		n, err := conn.Read(buf[:])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%s: no verdict within %v", address, test.Deadline)
		}
		r = c.Step(buf[:n], err != nil)
	}
}

// expectReply compares a reply of a server with the expected reason; "" stands for ready.
func expectReply(t testing.TB, p Protocol, network, address, want string) {
	t.Helper()
	r := converse(t, p, network, address)
	if (r.Verdict == Ready) != (want == "") || r.Why != want {
		t.Errorf("%+v: %+v, want %q", p, r, want)
	}
}

// startServer starts a program and waits until it accepts connections at the address. The program
// ends at the end of the test.
func startServer(t testing.TB, address, program string, args ...string) {
	t.Helper()
	p := test.Start(t, exec.Command(test.Tool(t, program), args...))
	t.Cleanup(func() {
		p.Signal(syscall.SIGTERM) // gunicorn ends its workers
		p.Status()
		if t.Failed() {
			t.Logf("%s: %s", program, p.Stderr())
		}
	})
	test.Eventually(t, program+" accepts connections at "+address, func() bool {
		c, err := net.Dial("tcp", address)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// unusedAddress returns an address of the loopback interface that nothing listens on.
func unusedAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	test.Must(t, err)
	defer l.Close()
	return l.Addr().String()
}

// page returns a directory with a file "page".
func page(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	test.Must(t, os.WriteFile(filepath.Join(dir, "page"), make([]byte, 100_000), 0o644))
	test.Must(t, os.Chmod(dir, 0o755)) // servers change their user
	return dir
}

// get asks for a path.
func get(path string) HTTP { return HTTP{Host: "localhost", Path: path} }

func TestHTTPWithNginx(t *testing.T) {
	dir, address := page(t), unusedAddress(t)
	socket := filepath.Join(dir, "socket")
	conf := fmt.Sprintf(`daemon off; master_process off; pid %s/pid; error_log stderr info;
		events {}
		http {
			log_format fields '$request|$host|$http_user_agent|$http_x|$status';
			access_log %[1]s/log fields;
			client_body_temp_path %[1]s/1; proxy_temp_path %[1]s/2; fastcgi_temp_path %[1]s/3;
			uwsgi_temp_path %[1]s/4; scgi_temp_path %[1]s/5;
			server {
				listen %s;
				listen unix:%[1]s/socket;
				listen unix:%[1]s/http2 http2;
				root %[1]s;
				location /moved { return 301 http://elsewhere.example/; }
				location /busy { return 503; }
				location /closes { return 444; }
			}
		}`, dir, address)
	test.Must(t, os.WriteFile(filepath.Join(dir, "conf"), []byte(conf), 0o644))
	startServer(t, address, "nginx", "-e", "stderr", "-p", dir, "-c", "conf")
	for path, want := range map[string]string{
		"/page":      "",
		"/page?a=b":  "",
		"/moved":     "",
		"/busy":      "status 503",
		"/none":      "status 404",
		"/closes":    "closed the connection without an answer",
		"/100%":      "status 400",
		"/caf%C3%A9": "status 404",
	} {
		expectReply(t, get(path), "tcp", address, want)
		expectReply(t, get(path), "unix", socket, want)
	}
	expectReply(t, get("/page"), "unix", filepath.Join(dir, "http2"),
		"answers in HTTP/2 only, which is not supported")

	only204, err := ParseStatuses("204")
	test.Must(t, err)
	h := HTTP{
		Host: "localhost", Path: "/page", Up: only204,
		Headers: []string{"Host: other.example", "User-Agent: me", "X: y"},
	}
	expectReply(t, h, "tcp", address, "status 200")
	// nginx writes the line after it has sent the answer.
	test.Eventually(t, "nginx logs the fields of the request", func() bool {
		lines, _ := os.ReadFile(filepath.Join(dir, "log"))
		return containsLine(string(lines), "GET /page HTTP/1.1|other.example|me|y|200")
	})
}

func TestHTTPWithPython(t *testing.T) {
	dir := page(t)
	port := portOfAddress(t, unusedAddress(t))
	address := "127.0.0.1:" + port
	startServer(t, address, "python3", "-m", "http.server", "-b", "127.0.0.1", "-d", dir, port)
	expectReply(t, get("/page"), "tcp", address, "")
	expectReply(t, get("/none"), "tcp", address, "status 404")
}

func TestHTTPWithBusybox(t *testing.T) {
	dir, address := page(t), unusedAddress(t)
	startServer(t, address, "busybox", "httpd", "-f", "-p", address, "-h", dir)
	expectReply(t, get("/page"), "tcp", address, "")
	expectReply(t, get("/none"), "tcp", address, "status 404")
}

func TestHTTPWithGunicorn(t *testing.T) {
	dir, address := page(t), unusedAddress(t)
	const app = `def app(environ, start_response):
    ok = environ["PATH_INFO"] == "/up"
    start_response("200 OK" if ok else "503 Service Unavailable", [("X", "y")])
    return [b"hello"]
`
	test.Must(t, os.WriteFile(filepath.Join(dir, "application.py"), []byte(app), 0o644))
	startServer(t, address, "gunicorn", "--chdir", dir, "-b", address, "-w", "1",
		"application:app")
	expectReply(t, get("/up"), "tcp", address, "")
	expectReply(t, get("/"), "tcp", address, "status 503")
}

// TestHTTPWithNetHTTP: the server of Go, as it answers plain requests, over TLS, and if it speaks
// only HTTP/2.
func TestHTTPWithNetHTTP(t *testing.T) {
	asked := make(chan struct{})
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hints":
			w.WriteHeader(http.StatusEarlyHints)
			w.WriteHeader(http.StatusTeapot)
		case "/slow": // the body does not end before the test
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush()
			<-asked
		case "/panic":
			panic(http.ErrAbortHandler)
		}
	})
	plain := httptest.NewServer(handler)
	defer plain.Close()
	defer close(asked)
	address := plain.Listener.Addr().String()
	expectReply(t, get("/"), "tcp", address, "")
	expectReply(t, get("/slow"), "tcp", address, "")
	expectReply(t, get("/hints"), "tcp", address, "status 418")
	expectReply(t, get("/panic"), "tcp", address, "closed the connection without an answer")

	over := httptest.NewUnstartedServer(handler)
	over.Config.ErrorLog = log.New(io.Discard, "", 0)
	over.StartTLS()
	defer over.Close()
	expectReply(t, get("/"), "tcp", over.Listener.Addr().String(), "status 400")

	l, err := net.Listen("tcp", "127.0.0.1:0")
	test.Must(t, err)
	only2 := &http.Server{Handler: handler, Protocols: new(http.Protocols)}
	only2.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = only2.Serve(l) }()
	defer func() { _ = only2.Shutdown(context.Background()) }()
	expectReply(t, get("/"), "tcp", l.Addr().String(), "closed the connection without an answer")
}

// TestHTTPWithTLS: a TLS server that does not speak HTTP.
func TestHTTPWithTLS(t *testing.T) {
	over := httptest.NewTLSServer(nil)
	defer over.Close()
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: over.TLS.Certificates})
	test.Must(t, err)
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}
	}()
	expectReply(t, get("/"), "tcp", l.Addr().String(), "closed the connection without an answer")
}

func containsLine(text, line string) bool {
	return slices.Contains(strings.Split(text, "\n"), line)
}

func portOfAddress(t testing.TB, address string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	test.Must(t, err)
	return port
}
