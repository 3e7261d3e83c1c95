package initcmd_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"
)

// engine is a container engine that injects our init, with one image that holds the probe as
// /probe.
type engine struct {
	t       *testing.T
	command []string // the client, with what it needs to find its engine
	env     []string
}

// run runs the client and returns its status and output.
func (e *engine) run(args ...string) (status int, stdout, stderr string) {
	e.t.Helper()
	return test.Run(e.t, e.cmd(args...))
}

func (e *engine) cmd(args ...string) *exec.Cmd {
	cmd := exec.Command(e.command[0], append(e.command[1:], args...)...)
	cmd.Env = append(os.Environ(), e.env...)
	return cmd
}

// must is run for a command that must succeed. It returns stdout.
func (e *engine) must(args ...string) string {
	e.t.Helper()
	status, stdout, stderr := e.run(args...)
	if status != 0 {
		e.t.Fatalf("%v: status %d, %s", args, status, stderr)
	}
	return stdout
}

// imports makes the image.
func (e *engine) imports() {
	e.t.Helper()
	text := read(e.t, test.Probe(e.t))
	var image bytes.Buffer
	w := tar.NewWriter(&image)
	test.Must(e.t, w.WriteHeader(&tar.Header{Name: "probe", Mode: 0o755, Size: int64(len(text))}))
	_, err := w.Write([]byte(text))
	test.Must(e.t, err)
	test.Must(e.t, w.Close())
	cmd := e.cmd("import", "-", "probe")
	cmd.Stdin = &image
	if status, _, stderr := test.Run(e.t, cmd); status != 0 {
		test.Missing(e.t, e.command[0], "cannot import an image: "+stderr)
	}
}

// engineCommit is a commit in the form that the Makefile gives it for a changed tree.
const engineCommit = "0123456789ab-dirty"

// engineUtil returns a util of that commit.
func engineUtil(t *testing.T) string { return test.UtilOf(t, runtime.GOARCH, engineCommit) }

// dockerEngine starts a Docker Engine for the test, which shares no file with that of the machine.
func dockerEngine(t *testing.T) *engine {
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "only root can start a Docker Engine")
	}
	daemon := test.Tool(t, "dockerd")
	client := test.Tool(t, "docker")
	dir, err := os.MkdirTemp("", "util-engine-") // short: a socket's path has at most 107 bytes
	test.Must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	config := fmt.Sprintf(`{"init-path": %q}`, namesake(t, engineUtil(t), "docker-init"))
	test.Must(t, os.WriteFile(dir+"/daemon.json", []byte(config), 0o644))
	cmd := exec.Command(daemon, "--config-file", dir+"/daemon.json",
		"--data-root", dir+"/data", "--exec-root", dir+"/exec", "--pidfile", dir+"/pid",
		"--host", "unix://"+dir+"/sock", "--bridge", "none", "--iptables=false", "--ip6tables=false",
		"--ip-forward=false", "--ip-masq=false", "--log-level", "error")
	var log bytes.Buffer
	cmd.Stderr = &log
	// The engine needs its own network namespace: with --bridge none it deletes docker0, the bridge of
	// the other engine.
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid: true, Pdeathsig: syscall.SIGTERM, Cloneflags: syscall.CLONE_NEWNET,
	}
	runtime.LockOSThread() // the parent-death signal is tied to the thread
	if err := cmd.Start(); err != nil {
		test.Missing(t, "dockerd", err.Error())
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stopped := false
	t.Cleanup(func() {
		if !stopped {
			_ = cmd.Process.Signal(syscall.SIGTERM)
			<-ended
		}
		runtime.UnlockOSThread()
	})
	e := &engine{t: t, command: []string{client, "--host", "unix://" + dir + "/sock"}}
	end := time.Now().Add(3 * test.Deadline)
	for ; e.cmd("version").Run() != nil; time.Sleep(50 * time.Millisecond) {
		select {
		case <-ended:
			stopped = true
			test.Missing(t, "dockerd", "does not start: "+log.String())
		default:
		}
		if time.Now().After(end) {
			test.Missing(t, "dockerd", "does not answer: "+log.String())
		}
	}
	e.imports()
	return e
}

// podmanEngine is Podman with its own storage.
func podmanEngine(t *testing.T) *engine {
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "the test's Podman runs as root")
	}
	client := test.Tool(t, "podman")
	test.Tool(t, "runc")
	dir, err := os.MkdirTemp("", "util-engine-")
	test.Must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	config := fmt.Sprintf("[containers]\ninit_path = %q\n"+
		"default_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\n"+
		"[engine]\nruntime = \"runc\"\ncgroup_manager = \"cgroupfs\"\nevents_logger = \"none\"\n",
		namesake(t, engineUtil(t), "podman-init"))
	test.Must(t, os.WriteFile(dir+"/containers.conf", []byte(config), 0o644))
	e := &engine{
		t: t,
		command: []string{
			client, "--root", dir + "/data", "--runroot", dir + "/run", "--storage-driver", "vfs",
		},
		env: []string{"CONTAINERS_CONF=" + dir + "/containers.conf"},
	}
	// Podman leaves this cgroup. If it is there already, it is not the test's.
	parents := []string{"/sys/fs/cgroup/*/libpod_parent", "/sys/fs/cgroup/libpod_parent"}
	if !slices.ContainsFunc(parents, exists) {
		t.Cleanup(func() { test.RemoveCgroups(t, test.Deadline, parents...) })
	}
	t.Cleanup(func() { _ = e.cmd("rm", "--force", "--all").Run() })
	e.imports()
	if status, _, stderr := e.run("run", "--rm", "--network", "none", "probe", "/probe"); status != 0 {
		test.Missing(t, "podman", "cannot run a container: "+stderr)
	}
	return e
}

func exists(pattern string) bool {
	found, _ := filepath.Glob(pattern)
	return len(found) > 0
}

func TestInjectedByDocker(t *testing.T) {
	e := dockerEngine(t)
	if got := e.must("info", "--format", "{{.InitCommit.ID}}"); got != engineCommit {
		t.Errorf("docker info: init version %q", got)
	}
	injected(t, e)
}

func TestInjectedByPodman(t *testing.T) { injected(t, podmanEngine(t)) }

// injected runs containers whose init the engine injects.
func injected(t *testing.T, e *engine) {
	run := []string{"run", "--rm", "--init", "--network", "none"}
	status, stdout, stderr := e.run(append(run, "probe", "/probe", "state", "exit", "5")...)
	if status != 5 || stderr != "" {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	if st := parseState(t, stdout); st["pid"] == 1 || st["ppid"] != 1 || st["pgid"] != st["pid"] {
		t.Errorf("state %s", stdout)
	}
	// The message about a bad variable shows that the init is util.
	status, _, stderr = e.run(append(run, "--env", "UTIL_INIT_GRACE=soon", "probe", "/probe")...)
	if status != 2 || !strings.HasPrefix(stderr, `util init: UTIL_INIT_GRACE: "soon"`) {
		t.Errorf("bad variable: status %d, stderr %q", status, stderr)
	}

	for _, terminal := range [][]string{nil, {"--tty"}} {
		id := e.detached(t, terminal, "say", "ready", "pause")
		for file, text := range jobOutput {
			if out := e.must("exec", id, "/probe", "write", file, text); out != "" {
				t.Errorf("%v: exec: %q", terminal, out)
			}
			test.Eventually(t, "the engine logs the text", func() bool {
				_, stdout, stderr := e.run("logs", id)
				return strings.Contains(stdout+stderr, text)
			})
		}
	}

	stop := []string{"stop", "--time", "20"}
	pause := []string{"say", "ready", "pause"}
	for _, tc := range []struct {
		name   string
		stop   []string
		words  []string
		status string
		output string
	}{
		{"stop", stop, pause, "143", "ready"},
		{"stop, handled", stop, []string{"catch", "echo", "15", "exit", "6"}, "6", "ready\n15"},
		{"kill by USR1", []string{"kill", "--signal", "USR1"}, pause, "138", "ready"},
		{"kill", []string{"kill"}, pause, "137", "ready"},
		{"orphans", stop, append([]string{"orphans", "100"}, pause...), "143", "ready"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := &engine{t, e.command, e.env}
			id := e.detached(t, nil, tc.words...)
			begin := time.Now()
			e.must(append(tc.stop, id)...)
			if got := e.must("wait", id); got != tc.status {
				t.Errorf("status %s, want %s", got, tc.status)
			}
			if took := time.Since(begin); took > 15*time.Second {
				t.Errorf("took %v: the engine had to kill it", took)
			}
			if got := e.must("logs", id); got != tc.output {
				t.Errorf("output %q, want %q", got, tc.output)
			}
		})
	}
}

// detached starts a container with the probe in the background, and waits until it has printed
// "ready". The container is removed at the end of the test.
func (e *engine) detached(t *testing.T, options []string, words ...string) (id string) {
	t.Helper()
	id = e.must(slices.Concat([]string{"run", "--detach", "--init", "--network", "none"}, options,
		[]string{"probe", "/probe"}, words)...)
	t.Cleanup(func() { _, _, _ = e.run("rm", "--force", id) })
	test.Eventually(t, "the command is ready", func() bool {
		return strings.Contains(e.must("logs", id), "ready")
	})
	return id
}
