package initcmd_test

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"util/internal/test"

	"github.com/creack/pty"
)

// TestDocker runs init with the real Docker Engine, in images made of nothing but what is built here and busybox.
func TestDocker(t *testing.T) {
	requireEngine(t)
	early, plain := initImage(t, test.Util(t)), initImage(t, test.Plain(t))
	for _, tc := range []struct {
		name string
		run  func(t *testing.T, image string)
		both bool // for both ways of linking
	}{
		{"Status", dockerStatus, true},
		{"Messages", dockerMessages, true},
		{"Stop", dockerStop, true},
		{"Signals", dockerSignals, true},
		{"Orphans", dockerOrphans, true},
		{"Hardened", dockerHardened, true},
		{"Terminal", dockerTerminal, true},
		{"Resize", dockerResize, false},
		{"JobControl", dockerJobControl, false},
		{"NoRoomForAProcess", dockerNoRoom, false},
		{"PidsLimit", dockerPidsLimit, false},
		{"MemoryLimit", dockerMemoryLimit, false},
		{"Exec", dockerExec, false},
		{"StandardFiles", dockerStandardFiles, true},
		{"Restart", dockerRestart, false},
		{"Environment", dockerEnvironment, false},
		{"Install", dockerInstall, false},
		{"IntoAnImage", dockerIntoAnImage, false},
	} {
		t.Run(tc.name, func(t *testing.T) { tc.run(t, early) })
		if tc.both {
			t.Run(tc.name+"Plain", func(t *testing.T) { tc.run(t, plain) })
		}
	}
}

func dockerStatus(t *testing.T, image string) {
	for _, tc := range []struct {
		command []string
		want    int
		stderr  string
	}{
		{[]string{"/probe", "exit", "0"}, 0, ""},
		{[]string{"/probe", "exit", "3"}, 3, ""},
		{[]string{"/probe", "exit", "255"}, 255, ""},
		{[]string{"probe", "exit", "4"}, 4, ""}, // by way of PATH
		{[]string{"/probe", "raise", "1"}, 129, ""},
		{[]string{"/probe", "raise", "9"}, 137, ""},
		{[]string{"/probe", "raise", "11"}, 139, ""},
		{[]string{"/probe", "raise", "15"}, 143, ""},
		{[]string{"/probe", "raise", "64"}, 192, ""},
		{[]string{"/script", "5"}, 5, ""}, // no "#!": /bin/sh runs it
		{[]string{"/Dockerfile"}, 126, `util init: command "/Dockerfile": permission denied`},
		{[]string{"/bin"}, 126, `util init: command "/bin": permission denied`},
		{[]string{"/nothing"}, 127, `util init: command "/nothing": no such file or directory`},
		{[]string{"nothing"}, 127, `util init: command "nothing": not found in PATH "`},
		{nil, 2, `util init: command: missing: init needs a command to run`},
	} {
		c := dockerRun(t, image, nil, tc.command...)
		got := c.Status()
		if got != tc.want || !strings.HasPrefix(c.Stderr(), tc.stderr) || tc.stderr == "" && c.Stderr() != "" {
			t.Errorf("%q: status %d, stderr %q, want %d, %q", tc.command, got, c.Stderr(), tc.want, tc.stderr)
		}
	}
}

// dockerMessages looks at what -v says, through the pipe that Docker makes of stderr.
func dockerMessages(t *testing.T, image string) {
	c := dockerRun(t, image, []string{"--env", "UTIL_INIT_VERBOSE=2"}, "/probe", "orphans", "2", "catch", "echo", "10", "raise", "15", "exit", "3")
	c.Expect("ready")
	c.waitProcesses(2)
	c.docker("kill", "--signal", "USR1")
	c.Expect("10")
	wantStatus(t, c, 3)
	for _, want := range []string{
		`util init: started "/probe" as pid `,
		"util init: reaped orphan ",
		"util init: forwarded USR1 to process group ",
		", exited with status 3 after ",
	} {
		if !strings.Contains(c.Stderr(), want) {
			t.Errorf("stderr has no %q:\n%s", want, c.Stderr())
		}
	}
}

// dockerStop asks for less than a second. The best of three counts: the machine may be busy with something else.
func dockerStop(t *testing.T, image string) {
	best := time.Hour
	for range 3 {
		c := dockerRun(t, image, nil, "/probe", "say", "ready", "pause")
		c.Expect("ready")
		start := time.Now()
		c.docker("stop")
		best = min(best, time.Since(start))
		if got := c.Status(); got != 143 {
			t.Fatalf("status %d, want 143: TERM did not end the command", got)
		}
		if best < time.Second {
			return
		}
	}
	t.Errorf("docker stop took %v", best)
}

// dockerSignals sends every signal but KILL and STOP and looks at what the command gets.
func dockerSignals(t *testing.T, image string) {
	c := dockerRun(t, image, nil, "/probe", "catch", "echo", "15")
	c.Expect("ready")
	expect := func(sent int, want string) {
		t.Helper()
		if got := c.Line(); got != want {
			t.Fatalf("signal %d sent: the command got %s, want %s", sent, got, want)
		}
	}
	for n := 1; n <= 64; n++ {
		number := fmt.Sprint(n)
		switch n {
		case 9, 15, 19: // KILL and STOP; TERM comes last
		case 32, 33: // Docker knows no such signals; the C libraries keep them to themselves
			docker(t, "exec", c.name, "/bin/busybox", "kill", "-"+number, "1")
			expect(n, number)
		default:
			c.docker("kill", "--signal", number)
			expect(n, number)
		}
	}
	c.docker("kill", "--signal", "TERM")
	expect(15, "15")
	wantStatus(t, c, 0)

	// The kernel does not stop an orphaned group by TSTP, TTIN or TTOU; init does, by STOP, unless the command takes them.
	c = dockerRun(t, image, nil, "/probe", "say", "ready", "pause")
	c.Expect("ready")
	for n := 20; n <= 22; n++ {
		c.docker("kill", "--signal", fmt.Sprint(n))
		c.waitState("/probe", "T")
		c.docker("kill", "--signal", "CONT")
		c.waitState("/probe", "S")
	}
	c.docker("kill", "--signal", "TERM")
	wantStatus(t, c, 143)
}

func dockerOrphans(t *testing.T, image string) {
	c := dockerRun(t, image, nil, "/probe", "orphans", "50", "say", "ready", "pause")
	c.Expect("ready")
	c.waitProcesses(2)
	docker(t, "exec", c.name, "/probe", "orphans", "50") // the orphans of an exec are init's as well
	c.waitProcesses(2)
	c.docker("stop")
	wantStatus(t, c, 143)
}

// dockerHardened is a container that may do as little as Docker can arrange.
func dockerHardened(t *testing.T, image string) {
	hardened := []string{"--read-only", "--user", "1000", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"}
	c := dockerRun(t, image, append(hardened, "--env", "UTIL_INIT_VERBOSE=1"), "/probe", "orphans", "5", "exit", "5")
	wantStatus(t, c, 5)
	// stderr is a pipe that another user has made.
	if !strings.Contains(c.Stderr(), ", exited with status 5 after ") {
		t.Errorf("messages are missing: %q", c.Stderr())
	}
	c = dockerRun(t, image, hardened, "/probe", "orphans", "5", "catch", "echo", "10", "exit", "6")
	c.Expect("ready")
	c.waitProcesses(2)
	c.docker("kill", "--signal", "USR1")
	wantStatus(t, c, 6)
	c = dockerRun(t, image, hardened, "/probe", "say", "ready", "pause")
	c.Expect("ready")
	c.docker("stop")
	wantStatus(t, c, 143)
}

// dockerTerminal types ^C: the command gets one INT, and as it goes on, so does the container.
func dockerTerminal(t *testing.T, image string) {
	c := dockerRunTerminal(t, image, "/probe", "tty", "catch", "echo", "15", "exit", "7")
	c.expect("tty\r")
	c.expect("ready\r\n")
	for range 2 {
		c.enter("\x03")
		c.expect("2\r\n")
	}
	c.docker("kill", "--signal", "TERM")
	wantStatus(t, c, 7)
	_, got, _ := strings.Cut(c.text(), "ready\r\n")
	got = strings.ReplaceAll(strings.ReplaceAll(got, "^C", ""), "28\r\n", "") // the echo; the first resize
	if want := "2\r\n2\r\n15\r\n"; got != want {
		t.Errorf("the command got %q, want %q", got, want)
	}
}

// dockerResize changes the size of the window: the command gets one WINCH.
func dockerResize(t *testing.T, image string) {
	c := dockerRunTerminal(t, image, "/probe", "catch", "echo", "15")
	c.expect("ready\r\n")
	c.waitSize("24 80") // the engine sets the first size at a time of its own choosing
	c.docker("kill", "--signal", "USR1")
	c.expect("10\r\n")
	test.Must(t, pty.Setsize(c.pty, &pty.Winsize{Rows: 40, Cols: 100}))
	c.expect("28\r\n")
	c.waitSize("40 100")
	c.docker("kill", "--signal", "TERM")
	wantStatus(t, c, 0)
	if _, got, _ := strings.Cut(c.text(), "10\r\n"); got != "28\r\n15\r\n" {
		t.Errorf("the command got %q, want one 28 and 15", got)
	}
}

// dockerJobControl works in an interactive shell beneath init as one does at any shell.
func dockerJobControl(t *testing.T, image string) {
	c := dockerRunTerminal(t, image, "/bin/busybox", "sh")
	c.expect("# ")
	c.enter("/bin/busybox sleep 1000\r")
	c.waitState("/bin/busybox sleep 1000", "S+") // +: in the foreground
	c.enter("\x1a")
	c.waitState("/bin/busybox sleep 1000", "T")
	c.expect("Stopped")
	c.expect("# ")
	c.enter("bg\r")
	c.waitState("/bin/busybox sleep 1000", "S")
	c.expect("# ")
	c.enter("fg\r")
	c.waitState("/bin/busybox sleep 1000", "S+")
	c.enter("\x03")
	c.expect("# ")
	c.enter("echo status=$?\r")
	c.expect("status=130\r\n")
	c.expect("# ")
	c.enter("exit 9\r")
	wantStatus(t, c, 9)
}

// dockerNoRoom has a shell fill the container up to its pids limit before it executes init.
func dockerNoRoom(t *testing.T, image string) {
	c := dockerRun(t, image, []string{"--pids-limit", "30", "--entrypoint", "/bin/busybox"}, "sh", "-c",
		`for i in $(/bin/busybox seq 29); do /bin/busybox sleep 1000 & done; exec /sbin/init -- /probe say started`)
	wantStatus(t, c, 1)
	const want = "util init: cannot make a process: resource temporarily unavailable (a pids limit of the container"
	if !strings.HasPrefix(c.Stderr(), want) {
		t.Errorf("stderr %q, want %q…", c.Stderr(), want)
	}
}

// dockerPidsLimit has the command fill the container up to its pids limit. Init goes on as ever.
func dockerPidsLimit(t *testing.T, image string) {
	c := dockerRun(t, image, []string{"--pids-limit", "30"}, "/bin/busybox", "sh", "-c",
		`trap 'echo got it' USR1; for i in $(/bin/busybox seq 28); do /bin/busybox sleep 1000 & done; echo full; wait; exec /bin/busybox sleep 1000`)
	c.Expect("full")
	c.docker("kill", "--signal", "USR1") // ends the sleepers
	c.Expect("got it")
	c.docker("stop")
	wantStatus(t, c, 143)
}

// dockerMemoryLimit has a child of the command ask for more than there may be. The kernel kills the child, not init.
func dockerMemoryLimit(t *testing.T, image string) {
	const glutton = "/bin/busybox dd if=/dev/zero of=/dev/null bs=256M count=1"
	limit := []string{"--memory", "32m", "--memory-swap", "32m", "--env", "UTIL_INIT_VERBOSE=1"}
	c := dockerRun(t, image, limit, "/bin/busybox", "sh", "-c", glutton+"; echo status=$?; exit 3")
	c.Expect("status=137")
	wantStatus(t, c, 3)
	c = dockerRun(t, image, limit, strings.Fields(glutton)...)
	wantStatus(t, c, 137)
	const why = ", was ended by signal KILL after "
	const oom = "; out of memory: the kernel killed 1 in the memory cgroup, limit 33554432 bytes, peak 33554432 bytes\n"
	if !strings.Contains(c.Stderr(), why) || !strings.HasSuffix(c.Stderr(), oom) {
		t.Errorf("init does not say what happened: %q", c.Stderr())
	}
}

func dockerExec(t *testing.T, image string) {
	c := dockerRun(t, image, nil, "/probe", "say", "ready", "pause")
	c.Expect("ready")
	if got := docker(t, "exec", c.name, "/bin/busybox", "cat", "/proc/1/comm"); got != "init" {
		t.Errorf("process 1 is %q", got)
	}
	cmd := exec.Command("docker", "exec", c.name, "/probe", "exit", "9")
	if got, _, stderr := test.Run(t, cmd); got != 9 {
		t.Errorf("docker exec: status %d, want 9; %s", got, stderr)
	}
	inside := test.Start(t, exec.Command("docker", "exec", c.name, "/probe", "say", "ready", "pause"))
	inside.Expect("ready")
	c.docker("stop")
	wantStatus(t, c, 143)
	if got := inside.Status(); got != 137 {
		t.Errorf("docker exec: status %d, want 137: the kernel ends what is left with process 1", got)
	}
}

// dockerStandardFiles lets a job under docker exec write to the container's log, as jobs of cron do.
func dockerStandardFiles(t *testing.T, image string) {
	for _, terminal := range [][]string{nil, {"--tty"}} {
		id := docker(t, slices.Concat([]string{"run", "--detach"}, terminal, []string{image, "/probe", "say", "ready", "pause"})...)
		t.Cleanup(func() { _ = exec.Command("docker", "rm", "--force", id).Run() })
		logs := func() string {
			_, stdout, stderr := test.Run(t, exec.Command("docker", "logs", id))
			return stdout + stderr
		}
		test.Eventually(t, "the command is ready", func() bool { return strings.Contains(logs(), "ready") })
		for file, text := range map[string]string{"/proc/1/fd/1": "from a job", "/proc/1/fd/2": "an error of a job"} {
			if out := docker(t, "exec", id, "/bin/busybox", "sh", "-c", "echo "+text+" >"+file); out != "" {
				t.Errorf("%v: %q", terminal, out)
			}
			test.Eventually(t, "docker logs shows what the job wrote", func() bool { return strings.Contains(logs(), text) })
		}
	}
}

// dockerRestart checks that the restart policy sees the status of the command.
func dockerRestart(t *testing.T, image string) {
	for _, tc := range []struct {
		status, want string
	}{
		{"0", "exited, 0 restarts, status 0"},
		{"3", "exited, 2 restarts, status 3"},
	} {
		name := containerName(t)
		docker(t, "run", "--network", "none", "--detach", "--name", name, "--restart", "on-failure:2", image, "/probe", "exit", tc.status)
		test.Eventually(t, tc.want, func() bool {
			return docker(t, "inspect", "--format", "{{.State.Status}}, {{.RestartCount}} restarts, status {{.State.ExitCode}}", name) == tc.want
		})
	}
}

// dockerEnvironment gives options where the entry point's arguments are fixed.
func dockerEnvironment(t *testing.T, image string) {
	c := dockerRun(t, image, []string{"--env", "UTIL_INIT_REWRITE=TERM:QUIT,HUP:none"}, "/probe", "say", "ready", "pause")
	c.Expect("ready")
	c.docker("kill", "--signal", "HUP")
	c.docker("stop")
	wantStatus(t, c, 131)
	c = dockerRun(t, image, []string{"--env", "UTIL_INIT_REWRITE=TREM:QUIT"}, "/probe")
	if got := c.Status(); got != 2 || !strings.Contains(c.Stderr(), "UTIL_INIT_REWRITE") {
		t.Errorf("status %d, stderr %q, want 2 and the variable's name", got, c.Stderr())
	}
}

// dockerInstall looks at what util --install made in a scratch image.
func dockerInstall(t *testing.T, image string) {
	for _, link := range []string{"/sbin/init", "/bin/init"} {
		if got := docker(t, "run", "--network", "none", "--rm", "--entrypoint", "/bin/busybox", image, "readlink", link); got != "/util" {
			t.Errorf("%s leads to %q, want /util", link, got)
		}
		if got := docker(t, "run", "--network", "none", "--rm", "--entrypoint", link, image, "/bin/busybox", "cat", "/proc/1/cmdline"); !strings.HasPrefix(got, link) {
			t.Errorf("process 1 is %q, want %s", got, link)
		}
	}
}

// dockerIntoAnImage adds util to an image that has an init of its own, as a user would.
func dockerIntoAnImage(t *testing.T, _ string) {
	files := map[string]string{"busybox": staticBusybox(t), "util": test.Util(t)}
	there := buildImage(t, `FROM scratch
COPY busybox /bin/
COPY busybox /sbin/init
COPY util /usr/bin/
RUN ["/bin/busybox", "ln", "-s", "busybox", "/bin/sh"]
`, files)

	install := exec.Command("docker", "run", "--network", "none", "--rm", there, "/usr/bin/util", "--install", "-s", "/sbin")
	status, _, stderr := test.Run(t, install)
	if status != 1 || !strings.Contains(stderr, `"/sbin/init": exists`) || !strings.Contains(stderr, "--force") {
		t.Errorf("over a file: status %d, stderr %q, want 1 and advice", status, stderr)
	}

	image := buildImage(t, "FROM "+there+`
RUN /usr/bin/util --install -s --force /sbin
ENTRYPOINT ["/sbin/init", "--"]
CMD ["sh", "-c", "exit 4"]
`, nil)
	c := dockerRun(t, image, nil)
	wantStatus(t, c, 4)
	c = dockerRun(t, image, nil, "sh", "-c", "echo ready; sleep 1000")
	c.Expect("ready")
	c.docker("stop")
	wantStatus(t, c, 143)
}

// requireEngine ends the test as missing where no Docker Engine answers.
func requireEngine(t *testing.T) {
	t.Helper()
	test.Tool(t, "docker")
	if out, err := exec.Command("docker", "version", "--format", "{{.Server.Version}}").CombinedOutput(); err != nil {
		test.Missing(t, "Docker Engine", strings.TrimSpace(string(out)))
	}
}

// staticBusybox returns the path of a busybox that runs in a scratch image.
func staticBusybox(t *testing.T) string {
	t.Helper()
	path := test.Tool(t, "busybox")
	file, err := elf.Open(path)
	test.Must(t, err)
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			test.Missing(t, "busybox-static", path+" is linked dynamically")
		}
	}
	return path
}

// initImage makes the image that most tests use: util, the probe and busybox, in that no shell takes part.
func initImage(t *testing.T, util string) string {
	t.Helper()
	script := filepath.Join(t.TempDir(), "script")
	test.Must(t, os.WriteFile(script, []byte("exit $1\n"), 0o755))
	return buildImage(t, `FROM scratch
COPY util probe script Dockerfile /
COPY busybox /bin/
COPY busybox /bin/sh
RUN ["/util", "--install", "-s", "/bin"]
RUN ["/util", "--install", "-s", "/sbin"]
ENV PATH=/sbin:/bin:/
ENTRYPOINT ["/sbin/init", "--"]
`, map[string]string{"util": util, "probe": test.Probe(t), "busybox": staticBusybox(t), "script": script})
}

// buildImage builds an image from a Dockerfile and files, which are paths by their names in the build context. The
// image is removed at the end of the test.
func buildImage(t *testing.T, dockerfile string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	test.Must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644))
	for name, path := range files {
		content, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), content, 0o755)
		}
		test.Must(t, err)
	}
	image := uniqueName()
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", "--force", image).Run() })
	cmd := exec.Command("docker", "build", "--network", "none", "--quiet", "--force-rm", "--tag", image, dir)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0") // the builder that every engine has
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("docker build: %v\n%s\n%s", err, dockerfile, out)
	}
	return image
}

// dockerCommand is a call of the docker command.
func dockerCommand(args ...string) *exec.Cmd { return exec.Command("docker", args...) }

// docker runs the docker command and returns its stdout. If it fails, so does the test.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	var stderr strings.Builder
	cmd := dockerCommand(args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("docker %q: %v\n%s%s", args, err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

var nameMutex sync.Mutex

var namesGiven int

// uniqueName returns a name for an image or a container that nothing else has.
func uniqueName() string {
	nameMutex.Lock()
	defer nameMutex.Unlock()
	namesGiven++
	return fmt.Sprintf("util-test-%d-%d", os.Getpid(), namesGiven)
}

// containerName returns a name for a container, which is removed at the end of the test.
func containerName(t *testing.T) string {
	name := uniqueName()
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "--force", name).Run() })
	return name
}

// container is a docker run in the foreground: its output and status are the container's. It has no network: init needs
// none, and so the tests need no bridge.
type container struct {
	*test.Process
	t    *testing.T
	name string
}

// dockerRun starts a container.
func dockerRun(t *testing.T, image string, options []string, command ...string) *container {
	t.Helper()
	name := containerName(t)
	args := slices.Concat([]string{"run", "--network", "none", "--name", name, "--sig-proxy=false"}, options, []string{image}, command)
	return &container{test.Start(t, exec.Command("docker", args...)), t, name}
}

// docker runs a docker command about the container.
func (c *container) docker(command string, options ...string) string {
	c.t.Helper()
	return docker(c.t, slices.Concat([]string{command}, options, []string{c.name})...)
}

// waitProcesses waits until the container has n processes, zombies included: docker top would not show those.
func (c *container) waitProcesses(n int) {
	c.t.Helper()
	var all string
	defer func() {
		if c.t.Failed() {
			c.t.Logf("processes:\n%s", all)
		}
	}()
	test.Eventually(c.t, fmt.Sprintf("the container has %d processes", n), func() bool {
		all = docker(c.t, "exec", c.name, "/bin/busybox", "ps", "-o", "pid,stat,args")
		return strings.Count(all, "\n") == n+1 // without the heading, but with ps
	})
}

// waitState waits until the process whose command line begins with args is in a state (ps(1), "PROCESS STATE CODES"):
// its first letter and, for a process in the foreground of a terminal, "+".
func (c *container) waitState(args, state string) {
	c.t.Helper()
	test.Eventually(c.t, args+" in state "+state, func() bool {
		for line := range strings.Lines(docker(c.t, "top", c.name, "-eo", "pid,stat,args")) {
			words := strings.Fields(line)
			got := words[1][:1]
			if strings.Contains(words[1], "+") {
				got += "+"
			}
			if got == state && strings.HasPrefix(strings.Join(words[2:], " "), args) {
				return true
			}
		}
		return false
	})
}

// containerTerminal is a docker run -it on a pty.
type containerTerminal struct {
	*container
	pty   *os.File
	mutex sync.Mutex
	shown []byte
	at    int // in shown: the end of what expect has found
	ended chan struct{}
}

// dockerRunTerminal starts a container on a terminal of 24 lines and 80 columns. It does not proxy signals: docker run would
// send the WINCH that it gets itself to the container as well, behind the one of the container's terminal.
func dockerRunTerminal(t *testing.T, image string, command ...string) *containerTerminal {
	t.Helper()
	name := containerName(t)
	cmd := exec.Command("docker", append([]string{"run", "--network", "none", "--name", name, "-it", "--sig-proxy=false", image}, command...)...)
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 24, Cols: 80})
	test.Must(t, err)
	c := &containerTerminal{container: &container{nil, t, name}, pty: file, ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		buf := make([]byte, 4096)
		for {
			n, err := file.Read(buf)
			c.mutex.Lock()
			c.shown = append(c.shown, buf[:n]...)
			c.mutex.Unlock()
			if err != nil { // EIO: nobody has the terminal open any more
				_ = cmd.Wait()
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-c.ended
		file.Close()
	})
	c.Process = &test.Process{Cmd: cmd}
	return c
}

// Status waits for the end of the container and returns its exit status.
func (c *containerTerminal) Status() int {
	c.t.Helper()
	select {
	case <-c.ended:
	case <-time.After(test.Deadline):
		c.t.Fatalf("the container did not end; shown: %q", c.text())
	}
	return test.StatusOf(c.ProcessState)
}

// text is what the terminal has shown so far.
func (c *containerTerminal) text() string {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return string(c.shown)
}

// expect waits until the terminal shows text, behind what was expected before.
func (c *containerTerminal) expect(text string) {
	c.t.Helper()
	for end := time.Now().Add(test.Deadline); ; time.Sleep(2 * time.Millisecond) {
		shown := c.text()
		if i := strings.Index(shown[c.at:], text); i >= 0 {
			c.at += i + len(text)
			return
		}
		if time.Now().After(end) {
			c.t.Fatalf("the terminal does not show %q; shown: %q", text, shown)
		}
	}
}

// enter types text.
func (c *containerTerminal) enter(text string) {
	c.t.Helper()
	if _, err := c.pty.WriteString(text); err != nil {
		c.t.Fatal(err)
	}
}

// waitSize waits until the container's terminal has a size.
func (c *containerTerminal) waitSize(size string) {
	c.t.Helper()
	test.Eventually(c.t, "a terminal of size "+size, func() bool {
		return docker(c.t, "exec", c.name, "/bin/busybox", "stty", "-F", "/dev/console", "size") == size
	})
}
