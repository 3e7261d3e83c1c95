// Package servers runs the database servers of Debian packages for tests: each on a data directory
// of the test's own, as another user than root, as PID 1 of a PID namespace, so that nothing of it
// is left.
package servers

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// Name is a name of [Address] in the namespace of [Isolate].
const (
	Name    = "db.example"
	Address = "10.9.0.1"
)

// Isolate is [test.Isolate]. The loopback interface also has the address [Address], which is called
// [Name] in /etc/hosts.
func Isolate(t testing.TB) {
	t.Helper()
	test.Isolate(t)
	hosts := filepath.Join(t.TempDir(), "hosts")
	text := "127.0.0.1 localhost\n" + Address + " " + Name + "\n"
	test.Must(t, errors.Join(
		os.Chmod(filepath.Dir(filepath.Dir(hosts)), 0o755),
		os.WriteFile(hosts, []byte(text), 0o644), os.Chmod(hosts, 0o644),
		unix.Mount(hosts, "/etc/hosts", "", unix.MS_BIND, "")))
	t.Cleanup(func() { _ = unix.Unmount("/etc/hosts", unix.MNT_DETACH) })
	output(t, exec.Command(test.Tool(t, "ip"), "address", "add", Address+"/32", "dev", "lo"))
}

// AsUser returns the beginning of a command line, which runs the rest as the user nobody: servers
// refuse to run as root.
func AsUser(t testing.TB) []string {
	t.Helper()
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "servers run as a user of their own")
	}
	return []string{
		test.Tool(t, "setpriv"), "--reuid=" + strconv.Itoa(nobody), "--regid=" + strconv.Itoa(nobody),
		"--clear-groups", "--",
	}
}

const nobody = 65534 // nobody and nogroup in Debian

// Dir returns a new directory, in which the user of [AsUser] can write.
func Dir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	test.Must(t, errors.Join(os.Chmod(filepath.Dir(dir), 0o755), os.Chown(dir, nobody, nobody)))
	return dir
}

// Server is a server with its data directory. It can be started again after its end.
type Server struct {
	*test.Process // of the last start
	// Dir has the data, the log, and the socket for clients on this host.
	Dir string

	t       testing.TB
	command []string
	ready   string // what the server logs when it serves clients
	client  []string
	execute []string // option of the client before statements
}

// Start starts the server with further options. Its log is new. It does not wait for anything.
func (s *Server) Start(options ...string) {
	s.t.Helper()
	const flags = os.O_CREATE | os.O_WRONLY | os.O_APPEND | os.O_TRUNC
	log, err := os.OpenFile(s.logFile(), flags, 0o666)
	test.Must(s.t, err)
	defer log.Close()
	test.Must(s.t, log.Chown(nobody, nobody))
	args := slices.Concat(AsUser(s.t), s.command, options)
	cmd := test.Namespace(exec.Command(args[0], args[1:]...))
	cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWIPC // PostgreSQL keeps System V shared memory
	cmd.Dir = s.Dir
	cmd.Stderr = log
	s.Process = test.Start(s.t, cmd)
}

// Up starts the server and waits until it serves clients.
func (s *Server) Up(options ...string) {
	s.t.Helper()
	s.Start(options...)
	s.Logged(s.ready)
}

// Ready waits until the server serves clients.
func (s *Server) Ready() {
	s.t.Helper()
	s.Logged(s.ready)
}

// End signals the server and waits for its end.
func (s *Server) End(signal syscall.Signal) {
	s.t.Helper()
	s.Signal(signal)
	s.Status()
}

// Write makes a file in [Server.Dir] that belongs to the server.
func (s *Server) Write(name, text string) {
	s.t.Helper()
	path := filepath.Join(s.Dir, name)
	test.Must(s.t, errors.Join(
		os.WriteFile(path, []byte(text), 0o644), os.Chown(path, nobody, nobody)))
}

func (s *Server) logFile() string { return filepath.Join(s.Dir, "server.log") }

// Log returns what the server has logged since its start.
func (s *Server) Log() string {
	text, _ := os.ReadFile(s.logFile())
	return string(text)
}

// Logged waits until the log contains text.
func (s *Server) Logged(text string) {
	s.t.Helper()
	test.Eventually(s.t, "the server logs "+text, func() bool {
		return strings.Contains(s.Log(), text)
	})
}

// Client returns a client that executes a statement or a command as the administrator. Without one,
// it reads them from stdin.
func (s *Server) Client(statement ...string) *exec.Cmd {
	args := slices.Clone(s.client)
	if len(statement) > 0 {
		args = slices.Concat(args, s.execute, statement)
	}
	return exec.Command(args[0], args[1:]...)
}

// Run executes a statement or a command as the administrator, and returns the output.
func (s *Server) Run(statement ...string) string {
	s.t.Helper()
	return output(s.t, s.Client(statement...))
}

// Children returns the numbers of the child processes whose command line contains text.
func (s *Server) Children(text string) (pids []int) {
	pid := strconv.Itoa(s.Process.Process.Pid)
	list, _ := os.ReadFile("/proc/" + pid + "/task/" + pid + "/children") // proc_pid_task(5)
	for field := range strings.FieldsSeq(string(list)) {
		line, _ := os.ReadFile("/proc/" + field + "/cmdline")
		if n, err := strconv.Atoi(field); err == nil && strings.Contains(string(line), text) {
			pids = append(pids, n)
		}
	}
	return pids
}

// output runs a program that must succeed.
func output(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", cmd.Args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// Initdb makes a data directory of PostgreSQL in dir, with the role postgres, whose password is pw.
// auth is its way of authentication. It returns the directory of the programs.
func Initdb(t testing.TB, dir, auth string) (bin string) {
	t.Helper()
	bins, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(bins) == 0 {
		test.Missing(t, "PostgreSQL", "no /usr/lib/postgresql/*/bin/postgres")
	}
	bin = filepath.Dir(bins[len(bins)-1])
	password := filepath.Join(t.TempDir(), "password")
	test.Must(t, errors.Join(
		os.WriteFile(password, []byte("pw\n"), 0o644),
		os.Chmod(filepath.Dir(filepath.Dir(password)), 0o755)))
	args := append(AsUser(t), bin+"/initdb", "-D", dir+"/data", "-U", "postgres", "-A", auth,
		"--pwfile", password, "-E", "UTF8", "--locale=C", "--no-sync")
	output(t, exec.Command(args[0], args[1:]...))
	return bin
}

// Postgres returns a PostgreSQL server for a port of all addresses. Clients on this host need no
// password on its socket; on the network, auth is the way of authentication.
func Postgres(t testing.TB, port, auth string) *Server {
	t.Helper()
	dir := Dir(t)
	bin := Initdb(t, dir, auth)
	s := &Server{
		t: t, Dir: dir, ready: "database system is ready to accept connections",
		command: []string{
			bin + "/postgres", "-D", dir + "/data", "-k", dir, "-p", port, "-c", "fsync=off",
			"-c", "listen_addresses=*",
		},
		client:  []string{bin + "/psql", "-h", dir, "-p", port, "-U", "postgres", "-XAtq"},
		execute: []string{"-c"},
	}
	s.Authenticate(auth)
	return s
}

// Authenticate sets how a PostgreSQL server authenticates clients on the network, from its next
// start on.
func (s *Server) Authenticate(auth string) {
	s.t.Helper()
	const every = "all" // databases, users, addresses
	local := []string{"local", every, every, "trust\n"}
	host := []string{"host", every, every, every, auth + "\n"}
	s.Write("data/pg_hba.conf", strings.Join(local, " ")+strings.Join(host, " "))
}

// MariaDB returns a MariaDB server for a port of all addresses.
func MariaDB(t testing.TB, port string) *Server {
	t.Helper()
	install, server := test.Tool(t, "mariadb-install-db"), test.Tool(t, "mariadbd")
	dir := Dir(t)
	args := append(AsUser(t), install, "--no-defaults", "--datadir="+dir+"/data",
		"--auth-root-authentication-method=normal", "--skip-test-db")
	output(t, exec.Command(args[0], args[1:]...))
	return &Server{
		t: t, Dir: dir, ready: "ready for connections",
		command: []string{
			server, "--no-defaults", "--datadir=" + dir + "/data", "--socket=" + dir + "/socket",
			"--port=" + port, "--bind-address=*", "--pid-file=" + dir + "/pid",
		},
		client: []string{
			test.Tool(t, "mariadb"), "--no-defaults", "--socket=" + dir + "/socket", "-uroot", "-BN",
		},
		execute: []string{"-e"},
	}
}

// Redis returns a Redis server for a port of all addresses.
func Redis(t testing.TB, port string) *Server {
	t.Helper()
	server := test.Tool(t, "redis-server")
	dir := Dir(t)
	s := &Server{t: t, Dir: dir, ready: "Ready to accept connections"}
	s.command = []string{
		server, "--port", port, "--dir", dir, "--unixsocket", dir + "/socket", "--logfile",
		s.logFile(), "--enable-debug-command", "yes", "--save", "",
	}
	s.client = []string{test.Tool(t, "redis-cli"), "-s", dir + "/socket"}
	return s
}
