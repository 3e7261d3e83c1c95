package initcmd_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"util/internal/test"
)

// TestDocker runs init with the Docker Engine, in images that hold only util, the probe and
// busybox.
func TestDocker(t *testing.T) {
	test.Engine(t)
	early, plain := initImage(t, test.Util(t)), ""
	if !test.Alone() { // util-init cannot re-execute itself: it has no Go runtime
		plain = initImage(t, test.Plain(t))
	}
	for _, tc := range []struct {
		name string
		run  func(t *testing.T, image string)
		both bool // also with the binary that re-executes itself
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
		if tc.both && plain != "" {
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
		{[]string{"probe", "exit", "4"}, 4, ""}, // found in PATH
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
		got, stderr := c.Status(), c.Stderr()
		if got != tc.want || !strings.HasPrefix(stderr, tc.stderr) || tc.stderr == "" && stderr != "" {
			t.Errorf("%q: status %d, stderr %q, want %d, %q", tc.command, got, stderr, tc.want, tc.stderr)
		}
	}
}

// dockerMessages checks the messages of -vv, through the pipe that Docker makes stderr.
func dockerMessages(t *testing.T, image string) {
	c := dockerRun(t, image, []string{"--env", "UTIL_INIT_VERBOSE=2"},
		"/probe", "orphans", "2", "catch", "echo", "10", "raise", "15", "exit", "3")
	c.Expect("ready")
	c.waitReaped()
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

// dockerStop takes less than a second. The best of three counts, because the machine may be busy.
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

// dockerSignals sends every signal except KILL and STOP, and checks what the command gets.
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
		case 32, 33: // Docker does not know these signals, which the C libraries reserve
			c.exec("/bin/busybox", "kill", "-"+number, "1")
			expect(n, number)
		default:
			c.docker("kill", "--signal", number)
			expect(n, number)
		}
	}
	c.docker("kill", "--signal", "TERM")
	expect(15, "15")
	wantStatus(t, c, 0)

	// TSTP, TTIN and TTOU do not stop an orphaned process group. Init sends STOP instead, unless the
	// command handles them.
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
	c.waitReaped()
	c.exec("/probe", "orphans", "50") // init reaps the orphans of docker exec too
	c.waitReaped()
	c.docker("stop")
	wantStatus(t, c, 143)
}

// dockerHardened is a container with all restrictions that Docker offers.
func dockerHardened(t *testing.T, image string) {
	hardened := []string{
		"--read-only", "--user", "1000", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
	}
	c := dockerRun(t, image, append(hardened, "--env", "UTIL_INIT_VERBOSE=1"),
		"/probe", "orphans", "5", "exit", "5")
	wantStatus(t, c, 5)
	// stderr is a pipe of another user.
	if !strings.Contains(c.Stderr(), ", exited with status 5 after ") {
		t.Errorf("messages are missing: %q", c.Stderr())
	}
	c = dockerRun(t, image, hardened, "/probe", "orphans", "5", "catch", "echo", "10", "exit", "6")
	c.Expect("ready")
	c.waitReaped()
	c.docker("kill", "--signal", "USR1")
	wantStatus(t, c, 6)
	c = dockerRun(t, image, hardened, "/probe", "say", "ready", "pause")
	c.Expect("ready")
	c.docker("stop")
	wantStatus(t, c, 143)
}

// dockerTerminal types ^C: the command gets one INT, continues, and so does the container.
func dockerTerminal(t *testing.T, image string) {
	c := dockerRunTerminal(t, image, "/probe", "tty", "catch", "echo", "15", "exit", "7")
	c.term.Expect("tty\r")
	c.term.Expect("ready\r\n")
	for range 2 {
		c.term.Type("\x03")
		c.term.Expect("2\r\n")
	}
	c.docker("kill", "--signal", "TERM")
	wantStatus(t, c, 7)
	_, got, _ := strings.Cut(c.term.Text(), "ready\r\n")
	got = strings.ReplaceAll(got, "^C", "")     // the echo
	got = strings.ReplaceAll(got, "28\r\n", "") // the first size
	if want := "2\r\n2\r\n15\r\n"; got != want {
		t.Errorf("the command got %q, want %q", got, want)
	}
}

// dockerResize changes the size of the window: the command gets one WINCH.
func dockerResize(t *testing.T, image string) {
	c := dockerRunTerminal(t, image, "/probe", "catch", "echo", "15")
	c.term.Expect("ready\r\n")
	c.waitSize("24 80") // the engine sets the first size at a time of its own choosing
	c.docker("kill", "--signal", "USR1")
	c.term.Expect("10\r\n")
	c.term.Resize(40, 100)
	c.term.Expect("28\r\n")
	c.waitSize("40 100")
	c.docker("kill", "--signal", "TERM")
	wantStatus(t, c, 0)
	if _, got, _ := strings.Cut(c.term.Text(), "10\r\n"); got != "28\r\n15\r\n" {
		t.Errorf("the command got %q, want one 28 and 15", got)
	}
}

// dockerJobControl uses the job control of an interactive shell that runs under init.
func dockerJobControl(t *testing.T, image string) {
	c := dockerRunTerminal(t, image, "/bin/busybox", "sh")
	c.term.Expect("# ")
	c.term.Type("/bin/busybox sleep 1000\r")
	c.waitState("/bin/busybox sleep 1000", "S+") // +: in the foreground
	c.term.Type("\x1a")
	c.waitState("/bin/busybox sleep 1000", "T")
	c.term.Expect("Stopped")
	c.term.Expect("# ")
	c.term.Type("bg\r")
	c.waitState("/bin/busybox sleep 1000", "S")
	c.term.Expect("# ")
	c.term.Type("fg\r")
	c.waitState("/bin/busybox sleep 1000", "S+")
	c.term.Type("\x03")
	c.term.Expect("# ")
	c.term.Type("echo status=$?\r")
	c.term.Expect("status=130\r\n")
	c.term.Expect("# ")
	c.term.Type("exit 9\r")
	wantStatus(t, c, 9)
}

// dockerNoRoom has a shell fill the container up to its pids limit before it executes init.
func dockerNoRoom(t *testing.T, image string) {
	options := []string{"--pids-limit", "30", "--entrypoint", "/bin/busybox"}
	for _, init := range []string{"/sbin/init", "/util tini", "/util dumb-init"} {
		c := dockerRun(t, image, options, "sh", "-c", `
			for i in $(/bin/busybox seq 29); do /bin/busybox sleep 1000 & done
			exec `+init+` -- /probe say started`)
		wantStatus(t, c, 1)
		const want = "util init: cannot create a process: resource temporarily unavailable " +
			"(the container's pids limit"
		if !strings.HasPrefix(c.Stderr(), want) {
			t.Errorf("%s: stderr %q, want %q…", init, c.Stderr(), want)
		}
	}
}

// dockerPidsLimit has the command fill the container up to its pids limit. Init still works.
func dockerPidsLimit(t *testing.T, image string) {
	c := dockerRun(t, image, []string{"--pids-limit", "30"}, "/bin/busybox", "sh", "-c", `
		trap 'echo got it' USR1
		for i in $(/bin/busybox seq 28); do /bin/busybox sleep 1000 & done
		echo full
		wait
		exec /bin/busybox sleep 1000`)
	c.Expect("full")
	c.docker("kill", "--signal", "USR1") // terminates the sleep processes
	c.Expect("got it")
	c.docker("stop")
	wantStatus(t, c, 143)
}

// dockerMemoryLimit has a child of the command allocate more than the limit. The kernel kills the
// child, not init.
func dockerMemoryLimit(t *testing.T, image string) {
	const glutton = "/bin/busybox dd if=/dev/zero of=/dev/null bs=256M count=1"
	limit := []string{"--memory", "32m", "--memory-swap", "32m", "--env", "UTIL_INIT_VERBOSE=1"}
	c := dockerRun(t, image, limit, "/bin/busybox", "sh", "-c", glutton+"; echo status=$?; exit 3")
	c.Expect("status=137")
	wantStatus(t, c, 3)
	c = dockerRun(t, image, limit, strings.Fields(glutton)...)
	wantStatus(t, c, 137)
	const why = ", was terminated by signal KILL after "
	const oom = "; out of memory: the kernel killed 1 in the memory cgroup, " +
		"limit 33554432 bytes, peak 33554432 bytes\n"
	if !strings.Contains(c.Stderr(), why) || !strings.HasSuffix(c.Stderr(), oom) {
		t.Errorf("init does not report what happened: %q", c.Stderr())
	}
}

func dockerExec(t *testing.T, image string) {
	c := dockerRun(t, image, nil, "/probe", "say", "ready", "pause")
	c.Expect("ready")
	if got := c.exec("/bin/busybox", "cat", "/proc/1/comm"); got != "init" {
		t.Errorf("process 1 is %q", got)
	}
	if got, _, stderr := test.Docker(t, "exec", c.name, "/probe", "exit", "9"); got != 9 {
		t.Errorf("docker exec: status %d, want 9; %s", got, stderr)
	}
	inside := test.Start(t, exec.Command("docker", "exec", c.name, "/probe", "say", "ready", "pause"))
	inside.Expect("ready")
	c.docker("stop")
	wantStatus(t, c, 143)
	if got := inside.Status(); got != 137 {
		t.Errorf("docker exec: status %d, want 137: the kernel kills what is left when PID 1 ends", got)
	}
}

// dockerStandardFiles writes to the log of the container from docker exec, as cron jobs do.
func dockerStandardFiles(t *testing.T, image string) {
	for _, terminal := range [][]string{nil, {"--tty"}} {
		id := test.MustDocker(t, slices.Concat([]string{"run", "--detach", "--network", "none"}, terminal,
			[]string{image, "/probe", "say", "ready", "pause"})...)
		t.Cleanup(func() { _ = exec.Command("docker", "rm", "--force", id).Run() })
		logs := func() string {
			_, stdout, stderr := test.Docker(t, "logs", id)
			return stdout + stderr
		}
		shown := func(text string) func() bool {
			return func() bool { return strings.Contains(logs(), text) }
		}
		test.Eventually(t, "the command is ready", shown("ready"))
		for file, text := range jobOutput {
			out := test.MustDocker(t, "exec", id, "/bin/busybox", "sh", "-c", "echo "+text+" >"+file)
			if out != "" {
				t.Errorf("%v: %q", terminal, out)
			}
			test.Eventually(t, "docker logs shows the text", shown(text))
		}
	}
}

// jobOutput is what a job writes to the standard files of PID 1.
var jobOutput = map[string]string{
	"/proc/1/fd/1": "from a job", "/proc/1/fd/2": "an error of a job",
}

// dockerRestart checks that the restart policy applies to the status of the command.
func dockerRestart(t *testing.T, image string) {
	for _, tc := range []struct {
		status, want string
	}{
		{"0", "exited, 0 restarts, status 0"},
		{"3", "exited, 2 restarts, status 3"},
	} {
		name := containerName(t)
		options := []string{"--detach", "--restart", "on-failure:2"}
		test.MustDocker(t, runArgs(name, image, options, []string{"/probe", "exit", tc.status})...)
		const format = "{{.State.Status}}, {{.RestartCount}} restarts, status {{.State.ExitCode}}"
		test.Eventually(t, tc.want, func() bool {
			return test.MustDocker(t, "inspect", "--format", format, name) == tc.want
		})
	}
}

// dockerEnvironment passes options as variables, because the image fixes the arguments.
func dockerEnvironment(t *testing.T, image string) {
	c := dockerRun(t, image, []string{"--env", "UTIL_INIT_REWRITE=TERM:QUIT,HUP:none"},
		"/probe", "say", "ready", "pause")
	c.Expect("ready")
	c.docker("kill", "--signal", "HUP")
	c.docker("stop")
	wantStatus(t, c, 131)
	c = dockerRun(t, image, []string{"--env", "UTIL_INIT_REWRITE=TREM:QUIT"}, "/probe")
	if got := c.Status(); got != 2 || !strings.Contains(c.Stderr(), "UTIL_INIT_REWRITE") {
		t.Errorf("status %d, stderr %q, want 2 and the variable's name", got, c.Stderr())
	}
}

// dockerInstall checks the links that util --install made in a scratch image. Util-init was copied.
func dockerInstall(t *testing.T, image string) {
	links := []string{"/sbin/init", "/bin/init"}
	if test.Alone() {
		links = links[:1]
	}
	for _, link := range links {
		run := func(entrypoint string, command ...string) string {
			options := []string{"--rm", "--entrypoint", entrypoint}
			return test.MustDocker(t, runArgs(uniqueName(), image, options, command)...)
		}
		if !test.Alone() {
			if got := run("/bin/busybox", "readlink", link); got != "/util" {
				t.Errorf("%s is a link to %q, want /util", link, got)
			}
		}
		if got := run(link, "/bin/busybox", "cat", "/proc/1/cmdline"); !strings.HasPrefix(got, link) {
			t.Errorf("PID 1 is %q, want %s", got, link)
		}
	}
}

// dockerIntoAnImage adds util to an image that already has an init. Util-init takes its place.
func dockerIntoAnImage(t *testing.T, _ string) {
	util := map[string]string{"util": test.Util(t)}
	there := buildImage(t, `FROM scratch
COPY busybox /bin/
COPY busybox /sbin/init
COPY util /usr/bin/
RUN ["/bin/busybox", "ln", "-s", "busybox", "/bin/sh"]
`, map[string]string{"busybox": staticBusybox(t), "util": test.Util(t)})

	replace := "COPY util /sbin/init"
	if !test.Alone() {
		install := []string{"/usr/bin/util", "--install", "-s", "/sbin"}
		status, _, stderr := test.Docker(t, runArgs(uniqueName(), there, []string{"--rm"}, install)...)
		if status != 1 || !strings.Contains(stderr, `"/sbin/init": exists`) ||
			!strings.Contains(stderr, "--force") {
			t.Errorf("over a file: status %d, stderr %q, want 1 and a hint at --force", status, stderr)
		}
		replace = "RUN /usr/bin/util --install -s --force /sbin"
	}
	image := buildImage(t, "FROM "+there+"\n"+replace+`
ENTRYPOINT ["/sbin/init", "--"]
CMD ["sh", "-c", "exit 4"]
`, util)
	c := dockerRun(t, image, nil)
	wantStatus(t, c, 4)
	c = dockerRun(t, image, nil, "sh", "-c", "echo ready; sleep 1000")
	c.Expect("ready")
	c.docker("stop")
	wantStatus(t, c, 143)
}
