package healthcheck_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"util/internal/test"
)

func healthcheck(t testing.TB, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return test.Run(t, exec.Command(test.Util(t), append([]string{"healthcheck"}, args...)...))
}

// silent returns the address of a server that accepts connections and says nothing. A value in
// asked means that it has received something, and one in ended that a connection has ended with an
// end of file. Any other end fails the test.
func silent(t testing.TB) (address string, asked, ended <-chan struct{}) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	test.Must(t, err)
	t.Cleanup(func() { l.Close() })
	asks, ends := make(chan struct{}, 100), make(chan struct{}, 100)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				if n, _ := c.Read(make([]byte, 1)); n > 0 {
					asks <- struct{}{}
				}
				if _, err := io.Copy(io.Discard, c); err != nil {
					t.Errorf("the server reads %v instead of an end of file", err)
				}
				ends <- struct{}{}
			}()
		}
	}()
	return l.Addr().String(), asks, ends
}

// TestTimeLimit: all targets are checked at the same time, and the check ends in time whatever the
// servers do. The connections end with an end of file.
func TestTimeLimit(t *testing.T) {
	var args, want []string
	var all []<-chan struct{}
	for _, scheme := range []string{"http", "redis", "postgres", "mysql"} {
		address, _, ended := silent(t)
		target := scheme + "://" + address
		args = append(args, target)
		want = append(want, target+": accepted, but did not answer within 2s")
		all = append(all, ended)
	}
	test.Util(t) // is not built while the time runs
	began := time.Now()
	status, stdout, stderr := healthcheck(t, append([]string{"--timeout", "2s"}, args...)...)
	if took := time.Since(began); took > 3*2*time.Second {
		t.Errorf("took %v for %d targets with a limit of 2s in all", took, len(args))
	}
	if status != 1 || stdout != strings.Join(want, "\n") || stderr != "" {
		t.Errorf("status %d, stderr %q, stdout:\n%s\nwant:\n%s",
			status, stderr, stdout, strings.Join(want, "\n"))
	}
	for i, ended := range all {
		select {
		case <-ended:
		case <-time.After(test.Deadline):
			t.Errorf("%s: the connection is still open", args[i])
		}
	}
}

// TestHealthyAndUnhealthy: the status follows the answer of the service, and there is one attempt.
func TestHealthyAndUnhealthy(t *testing.T) {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "web.sock"))
	test.Must(t, err)
	var code, requests atomic.Int32
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.WriteHeader(int(code.Load()))
		fmt.Fprint(w, strings.Repeat("a long body ", 100_000))
	})}
	go server.Serve(l) //nolint:errcheck // ends with the listener
	defer server.Close()
	target := "http+unix:" + l.Addr().String() + ":/healthz"
	for _, c := range []struct {
		code, status int
		stdout       string
	}{
		{200, 0, ""},
		{503, 1, target + ": status 503"},
		{399, 0, ""},
		{400, 1, target + ": status 400"},
	} {
		code.Store(int32(c.code))
		status, stdout, stderr := healthcheck(t, target)
		if status != c.status || stdout != c.stdout || stderr != "" {
			t.Errorf("code %d: status %d, stdout %q, stderr %q", c.code, status, stdout, stderr)
		}
	}
	if n := requests.Load(); n != 4 {
		t.Errorf("%d requests for 4 checks", n)
	}
}

// TestWithoutFiles: no limit on open files and no closed standard file changes that the status is 0
// or 1.
func TestWithoutFiles(t *testing.T) {
	for _, script := range []string{
		`ulimit -n 5; exec "$0" healthcheck file:/ 127.0.0.1:1`,
		`exec "$0" healthcheck 127.0.0.1:1 >&-`,
		`exec "$0" healthcheck 127.0.0.1:1 <&- >&- 2>&-`,
		`exec "$0" healthcheck 127.0.0.1:1 >/dev/full`,
		`exec "$0" healthcheck --wrong 2>/dev/full`,
	} {
		status, stdout, stderr := test.Run(t, exec.Command("/bin/sh", "-c", script, test.Util(t)))
		if status != 1 {
			t.Errorf("%s: status %d, stdout %q, stderr %q", script, status, stdout, stderr)
		}
	}
}

// TestTermination: an engine that gives up the check ends it with TERM.
func TestTermination(t *testing.T) {
	address, asked, ended := silent(t)
	p := test.Start(t, exec.Command(test.Util(t), "healthcheck", "-t", "1h", "http://"+address))
	select {
	case <-asked:
	case <-time.After(test.Deadline):
		t.Fatal("no request")
	}
	p.Signal(syscall.SIGTERM)
	if status := p.Status(); status != 256+int(syscall.SIGTERM) {
		t.Errorf("status %d, want the end by TERM", status)
	}
	select {
	case <-ended:
	case <-time.After(test.Deadline):
		t.Error("the connection is still open")
	}
}
