package waitfor_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"
)

// TestUpAtOnce: if all targets accept connections at once, nothing is printed.
func TestUpAtOnce(t *testing.T) {
	port := portOf(listen(t, "tcp", "127.0.0.1:0"))
	path := filepath.Join(t.TempDir(), "a.sock")
	listen(t, "unix", path)
	for _, args := range [][]string{
		{port},
		{":" + port},
		{"localhost:" + port},
		{"tcp://127.0.0.1:" + port},
		{"tcp:" + port},
		{"tcp:127.0.0.1:" + port},
		{port + ",127.0.0.1:" + port + ",unix:" + path},
		{"0.0.0.0:" + port},
		{"--host", "localhost", port},
		{"--host", "127.0.0.1", port, port},
		{"-4", port},
		{"-t", "0", port},
		{"-t", "1ms", port},
		{port, "-t", "5"}, // options may come after targets
		{"unix:" + path},
		{"unix://" + path, port},
		{"--any", "127.0.0.1:1", port},
		{"--any", "224.0.0.1:80", port},
		{"--stable", "3", port},
		{"--hold", "20ms", port, "unix:" + path},
		{"--state", "inuse", port},
		{"--exit-code", "1", port},
		{"-q", port},
	} {
		if _, stderr := expect(t, 0, nil, args...); stderr != "" {
			t.Errorf("%q: printed %q", args, stderr)
		}
	}
}

// TestIPv6: the loopback address of IPv6 belongs to localhost.
func TestIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		test.Missing(t, "IPv6 loopback", err.Error())
	}
	defer l.Close()
	go serve(l)
	port := portOf(l)
	for _, args := range [][]string{
		{"[::1]:" + port},
		{port},
		{"-6", port},
		{"--host", "::1", port},
		{"tcp://[::1]:" + port},
		{"[::]:" + port},
	} {
		expect(t, 0, nil, args...)
	}
	expect(t, 124, nil, "-t", "50ms", "-4", port)
	expect(t, 124, []string{"still accepts connections"}, "-t", "50ms", "-s", "down", port)
}

// TestTimeout: the wait does not time out early, and a target that is up is not listed as missing.
func TestTimeout(t *testing.T) {
	up, down := listen(t, "tcp", "127.0.0.1:0").Addr().String(), freePort(t)
	begin := time.Now()
	_, stderr := expect(t, 124, nil, "-t", "50ms", up, down)
	if took := time.Since(begin); took < 50*time.Millisecond {
		t.Errorf("timed out after %v", took)
	}
	want := `util wait-for-port: timed out after 50ms: target "` + down +
		`": connection refused` + "\n"
	if stderr != want {
		t.Errorf("printed %q, want %q", stderr, want)
	}
	_, stderr = expect(t, 1, nil, "-t", "0", up, "224.0.0.1:80")
	if strings.Contains(stderr, up) {
		t.Errorf("lists a target that is up: %s", stderr)
	}
}

// TestSignalsEndTheWait: INT and TERM end the wait at once, also during an attempt that may take
// longer than the test waits, and as PID 1. The command is not executed.
func TestSignalsEndTheWait(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	test.Must(t, err)
	defer l.Close()
	asked := make(chan bool, 8)
	go accept(l, func(c net.Conn) { // it never answers
		_, _ = c.Read(make([]byte, 1))
		asked <- true
		_, _ = io.Copy(io.Discard, c)
	})
	target := "http://" + l.Addr().String()
	for _, c := range []struct {
		signal syscall.Signal
		name   string
		status int
	}{{syscall.SIGTERM, "TERM", 143}, {syscall.SIGINT, "INT", 130}} {
		for _, pid1 := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, PID 1 %v", c.name, pid1), func(t *testing.T) {
				cmd := util(t, "-t", "0", "--connect-timeout", "1m", target, "--", "echo", "ran")
				if pid1 {
					test.Namespace(cmd)
				}
				p, lines := startLines(t, cmd)
				select {
				case <-asked:
				case <-time.After(test.Deadline):
					t.Fatal("no attempt is made")
				}
				p.Signal(c.signal)
				if status := p.Status(); status != c.status {
					t.Errorf("status %d, want %d", status, c.status)
				}
				if rest := p.Rest(); len(rest) > 0 {
					t.Errorf("the command was executed: %q", rest)
				}
				lines.expect("util wait-for-port: ended by " + c.name + `: target "` + target +
					`": accepted, but has not answered yet`)
			})
		}
	}
}

// TestIgnoredINT: a signal INT that was ignored at the start does not end the wait.
func TestIgnoredINT(t *testing.T) {
	script := `trap "" INT HUP; exec "$0" wait-for-port -v -t 0.3 ` + freePort(t)
	p, lines := startLines(t, exec.Command("/bin/sh", "-c", script, test.Util(t)))
	lines.next()
	p.Signal(syscall.SIGINT)
	lines.rest()
	if status := p.Status(); status != 124 {
		t.Errorf("status %d, want 124", status)
	}
}

// TestLaterUp: the wait ends when the last target accepts connections.
func TestLaterUp(t *testing.T) {
	port := freePort(t)
	path := filepath.Join(t.TempDir(), "a.sock")
	p := test.Start(t, util(t, "-t", "0", port, "unix:"+path, "--", "echo", "ran"))
	begun(t, p)
	listen(t, "tcp", "127.0.0.1:"+port)
	listen(t, "unix", path)
	p.Expect("ran")
	expectStatus(t, p, 0)
}

// TestStaleSocket: the file of a unix socket without a server counts as down.
func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	test.Must(t, err)
	l.SetUnlinkOnClose(false)
	expect(t, 124, []string{"still accepts"}, "-t", "50ms", "-s", "down", "unix:"+path)
	l.Close()
	expect(t, 124, []string{"connection refused"}, "-t", "50ms", "unix:"+path)
	expect(t, 0, nil, "-t", "5s", "-s", "down", "unix:"+path)

	// A server that starts again replaces the file.
	p := test.Start(t, util(t, "-t", "0", "unix:"+path))
	begun(t, p)
	os.Remove(path)
	listen(t, "unix", path)
	expectStatus(t, p, 0)
}

// TestAbstractSocket: a unix socket with a name that is not in the file system.
func TestAbstractSocket(t *testing.T) {
	name := fmt.Sprintf("@util-test-%d", os.Getpid())
	target := "unix:" + name
	expect(t, 124, []string{`target "` + target + `": connection refused`}, "-t", "50ms", target)
	expect(t, 0, nil, "-t", "5s", "-s", "down", target)
	p := test.Start(t, util(t, "-t", "0", target))
	begun(t, p)
	listen(t, "unix", name)
	expectStatus(t, p, 0)
	expect(t, 0, nil, "-t", "5s", "unix://"+name)
	expect(t, 124, []string{"still accepts"}, "-t", "50ms", "-s", "down", target)
	// A file of that name is a different target.
	expect(t, 124, []string{"no such file"}, "-t", "50ms", "unix:./"+name)
}

// TestControlCharacters: a target cannot move the cursor.
func TestControlCharacters(t *testing.T) {
	for _, args := range [][]string{{"-v"}, nil} {
		args = append(args, "-t", "1.2s", "unix:/no/\x1b[2J\nsuch\u0085file")
		_, stderr := expect(t, 124, nil, args...)
		if strings.ContainsAny(stderr, "\x1b\u0085") || strings.Contains(stderr, "\nsuch") {
			t.Errorf("%q: printed %q", args, stderr)
		}
	}
}

// TestDatagramSocket: a datagram socket is neither up nor down.
func TestDatagramSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path})
	test.Must(t, err)
	defer l.Close()
	for _, state := range []string{"up", "down"} {
		expect(t, 124, []string{"is not a stream socket"}, "-t", "50ms", "-s", state, "unix:"+path)
	}
}

// TestCommand: the command replaces wait-for-port. It has the same pid, open files, limits and
// stdin.
func TestCommand(t *testing.T) {
	up := listen(t, "tcp", "127.0.0.1:0").Addr().String()
	probe := test.Probe(t)

	p := test.Start(t, util(t, up, "--", probe, "state"))
	if state := p.Line(); !strings.Contains(state, strconv.Itoa(p.Process.Pid)) {
		t.Errorf("pid %d, but the command prints %q", p.Process.Pid, state)
	}
	p.Status()

	plain, with := exec.Command(probe, "fds"), util(t, up, "--", probe, "fds")
	for _, c := range []*exec.Cmd{plain, with} {
		r, w, err := os.Pipe()
		test.Must(t, err)
		defer r.Close()
		defer w.Close()
		c.ExtraFiles = []*os.File{w}
	}
	_, want, _ := test.Run(t, plain)
	if _, got, _ := test.Run(t, with); got != want {
		t.Errorf("open files %q, without wait-for-port %q", got, want)
	}

	script := `ulimit -S -n 123; exec "$0" wait-for-port "$1" -- /bin/sh -c 'ulimit -S -n'`
	limited := exec.Command("/bin/sh", "-c", script, test.Util(t), up)
	if _, got, stderr := test.Run(t, limited); got != "123" {
		t.Errorf("limit on open files %q, want 123; %s", got, stderr)
	}

	in := util(t, up, "--", "/bin/cat")
	in.Stdin = strings.NewReader("from stdin")
	if _, got, _ := test.Run(t, in); got != "from stdin" {
		t.Errorf("stdin arrived as %q", got)
	}
}

// TestCommandSignals: the command has the signal mask and the ignored signals of the caller.
func TestCommandSignals(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	env := test.Tool(t, "env")
	state := func(args ...string) string {
		caller := []string{"--block-signal=USR1,TERM,CHLD", "--ignore-signal=HUP,INT,PIPE,USR2,34"}
		_, stdout, stderr := test.Run(t, exec.Command(env, append(caller, args...)...))
		fields := strings.Fields(stdout)
		if len(fields) < 2 {
			t.Fatalf("%q: %q %s", args, stdout, stderr)
		}
		return strings.Join(fields[len(fields)-2:], " ")
	}
	want := state(test.Probe(t), "state")
	wait := []string{test.Util(t), "wait-for-port", l.Addr().String(), "--", test.Probe(t), "state"}
	if got := state(wait...); got != want {
		t.Errorf("mask and ignored signals %q, without wait-for-port %q", got, want)
	}
}

// TestUnderInit: init passes on the status of the command, or of the failed wait.
func TestUnderInit(t *testing.T) {
	up, down := listen(t, "tcp", "127.0.0.1:0").Addr().String(), freePort(t)
	for target, want := range map[string]int{up: 5, down: 124} {
		cmd := exec.Command(test.Util(t), "init", "--", test.Util(t), "wait-for-port",
			"-t", "500ms", target, "--", "/bin/sh", "-c", "exit 5")
		if status, _, stderr := test.Run(t, test.Namespace(cmd)); status != want {
			t.Errorf("%s: status %d, want %d: %s", target, status, want, stderr)
		}
	}
}

// TestChanges: a line is printed at the start, at each change, and at the end.
func TestChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	port := freePort(t)
	p, lines := startLines(t, util(t, "-t", "0", "unix:"+path, port))
	lines.expect(`util wait-for-port: waiting for "unix:` + path + `", "` + port +
		`" until all are up, without a time limit`)
	lines.expect(`util wait-for-port: target "unix:` + path + `": no such file`)
	lines.expect(`util wait-for-port: target "` + port + `": connection refused`)
	test.Must(t, os.WriteFile(path, nil, 0o600)) // a file without a listener
	lines.expect(`util wait-for-port: target "unix:` + path +
		`": connection refused (was: no such file)`)
	os.Remove(path)
	listen(t, "tcp", "127.0.0.1:"+port)
	listen(t, "unix", path)
	all := strings.Join(lines.rest(), "\n")
	for _, want := range []string{
		`target "` + port + `": is up after `,
		`target "unix:` + path + `": is up after `,
		`"unix:` + path + `", "` + port + `" up after `,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("no line contains %q: %s", want, all)
		}
	}
	expectStatus(t, p, 0)
}

// TestVerbose: -v prints each connection.
func TestVerbose(t *testing.T) {
	up := listen(t, "tcp", "127.0.0.1:0").Addr().String()
	expect(t, 0, []string{
		"attempt 1: " + up + ": accepted after ",
		"attempt 2: " + up + ": accepted after ",
		"attempt 3: " + up + ": accepted after ",
	}, "-v", "--stable", "3", up)
}

// TestJSON: each line is a JSON object.
func TestJSON(t *testing.T) {
	port, up := freePort(t), listen(t, "tcp", "127.0.0.1:0").Addr().String()
	for _, c := range []struct {
		status int
		args   []string
		events []string
	}{
		{124, []string{"-t", "50ms", up, port}, []string{"start", "ready", "change", "end"}},
		{0, []string{up}, []string{"start", "ready", "end"}},
		{124, []string{"-q", "-t", "50ms", port}, []string{"end"}},
		{0, []string{"-v", up}, []string{"start", "attempt", "ready", "end"}},
	} {
		_, stderr := expect(t, c.status, nil, append(c.args, "--json")...)
		var events []string
		var last map[string]any
		for line := range strings.Lines(stderr) {
			last = nil
			if err := json.Unmarshal([]byte(line), &last); err != nil {
				t.Fatalf("%q: %v: %s", c.args, err, line)
			}
			events = append(events, last["event"].(string))
		}
		if !slices.Equal(events, c.events) {
			t.Errorf("%q: events %q, want %q", c.args, events, c.events)
		}
		if last["status"] != float64(c.status) {
			t.Errorf("%q: last event %v", c.args, last)
		}
		if c.status == 0 {
			continue
		}
		missing := last["missing"].([]any)
		if len(missing) != 1 || missing[0] != port ||
			!strings.Contains(last["error"].(string), "connection refused") {
			t.Errorf("%q: last event %v", c.args, last)
		}
	}
}

// TestClosedStderr: the wait continues after the reader of stderr has gone.
func TestClosedStderr(t *testing.T) {
	port := freePort(t)
	cmd := util(t, "-v", "-t", "0", port, "--", "echo", "ran")
	r, w, err := os.Pipe()
	test.Must(t, err)
	r.Close()
	cmd.Stderr = w
	p := test.Start(t, cmd)
	w.Close()
	begun(t, p)
	listen(t, "tcp", "127.0.0.1:"+port)
	p.Expect("ran")
	expectStatus(t, p, 0)
}
