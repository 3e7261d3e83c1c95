package kubernetes_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"util/internal/test"
)

// pidNumber is the part of a message that differs from run to run.
var pidNumber = regexp.MustCompile(`pid \d+,`)

// ended is what the tests read of init's last line.
type ended struct {
	Event, Message, Signal string
	Status                 *int
	ExitCode               int  `json:"exit_code"`
	OutOfMemory            bool `json:"out_of_memory"`
	Killed                 int
	OrphansReaped          int `json:"orphans_reaped"`
}

// message parses the message of a container that has ended.
func message(t *testing.T, c container) (line ended) {
	t.Helper()
	if c.State.Terminated == nil {
		t.Fatalf("%s has not ended: %+v", c.Name, c.State)
	}
	if err := json.Unmarshal([]byte(c.State.Terminated.Message), &line); err != nil {
		t.Errorf("%s: message %q: %v", c.Name, c.State.Terminated.Message, err)
	}
	return line
}

// TestTerminationLog reads the messages of containers that end in all ways.
func TestTerminationLog(t *testing.T) {
	t.Parallel()
	p := start(t, read(t, "testdata/termination-log.yaml"))
	now := p.ends()
	if now.Status.Phase != "Failed" {
		t.Errorf("phase %s", now.Status.Phase)
	}
	for _, tc := range []struct {
		name   string
		status int
		event  string
		says   string
	}{
		{"exit", 3, "ended", `"/probe", pid 0, exited with status 3 after `},
		{"signal", 137, "ended", `"/probe", pid 0, was terminated by signal KILL after `},
		{"memory", 137, "ended", "; out of memory: the kernel killed 1 in the memory " +
			"cgroup, limit 33554432 bytes, peak 33554432 bytes"},
		{
			"not-found", 127, "not started",
			`command "/usr/bin/nothing": no such file or directory`,
		},
		{"option", 2, "usage error", `option "--grce": unknown (did you mean --grace?)`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := now.container(tc.name)
			line := message(t, c)
			line.Message = pidNumber.ReplaceAllString(line.Message, "pid 0,")
			// The reason is OOMKilled only if containerd learns of the kill before the end.
			reason := c.State.Terminated.Reason
			if tc.name == "memory" && reason == "OOMKilled" {
				reason = "Error"
			}
			if c.State.Terminated.ExitCode != tc.status || reason != "Error" ||
				line.Event != tc.event || !strings.Contains(line.Message, tc.says) ||
				line.OutOfMemory != (tc.name == "memory") {
				t.Errorf("%+v, %+v", c.State.Terminated, line)
			}
			t.Logf("status %d, reason %s: %s", c.State.Terminated.ExitCode,
				c.State.Terminated.Reason, line.Message)
		})
	}
}

// TestProcessNamespace counts zombies in a pod whose containers have one PID namespace.
func TestProcessNamespace(t *testing.T) {
	t.Parallel()
	shared := read(t, "testdata/process-namespace.yaml")
	p := start(t, shared)
	own := start(t, strings.NewReplacer("name: process-namespace", "name: own-namespaces",
		"shareProcessNamespace: true", "shareProcessNamespace: false").Replace(shared))
	for _, name := range []string{"bare", "init"} {
		p.prints(name, "done")
		own.prints(name, "done")
	}
	if args := p.pid1("bare").file("cmdline"); args != "/sbin/init\x00--pause\x00" {
		t.Errorf("PID 1 is %q", args)
	}
	// Without an init there are zombies, which shows that they would be found.
	for _, tc := range []struct {
		pod  *runningPod
		name string
		want int
	}{{p, "bare", 0}, {p, "init", 0}, {own, "bare", 20}, {own, "init", 0}} {
		test.Eventually(t, fmt.Sprintf("%s: %s: %d zombies", tc.pod.name, tc.name, tc.want),
			func() bool { return tc.pod.zombies(tc.name) == tc.want })
	}
	now := p.wait("a container ends", func(now pod) bool {
		return now.container("ends").State.Terminated != nil
	})
	line := message(t, now.container("ends"))
	if line.ExitCode != 3 || line.Killed != 1 {
		t.Errorf("ends: %+v", line)
	}
	for _, name := range []string{"bare", "init"} {
		if c := now.container(name); c.State.Running == nil {
			t.Errorf("%s: %+v", name, c.State)
		}
	}
	deleted := p.delete()
	for _, name := range []string{"bare", "init"} {
		e := p.exit(name)
		t.Logf("%s ended with status %d, %v after the deletion", name, e.Status, e.At.Sub(deleted))
		if e.Status != 143 {
			t.Errorf("%s: status %d", name, e.Status)
		}
	}
}

// TestStop deletes a pod.
func TestStop(t *testing.T) {
	t.Parallel()
	p := start(t, read(t, "testdata/stop.yaml"), "saves", "loses")
	for _, name := range []string{"at-once", "delayed", "stubborn", "too-long", "saves", "loses"} {
		p.prints(name, "ready")
	}
	deleted := p.delete()
	term := p.exit("at-once").At
	t.Logf("TERM came %v after the deletion", term.Sub(deleted))
	for _, tc := range []struct {
		name   string
		status int
		after  time.Duration // when it ends, after TERM
		file   string        // the contents of its file
	}{
		{"at-once", 7, 0, ""},
		{"delayed", 7, 2 * time.Second, ""},
		{"stubborn", 137, 3 * time.Second, "killed: 1: probe ("},
		// Kubernetes kills init, which has no time for a report.
		{"too-long", 137, 6 * time.Second, ""},
		{"saves", 143, time.Second, "data\n"},
		{"loses", 143, 0, ""},
	} {
		e := p.exit(tc.name)
		after := e.At.Sub(term)
		t.Logf("%s: status %d, %v after TERM", tc.name, e.Status, after)
		// The containers get TERM at about the same time.
		late := after - tc.after
		if e.Status != tc.status || late < -time.Second || late > 2*time.Second {
			t.Errorf("%s: want %d after %v", tc.name, tc.status, tc.after)
		}
		file, _ := os.ReadFile(filepath.Join(p.out, tc.name))
		if !strings.Contains(string(file), tc.file) || (tc.file == "") != (len(file) == 0) {
			t.Errorf("%s: file %q, want %q", tc.name, file, tc.file)
		}
	}
}

// TestDeadline reads the status that the kubelet reports of a pod that it has stopped.
func TestDeadline(t *testing.T) {
	t.Parallel()
	p := start(t, read(t, "testdata/deadline.yaml"), "saves")
	now := p.wait("ends", func(now pod) bool {
		return now.container("stubborn").State.Terminated != nil &&
			now.container("saves").State.Terminated != nil
	})
	if now.Status.Phase != "Failed" || now.Status.Reason != "DeadlineExceeded" {
		t.Errorf("phase %s, reason %s", now.Status.Phase, now.Status.Reason)
	}
	line := message(t, now.container("stubborn"))
	if c := now.container("stubborn"); c.State.Terminated.ExitCode != 137 || line.Killed != 1 {
		t.Errorf("stubborn: %+v, %+v", c.State.Terminated, line)
	}
	if c := now.container("saves"); c.State.Terminated.ExitCode != 143 {
		t.Errorf("saves: %+v", c.State.Terminated)
	}
	if file, _ := os.ReadFile(filepath.Join(p.out, "saves")); string(file) != "data\n" {
		t.Errorf("file %q", file)
	}
}

// TestRequests deletes a pod while it works on requests. TERM comes before they are answered.
func TestRequests(t *testing.T) {
	t.Parallel()
	p := start(t, read(t, "testdata/requests.yaml"))
	c := newClient("http://" + net.JoinHostPort(p.isReady().Status.PodIP, "8080") + "/")
	test.Eventually(t, "requests are sent", func() bool { return c.sent.Load() > 0 })
	deleted := p.delete()
	test.Within(t, patience, "TERM", func() bool {
		return strings.Contains(p.printed("app"), "got TERM")
	})
	if n := c.count(); n > 0 {
		t.Errorf("%d requests were answered before TERM", n)
	}
	c.stop()
	e := p.exit("app")
	t.Logf("%d requests were answered; status %d %v after the deletion", c.answered, e.Status,
		e.At.Sub(deleted))
	if len(c.failed) > 0 || c.answered == 0 || e.Status != 0 {
		t.Errorf("%d requests were answered, %d failed: %v", c.answered, len(c.failed), c.failed)
	}
}

// serve listens on a port of the node until the end of the test.
func serve(t *testing.T, port string, handle func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(nodeAddress, port))
	test.Must(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go handle(c)
		}
	}()
	return l.Addr().String()
}

// hosts adds names of a host to the pod of a manifest, in the place of a Service.
func hosts(manifest, ip, names string) string {
	return strings.Replace(manifest, "\nspec:\n",
		fmt.Sprintf("\nspec:\n  hostAliases: [{ip: %s, hostnames: [%s]}]\n", ip, names), 1)
}

// TestInitContainer runs the published manifest.
func TestInitContainer(t *testing.T) {
	t.Parallel()
	manifest := read(t, "../../../examples/kubernetes/init-container.yaml")
	p := start(t, hosts(manifest, nodeAddress, "db, cache"))
	failed := start(t, hosts(strings.NewReplacer("name: app\nspec", "name: app-fails\nspec",
		"timeout=5m", "timeout=500ms", "restartPolicy: Always", "restartPolicy: Never").
		Replace(manifest), "127.0.0.1", "db, cache"))

	isWaiting := func(now pod) bool {
		return now.container("wait-for-database").State.Running != nil &&
			now.container("app").State.Waiting != nil
	}
	p.wait("waits", isWaiting)
	serve(t, "5432", func(c net.Conn) { _, _ = io.Copy(io.Discard, c); c.Close() })
	p.wait("says that the database is there", func(now pod) bool {
		printed := p.printed("wait-for-database")
		return isWaiting(now) && strings.Contains(printed, "cache:6379") // after one second
	})
	serve(t, "6379", func(c net.Conn) { _, _ = io.Copy(io.Discard, c); c.Close() })
	now := p.isReady()
	if end := now.container("wait-for-database").State.Terminated; end == nil || end.ExitCode != 0 {
		t.Errorf("%s", p.describe())
	}

	now = failed.ends()
	c := now.container("wait-for-database").State.Terminated
	if now.Status.Phase != "Failed" || c == nil || c.ExitCode != 124 ||
		!strings.Contains(c.Message, "db:5432") || !strings.Contains(c.Message, "cache:6379") ||
		now.container("app").State.Waiting == nil {
		t.Errorf("%s", failed.describe())
	}
	t.Logf("message %q", c.Message)
}

// TestProbes has probes fail.
func TestProbes(t *testing.T) {
	t.Parallel()
	theNode(t)
	silent := serve(t, "0", func(c net.Conn) { _, _ = io.Copy(io.Discard, c); c.Close() })
	p := start(t, strings.ReplaceAll(read(t, "testdata/probes.yaml"), "SILENT", silent))

	p.prints("liveness", "serves")
	p.exec("liveness", "/sbin/util", "sendsig", "USR1", "--name", "app")
	now := p.wait("is restarted", func(now pod) bool {
		c := now.container("liveness")
		return c.RestartCount > 0 && c.State.Running != nil
	})
	if last := now.container("liveness").LastState.Terminated; last == nil || last.ExitCode != 0 {
		t.Errorf("liveness: %+v", last)
	}
	for _, says := range []string{
		"Liveness probe failed: http://localhost:8080/healthz: status 503",
		"Readiness probe failed: http://" + silent + "/: accepted, but did not answer within 800ms",
		"Readiness probe failed: command timed out: ",
	} {
		p.wait("reports "+says, func(pod) bool {
			return slices.ContainsFunc(p.events(), func(e event) bool {
				return e.Reason == "Unhealthy" && strings.Contains(e.Message, says)
			})
		})
	}
	now = p.status()
	for _, name := range []string{"in-time", "too-late"} {
		if c := now.container(name); c.Ready || c.RestartCount != 0 || c.State.Running == nil {
			t.Errorf("%+v", c)
		}
		test.Eventually(t, "no zombies of probes", func() bool { return p.zombies(name) == 0 })
	}
}

// TestSidecar has the main container of a job end. The status of the sidecar does not matter then.
func TestSidecar(t *testing.T) {
	t.Parallel()
	p := start(t, read(t, "testdata/sidecar.yaml"))
	now := p.ends()
	c := now.container("sidecar")
	if now.Status.Phase != "Succeeded" || c.RestartCount > 0 || c.State.Terminated == nil ||
		c.State.Terminated.ExitCode != 9 {
		t.Errorf("%s", p.describe())
	}
	after := p.exit("sidecar").At.Sub(p.exit("main").At)
	t.Logf("the sidecar ended %v after the main container", after)
	if after < 0 || after > 10*time.Second {
		t.Errorf("the sidecar ended %v after the main container", after)
	}
}

// TestSidecarStop deletes a pod with sidecars.
func TestSidecarStop(t *testing.T) {
	t.Parallel()
	p := start(t, read(t, "testdata/sidecar-stop.yaml"), "saves")
	for _, name := range []string{"stubborn", "saves", "main"} {
		p.prints(name, "ready")
	}
	p.delete()
	main := p.exit("main")
	if main.Status != 137 {
		t.Errorf("main: status %d", main.Status)
	}
	for _, tc := range []struct {
		name   string
		status int
		after  time.Duration // when it ends, after main, which ends after 3 s
	}{
		{"saves", 143, time.Second},
		{"stubborn", 137, 3 * time.Second}, // Kubernetes kills it 2 s after the end of the 4 s
	} {
		e := p.exit(tc.name)
		after := e.At.Sub(main.At)
		t.Logf("%s: status %d, %v after main", tc.name, e.Status, after)
		if e.Status != tc.status || after < tc.after-time.Second/2 || after > tc.after+3*time.Second {
			t.Errorf("%s: want %d after %v", tc.name, tc.status, tc.after)
		}
	}
	if file, _ := os.ReadFile(filepath.Join(p.out, "saves")); string(file) != "data\n" {
		t.Errorf("file %q", file)
	}
}

// TestRestart has commands end under each restart policy.
func TestRestart(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, policy, command, phase string }{
		{"always", "Always", `--, /probe, exit, "0"`, "Running"},
		{"on-failure", "OnFailure", `--, /probe, exit, "3"`, "Running"},
		{"on-failure-not-found", "OnFailure", "--, /nothing", "Running"},
		{"on-failure-0", "OnFailure", `--, /probe, exit, "0"`, "Succeeded"},
		{"on-failure-mapped", "OnFailure", `--exit-code, "3:0", --, /probe, exit, "3"`, "Succeeded"},
		{"never", "Never", `--, /probe, exit, "3"`, "Failed"},
		{"never-0", "Never", `--, /probe, exit, "0"`, "Succeeded"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := start(t, strings.NewReplacer("NAME", tc.name, "POLICY", tc.policy, "COMMAND", tc.command).
				Replace(read(t, "testdata/restart.yaml")))
			now := p.wait("ends", func(now pod) bool {
				return now.container("main").RestartCount > 0 ||
					now.Status.Phase == "Succeeded" || now.Status.Phase == "Failed"
			})
			c := now.container("main")
			if now.Status.Phase != tc.phase || (c.RestartCount > 0) != (tc.phase == "Running") {
				t.Errorf("phase %s, %d restarts", now.Status.Phase, c.RestartCount)
			}
		})
	}
}

// unprivileged checks that the first process of a container has no privileges.
func unprivileged(t *testing.T, p *runningPod, name string) {
	t.Helper()
	pid1 := p.pid1(name)
	for _, line := range []string{
		"Uid:\t10001\t10001\t10001\t10001\n", "CapEff:\t0000000000000000\n",
		"CapBnd:\t0000000000000000\n", "NoNewPrivs:\t1\n", "Seccomp:\t2\n",
	} {
		if !strings.Contains(pid1.status, line) {
			t.Errorf("%s: not in the status of PID 1: %q", name, line)
		}
	}
	root, _, _ := strings.Cut(pid1.file("mounts"), "\n")
	if f := strings.Fields(root); len(f) < 4 || f[1] != "/" || !strings.HasPrefix(f[3], "ro,") {
		t.Errorf("%s: root: %s", name, root)
	}
}

// TestUnprivileged has an init without privileges reap orphans, kill and report.
func TestUnprivileged(t *testing.T) {
	t.Parallel()
	p := start(t, read(t, "testdata/unprivileged.yaml"))
	p.prints("main", "ready")
	unprivileged(t, p, "main")
	p.exec("main", "/sbin/util", "sendsig", "USR1", "--name", "probe")
	now := p.ends()
	c := now.container("main")
	line := message(t, c)
	if c.State.Terminated.ExitCode != 4 || line.Killed != 1 || line.OrphansReaped < 5 {
		t.Errorf("status %d, %+v", c.State.Terminated.ExitCode, line)
	}
}

// template returns the pod of the published Deployment.
func template(t *testing.T) (manifest string) {
	t.Helper()
	_, text, found := strings.Cut(read(t, "../../../examples/kubernetes/deployment.yaml"),
		"\n  template:\n    metadata:\n")
	if !found {
		t.Fatal("the Deployment has no template")
	}
	manifest = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: deployment\n"
	for line := range strings.Lines(text) {
		manifest += strings.TrimPrefix(line, "    ")
	}
	return manifest
}

// TestDeployment runs the pod of the published Deployment, with clients until 4 s after its
// deletion: so long may a load balancer take to forget it.
func TestDeployment(t *testing.T) {
	t.Parallel()
	p := start(t, hosts(template(t), nodeAddress, "backend"))
	p.wait("waits for the backend", func(now pod) bool {
		return now.container("wait-for-backend").State.Running != nil
	})
	serve(t, "80", func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
		_, _ = io.Copy(io.Discard, c)
		c.Close()
	})
	ip := p.isReady().Status.PodIP
	unprivileged(t, p, "app")
	unprivileged(t, p, "sidecar")

	c := newClient("http://" + net.JoinHostPort(ip, "8080") + "/")
	test.Eventually(t, "requests are answered", func() bool { return c.count() > 8 })
	p.exec("app", "/sbin/util", "sendsig", "USR1", "--name", "app")
	p.wait("is not ready", func(now pod) bool { return !now.container("app").Ready })
	if app := p.status().container("app"); app.RestartCount > 0 || app.State.Running == nil {
		t.Errorf("the application is not alive: %+v", app)
	}
	deleted := p.delete()
	test.Within(t, patience, "4 s", func() bool { return time.Since(deleted) > 4*time.Second })
	c.stop()
	app, sidecar := p.exit("app"), p.exit("sidecar")
	t.Logf("%d requests were answered; the application ended with status %d %v after the deletion, "+
		"the sidecar with %d, %v after it", c.answered, app.Status, app.At.Sub(deleted),
		sidecar.Status, sidecar.At.Sub(app.At))
	if len(c.failed) > 0 {
		t.Errorf("%d requests failed: %v", len(c.failed), c.failed[0])
	}
	after := app.At.Sub(deleted)
	if app.Status != 0 || after < 5*time.Second || after > 15*time.Second {
		t.Errorf("the application ended with status %d after %v", app.Status, after)
	}
	after = sidecar.At.Sub(app.At)
	if sidecar.Status != 0 || after < 0 || after > 5*time.Second {
		t.Errorf("the sidecar ended with status %d, %v after the application", sidecar.Status, after)
	}
}
