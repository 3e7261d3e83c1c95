package waitfor_test

import (
	"io"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"
	"util/internal/test/servers"

	"golang.org/x/sys/unix"
)

// These tests wait for the servers of Debian packages. What each answer means is tested in package
// protocol, with the same servers.

// notReady expects that a target is neither up nor down, for that reason.
func notReady(t *testing.T, target, why string) {
	t.Helper()
	expect(t, 124, []string{why}, "-t", "500ms", target)
	expect(t, 124, nil, "-t", "500ms", "--state", "down", target)
}

// waiting starts a wait for a target, with a state of up or down.
func waiting(t *testing.T, state, target string) *test.Process {
	t.Helper()
	return test.Start(t, util(t, "-t", "20s", "--state", state, target))
}

func TestPostgres(t *testing.T) {
	servers.Isolate(t)
	const target = "postgres://app:secret@127.0.0.1/app"
	s := servers.Postgres(t, "5432", "scram-sha-256")

	t.Log("starts: it waits for its archive")
	signal := s.Dir + "/data/recovery.signal"
	s.Write("data/recovery.signal", "")
	up := waiting(t, "up", target)
	s.Start("-c", "restore_command=while [ ! -e "+s.Dir+"/go ]; do sleep 0.05; done; false")
	s.Logged("the database system is starting up") // for the wait
	notReady(t, target, `answered "the database system is starting up"`)
	s.Write("go", "")
	expectStatus(t, up, 0)
	if got := s.Run("SELECT 'works'"); got != "works" {
		t.Errorf("a client: %s", got)
	}
	if _, err := os.Stat(signal); err == nil {
		t.Error("the server has not been in recovery")
	}
	s.Ready()

	t.Log("is ready: nothing is logged")
	before := s.Log()
	expect(t, 0, nil, "--stable", "30", "--interval", "1ms", target)
	expect(t, 0, nil, "-v", "--stable", "30", "--interval", "1ms", "postgresql://"+servers.Name)
	test.Eventually(t, "no connection is left", func() bool {
		return len(s.Children("127.0.0.1(")) == 0 && len(s.Children(servers.Address+"(")) == 0
	})
	if log := strings.TrimPrefix(s.Log(), before); log != "" {
		t.Errorf("the server logs:\n%s", log)
	}

	t.Log("shuts down while a client is connected")
	cmd := s.Client()
	stdin, err := cmd.StdinPipe()
	test.Must(t, err)
	client := test.Start(t, cmd)
	_, _ = io.WriteString(stdin, "SELECT 'begun';\n")
	client.Expect("begun")
	s.Signal(unix.SIGTERM)
	s.Logged("received smart shutdown request")
	down := waiting(t, "down", target)
	notReady(t, target, `answered "the database system is shutting down"`)
	stdin.Close()
	expectStatus(t, down, 0)
	s.Status()

	t.Log("recovers after it was killed")
	s.Up()
	s.Run("CREATE TABLE t AS SELECT generate_series(1, 200000)")
	s.End(unix.SIGKILL)
	up = waiting(t, "up", target)
	s.Start()
	expectStatus(t, up, 0)
	if got := s.Run("SELECT count(*) FROM t"); got != "200000" {
		t.Errorf("a client: %s", got)
	}
	s.Logged("automatic recovery in progress")
}

// TestMySQL: 200 probes with the limit of 10 connection errors, from another address than the
// loopback's, which has a name: only then does the server count.
func TestMySQL(t *testing.T) {
	servers.Isolate(t)
	const target = "mysql://app:secret@" + servers.Name + "/app"
	s := servers.MariaDB(t, "3306")
	options := []string{"--max-connect-errors=10", "--performance-schema=ON"}
	up := waiting(t, "up", target)
	s.Start(options...)
	expectStatus(t, up, 0)
	s.Ready()
	s.Run("CREATE USER app IDENTIFIED BY 'pw'")
	before := s.Log() // until then no account had allowed this host
	expect(t, 0, nil, "--stable", "200", "--interval", "1ms", target)
	expect(t, 0, nil, "mariadb://"+servers.Address)
	client := exec.Command(test.Tool(t, "mariadb"), "--no-defaults", "-h"+servers.Address, "-uapp",
		"-ppw", "-BNe", "SELECT 'works'")
	if status, stdout, stderr := test.Run(t, client); status != 0 || stdout != "works" {
		t.Errorf("a client of this host: status %d, %s%s", status, stdout, stderr)
	}
	log := strings.TrimPrefix(s.Log(), before)
	denied := "Access denied for user 'util-probe'@'" + servers.Name
	if strings.Count(log, denied) < 200 || strings.Contains(log, "Aborted connection") {
		t.Errorf("the log:\n%s", log)
	}

	t.Log("a port without the protocol blocks the host")
	tcp := "tcp://" + servers.Name + ":3306"
	_, _, _ = test.Run(t, util(t, "--stable", "20", "--interval", "1ms", tcp))
	notReady(t, target, `answered 1129 "Host '`+servers.Address+`' is blocked`)

	t.Log("recovers after it was killed, and shuts down")
	s.End(unix.SIGKILL)
	up = waiting(t, "up", target)
	s.Start(options...)
	expectStatus(t, up, 0)
	s.Ready()
	s.Run("SELECT 1")
	down := waiting(t, "down", target)
	s.End(unix.SIGTERM)
	expectStatus(t, down, 0)
}

func TestRedis(t *testing.T) {
	servers.Isolate(t)
	const target = "redis://:secret@127.0.0.1/0"
	s := servers.Redis(t, "6379")
	up := waiting(t, "up", target)
	s.Start()
	expectStatus(t, up, 0)
	s.Ready()
	s.Run("DEBUG", "POPULATE", "100000")
	s.Run("SAVE")
	s.Run("CONFIG", "SET", "requirepass", "pw")
	before := s.Log()
	expect(t, 0, nil, "--stable", "30", "--interval", "1ms", target)
	expect(t, 0, nil, "valkey://"+servers.Name)
	if log := strings.TrimPrefix(s.Log(), before); log != "" {
		t.Errorf("the server logs:\n%s", log)
	}

	t.Log("loads its data after it was killed")
	s.End(unix.SIGKILL)
	up = waiting(t, "up", target)
	s.Start("--key-load-delay", "2000", "--loading-process-events-interval-bytes", "1024")
	s.Logged("Loading RDB")
	notReady(t, target, `answered "LOADING Redis is loading the dataset in memory"`)
	s.Run("CONFIG", "SET", "key-load-delay", "0")
	expectStatus(t, up, 0)
	if got := s.Run("DBSIZE"); got != "100000" {
		t.Errorf("a client: %s", got)
	}
	down := waiting(t, "down", target)
	s.End(unix.SIGTERM)
	expectStatus(t, down, 0)
}

// TestHostileDatabases: whatever a server sends, a conversation ends within the connect timeout and
// needs little memory.
func TestHostileDatabases(t *testing.T) {
	repeat := func(text string) func(net.Conn) {
		return func(conn net.Conn) {
			data := []byte(strings.Repeat(text, 1+64<<10/len(text)))
			for {
				if _, err := conn.Write(data); err != nil {
					return
				}
			}
		}
	}
	slowly := func(text string) func(net.Conn) {
		return func(conn net.Conn) { // 10 bytes within the connect timeout
			for i := 0; ; i++ {
				if _, err := conn.Write([]byte{text[i%len(text)]}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}
	}
	const notice, login = "N\x00\x00\x00\x05\x00", "R\x00\x00\x00\x08\x00\x00\x00\x00"
	// A greeting of MySQL. It has 47 bytes, and the capability CLIENT_PROTOCOL_41.
	greeting := "\x2f\x00\x00\x00\x0a8\x00" + strings.Repeat("\x00", 13) + "\x00\x02" +
		strings.Repeat("\x00", 29)
	var targets []string
	for scheme, texts := range map[string][]string{
		"postgres": {notice, login + notice, "\xff\x00", "N\x00\x00\x3f\xff"},
		"mysql":    {greeting + "\x01\x00\x00\x02\x01", "\xff\x3f\x00\x00\x0a", "\x00", "\xff"},
		"redis":    {"-", "+PONG", "\x00\xff", "-LOADING "},
	} {
		for _, text := range texts {
			for _, serve := range []func(net.Conn){repeat(text), slowly(text)} {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				test.Must(t, err)
				defer l.Close()
				go func() {
					for {
						conn, err := l.Accept()
						if err != nil {
							return
						}
						go func() { defer conn.Close(); serve(conn) }()
					}
				}()
				targets = append(targets, scheme+"://"+l.Addr().String())
			}
		}
	}
	args := []string{"-v", "-t", "2s", "--connect-timeout", "200ms"}
	p := test.Start(t, util(t, append(args, targets...)...))
	expectStatus(t, p, 124)
	for _, target := range targets {
		// An attempt whose connection has been established ends with one of these.
		result := regexp.MustCompile(`target "` + target + `": attempt .*(?:within 200ms` +
			`|not the answer of|the answer has more than|the login does not end)`)
		if !result.MatchString(p.Stderr()) {
			t.Errorf("%s has no result:\n%s", target, p.Stderr())
		}
	}
	if used := p.ProcessState.SysUsage().(*syscall.Rusage).Maxrss; used > 32<<10 {
		t.Errorf("%d kB of memory", used)
	}
}
