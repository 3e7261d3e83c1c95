package initcmd_test

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"util/internal/test"
	"util/internal/test/servers"

	"golang.org/x/sys/unix"
)

// These tests run the servers of Debian packages under init, and stop them while they have work to
// do. If some options lose that work, a case shows it, so that the case with other options can
// fail.

// server is util init with a server as its command, as PID 1 of a namespace with its own /proc.
type server struct {
	*test.Process
	t   *testing.T
	dir string
}

// newServer starts a server in dir, where its files are.
func newServer(t *testing.T, dir string, options []string, command ...string) *server {
	t.Helper()
	s := &server{t: t, dir: dir}
	const flags = os.O_CREATE | os.O_WRONLY | os.O_APPEND | os.O_TRUNC
	stderr, err := os.OpenFile(filepath.Join(dir, "stderr"), flags, 0o644)
	test.Must(t, err)
	defer stderr.Close()
	args := slices.Concat([]string{"mountproc", "exec", test.Util(t), "init"}, options,
		[]string{"--"}, command)
	cmd := test.ProcNamespace(exec.Command(test.Probe(t), args...))
	cmd.Dir = dir
	cmd.Stderr = stderr
	s.Process = test.Start(t, cmd)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("stderr of the server:\n%s", s.log())
		}
	})
	return s
}

// fromReadme returns the options of init in an ENTRYPOINT line of the documents. The line must be
// there. (TestReadme of package applets searches this file for a call with each such line, on one
// line.)
func fromReadme(t *testing.T, line string) (options []string) {
	t.Helper()
	if !strings.Contains(documents(t), "\n    "+line+"\n") {
		t.Fatalf("no document has the line %s", line)
	}
	text, ok := strings.CutPrefix(line, "ENTRYPOINT ")
	if err := json.Unmarshal([]byte(text), &options); err != nil || !ok || options[0] != "/sbin/init" {
		t.Fatalf("%s: %v", line, err)
	}
	return options[1:slices.Index(options, "--")]
}

func (s *server) log() string {
	text, _ := os.ReadFile(filepath.Join(s.dir, "stderr"))
	return string(text)
}

// logged waits until the server has written text to its stderr.
func (s *server) logged(text string) {
	s.t.Helper()
	test.Eventually(s.t, "the server writes "+text, func() bool {
		return strings.Contains(s.log(), text)
	})
}

// dial connects to the socket of the server once it accepts connections.
func (s *server) dial() net.Conn {
	s.t.Helper()
	var conn net.Conn
	test.Eventually(s.t, "the server accepts connections", func() (ok bool) {
		var err error
		conn, err = net.Dial("unix", filepath.Join(s.dir, "socket"))
		return err == nil
	})
	_ = conn.SetDeadline(time.Now().Add(test.Deadline))
	s.t.Cleanup(func() { conn.Close() })
	return conn
}

// request is a request whose work has begun: the first line of the response has arrived.
type request struct {
	*bufio.Reader
	conn net.Conn
}

// get begins an HTTP request.
func (s *server) get() *request {
	s.t.Helper()
	conn := s.dial()
	_, _ = io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n")
	return s.begun(conn)
}

// begun waits for the first line of a response.
func (s *server) begun(conn net.Conn) *request {
	s.t.Helper()
	r := bufio.NewReader(conn)
	for line := ""; line != "begun\n"; {
		var err error
		if line, err = r.ReadString('\n'); err != nil {
			s.t.Fatalf("the response ended early: %v", err)
		}
	}
	return &request{r, conn}
}

// release creates the file "go", for which the work of a request waits.
func (s *server) release() { write(s.t, s.dir, "go", "") }

// answered checks whether the response is complete, and closes the connection.
func (s *server) answered(response *request, want bool) {
	s.t.Helper()
	rest, err := io.ReadAll(response)
	response.conn.Close() // a worker of php-fpm waits for that
	if got := strings.Contains(string(rest), "finished\n"); got != want {
		s.t.Errorf("complete: %v, want %v; rest %q, %v", got, want, rest, err)
	}
}

// succeeded waits for the end of the server, whose status must be 0.
func (s *server) succeeded() {
	s.t.Helper()
	wantStatus(s.t, s, 0)
}

// write makes a file in dir.
func write(t *testing.T, dir, name, text string) {
	t.Helper()
	test.Must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
}

// On TERM, PostgreSQL begins its smart shutdown: connected clients can continue until they
// disconnect. Each of its backends leads a session of its own, and ends at once on TERM.
func TestServerPostgreSQL(t *testing.T) {
	asUser, dir := servers.AsUser(t), servers.Dir(t)
	bin := servers.Initdb(t, dir, "trust")
	psql := bin + "/psql"

	// connected starts the server and a client in a transaction.
	type client struct {
		*test.Process
		query func(string)
	}
	connected := func(t *testing.T, options ...string) (*server, client) {
		t.Helper()
		s := newServer(t, dir, options, append(slices.Clone(asUser), bin+"/postgres",
			"-D", dir+"/data", "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off")...)
		s.logged("database system is ready to accept connections")
		cmd := exec.Command(psql, "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", dir, "-U", "postgres")
		stdin, err := cmd.StdinPipe()
		test.Must(t, err)
		query := func(text string) { _, _ = io.WriteString(stdin, text+"\n") }
		c := client{test.Start(t, cmd), query}
		c.query("BEGIN; CREATE TABLE IF NOT EXISTS done (n int);")
		c.query("INSERT INTO done VALUES (1); SELECT 'begun';")
		c.Expect("begun")
		return s, c
	}
	t.Run("smart", func(t *testing.T) {
		options := fromReadme(t, `ENTRYPOINT ["/sbin/init", "--grace", "55s", "--", "postgres", "-D", "/data"]`) //nolint:lll // in one line, as in the documents
		s, c := connected(t, options...)
		s.Signal(unix.SIGTERM)
		s.logged("received smart shutdown request")
		late := exec.Command(psql, "-h", dir, "-U", "postgres", "-c", "SELECT 1")
		status, _, stderr := test.Run(t, late)
		if status != 2 || !strings.Contains(stderr, "shutting down") {
			t.Errorf("a new client: status %d, %s", status, stderr)
		}
		c.query("INSERT INTO done VALUES (2); COMMIT; SELECT 'rows', count(*) FROM done;")
		c.Expect("rows|2")
		c.query(`\q`)
		if status := c.Status(); status != 0 {
			t.Errorf("client: status %d, %s", status, c.Stderr())
		}
		s.succeeded()
		s.logged("database system is shut down")
		log := s.log()
		if strings.Contains(log, "terminating connection") || strings.Contains(log, "KILL") {
			t.Error("the server lost a connection")
		}
	})
	t.Run("all at once", func(t *testing.T) {
		s, c := connected(t, "--grace", "20s", "--scope", "container")
		s.Signal(unix.SIGTERM)
		s.logged("terminating connection due to administrator command")
		c.query("SELECT 1;")
		if status := c.Status(); status != 2 {
			t.Errorf("client: status %d, %s", status, c.Stderr())
		}
		s.succeeded()
	})
	t.Run("fast", func(t *testing.T) {
		options := fromReadme(t, `ENTRYPOINT ["/sbin/init", "--grace", "9s", "--rewrite", "TERM:INT", "--", "postgres", "-D", "/data"]`) //nolint:lll // in one line, as in the documents
		s, _ := connected(t, options...)
		s.Signal(unix.SIGTERM)
		s.succeeded() // with the client still connected
		s.logged("received fast shutdown request")
		s.logged("database system is shut down")
	})
}

// gunicorn starts a worker on TTIN, ends one on TTOU, and finishes requests on TERM. On HUP the
// master reloads, but the workers do not handle it: if it goes to the whole group, their requests
// are lost.
func TestServerGunicorn(t *testing.T) {
	gunicorn := test.Tool(t, "gunicorn")
	start := func(t *testing.T, options ...string) *server {
		dir := t.TempDir()
		write(t, dir, "app.py", `import os, time
def app(environ, start_response):
    start_response("200 OK", [])
    yield b"begun\n"
    while not os.path.exists("go"):
        time.sleep(0.01)
    yield b"finished\n"
`)
		return newServer(t, dir, options, gunicorn, "--bind", "unix:socket", "app:app")
	}
	single := fromReadme(t, `ENTRYPOINT ["/sbin/init", "-c", "--grace", "30s", "--", "gunicorn", "app:app"]`) //nolint:lll // in one line, as in the documents
	for name, options := range map[string][]string{
		"group": nil, "single": single, "grace": {"--grace", "20s"},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, options...)
			s.dial().Close()
			master := childOf(t, s.Process.Process.Pid)
			workers := func(n int) {
				t.Helper()
				test.Eventually(t, fmt.Sprint(n, " workers"), func() bool {
					return len(children(t, master)) == n
				})
			}
			workers(1)
			s.Signal(unix.SIGTTIN)
			workers(2)
			s.Signal(unix.SIGTTOU)
			workers(1)
			response := s.get()
			s.Signal(unix.SIGTERM)
			s.logged("Handling signal: term")
			s.release()
			s.answered(response, true)
			s.succeeded()
		})
		t.Run("reload "+name, func(t *testing.T) {
			s := start(t, options...)
			response := s.get()
			s.Signal(unix.SIGHUP)
			s.logged("Hang up: Master")
			if name == "single" {
				s.release()
			}
			s.answered(response, name == "single")
		})
	}
}

// On USR2 the master of php-fpm reloads, but the workers do not handle it: if it goes to the whole
// group, their requests are lost. QUIT they handle.
func TestServerPHP(t *testing.T) {
	fpms, _ := filepath.Glob("/usr/sbin/php-fpm*")
	if len(fpms) == 0 {
		test.Missing(t, "php-fpm", "no /usr/sbin/php-fpm*")
	}
	start := func(t *testing.T, options ...string) *server {
		dir := t.TempDir()
		write(t, dir, "index.php", `<?php
echo "begun\n";
flush();
while (!file_exists(__DIR__ . "/go")) usleep(10000);
echo "finished\n";
`)
		write(t, dir, "conf", `[global]
error_log = /proc/self/fd/2
log_level = debug
process_control_timeout = 20s
[www]
listen = `+dir+`/socket
pm = static
pm.max_children = 1
`)
		return newServer(t, dir, options, fpms[len(fpms)-1], "-n", "-R", "-F", "-y", dir+"/conf")
	}
	// get begins a FastCGI request.
	get := func(s *server) *request {
		conn := s.dial()
		var out, params []byte
		for _, p := range [][2]string{
			{"REQUEST_METHOD", "GET"}, {"SCRIPT_FILENAME", s.dir + "/index.php"},
		} {
			for _, text := range p { // a length above 127 takes four bytes, with the highest bit set
				params = binary.BigEndian.AppendUint32(params, uint32(len(text))|1<<31)
			}
			params = append(params, p[0]+p[1]...)
		}
		for _, r := range []struct {
			kind byte
			body []byte
		}{
			{1, []byte{0, 1, 0, 0, 0, 0, 0, 0}}, // begin a request to a responder
			{4, params}, {4, nil},               // the parameters and their end
			{5, nil}, // no input
		} {
			out = append(out, 1, r.kind, 0, 1)
			out = binary.BigEndian.AppendUint16(out, uint16(len(r.body)))
			out = append(append(out, 0, 0), r.body...)
		}
		_, _ = conn.Write(out)
		return s.begun(conn)
	}
	t.Run("reload single", func(t *testing.T) {
		s := start(t, "-c")
		response := get(s)
		s.Signal(unix.SIGUSR2)
		s.logged("sending signal 3 SIGQUIT to child")
		s.release()
		s.answered(response, true)
		s.answered(get(s), true) // of the next generation
		s.Signal(unix.SIGTERM)
		s.succeeded()
	})
	t.Run("reload group", func(t *testing.T) {
		s := start(t)
		response := get(s)
		s.Signal(unix.SIGUSR2)
		s.answered(response, false)
		s.logged("exited on signal 12 (SIGUSR2)")
	})
	for _, options := range [][]string{
		fromReadme(t, `ENTRYPOINT ["/sbin/init", "-c", "--grace", "9s", "--rewrite", "TERM:QUIT", "--", "php-fpm", "--nodaemonize"]`), //nolint:lll // in one line, as in the documents
		{"--grace", "20s", "--rewrite", "TERM:QUIT"},
	} {
		t.Run("quit "+options[0], func(t *testing.T) {
			s := start(t, options...)
			response := get(s)
			s.Signal(unix.SIGTERM)
			s.logged("sending signal 3 SIGQUIT to child")
			s.release()
			s.answered(response, true)
			s.succeeded()
		})
	}
}

// nginx finishes its requests on QUIT, and drops them on TERM.
func TestServerNginx(t *testing.T) {
	nginx := test.Tool(t, "nginx")
	for _, tc := range []struct {
		name     string
		options  []string
		finished bool
	}{
		{"QUIT", fromReadme(t, `ENTRYPOINT ["/sbin/init", "--grace", "9s", "--rewrite", "TERM:QUIT", "--", "nginx", "-g", "daemon off;"]`), true}, //nolint:lll // in one line, as in the documents
		{"TERM", []string{"--grace", "9s"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			released := make(chan struct{})
			slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.WriteString(w, "begun\n")
				_ = http.NewResponseController(w).Flush()
				select {
				case <-released:
				case <-r.Context().Done():
				}
				_, _ = io.WriteString(w, "finished\n")
			}))
			t.Cleanup(slow.Close)
			dir := t.TempDir()
			write(t, dir, "conf", `
daemon off; user root root; pid pid; error_log stderr notice; events {}
http {
	access_log off; client_body_temp_path 1; proxy_temp_path 2; fastcgi_temp_path 3; uwsgi_temp_path 4;
	scgi_temp_path 5;
	server { listen unix:socket; location / { proxy_buffering off; proxy_pass `+slow.URL+`; } }
}`)
			s := newServer(t, dir, tc.options, nginx, "-e", "stderr", "-p", dir, "-c", "conf")
			response := s.get()
			s.Signal(unix.SIGTERM)
			if tc.finished {
				s.logged("gracefully shutting down")
				close(released)
			}
			s.answered(response, tc.finished)
			s.succeeded()
		})
	}
}

// On QUIT a JVM prints its threads, and continues. On TERM it runs its shutdown hooks, and exits
// with 143.
func TestServerJVM(t *testing.T) {
	java := test.Tool(t, "java")
	start := func(t *testing.T, options ...string) *server {
		dir := t.TempDir()
		write(t, dir, "Main.java", `class Main {
	public static void main(String[] args) throws Exception {
		Runtime.getRuntime().addShutdownHook(new Thread(() -> System.out.println("hook")));
		for (int n = 0; n < 400; n++) {
			System.out.println("tick");
			Thread.sleep(50);
		}
	}
}

`)
		return newServer(t, dir, options, java, "-XX:-UsePerfData", "-XX:TieredStopAtLevel=1",
			"-XX:+UseSerialGC", "Main.java")
	}
	dump := func(s *server) {
		s.Expect("tick")
		s.Signal(unix.SIGQUIT)
		for !strings.HasPrefix(s.Line(), "Full thread dump ") {
		}
	}
	t.Run("QUIT", func(t *testing.T) {
		s := start(t, "--grace", "300ms")
		dump(s)
		for range 20 { // one second
			s.Expect("tick")
		}
	})
	t.Run("TERM", func(t *testing.T) {
		options := fromReadme(t, `ENTRYPOINT ["/sbin/init", "--grace", "9s", "--exit-code", "143:0", "--", "java", "-jar", "app.jar"]`) //nolint:lll // in one line, as in the documents
		s := start(t, options...)
		dump(s)
		s.Signal(unix.SIGTERM)
		s.Expect("hook")
		s.succeeded()
	})
}

// supervisord stops its programs one after another, the one with the highest priority number first.
// Each leads a process group.
func TestServerSupervisord(t *testing.T) {
	supervisord := test.Tool(t, "supervisord")
	for _, tc := range []struct {
		name    string
		options []string
		ordered bool
	}{
		{"ordered", fromReadme(t, `ENTRYPOINT ["/sbin/init", "--grace", "60s", "--", "supervisord", "--nodaemon"]`), true}, //nolint:lll // in one line, as in the documents
		{"all at once", []string{"--grace", "20s", "--scope", "container"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "program", `
trap 'echo $1 asked >>events; sleep 0.5; echo $1 ended >>events; exit 0' TERM
echo $1 ready >>events
while :; do sleep 0.02; done
`)
			write(t, dir, "conf", `[supervisord]
nodaemon = true
logfile = log
childlogdir = .
pidfile = pid
[program:database]
priority = 1
command = /bin/sh program database
[program:app]
priority = 2
command = /bin/sh program app
`)
			s := newServer(t, dir, tc.options, supervisord, "-c", "conf")
			events := func() []string {
				text, _ := os.ReadFile(dir + "/events")
				return strings.Split(strings.TrimSpace(string(text)), "\n")
			}
			test.Eventually(t, "the programs run", func() bool { return len(events()) == 2 })
			s.Signal(unix.SIGTERM)
			s.succeeded()
			got := events()[2:]
			ordered := slices.Equal(got,
				[]string{"app asked", "app ended", "database asked", "database ended"})
			early := slices.Contains(got[:slices.Index(got, "app ended")+1], "database asked")
			if ordered != tc.ordered || early == tc.ordered {
				t.Errorf("the programs wrote %q", got)
			}
		})
	}
}
