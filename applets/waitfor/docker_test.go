package waitfor_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"util/internal/test"
)

// docker runs the docker command and returns what it says. If it fails, so does the test.
func docker(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("docker %q: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestTwoContainers is an application that starts before its database: the name does not resolve, then the port is
// closed, then the application runs.
func TestTwoContainers(t *testing.T) {
	test.Tool(t, "docker")
	if out, err := exec.Command("docker", "version", "--format", "{{.Server.Version}}").CombinedOutput(); err != nil {
		test.Missing(t, "Docker Engine", strings.TrimSpace(string(out)))
	}
	name := fmt.Sprintf("util-test-waitfor-%d", os.Getpid())
	image := dockerImage(t, name)
	docker(t, "network", "create", name)
	t.Cleanup(func() { docker(t, "network", "rm", name) })
	container := func(role string, args ...string) string {
		full := name + "-" + role
		t.Cleanup(func() { docker(t, "rm", "--force", full) })
		docker(t, append([]string{"run", "--detach", "--name", full, "--network", name}, args...)...)
		return full
	}
	says := func(container, text string) {
		t.Helper()
		test.Eventually(t, container+" says "+text, func() bool { return strings.Contains(docker(t, "logs", container), text) })
	}

	app := container("app", image, "/util", "init", "--", "/util", "wait-for-port", "--timeout", "5m", "db:5432", "--", "/busybox", "echo", "the application runs")
	says(app, `target "db:5432": its name does not resolve: no such host (asked 127.0.0.11:53)`)

	db := container("db", "--network-alias", "db", image, "/util", "init", "--",
		"/busybox", "sh", "-c", "until /busybox test -e /start; do /busybox sleep 0.1; done; exec /busybox nc -ll -p 5432 -e /busybox cat")
	says(app, `target "db:5432": connection refused (was: `) // perhaps after "no answer", while the network comes up
	if log := docker(t, "logs", app); strings.Contains(log, "the application runs") {
		t.Fatalf("the application runs without its database: %s", log)
	}

	docker(t, "exec", db, "/busybox", "touch", "/start")
	says(app, `target "db:5432": is up after `)
	says(app, "the application runs")
	if status := docker(t, "wait", app); status != "0" {
		t.Errorf("status %s", status)
	}

	// What a Dockerfile's HEALTHCHECK runs, in the database's container.
	docker(t, "exec", db, "/util", "wait-for-port", "--timeout", "1s", "--exit-code", "1", "5432")
	if err := exec.Command("docker", "exec", db, "/util", "wait-for-port", "--timeout", "300ms", "--exit-code", "1", "5433").Run(); err == nil || err.Error() != "exit status 1" {
		t.Errorf("health check of a closed port: %v, want status 1", err)
	}
}

// TestPID1InDocker: TERM ends the wait at once where wait-for-port is the container's only process.
func TestPID1InDocker(t *testing.T) {
	test.Tool(t, "docker")
	if out, err := exec.Command("docker", "version", "--format", "{{.Server.Version}}").CombinedOutput(); err != nil {
		test.Missing(t, "Docker Engine", strings.TrimSpace(string(out)))
	}
	name := fmt.Sprintf("util-test-waitfor-pid1-%d", os.Getpid())
	image := dockerImage(t, name)
	t.Cleanup(func() { docker(t, "rm", "--force", name) })
	docker(t, "run", "--detach", "--name", name, "--network", "none", image, "/util", "wait-for-port", "-t", "0", "80", "--", "/busybox", "echo", "ran")
	test.Eventually(t, "the wait has begun", func() bool { return strings.Contains(docker(t, "logs", name), "waiting for") })
	docker(t, "stop", "--time", "60", name)
	if status := docker(t, "wait", name); status != "143" {
		t.Errorf("status %s, want 143", status)
	}
	if log := docker(t, "logs", name); !strings.Contains(log, "ended by TERM") || strings.Contains(log, "ran") {
		t.Errorf("said %q", log)
	}
}

// dockerImage makes an image of nothing but util and busybox.
func dockerImage(t testing.TB, name string) string {
	t.Helper()
	dir := t.TempDir()
	for to, from := range map[string]string{"util": test.Util(t), "busybox": test.Tool(t, "busybox")} {
		content, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, to), content, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	tar := filepath.Join(t.TempDir(), "image.tar")
	if out, err := exec.Command(test.Tool(t, "tar"), "-C", dir, "-cf", tar, "util", "busybox").CombinedOutput(); err != nil {
		t.Fatalf("tar: %v: %s", err, out)
	}
	t.Cleanup(func() { docker(t, "rmi", "--force", name) })
	docker(t, "import", tar, name)
	return name
}
