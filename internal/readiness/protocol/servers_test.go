package protocol_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"util/internal/readiness/protocol"
	"util/internal/test"
	"util/internal/test/servers"

	"golang.org/x/sys/unix"
)

// These tests have conversations with the servers of Debian packages, over a blocking socket.

// ask has a conversation with the server at an address. If there is no connection, the verdict is
// Pending and the reason is that.
func ask(t testing.TB, p protocol.Protocol, address string) protocol.Reply {
	t.Helper()
	conn, err := net.DialTimeout("tcp", address, test.Deadline)
	if err != nil {
		return protocol.Reply{Why: err.Error()}
	}
	defer conn.Close()
	test.Must(t, conn.SetDeadline(time.Now().Add(test.Deadline)))
	c := p.Begin()
	reply := c.Step(nil, false)
	var buf [512]byte
	for reply.Verdict == protocol.Pending {
		if _, err := conn.Write(reply.Send); err != nil && !errors.Is(err, unix.EPIPE) &&
			!errors.Is(err, unix.ECONNRESET) {
			t.Fatal(err)
		}
		n, err := conn.Read(buf[:])
		if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%s does not answer", address)
		}
		reply = c.Step(buf[:n], err != nil)
	}
	_, _ = conn.Write(reply.Send)
	return reply
}

// expect asks a server once.
func expect(t testing.TB, p protocol.Protocol, address string, want protocol.Verdict, why string) {
	t.Helper()
	if got := ask(t, p, address); got.Verdict != want || !strings.Contains(got.Why, why) {
		t.Errorf("%+v; want verdict %d, %q", got, want, why)
	}
}

// becomes asks a server until it is ready. Before that it must be not ready, or refuse connections.
func becomes(t testing.TB, p protocol.Protocol, address string) {
	t.Helper()
	test.Eventually(t, "the server is ready", func() bool {
		got := ask(t, p, address)
		if got.Verdict == protocol.Pending && !strings.Contains(got.Why, "connection refused") {
			t.Fatalf("%+v", got)
		}
		return got.Verdict == protocol.Ready
	})
}

// quiet asks a server 20 times, which must be ready and log nothing. busy tells whether the server
// still has to do with a connection.
func quiet(t *testing.T, s *servers.Server, p protocol.Protocol, address string, busy func() bool) {
	t.Helper()
	before := s.Log()
	for range 20 {
		expect(t, p, address, protocol.Ready, "")
	}
	test.Eventually(t, "the server has ended the connections", func() bool { return !busy() })
	if log := strings.TrimPrefix(s.Log(), before); log != "" {
		t.Errorf("the server logs:\n%s", log)
	}
}

// TestPostgresQuiet: whatever the way of authentication is, nothing is logged.
func TestPostgresQuiet(t *testing.T) {
	servers.Isolate(t)
	s := servers.Postgres(t, "5432", "scram-sha-256")
	for _, auth := range []string{"scram-sha-256", "md5", "password", "trust"} {
		s.Authenticate(auth)
		s.Up()
		busy := func() bool { return len(s.Children("127.0.0.1(")) > 0 }
		quiet(t, s, protocol.Postgres(), "127.0.0.1:5432", busy)
		s.End(unix.SIGINT)
	}
}

// stopped stops a child process of the server, and returns what continues it.
func stopped(t *testing.T, s *servers.Server, name string) (resume func()) {
	t.Helper()
	pids := s.Children(name)
	if len(pids) != 1 {
		t.Fatalf("children called %s: %d", name, pids)
	}
	test.Must(t, unix.Kill(pids[0], unix.SIGSTOP))
	return func() { _ = unix.Kill(pids[0], unix.SIGCONT) }
}

// connect opens a session of psql, and returns what ends it.
func connect(t *testing.T, s *servers.Server) (end func()) {
	t.Helper()
	cmd := s.Client()
	stdin, err := cmd.StdinPipe()
	test.Must(t, err)
	p := test.Start(t, cmd)
	_, _ = io.WriteString(stdin, "SELECT 'begun';\n")
	p.Expect("begun")
	return func() { stdin.Close(); p.Status() }
}

// TestPostgresStates: the server is ready exactly if pg_isready says so.
func TestPostgresStates(t *testing.T) {
	servers.Isolate(t)
	const address = "127.0.0.1:5432"
	s := servers.Postgres(t, "5432", "trust")
	isReady := filepath.Join(filepath.Dir(s.Client().Path), "pg_isready")
	state := func(want string, verdict protocol.Verdict, why string) {
		t.Helper()
		expect(t, protocol.Postgres(), address, verdict, why)
		out, _ := exec.Command(isReady, "-h", "127.0.0.1", "-U", "postgres").CombinedOutput()
		if got := strings.TrimSpace(string(out)); got != "127.0.0.1:5432 - "+want {
			t.Errorf("pg_isready: %s, want %s", got, want)
		}
	}
	const accepting, rejecting = "accepting connections", "rejecting connections"
	state("no response", protocol.Pending, "connection refused")

	t.Log("too many connections, and a smart shutdown")
	s.Up("-c", "max_connections=2", "-c", "superuser_reserved_connections=0",
		"-c", "max_wal_senders=0")
	state(accepting, protocol.Ready, "")
	s.Run("CREATE TABLE t (n int)")
	test.Eventually(t, "the sessions have ended", func() bool {
		return len(s.Children("[local]"))+len(s.Children("127.0.0.1(")) == 0
	})
	ends := []func(){connect(t, s), connect(t, s)}
	state(accepting, protocol.Ready, "") // sorry, too many clients already
	s.Logged("sorry, too many clients already")
	s.Signal(unix.SIGTERM)
	s.Logged("received smart shutdown request")
	state(rejecting, protocol.NotReady, `answered "the database system is shutting down"`)
	for _, end := range ends {
		end()
	}
	s.Status()
	state("no response", protocol.Pending, "connection refused")

	t.Log("starts up: it waits for its archive")
	s.Write("data/recovery.signal", "")
	s.Start("-c", "restore_command=while [ ! -e "+s.Dir+"/go ]; do sleep 0.05; done; false")
	test.Eventually(t, "the server listens", func() bool {
		return ask(t, protocol.Postgres(), address).Verdict != protocol.Pending
	})
	state(rejecting, protocol.NotReady, `answered "the database system is starting up"`)
	s.Write("go", "")
	becomes(t, protocol.Postgres(), address)
	s.Ready()
	state(accepting, protocol.Ready, "")

	t.Log("recovers after it was killed")
	s.Run("INSERT INTO t SELECT generate_series(1, 200000)")
	s.End(unix.SIGKILL)
	s.Start()
	becomes(t, protocol.Postgres(), address)
	s.Logged("database system was not properly shut down; automatic recovery in progress")
	state(accepting, protocol.Ready, "")

	t.Log("a backend is killed: it waits for the other processes, for 5 seconds")
	end := connect(t, s)
	resume := stopped(t, s, "walwriter")
	backends := s.Children("[local]")
	if len(backends) != 1 {
		t.Fatalf("backends: %d", backends)
	}
	test.Must(t, unix.Kill(backends[0], unix.SIGKILL))
	s.Logged("terminating any other active server processes")
	state(rejecting, protocol.NotReady, `answered "the database system is in recovery mode"`)
	resume()
	end()
	becomes(t, protocol.Postgres(), address)
	s.End(unix.SIGINT)

	t.Log("a standby, cold and hot")
	s.Write("data/standby.signal", "")
	s.Start("-c", "hot_standby=off")
	s.Logged("entering standby mode")
	s.Logged("consistent recovery state reached")
	test.Eventually(t, "it has told the postmaster", func() bool {
		got := ask(t, protocol.Postgres(), address).Why
		return got == `answered "the database system is not accepting connections"`
	})
	state(rejecting, protocol.NotReady, "not accepting connections")
	s.End(unix.SIGINT)
	s.Start()
	s.Logged("database system is ready to accept read-only connections")
	state(accepting, protocol.Ready, "")
}

// TestMariaDBBlocksNoHost: 200 conversations with the limit of 10 handshake errors. The server
// forgets no error, because no login succeeds. Other clients of this host can then log in.
func TestMariaDBBlocksNoHost(t *testing.T) {
	servers.Isolate(t)
	const address = servers.Address + ":3306"
	s := servers.MariaDB(t, "3306")
	s.Up("--max-connect-errors=10", "--performance-schema=ON", "--plugin-load-add=auth_ed25519")
	s.Run("CREATE USER app IDENTIFIED BY 'pw'")
	errorsOf := func() string {
		t.Helper()
		return s.Run("SELECT host, sum_connect_errors FROM performance_schema.host_cache " +
			"WHERE ip = '" + servers.Address + "'")
	}
	login := func(want int, text string) {
		t.Helper()
		cmd := exec.Command(test.Tool(t, "mariadb"), "--no-defaults", "-h"+servers.Address,
			"-uapp", "-ppw", "-BNe", "SELECT 'works'")
		status, stdout, stderr := test.Run(t, cmd)
		if status != want || !strings.Contains(stdout+stderr, text) {
			t.Errorf("client: status %d, %s%s; want %d, %s", status, stdout, stderr, want, text)
		}
	}
	const denied = "Access denied for user 'util-probe'@'" + servers.Name + "' (using password: "
	for range 200 {
		expect(t, protocol.MySQL(), address, protocol.Ready, "")
	}
	if got := errorsOf(); got != servers.Name+"\t0" {
		t.Errorf("host cache: %q", got)
	}
	log := s.Log()
	if got := strings.Count(log, denied+"NO)"); got != 200 || strings.Contains(log, "Aborted") {
		t.Errorf("%d lines; the log:\n%s", got, log)
	}

	t.Log("accounts with ed25519 only: the server asks for that")
	s.Run("DELETE FROM mysql.global_priv WHERE user <> 'root' OR host <> 'localhost'")
	s.Run("FLUSH PRIVILEGES")
	s.Run("CREATE USER app IDENTIFIED VIA ed25519 USING PASSWORD('pw')")
	s.Run("ALTER USER root@localhost IDENTIFIED VIA ed25519 USING PASSWORD('')")
	for range 200 {
		expect(t, protocol.MySQL(), address, protocol.Ready, "")
	}
	if !strings.Contains(s.Log(), denied+"YES)") || strings.Contains(s.Log(), "Aborted") {
		t.Errorf("the log:\n%s", s.Log())
	}
	login(0, "works")

	t.Log("the end of the connection after the greeting is a handshake error")
	test.Eventually(t, "the host is blocked", func() bool {
		conn, err := net.Dial("tcp", address)
		test.Must(t, err)
		_, _ = conn.Read(make([]byte, 1))
		conn.Close()
		got := ask(t, protocol.MySQL(), address)
		return got.Verdict == protocol.NotReady &&
			strings.Contains(got.Why, "answered 1129 \"Host '"+servers.Address+"' is blocked")
	})
	login(1, "is blocked because of many connection errors")
}

// TestMariaDBStates: the server listens only while it is ready.
func TestMariaDBStates(t *testing.T) {
	servers.Isolate(t)
	const address = "127.0.0.1:3306"
	s := servers.MariaDB(t, "3306")
	s.Up("--max-connections=10", "--max-connect-errors=10")
	expect(t, protocol.MySQL(), address, protocol.Ready, "")

	t.Log("an anonymous account")
	s.Run("CREATE USER ''@localhost")
	expect(t, protocol.MySQL(), address, protocol.Ready, "")
	if aborted := s.Run("SHOW STATUS LIKE 'Aborted_clients'"); aborted != "Aborted_clients\t0" {
		t.Error(aborted)
	}
	s.Run("DROP USER ''@localhost")

	t.Log("too many connections")
	var held []net.Conn
	test.Eventually(t, "there are too many connections", func() bool {
		conn, err := net.Dial("tcp", address)
		test.Must(t, err)
		held = append(held, conn)
		_, _ = bufio.NewReader(conn).Peek(5)
		return ask(t, protocol.MySQL(), address).Verdict == protocol.NotReady
	})
	expect(t, protocol.MySQL(), address, protocol.NotReady, `answered 1040 "Too many connections"`)
	for _, conn := range held {
		conn.Close()
	}
	becomes(t, protocol.MySQL(), address)

	t.Log("a host without an account")
	s.Run("DELETE FROM mysql.global_priv WHERE NOT (user = 'root' AND host = 'localhost')")
	s.Run("FLUSH PRIVILEGES")
	for range 20 { // 1130, which is no handshake error
		expect(t, protocol.MySQL(), servers.Address+":3306", protocol.Ready, "")
	}
	s.Logged("Aborted connection") // but it is logged, as for other clients

	t.Log("recovers after it was killed")
	s.Run("CREATE DATABASE d")
	s.Run("CREATE TABLE d.t (n int)")
	s.Run("INSERT INTO d.t SELECT seq FROM d.seq_1_to_50000")
	s.End(unix.SIGKILL)
	s.Start()
	test.Eventually(t, "the server is ready", func() bool {
		got := ask(t, protocol.MySQL(), address)
		if got.Verdict == protocol.NotReady {
			t.Errorf("%+v", got)
		}
		return got.Verdict == protocol.Ready
	})
	s.Logged("ready for connections")
	s.Logged("Starting crash recovery")

	t.Log("shuts down")
	s.Signal(unix.SIGTERM)
	test.Eventually(t, "the server no longer listens", func() bool {
		got := ask(t, protocol.MySQL(), address)
		return got.Verdict == protocol.Pending && strings.Contains(got.Why, "connection refused")
	})
	s.Status()
}

func TestRedisStates(t *testing.T) {
	servers.Isolate(t)
	const address = "127.0.0.1:6379"
	s := servers.Redis(t, "6379")
	s.Up("--busy-reply-threshold", "10")
	redis := protocol.Redis()
	busy := func() bool { return strings.Count(s.Run("CLIENT", "LIST"), "\n") > 0 }
	quiet(t, s, redis, address, busy)

	t.Log("who asks: another host, nobody, a user without rights")
	expect(t, redis, servers.Address+":6379", protocol.NotReady, `answered "DENIED Redis is running`)
	s.Run("CONFIG", "SET", "requirepass", "pw")
	quiet(t, s, redis, address, func() bool { return false })
	expect(t, redis, servers.Address+":6379", protocol.Ready, "")
	s.Run("-a", "pw", "--no-auth-warning", "CONFIG", "SET", "requirepass", "")
	s.Run("ACL", "SETUSER", "default", "-ping")
	quiet(t, s, redis, address, busy)
	s.Run("ACL", "SETUSER", "default", "+ping")

	t.Log("a script")
	script := test.Start(t, s.Client("EVAL", "while true do end", "0"))
	test.Eventually(t, "the server is busy", func() bool {
		got := ask(t, redis, address)
		return got.Verdict == protocol.NotReady && strings.HasPrefix(got.Why, `answered "BUSY Redis `)
	})
	s.Run("SCRIPT", "KILL")
	script.Status()
	expect(t, redis, address, protocol.Ready, "")

	t.Log("a replica without its master")
	s.Run("REPLICAOF", "127.0.0.1", "1")
	expect(t, redis, address, protocol.Ready, "")
	s.Run("CONFIG", "SET", "replica-serve-stale-data", "no")
	expect(t, redis, address, protocol.NotReady, `answered "MASTERDOWN Link with MASTER is down`)
	s.Run("REPLICAOF", "NO", "ONE")
	expect(t, redis, address, protocol.Ready, "")

	t.Log("too many clients")
	s.Run("CONFIG", "SET", "maxclients", "1")
	conn, err := net.Dial("tcp", address)
	test.Must(t, err)
	_, _ = io.WriteString(conn, "PING\r\n")
	_, _ = conn.Read(make([]byte, 7))
	expect(t, redis, address, protocol.NotReady, `answered "ERR max number of clients reached"`)
	conn.Close()
	becomes(t, redis, address)

	t.Log("loads its data after it was killed")
	s.Run("DEBUG", "POPULATE", "100000")
	s.Run("SAVE")
	s.End(unix.SIGKILL)
	const delay = 2000 // microseconds for each key
	s.Start("--key-load-delay", strconv.Itoa(delay), "--loading-process-events-interval-bytes", "1024")
	test.Eventually(t, "the server loads", func() bool {
		got := ask(t, redis, address)
		return got.Verdict == protocol.NotReady &&
			got.Why == `answered "LOADING Redis is loading the dataset in memory"`
	})
	s.Run("CONFIG", "SET", "key-load-delay", "0")
	becomes(t, redis, address)
	s.Ready()

	t.Log("shuts down")
	s.End(unix.SIGTERM)
	expect(t, redis, address, protocol.Pending, "connection refused")
}

// TestOtherServers: a protocol with the servers of others. (A conversation with MySQL waits for the
// server's greeting, and Redis waits for the end of a line.)
func TestOtherServers(t *testing.T) {
	servers.Isolate(t)
	for _, s := range []*servers.Server{
		servers.Postgres(t, "5432", "trust"), servers.MariaDB(t, "3306"),
	} {
		s.Up()
	}
	expect(t, protocol.Postgres(), "127.0.0.1:3306", protocol.NotReady,
		`not the answer of a PostgreSQL server: "`)
	expect(t, protocol.Redis(), "127.0.0.1:3306", protocol.NotReady,
		`not the answer of a Redis server: "`)
	expect(t, protocol.Redis(), "127.0.0.1:5432", protocol.NotReady,
		"closed the connection without an answer")
}
