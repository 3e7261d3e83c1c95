package waitfor_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"util/internal/test"
)

// logs returns the output of a container.
func logs(t testing.TB, container string) string {
	t.Helper()
	status, stdout, stderr := test.Docker(t, "logs", container)
	if status != 0 {
		t.Fatalf("docker logs %s: status %d: %s", container, status, stderr)
	}
	return stdout + "\n" + stderr
}

// expectLog waits until the output of a container contains a text.
func expectLog(t testing.TB, container, text string) {
	t.Helper()
	test.Eventually(t, container+" prints "+text, func() bool {
		return strings.Contains(logs(t, container), text)
	})
}

// TestTwoContainers: an application starts before its database. First the name does not resolve,
// then the port is closed, then the application runs.
func TestTwoContainers(t *testing.T) {
	test.Engine(t)
	name := fmt.Sprintf("util-test-waitfor-%d", os.Getpid())
	image := dockerImage(t, name)
	test.MustDocker(t, "network", "create", name)
	t.Cleanup(func() { test.MustDocker(t, "network", "rm", name) })
	container := func(role string, args ...string) string {
		full := name + "-" + role
		t.Cleanup(func() { test.MustDocker(t, "rm", "--force", full) })
		run := []string{"run", "--detach", "--name", full, "--network", name}
		test.MustDocker(t, append(run, args...)...)
		return full
	}

	app := container("app", image, "/util", "init", "--", "/util", "wait-for-port",
		"--timeout", "5m", "db:5432", "--", "/busybox", "echo", "the application runs")
	expectLog(t, app,
		`target "db:5432": the name does not resolve: no such host (asked 127.0.0.11:53)`)

	db := container("db", "--network-alias", "db", image,
		"/util", "init", "--", "/busybox", "sh", "-c",
		"until /busybox test -e /start; do /busybox sleep 0.1; done; "+
			"exec /busybox nc -ll -p 5432 -e /busybox cat")
	// While the network comes up, the reason before may also be "no answer".
	expectLog(t, app, `target "db:5432": connection refused (was: `)
	if log := logs(t, app); strings.Contains(log, "the application runs") {
		t.Fatalf("the application runs without its database: %s", log)
	}

	test.MustDocker(t, "exec", db, "/busybox", "touch", "/start")
	expectLog(t, app, `target "db:5432": is up after `)
	expectLog(t, app, "the application runs")
	if status := test.MustDocker(t, "wait", app); status != "0" {
		t.Errorf("status %s", status)
	}

	// The HEALTHCHECK of a Dockerfile runs such a command in the container of the database.
	check := []string{"exec", db, "/util", "wait-for-port", "--exit-code", "1", "--timeout"}
	test.MustDocker(t, append(check, "1s", "5432")...)
	if status, _, _ := test.Docker(t, append(check, "300ms", "5433")...); status != 1 {
		t.Errorf("health check of a closed port: status %d, want 1", status)
	}
}

// TestPID1InDocker: TERM ends the wait at once where wait-for-port is the only process of the
// container.
func TestPID1InDocker(t *testing.T) {
	test.Engine(t)
	name := fmt.Sprintf("util-test-waitfor-pid1-%d", os.Getpid())
	image := dockerImage(t, name)
	t.Cleanup(func() { test.MustDocker(t, "rm", "--force", name) })
	test.MustDocker(t, "run", "--detach", "--name", name, "--network", "none", image,
		"/util", "wait-for-port", "-t", "0", "80", "--", "/busybox", "echo", "ran")
	expectLog(t, name, "waiting for")
	test.MustDocker(t, "stop", "--time", "60", name)
	if status := test.MustDocker(t, "wait", name); status != "143" {
		t.Errorf("status %s, want 143", status)
	}
	log := logs(t, name)
	if !strings.Contains(log, "ended by TERM") || strings.Contains(log, "ran") {
		t.Errorf("printed %q", log)
	}
}

// dockerImage makes an image that contains only util and busybox.
func dockerImage(t testing.TB, name string) string {
	t.Helper()
	dir := t.TempDir()
	test.CopyFile(t, test.Util(t), filepath.Join(dir, "util"))
	test.CopyFile(t, test.Tool(t, "busybox"), filepath.Join(dir, "busybox"))
	tar := filepath.Join(t.TempDir(), "image.tar")
	run(t, "tar", "-C", dir, "-cf", tar, "util", "busybox")
	t.Cleanup(func() { test.MustDocker(t, "rmi", "--force", name) })
	test.MustDocker(t, "import", tar, name)
	return name
}
