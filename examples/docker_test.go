package examples_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"util/internal/test"
)

// health is the state of a container's health check, as the engine keeps it.
type health struct {
	Status string
	Log    []struct {
		ExitCode int
		Output   string
	}
}

func healthOf(t *testing.T, container string) (h health) {
	t.Helper()
	test.Must(t, json.Unmarshal([]byte(inspect(t, container, "{{json .State.Health}}")), &h))
	return h
}

// becomesUnhealthy waits until a container is healthy, makes its application unhealthy, and waits
// until the engine has seen that. The engine has kept one line, which says why.
func becomesUnhealthy(t *testing.T, container string) {
	t.Helper()
	wait(t, "healthy", func() bool { return healthOf(t, container).Status == "healthy" })
	test.MustDocker(t, "kill", "--signal", "USR1", container) // init forwards it
	wait(t, "unhealthy", func() bool { return healthOf(t, container).Status == "unhealthy" })
	log := healthOf(t, container).Log
	last := log[len(log)-1]
	const why = "http://localhost:8080/healthz: status 503\n"
	if last.ExitCode != 1 || last.Output != why {
		t.Errorf("the health check ended with %d and printed %q, want 1 and %q",
			last.ExitCode, last.Output, why)
	}
}

// stops runs docker stop, and checks its status and that init kept TERM back for a while.
func stops(t *testing.T, container string, delay time.Duration) {
	t.Helper()
	begin := time.Now()
	test.MustDocker(t, "stop", "--time", "30", container)
	if took := time.Since(begin); took < delay {
		t.Errorf("docker stop took %v, want at least %v", took, delay)
	}
	if status := inspect(t, container, "{{.State.ExitCode}}"); status != "0" {
		t.Errorf("status %s, want 0; printed %s", status, logs(t, container))
	}
	if log := logs(t, container); !strings.Contains(log, "got TERM") {
		t.Errorf("printed %q, want that it got TERM", log)
	}
}

// TestImage runs the image of the Dockerfile: the application runs as its user under init, is
// healthy and then is not, and stops after --stop-delay.
func TestImage(t *testing.T) {
	name := image(t, folder(t))
	t.Cleanup(func() { test.Docker(t, "rm", "--force", name) })
	const unset = `target "env:WAIT_FOR": the variable is not set`
	status, _, stderr := test.Docker(t, "run", "--rm", "--network", "none", name)
	if status != 2 || !strings.Contains(stderr, unset) {
		t.Errorf("without WAIT_FOR: status %d, %q; want 2, %q", status, stderr, unset)
	}

	test.MustDocker(t, "run", "--detach", "--name", name, "--network", "none",
		"--env", "WAIT_FOR=localhost:8080", name, "-prepare", "1h")
	printed(t, name, `util wait-for-port: target "localhost:8080": `)
	test.MustDocker(t, "rm", "--force", name)

	test.MustDocker(t, "run", "--detach", "--name", name, "--network", "none",
		"--env", "WAIT_FOR=file:/app", name)
	printed(t, name, "app: user 10001 serves :8080\n")
	const processes = "init, app" // wait-for-port and run-as have become the application
	var names []string
	for line := range strings.Lines(test.MustDocker(t, "top", name, "-eo", "pid,args")) {
		names = append(names, filepath.Base(strings.Fields(line)[1]))
	}
	if got := strings.Join(names[1:], ", "); got != processes {
		t.Errorf("processes: %s, want %s", got, processes)
	}
	becomesUnhealthy(t, name)
	stops(t, name, 2*time.Second)
}

// TestCompose starts the services of the Compose file, in their order, and stops them.
func TestCompose(t *testing.T) {
	dir := folder(t)
	test.Engine(t)
	name := unique(t)
	compose := test.ComposeProject(t, name, []string{"IMAGE=" + name},
		filepath.Join(dir, "compose.yaml")).Compose
	compose("build")
	compose("up", "--detach")
	backend, app := compose("ps", "--quiet", "backend"), compose("ps", "--quiet", "app")

	// The application was started when the backend was healthy, and so had nothing to wait for.
	started := func(container string) time.Time {
		at, err := time.Parse(time.RFC3339Nano, inspect(t, container, "{{.State.StartedAt}}"))
		test.Must(t, err)
		return at
	}
	if after := started(app).Sub(started(backend)); after < time.Second {
		t.Errorf("the application started %v after the backend, which serves after 1s", after)
	}
	for _, container := range []string{backend, app} {
		printed(t, container, "app: user 10001 serves :8080\n")
		if got := inspect(t, container, "{{.Config.StopTimeout}}"); got != "10" {
			t.Errorf("the engine waits for %s s, want 10", got)
		}
	}
	becomesUnhealthy(t, app)
	stops(t, app, 2*time.Second)
	stops(t, backend, 0)
}
