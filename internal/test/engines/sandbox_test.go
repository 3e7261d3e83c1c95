package engines_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// command is the program /app of every container. It leaves orphans, and a process in a session of
// its own. Both that process and the command itself wait for TERM and say when they end.
const command = `#!/bin/busybox sh
exec /bin/probe orphans 20 beside 6 setsid catch echo 15 say aside-ended \
	catch echo 15 say app-ended exit 6
`

// What the command prints until it is ready, and until all its processes have ended after a stop:
// TERM goes to the command first, and then to the process that it has left. Its status is 6.
const (
	ready = "ready\n" + "ready" // of both
	ended = ready + "\n15\napp-ended\n15\naside-ended"
)

// quick is how long a stop may take. Every engine waits for longer before it kills.
const quick = 5 * time.Second

var namesGiven atomic.Int32

// rootFS is the root directory of containers: init, busybox, the probe and /app.
type rootFS struct {
	dir  string
	name string // of containers and cgroups; nothing else has it; the file /name contains it
}

// newRoot makes a root directory. At the end of the test, processes whose root is still this
// directory, or a copy of it, are killed.
func newRoot(t *testing.T) rootFS {
	t.Helper()
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "the test sees the processes of a container through /proc")
	}
	name := fmt.Sprintf("util-test-engine-%d-%d", os.Getpid(), namesGiven.Add(1))
	root := rootFS{folder(t) + "/app", name}
	for dir := range strings.FieldsSeq("bin dev etc proc root run sbin sys tmp usr var") {
		test.Must(t, os.MkdirAll(root.dir+"/"+dir, 0o755))
	}
	test.CopyFile(t, test.Util(t), root.dir+"/sbin/init")
	test.CopyFile(t, test.Probe(t), root.dir+"/bin/probe")
	test.CopyFile(t, test.Tool(t, "busybox"), root.dir+"/bin/busybox")
	root.write(t, "app", command)
	root.write(t, "name", name)
	t.Cleanup(func() {
		root.kill()
		test.RemoveCgroups(t, quick, "/sys/fs/cgroup/*/"+name, "/sys/fs/cgroup/"+name)
	})
	return root
}

// kill kills the processes that a failed test has left in containers.
func (root rootFS) kill() {
	for _, p := range root.processes() {
		_ = unix.Kill(p.pid, unix.SIGKILL)
	}
}

func (root rootFS) write(t *testing.T, file, text string) {
	t.Helper()
	test.Must(t, os.WriteFile(filepath.Join(root.dir, file), []byte(text), 0o755))
}

// archive returns the root directory as a tar archive.
func (root rootFS) archive(t *testing.T) []byte {
	t.Helper()
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	test.Must(t, w.AddFS(os.DirFS(root.dir)))
	test.Must(t, w.Close())
	return archive.Bytes()
}

// folder makes a directory that other users can search. Its path is short, because that of a socket
// may have at most 107 bytes.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "util-engine-")
	test.Must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	test.Must(t, os.Chmod(dir, 0o755))
	return dir
}

// tools are programs that stand in front of those of an engine: they call them with options that a
// test needs, such as the directory for their files. So a line of the document runs as it is.
type tools struct {
	t     *testing.T
	dir   string
	names []string // pairs of what a user would replace too, such as IMAGE, and what replaces it
}

func newTools(t *testing.T, names ...string) tools {
	t.Helper()
	return tools{t, folder(t), names}
}

// add adds a tool: a script of the shell, where $real is the program.
func (tl tools) add(name, script string) {
	tl.t.Helper()
	text := "#!/bin/sh\nreal=" + test.Tool(tl.t, name) + "\n" + script + "\n"
	test.Must(tl.t, os.WriteFile(tl.dir+"/"+name, []byte(text), 0o755))
}

// cmd returns the command of a line, which is not started yet.
func (tl tools) cmd(line string) *exec.Cmd {
	cmd := exec.Command("/bin/sh", "-c", "exec "+strings.NewReplacer(tl.names...).Replace(line))
	cmd.Env = append(os.Environ(), "PATH="+tl.dir+":"+os.Getenv("PATH"))
	return cmd
}

// run runs a line and returns its status and output.
func (tl tools) run(line string) (status int, stdout, stderr string) {
	tl.t.Helper()
	return test.Run(tl.t, tl.cmd(line))
}

// must is run for a line that must succeed. It returns stdout.
func (tl tools) must(line string) string {
	tl.t.Helper()
	status, stdout, stderr := tl.run(line)
	if status != 0 {
		tl.t.Fatalf("%s: status %d, stdout %q, stderr %q", line, status, stdout, stderr)
	}
	return stdout
}

// number is must for a line that prints a number.
func (tl tools) number(line string) int {
	tl.t.Helper()
	text := tl.must(line)
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		tl.t.Fatalf("%s: %q is not a number", line, text)
	}
	return n
}

// cleanup runs a line at the end of the test, whatever its status is.
func (tl tools) cleanup(line string) {
	tl.t.Cleanup(func() { _, _, _ = tl.run(line) })
}

// foreground is a container that a program in the foreground runs.
type foreground struct {
	*test.Process
	printed string
}

// start starts the program of a container with this root.
func start(t *testing.T, root rootFS, cmd *exec.Cmd) *foreground {
	t.Helper()
	f := &foreground{test.Start(t, cmd), ""}
	t.Cleanup(func() {
		if t.Failed() {
			root.kill()
			_ = cmd.Process.Kill()
			t.Logf("status %d, stderr %q", f.Status(), f.Stderr())
		}
	})
	return f
}

// output returns what the program has printed so far.
func (f *foreground) output() string {
	for {
		select {
		case line, ok := <-f.Lines():
			if !ok {
				return f.printed
			}
			f.printed += line + "\n"
		default:
			return f.printed
		}
	}
}

// process is a process as /proc of the test shows it.
type process struct {
	pid, inner int // inner is its pid in its own PID namespace
	state      string
	args       string
}

func (p process) String() string { return fmt.Sprintf("%d %s %s", p.inner, p.state, p.args) }

// look returns a process, unless it has ended meanwhile.
func look(pid int) (p process, ok bool) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	args, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	p = process{pid: pid, args: strings.TrimSpace(strings.ReplaceAll(string(args), "\x00", " "))}
	for line := range strings.Lines(string(status)) {
		switch words := strings.Fields(line); words[0] {
		case "State:":
			p.state = words[1]
		case "NSpid:":
			p.inner, _ = strconv.Atoi(words[len(words)-1])
		}
	}
	return p, err == nil
}

// every returns the processes of the machine that ok accepts.
func every(ok func(pid int) bool) (all []process) {
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || !ok(pid) {
			continue
		}
		if p, found := look(pid); found {
			all = append(all, p)
		}
	}
	return all
}

// processes returns the processes whose root is the directory or a copy of it.
func (root rootFS) processes() []process {
	return every(func(pid int) bool {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/root/name", pid))
		return string(text) == root.name
	})
}

// pid1 waits for a PID 1 in a container.
func (root rootFS) pid1(t *testing.T) (init process) {
	t.Helper()
	test.Eventually(t, "PID 1 is "+root.dir+"/sbin/init", func() bool {
		for _, p := range root.processes() {
			if p.inner == 1 && strings.HasPrefix(p.args, "/sbin/init ") {
				init = p
				return true
			}
		}
		return false
	})
	return init
}

// neighbours returns the processes of the PID namespace of a process in the order of their pids,
// zombies too.
func neighbours(p process) []process {
	namespace := func(pid int) string {
		link, _ := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", pid))
		return link
	}
	own := namespace(p.pid)
	if own == "" {
		return nil
	}
	all := every(func(pid int) bool { return namespace(pid) == own })
	slices.SortFunc(all, func(a, b process) int { return a.inner - b.inner })
	return all
}

// settle waits until the PID namespace of init has these processes and no other: all orphans are
// reaped. The words are what the command lines begin with.
func settle(t *testing.T, init process, commands ...string) {
	t.Helper()
	var all []process
	defer func() {
		if t.Failed() {
			t.Logf("processes: %v", all)
		}
	}()
	test.Eventually(t, "all orphans are reaped", func() bool {
		all = neighbours(init)
		return slices.EqualFunc(all, commands, func(p process, begin string) bool {
			return p.state != "Z" && strings.HasPrefix(p.args, begin)
		})
	})
}

// hasEnded reports whether a process has ended. Its zombie may still be there.
func hasEnded(p process) bool {
	now, ok := look(p.pid)
	return !ok || now.state == "Z" || now.inner != p.inner
}

// stops checks that a process ends quickly if stop is called, which may wait for its end.
func stops(t *testing.T, p process, stop func()) {
	t.Helper()
	begin := time.Now()
	stop()
	test.Eventually(t, p.args+" has ended", func() bool { return hasEnded(p) })
	if took := time.Since(begin); took > quick {
		t.Errorf("the stop took %v", took)
	}
}

// printed waits until a container has printed this and no more.
func printed(t *testing.T, want string, output func() string) {
	t.Helper()
	got := ""
	defer func() {
		if t.Failed() {
			t.Logf("printed: %q", got)
		}
	}()
	test.Eventually(t, "it prints "+strconv.Quote(want), func() bool {
		got = strings.TrimSpace(output())
		return got == want
	})
}

// sandbox is a container whose PID 1 is init, with /app as its command.
type sandbox struct {
	root   rootFS
	output func() string // of the command
	stop   func()        // the engine's own
	status func() int    // of the container, once it has ended
}

// check checks that init is PID 1, that orphans are reaped, that the engine's stop reaches the
// command and ends quickly, that a process in another session can end in order, and that the engine
// has the command's status.
func (s sandbox) check(t *testing.T) {
	t.Helper()
	printed(t, ready, s.output)
	init := s.root.pid1(t)
	settle(t, init, "/sbin/init ", "/bin/probe ", "/bin/probe ")
	stops(t, init, s.stop)
	printed(t, ended, s.output)
	if got := s.status(); got != 6 {
		t.Errorf("status %d, want 6", got)
	}
}

// pod is a PID namespace whose PID 1 is init --pause. The sandbox is a container in it that runs
// /app under an init of its own, which is not PID 1.
type pod struct {
	sandbox
	plain func()     // starts a container in the pod with the command of that name, without init
	end   func()     // stops PID 1, as the engine does it
	last  func() int // the status of PID 1
}

// plain is a command that leaves orphans, and waits.
const plain = "/bin/probe orphans 20 pause"

// check checks the sandbox, and that PID 1 reaps the orphans of the other container and ends
// quickly.
func (p pod) check(t *testing.T) {
	t.Helper()
	pause := p.root.pid1(t)
	if pause.args != "/sbin/init --pause" {
		t.Fatalf("PID 1 is %s", pause.args)
	}
	printed(t, ready, p.output)
	p.plain()
	settle(t, pause, pause.args, "/sbin/init ", "/bin/probe ", "/bin/probe ", plain)
	stops(t, neighbours(pause)[1], p.stop)
	printed(t, ended, p.output)
	if got := p.status(); got != 6 {
		t.Errorf("status %d, want 6", got)
	}
	settle(t, pause, pause.args, plain)
	stops(t, pause, p.end)
	if got := p.last(); got != 0 {
		t.Errorf("status of PID 1: %d, want 0", got)
	}
}
