package waitfor_test

import (
	"encoding/json"
	"fmt"
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

func TestUsage(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	good := l.Addr().String()
	for _, c := range []struct {
		says string
		args []string
	}{
		{"target: missing", nil},
		{`command: missing behind "--"`, []string{good, "--"}},
		{`target "app": has no port`, []string{good, "app", "arg"}},
		{`--timeout: "soon"`, []string{"--timeout", "soon", good}},
		{`--timeout: "-1s": is negative`, []string{"--timeout=-1s", good}},
		{`--interval: "0": is less than 1ms`, []string{"--interval", "0", good}},
		{`--connect-timeout: "0"`, []string{"--connect-timeout", "0", good}},
		{`--hold: "1 s"`, []string{"--hold", "1 s", good}},
		{`--hold: "2s": is not shorter than the --timeout of "1s"`, []string{"--hold", "2s", "-t", "1", good}},
		{`--hold: "1s": is only for --state up`, []string{"--hold", "1s", "-s", "down", good}},
		{`--state: "dwn": is neither up nor down (did you mean down?)`, []string{"--state", "dwn", good}},
		{`--stable: "0": is not a whole number from 1 to 1000000`, []string{"--stable", "0", good}},
		{`--stable: "-1": is not a whole number from 1`, []string{"--stable", "-1", good}},
		{`--stable: "x": is not a whole number from 1`, []string{"--stable", "x", good}},
		{`--stable: "0x10": is not a whole number from 1`, []string{"--stable", "0x10", good}},
		{`--stable: "99999999999999999999": is not a whole number from 1`, []string{"--stable", "99999999999999999999", good}},
		{`--stable: "": is not a whole number from 1`, []string{"--stable", "", good}},
		{`--exit-code: "256": is not a whole number from 1 to 255`, []string{"--exit-code", "256", good}},
		{`--exit-code: "0": is not a whole number from 1 to 255`, []string{"--exit-code", "0", good}},
		{`--exit-code: "x": is not a whole number from 1 to 255`, []string{"--exit-code", "x", good}},
		{`--any: "perhaps": is neither true nor false`, []string{"--any=perhaps", good}},
		{`option "--tmeout": unknown`, []string{"--tmeout", "3", good}},
		{`option "--host": needs a value`, []string{good, "--host"}},
		{`-4 and -6`, []string{"-4", "-6", good}},
		{`target "[::1]:80": is not of the address family`, []string{"-4", "[::1]:80"}},
		{`target "127.0.0.1:80": is not of the address family`, []string{"-6", "127.0.0.1:80"}},
		{`-q and -v`, []string{"-q", "-v", good}},
		{`UDP has no connections`, []string{"udp://dns:53"}},
		{`target "udp:53": UDP has no connections`, []string{"udp:53"}},
		{`target "b": has no port`, []string{good + ",b"}},
		{`has nothing on one side of a comma`, []string{good + ","}},
		{`target "db:0": port "0"`, []string{good, "db:0"}},
	} {
		expect(t, 2, []string{"util wait-for-port: ", c.says, "--help"}, c.args...)
	}
}

func TestUpAtOnceIsSilent(t *testing.T) {
	four := listen(t, "tcp", "127.0.0.1:0")
	port := strconv.Itoa(four.Addr().(*net.TCPAddr).Port)
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
		{port, "-t", "5"}, // options may stand behind targets
		{"unix:" + path},
		{"unix://" + path, port},
		{"--any", "127.0.0.1:1", port},
		{"--stable", "3", port},
		{"--hold", "20ms", port, "unix:" + path},
		{"--state", "inuse", port},
		{"--state", "down", "127.0.0.1:1"},
		{"--state", "free", "127.0.0.1:1", "unix:/does/not/exist", "unix:" + path + "/nor/this"},
		{"-q", port},
	} {
		if _, stderr := expect(t, 0, nil, args...); stderr != "" {
			t.Errorf("%q: said %q, want silence", args, stderr)
		}
	}
}

func TestIPv6(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		test.Missing(t, "IPv6 loopback", err.Error())
	}
	defer l.Close()
	go serve(l)
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	for _, args := range [][]string{{"[::1]:" + port}, {port}, {"-6", port}, {"--host", "::1", port}, {"tcp://[::1]:" + port}, {"[::]:" + port}} {
		expect(t, 0, nil, args...)
	}
	expect(t, 124, nil, "-t", "50ms", "-4", port)
	expect(t, 124, []string{"still accepts connections"}, "-t", "50ms", "-s", "down", port)
}

func TestTimeout(t *testing.T) {
	port := freePort(t)
	begin := time.Now()
	_, stderr := expect(t, 124, []string{`timed out after 50ms: target "` + port + `": connection refused`}, "-t", "50ms", port)
	if took := time.Since(begin); took < 50*time.Millisecond {
		t.Errorf("timed out after %v", took)
	}
	if strings.Count(stderr, "\n") != 1 {
		t.Errorf("more than one line: %s", stderr)
	}
	expect(t, 124, []string{`targets "127.0.0.1:1", "127.0.0.1:2": connection refused`}, "-t", "0.05", "127.0.0.1:1", "127.0.0.1:2")
	// An up target is not listed among what is missing.
	l := listen(t, "tcp", "127.0.0.1:0")
	if _, stderr := expect(t, 124, nil, "-t", "50ms", l.Addr().String(), port); strings.Contains(stderr, l.Addr().String()) {
		t.Errorf("lists a target that is up: %s", stderr)
	}
}

func TestFailedForGood(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	for _, c := range []struct{ target, says string }{
		{"224.0.0.1:80", "multicast"},
		{"[fe80::1]:80", "link-local"},
		{"300.1.2.3:80", "no IPv4 address"},
		{"a..b:80", "empty part"},
		{"unix:/" + strings.Repeat("a", 200), "at most 107 bytes"},
	} {
		if _, stderr := expect(t, 1, []string{"failed for good", strconv.Quote(c.target), c.says}, "-t", "0", c.target, l.Addr().String()); strings.Contains(stderr, l.Addr().String()) {
			t.Errorf("blames a target that is up: %s", stderr)
		}
	}
	expect(t, 0, nil, "--any", "224.0.0.1:80", l.Addr().String())
	expect(t, 1, nil, "--any", "224.0.0.1:80", "224.0.0.2:80")
}

func TestExitCode(t *testing.T) {
	port := freePort(t)
	expect(t, 1, []string{"timed out"}, "--exit-code", "1", "-t", "20ms", port)
	expect(t, 1, nil, "--exit-code", "1", "-t", "20ms", "no-port")
	expect(t, 1, nil, "--exit-code", "1", "-t", "garbage", port)
	expect(t, 5, nil, "--exit-code", "5", "224.0.0.1:80")
	l := listen(t, "tcp", "127.0.0.1:0")
	expect(t, 0, nil, "--exit-code", "1", "-t", "1s", l.Addr().String())
}

// TestSignalsEndTheWait: at once, as PID 1 and otherwise, and the command does not run.
func TestSignalsEndTheWait(t *testing.T) {
	port := freePort(t)
	for _, c := range []struct {
		signal syscall.Signal
		name   string
		status int
	}{{syscall.SIGTERM, "TERM", 143}, {syscall.SIGINT, "INT", 130}} {
		for _, pid1 := range []bool{false, true} {
			cmd := util(t, "-v", "-t", "0", port, "--", "echo", "ran")
			if pid1 {
				test.Namespace(cmd)
			}
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			cmd.Stderr = w
			p := test.Start(t, cmd)
			w.Close()
			said := make([]byte, 1)
			if _, err := r.Read(said); err != nil { // it has begun, so it has its handlers
				t.Fatal(err)
			}
			begin := time.Now()
			p.Signal(c.signal)
			if status := p.Status(); status != c.status {
				t.Errorf("%s, pid1 %v: status %d, want %d", c.name, pid1, status, c.status)
			}
			if took := time.Since(begin); took > time.Second {
				t.Errorf("%s, pid1 %v: took %v", c.name, pid1, took)
			}
			if rest := p.Rest(); len(rest) > 0 {
				t.Errorf("%s, pid1 %v: the command ran: %q", c.name, pid1, rest)
			}
			rest := make([]byte, 1<<16)
			n, _ := r.Read(rest)
			if want := "ended by " + c.name + `: target "` + port + `": connection refused`; !strings.Contains(string(rest[:n]), want) {
				t.Errorf("stderr does not contain %q: %s", want, rest[:n])
			}
			r.Close()
		}
	}
}

func TestIgnoredINTStaysIgnored(t *testing.T) {
	l := freePort(t)
	cmd := exec.Command("/bin/sh", "-c", `trap "" INT HUP; exec "$0" wait-for-port -v -t 0.3 `+l, test.Util(t))
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stderr = w
	p := test.Start(t, cmd)
	w.Close()
	if _, err := r.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	p.Signal(syscall.SIGINT)
	go func() { _, _ = r.WriteTo(discard{}) }()
	if status := p.Status(); status != 124 {
		t.Errorf("status %d, want 124: an ignored INT ended the wait", status)
	}
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

func TestLaterUp(t *testing.T) {
	port := freePort(t)
	path := filepath.Join(t.TempDir(), "a.sock")
	p := test.Start(t, util(t, "-t", "0", port, "unix:"+path, "--", "echo", "ran"))
	begun(t, p)
	listen(t, "tcp", "127.0.0.1:"+port)
	listen(t, "unix", path)
	p.Expect("ran")
	if status := p.Status(); status != 0 {
		t.Errorf("status %d", status)
	}
}

// TestStaleSocket: the file of a unix socket without its server is not up, and it is down.
func TestStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	expect(t, 124, []string{"still accepts"}, "-t", "50ms", "-s", "down", "unix:"+path)
	l.Close()
	expect(t, 124, []string{"connection refused"}, "-t", "50ms", "unix:"+path)
	expect(t, 0, nil, "-t", "5s", "-s", "down", "unix:"+path)

	// A server that comes back replaces the file, and that is seen.
	p := test.Start(t, util(t, "-t", "0", "unix:"+path))
	begun(t, p)
	os.Remove(path)
	listen(t, "unix", path)
	if status := p.Status(); status != 0 {
		t.Errorf("status %d", status)
	}
}

// TestAbstractSocket: one that has a name and no file.
func TestAbstractSocket(t *testing.T) {
	name := fmt.Sprintf("@util-test-%d", os.Getpid())
	expect(t, 124, []string{`target "unix:` + name + `": connection refused`}, "-t", "50ms", "unix:"+name)
	expect(t, 0, nil, "-t", "5s", "-s", "down", "unix:"+name)
	p := test.Start(t, util(t, "-t", "0", "unix:"+name))
	begun(t, p)
	listen(t, "unix", name)
	if status := p.Status(); status != 0 {
		t.Errorf("status %d", status)
	}
	expect(t, 0, nil, "-t", "5s", "unix://"+name)
	expect(t, 124, []string{"still accepts"}, "-t", "50ms", "-s", "down", "unix:"+name)
	expect(t, 124, []string{"no such file"}, "-t", "50ms", "unix:./"+name) // a file of that name is another thing
}

// TestVerboseQuotes: what the user wrote cannot move the cursor.
func TestVerboseQuotes(t *testing.T) {
	for _, args := range [][]string{{"-v"}, nil} {
		_, stderr := expect(t, 124, nil, append(args, "-t", "1.2s", "unix:/no/\x1b[2J\nsuch\u0085file")...)
		if strings.ContainsAny(stderr, "\x1b\u0085") || strings.Contains(stderr, "\nsuch") {
			t.Errorf("%q: said %q", args, stderr)
		}
	}
	_, stderr := expect(t, 124, []string{`: attempt 1: "/no/such file": no such file after `}, "-v", "-t", "50ms", "unix:/no/such file")
	if strings.Contains(stderr, ": /no") {
		t.Errorf("said %q", stderr)
	}
}

func TestDatagramSocketIsNotUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	expect(t, 124, []string{"another type"}, "-t", "50ms", "unix:"+path)
	expect(t, 124, []string{"another type"}, "-t", "50ms", "-s", "down", "unix:"+path)
}

// TestCommand: it takes the place of wait-for-port, with its pid, files, limits and arguments.
func TestCommand(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	up := l.Addr().String()
	probe := test.Probe(t)

	cmd := util(t, up, "--", probe, "state")
	p := test.Start(t, cmd)
	if state := p.Line(); !strings.Contains(state, strconv.Itoa(p.Process.Pid)) {
		t.Errorf("pid %d, but the command says %q", p.Process.Pid, state)
	}
	p.Status()

	plain, with := exec.Command(probe, "fds"), util(t, up, "--", probe, "fds")
	for _, c := range []*exec.Cmd{plain, with} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		defer w.Close()
		c.ExtraFiles = []*os.File{w}
	}
	_, want, _ := test.Run(t, plain)
	if _, got, _ := test.Run(t, with); got != want {
		t.Errorf("open files %q, without wait-for-port %q", got, want)
	}

	if stdout, _ := expect(t, 7, nil, up, "--", "/bin/sh", "-c", `ulimit -n; echo "$0:$*"; cat; exit 7`, "a b", "-t", "--"); !strings.Contains(stdout, "a b:-t --") {
		t.Errorf("arguments arrived as %q", stdout)
	}
	expect(t, 256+9, nil, up, "--", "/bin/sh", "-c", "kill -9 $$")

	limited := exec.Command("/bin/sh", "-c", `ulimit -S -n 123; exec "$0" wait-for-port "$1" -- /bin/sh -c 'ulimit -S -n'`, test.Util(t), up)
	if _, got, stderr := test.Run(t, limited); got != "123" {
		t.Errorf("limit on open files %q, want 123; %s", got, stderr)
	}

	in := util(t, up, "--", "/bin/cat")
	in.Stdin = strings.NewReader("from stdin")
	if _, got, _ := test.Run(t, in); got != "from stdin" {
		t.Errorf("stdin arrived as %q", got)
	}
}

// TestCommandSignals: the mask and the ignored signals are as before.
func TestCommandSignals(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	env := test.Tool(t, "env")
	state := func(args ...string) string {
		_, stdout, stderr := test.Run(t, exec.Command(env, append([]string{"--block-signal=USR1,TERM,CHLD", "--ignore-signal=HUP,INT,PIPE,USR2,34"}, args...)...))
		fields := strings.Fields(stdout)
		if len(fields) < 2 {
			t.Fatalf("%q: %q %s", args, stdout, stderr)
		}
		return strings.Join(fields[len(fields)-2:], " ")
	}
	want := state(test.Probe(t), "state")
	if got := state(test.Util(t), "wait-for-port", l.Addr().String(), "--", test.Probe(t), "state"); got != want {
		t.Errorf("mask and ignored signals %q, without wait-for-port %q", got, want)
	}
}

func TestCommandNotRun(t *testing.T) {
	port := freePort(t)
	if stdout, _ := expect(t, 124, nil, "-t", "20ms", port, "--", "echo", "ran"); stdout != "" {
		t.Errorf("the command ran after a failure: %q", stdout)
	}
	l := listen(t, "tcp", "127.0.0.1:0")
	up := l.Addr().String()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, c := range []struct {
		status  int
		says    string
		command string
	}{
		{127, `command "no-such-command": not found in PATH "`, "no-such-command"},
		{127, `command "/no/such": no such file or directory`, "/no/such"},
		{127, `command "": no such file`, ""},
		{126, "permission denied", write("plain", "echo ran", 0o644)},
		{126, "permission denied", dir},
		{126, "interpreter", write("lost", "#!/no/such/interpreter\n", 0o755)},
		{127, "no such file", write("file", "", 0o755) + "/x"},
		{126, "exec format error: built for s390x, this machine is ", write("s390x", "\x7fELF\x02\x02\x01"+strings.Repeat("\x00", 10)+"\x02\x00\x16"+strings.Repeat("\x00", 44), 0o755)},
		{126, "exec format error: neither a program for Linux nor a script", write("binary", "\x00\x01\x02", 0o755)},
	} {
		expect(t, c.status, []string{c.says}, up, "--", c.command)
	}
	if stdout, _ := expect(t, 0, nil, up, "--", write("script", `echo "$0 $1"`, 0o755), "arg"); stdout != filepath.Join(dir, "script")+" arg" {
		t.Errorf("a script without #! said %q", stdout)
	}
}

// TestCommandPath: the search goes on behind what cannot be run, and an empty entry is the working directory.
func TestCommandPath(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"a": 0o644, "b": 0o755} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "cmd"), []byte("#!/bin/sh\necho "+name), mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		path, cwd string
		status    int
		says      string
	}{
		{"PATH=/no/such:" + dir + "/a:" + dir + "/b", "/", 0, "b"},
		{"PATH=" + dir + "/a:/no/such", "/", 126, ""},
		{"PATH=/no/such", "/", 127, ""},
		{"PATH=/no/such:", dir + "/b", 0, "b"},
	} {
		cmd := util(t, l.Addr().String(), "--", "cmd")
		cmd.Env, cmd.Dir = []string{c.path}, c.cwd
		if status, stdout, stderr := test.Run(t, cmd); status != c.status || stdout != c.says {
			t.Errorf("%s: status %d, %q, %s; want %d, %q", c.path, status, stdout, stderr, c.status, c.says)
		}
	}
	cmd := util(t, l.Addr().String(), "--", "sh", "-c", "echo found")
	cmd.Env = []string{}
	if _, stdout, stderr := test.Run(t, cmd); stdout != "found" {
		t.Errorf("without PATH: %q %s", stdout, stderr)
	}
}

func TestInitCanRunIt(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	cmd := test.Namespace(exec.Command(test.Util(t), "init", "--", test.Util(t), "wait-for-port", l.Addr().String(), "--", "/bin/sh", "-c", "exit 5"))
	if status, _, stderr := test.Run(t, cmd); status != 5 {
		t.Errorf("status %d: %s", status, stderr)
	}
	port := freePort(t)
	cmd = test.Namespace(exec.Command(test.Util(t), "init", "--", test.Util(t), "wait-for-port", "-t", "20ms", port, "--", "/bin/sh", "-c", "exit 5"))
	if status, _, stderr := test.Run(t, cmd); status != 124 {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// TestWords: one line at the start, one at each change, one at the end.
func TestWords(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.sock")
	port := freePort(t)
	cmd := util(t, "-t", "0", "unix:"+path, port)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = nil
	cmd.Stderr = w
	p := test.Start(t, cmd)
	w.Close()
	lines := readLines(t, r)
	lines.expect(`util wait-for-port: waiting for "unix:` + path + `", "` + port + `" until all are up, without a time limit`)
	lines.expect(`util wait-for-port: target "unix:` + path + `": no such file`)
	lines.expect(`util wait-for-port: target "` + port + `": connection refused`)
	if err := os.WriteFile(path, nil, 0o600); err != nil { // a file, but nobody listens
		t.Fatal(err)
	}
	lines.expect(`util wait-for-port: target "unix:` + path + `": connection refused (was: no such file)`)
	os.Remove(path)
	listen(t, "tcp", "127.0.0.1:"+port)
	listen(t, "unix", path)
	var rest []string
	for line, ok := lines.next(); ok; line, ok = lines.next() {
		rest = append(rest, line)
	}
	all := strings.Join(rest, "\n")
	for _, want := range []string{`target "` + port + `": is up after `, `target "unix:` + path + `": is up after `, `"unix:` + path + `", "` + port + `" up after `} {
		if !strings.Contains(all, want) {
			t.Errorf("no line contains %q: %s", want, all)
		}
	}
	if status := p.Status(); status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestQuietSaysOnlyTheError(t *testing.T) {
	port := freePort(t)
	_, stderr := expect(t, 124, nil, "-q", "-t", "1.2", port)
	if want := `util wait-for-port: timed out after 1.2s: target "` + port + `": connection refused` + "\n"; stderr != want {
		t.Errorf("said %q, want %q", stderr, want)
	}
}

func TestVerboseSaysEachAttempt(t *testing.T) {
	l := listen(t, "tcp", "127.0.0.1:0")
	_, stderr := expect(t, 0, nil, "-v", "--stable", "3", l.Addr().String())
	for _, n := range []string{"1", "2", "3"} {
		if want := "attempt " + n + ": " + l.Addr().String() + ": accepted after "; !strings.Contains(stderr, want) {
			t.Errorf("no %q in %s", want, stderr)
		}
	}
}

func TestJSON(t *testing.T) {
	port := freePort(t)
	l := listen(t, "tcp", "127.0.0.1:0")
	up := l.Addr().String()
	events := func(status int, args ...string) (names []string, last map[string]any) {
		t.Helper()
		_, stderr := expect(t, status, nil, args...)
		for line := range strings.Lines(stderr) {
			last = nil
			if err := json.Unmarshal([]byte(line), &last); err != nil {
				t.Fatalf("%q: %v: %s", args, err, line)
			}
			names = append(names, last["event"].(string))
		}
		return names, last
	}
	names, last := events(124, "--json", "-t", "50ms", up, port)
	if want := []string{"start", "ready", "change", "end"}; !slices.Equal(names, want) {
		t.Errorf("events %q, want %q", names, want)
	}
	if last["status"] != 124.0 || last["missing"].([]any)[0] != port || !strings.Contains(last["error"].(string), "connection refused") {
		t.Errorf("last event %v", last)
	}
	if names, _ := events(0, "--json", up); !slices.Equal(names, []string{"start", "ready", "end"}) {
		t.Errorf("events %q", names)
	}
	if names, _ := events(124, "--json", "-q", "-t", "50ms", port); !slices.Equal(names, []string{"end"}) {
		t.Errorf("events %q", names)
	}
	if names, _ := events(0, "--json", "-v", up); !slices.Contains(names, "attempt") {
		t.Errorf("events %q", names)
	}
}

// TestGoneReader: a log whose reader has gone does not end the wait.
func TestGoneReader(t *testing.T) {
	port := freePort(t)
	cmd := util(t, "-v", "-t", "0", port, "--", "echo", "ran")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	cmd.Stderr = w
	p := test.Start(t, cmd)
	w.Close()
	begun(t, p)
	listen(t, "tcp", "127.0.0.1:"+port)
	p.Expect("ran")
	if status := p.Status(); status != 0 {
		t.Errorf("status %d", status)
	}
}
