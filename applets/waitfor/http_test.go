package waitfor_test

import (
	"bytes"
	"fmt"
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

const (
	smallAnswer = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
	endOfHead   = "\r\n\r\n"
)

// readRequest reads a request from a connection until the end of its head.
func readRequest(c io.Reader) {
	var request []byte
	var buf [4096]byte
	for !bytes.Contains(request, []byte(endOfHead)) {
		n, err := c.Read(buf[:])
		if err != nil {
			return
		}
		request = append(request, buf[:n]...)
	}
}

// endless writes a text again and again until the client closes.
func endless(c net.Conn, text string) {
	data := []byte(strings.Repeat(text, 1+1<<16/len(text)))
	for {
		if _, err := c.Write(data); err != nil {
			return
		}
	}
}

// TestHTTPHostile: whatever a server does, an attempt ends within the connect timeout, says why,
// and needs little memory.
func TestHTTPHostile(t *testing.T) {
	const (
		limit  = time.Second
		closes = "closed the connection without an answer"
		silent = "accepted, but did not answer within 1s"
		large  = "the head of its answer has more than 16384 bytes"
	)
	test.Util(t) // is not built while the time runs
	for _, c := range []struct {
		name, want string
		serve      func(c net.Conn)
	}{
		{"endless head", large, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			endless(c, "A: b\r\n")
		}},
		{"endless line", large, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nA: ")
			endless(c, "b")
		}},
		{"endless status line", large, func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 ")
			endless(c, "b")
		}},
		{"endless interim answers", "sends more than 16 interim answers (status 100)", func(c net.Conn) {
			endless(c, "HTTP/1.1 100 Continue\r\n\r\n")
		}},
		{"endless binary data", `not an HTTP answer: "\xfe`, func(c net.Conn) {
			endless(c, "\xfe\x00\xff\n\r")
		}},
		{"endless empty lines", "not an HTTP answer: ", func(c net.Conn) { endless(c, "\r\n") }},
		{"endless body", "status 503", func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 503 Service Unavailable\r\n\r\n")
			endless(c, "body")
		}},
		{"a byte at a time", "accepted, but did not complete its answer within 1s", func(c net.Conn) {
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for _, b := range []byte("HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 1000)) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				<-tick.C
			}
		}},
		{"never answers", silent, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }},
		{"closes at once", closes, func(net.Conn) {}},
		{"closes after the request", closes, func(c net.Conn) { readRequest(c) }},
		{"resets", closes, func(c net.Conn) {
			readRequest(c)
			_ = c.(*net.TCPConn).SetLinger(0)
		}},
		{"closes in the head", "closed the connection in the middle of its answer", func(c net.Conn) {
			readRequest(c)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nServer: x\r\n")
		}},
		{"greets", `not an HTTP answer: "SSH-2.0-x"`, func(c net.Conn) {
			_, _ = io.WriteString(c, "SSH-2.0-x\r\n")
			_, _ = io.Copy(io.Discard, c)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			test.Must(t, err)
			defer l.Close()
			go accept(l, func(conn net.Conn) {
				defer conn.Close()
				c.serve(conn)
			})
			begin := time.Now()
			p, lines := startLines(t, util(t, "-v", "-t", "0", "--connect-timeout", limit.String(),
				"http://"+l.Addr().String()+"/healthz"))
			line := ""
			for !strings.Contains(line, "attempt 1: ") {
				var ok bool
				if line, ok = lines.next(); !ok {
					t.Fatalf("ended after %q", lines.seen)
				}
			}
			if took := time.Since(begin); took > limit+5*time.Second {
				t.Errorf("the attempt took %v", took)
			}
			if !strings.Contains(line, ": "+c.want) {
				t.Errorf("printed %q, want %q", line, c.want)
			}
			if memory := peakMemory(p.Process.Pid); memory == 0 || memory > limitMemory {
				t.Errorf("%d bytes of memory", memory)
			}
			p.Signal(syscall.SIGTERM)
			lines.rest()
			expectStatus(t, p, 143)
		})
	}
}

// TestHTTPAnswerBeforeRequest: a server may answer before it has read the request.
func TestHTTPAnswerBeforeRequest(t *testing.T) {
	s := listenStrict(t, 0, 5)
	defer s.close()
	p := test.Start(t, util(t, "http://"+s.address()))
	fd := s.accept(t)
	defer unix.Close(fd)
	_, err := unix.Write(fd, []byte(smallAnswer))
	test.Must(t, err)
	expectStatus(t, p, 0)
}

// TestHTTPListenerReadsEndOfFile: a server that has sent its answer reads the end of file, not a
// reset, whether the body comes with the head or after it.
func TestHTTPListenerReadsEndOfFile(t *testing.T) {
	s := listenStrict(t, 0, 5)
	defer s.close()
	head, body, _ := strings.Cut(smallAnswer, endOfHead)
	for _, parts := range [][]string{{smallAnswer}, {head + endOfHead, body}} {
		for range 10 {
			p := test.Start(t, util(t, "http://"+s.address()))
			fd := s.accept(t)
			readRequest(connection(fd))
			for _, part := range parts {
				_, err := unix.Write(fd, []byte(part))
				test.Must(t, err)
			}
			readEnd(t, fd)
			unix.Close(fd)
			expectStatus(t, p, 0)
		}
	}
}

// connection reads from a socket.
type connection int

// Read implements [io.Reader].
func (c connection) Read(p []byte) (int, error) {
	n, err := readFrom(int(c), p)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// TestHTTPLeavesNoTimeWait: after the wait, a server without SO_REUSEADDR can bind the port at
// once, whichever side closes first.
func TestHTTPLeavesNoTimeWait(t *testing.T) {
	const failure = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
	for _, c := range []struct {
		name  string
		serve func(t *testing.T, fd int)
		want  int
	}{
		{"the client closes first", func(t *testing.T, fd int) {
			send(t, fd, smallAnswer)
			readEnd(t, fd)
		}, 0},
		{"the client closes first, not ready", func(t *testing.T, fd int) {
			send(t, fd, failure)
			readEnd(t, fd)
		}, 124},
		{"the server closes after its answer", func(t *testing.T, fd int) {
			send(t, fd, smallAnswer)
		}, 0},
		{"the server closes before the end of its answer", func(t *testing.T, fd int) {
			send(t, fd, smallAnswer[:20])
		}, 124},
		{"the server closes without an answer", func(*testing.T, int) {}, 124},
		{"the server half-closes after its answer", func(t *testing.T, fd int) {
			send(t, fd, smallAnswer)
			test.Must(t, unix.Shutdown(fd, unix.SHUT_WR))
			// The end of file, or a reset if the client has got the answer and the end together.
			_, _ = unix.Read(fd, make([]byte, 1))
		}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			test.Isolate(t)
			for range 10 {
				s := listenStrict(t, 0, 5)
				p := test.Start(t, util(t, "-q", "--interval", "19s", "-t", "20s", "http://"+s.address()))
				fd := s.accept(t)
				readRequest(connection(fd))
				c.serve(t, fd)
				unix.Close(fd)
				s.close()
				if c.want == 0 {
					expectStatus(t, p, 0)
				}
				again, err := bindStrict(s.port)
				end := time.Now().Add(time.Second)
				for err != nil && time.Now().Before(end) {
					again, err = bindStrict(s.port) // the reset arrives a moment after the close
				}
				if err != nil {
					text, _ := os.ReadFile("/proc/thread-self/net/tcp")
					t.Fatalf("bind after probing: %v\n%s", err, text)
				}
				again.close()
				if c.want != 0 {
					p.Signal(syscall.SIGTERM)
					expectStatus(t, p, 143)
				}
			}
		})
	}
}

// send writes a text to a connection.
func send(t testing.TB, fd int, text string) {
	t.Helper()
	_, err := unix.Write(fd, []byte(text))
	test.Must(t, err)
}

// TestHTTPInLogsOfNginx: for nginx, a check is a request like any other, if the answer fits into
// the buffers of the connection. A check of a large file is a client that goes away: nginx writes
// that at its level info, which it does not log by default.
func TestHTTPInLogsOfNginx(t *testing.T) {
	nginx, port := test.Tool(t, "nginx"), freePort(t)
	dir := t.TempDir()
	test.Must(t, os.Chmod(dir, 0o755)) // nginx changes its user
	test.Must(t, os.WriteFile(filepath.Join(dir, "small"), make([]byte, 10_000), 0o644))
	test.Must(t, os.WriteFile(filepath.Join(dir, "large"), make([]byte, 10<<20), 0o644))
	conf := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/errors info;
		events {}
		http {
			log_format answers '$request_uri $status $request_completion';
			access_log %[1]s/log answers;
			client_body_temp_path %[1]s/1; proxy_temp_path %[1]s/2; fastcgi_temp_path %[1]s/3;
			uwsgi_temp_path %[1]s/4; scgi_temp_path %[1]s/5;
			server {
				listen 127.0.0.1:%[2]s;
				root %[1]s;
				location /busy { return 503; }
				location /proxy/ { proxy_pass http://127.0.0.1:%[2]s/; }
			}
		}`, dir, port)
	test.Must(t, os.WriteFile(filepath.Join(dir, "conf"), []byte(conf), 0o644))
	test.Start(t, exec.Command(nginx, "-e", "stderr", "-p", dir, "-c", "conf"))
	expect(t, 0, nil, port)
	const checks = 10
	count := func(file, text string) int {
		all, err := os.ReadFile(filepath.Join(dir, file))
		test.Must(t, err)
		return strings.Count(string(all), text)
	}
	for _, path := range []string{"/small", "/busy", "/proxy/small", "/large"} {
		for range checks {
			expect(t, 0, nil, "-q", "--http-status", "200,503", "http://127.0.0.1:"+port+path)
		}
		if path == "/large" {
			break
		}
		status := " 200 OK\n"
		if path == "/busy" {
			status = " 503 OK\n"
		}
		test.Eventually(t, "nginx logs complete answers: "+path+status, func() bool {
			return count("log", path+status) >= checks
		})
		if n := count("errors", "GET "); n > 0 { // lines about requests
			text, _ := os.ReadFile(filepath.Join(dir, "errors"))
			t.Fatalf("%s: nginx logs %d errors:\n%s", path, n, text)
		}
	}
	test.Eventually(t, "nginx logs the large answers", func() bool {
		return count("log", "/large 200 ") >= checks
	})
	for _, level := range []string{"[warn]", "[error]", "[crit]", "[alert]", "[emerg]"} {
		if n := count("errors", level); n > 0 {
			text, _ := os.ReadFile(filepath.Join(dir, "errors"))
			t.Errorf("nginx logs %d lines of level %s:\n%s", n, level, text)
		}
	}
}
