package examples_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"util/internal/test"
)

// The variants of the stack that show what each protection is for. They replace a part of the
// published file.
const (
	withoutDelay = `version: "3.8"
services:
  app:
    entrypoint: ["/sbin/init", "--grace", "8s", "--", "/sbin/util", "run-as", "app", "--", "/app"]
`
	withoutUtil = `version: "3.8"
services:
  app:
    entrypoint: ["/app"]
    user: app
    healthcheck: {disable: true}
`
)

// TestRollingUpdate updates the two replicas of the stack one after the other, while a client sends
// requests to their name. As published, none fails. Without --stop-delay, those fail that go to an
// address that the client was given before. Without util, those fail too that arrive while a new
// replica does not listen yet.
func TestRollingUpdate(t *testing.T) {
	swarm(t)
	dir := folder(t)
	app, client := image(t, dir), clientImage(t)
	t.Setenv("IMAGE", app)
	for _, tc := range []struct {
		name, override string
		fails          bool
	}{
		{"init --stop-delay 2s --grace 8s, healthcheck", "", false},
		{"init --grace 8s, healthcheck", withoutDelay, true},
		{"without init and healthcheck", withoutUtil, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			stack := deploy(t, dir, tc.override)
			took, result := update(t, stack, client)
			t.Logf("%-45s %s", tc.name+":", result[0]) // make demo-update prints this line
			t.Logf("the update took %.1f s\n%s", took.Seconds(), strings.Join(result[1:], "\n"))
			m := regexp.MustCompile(`^(\d+) requests, (\d+) failed$`).FindStringSubmatch(result[0])
			if m == nil {
				t.Fatalf("the client printed %q", result)
			}
			sent, _ := strconv.Atoi(m[1])
			if failed := m[2] != "0"; sent < 1000 || failed != tc.fails {
				t.Errorf("requests fail: %v, want %v", failed, tc.fails)
			}
		})
	}
}

// swarm makes the engine the only node of a swarm, until the end of the test.
func swarm(t *testing.T) {
	t.Helper()
	test.Engine(t)
	state := test.MustDocker(t, "info", "--format", "{{.Swarm.LocalNodeState}}")
	if state != "inactive" {
		test.Missing(t, "an engine outside of swarms", "its state is "+state+", and is left as it is")
	}
	const bridge = "docker_gwbridge" // leaving the swarm does not remove it
	had, _, _ := test.Docker(t, "network", "inspect", bridge)
	t.Cleanup(func() {
		test.MustDocker(t, "swarm", "leave", "--force")
		if had != 0 {
			wait(t, bridge+" is unused", func() bool {
				status, _, _ := test.Docker(t, "network", "rm", bridge)
				return status == 0
			})
		}
	})
	test.MustDocker(t, "swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1")
}

// clientImage makes an image of the program that sends the requests.
func clientImage(t *testing.T) (name string) {
	t.Helper()
	dir := t.TempDir()
	test.CopyFile(t, test.Build(t, "util/internal/test/requests", "-s -w", runtime.GOARCH),
		filepath.Join(dir, "requests"))
	test.Must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"),
		[]byte("FROM scratch\nCOPY requests /\nENTRYPOINT [\"/requests\"]\n"), 0o644))
	name = unique(t) + "-client"
	t.Cleanup(func() { test.Docker(t, "rmi", "--force", name) })
	test.MustDocker(t, "build", "--quiet", "--force-rm", "--network", "none", "--tag", name, dir)
	return name
}

// deploy deploys the published stack with an override, and waits until both replicas serve.
func deploy(t *testing.T, dir, override string) (stack string) {
	t.Helper()
	stack = "util-test-" + strconv.Itoa(os.Getpid())
	args := []string{"stack", "deploy", "--resolve-image", "never"}
	args = append(args, "--compose-file", filepath.Join(dir, "swarm-stack.yaml"))
	if override != "" {
		path := filepath.Join(dir, "override.yaml")
		test.Must(t, os.WriteFile(path, []byte(override), 0o644))
		args = append(args, "--compose-file", path)
	}
	t.Cleanup(func() {
		test.MustDocker(t, "stack", "rm", stack)
		label := "label=com.docker.stack.namespace=" + stack
		wait(t, "the stack is gone", func() bool {
			return test.MustDocker(t, "ps", "--all", "--quiet", "--filter", label) == "" &&
				test.MustDocker(t, "network", "ls", "--quiet", "--filter", label) == ""
		})
	})
	test.MustDocker(t, append(args, stack)...)
	wait(t, "both replicas serve", func() bool {
		serving := 0
		for _, id := range replicas(t, stack) {
			if strings.Contains(logs(t, id), " serves :8080") {
				serving++
			}
		}
		state := test.MustDocker(t, "service", "ls", "--filter", "name="+stack+"_app",
			"--format", "{{.Replicas}}")
		return serving == 2 && state == "2/2"
	})
	return stack
}

// replicas returns the running containers of the application.
func replicas(t *testing.T, stack string) []string {
	t.Helper()
	return strings.Fields(test.MustDocker(t, "ps", "--quiet",
		"--filter", "label=com.docker.swarm.service.name="+stack+"_app"))
}

// update updates the service while the client sends its requests, and returns how long that took
// and what the client has printed.
func update(t *testing.T, stack, client string) (took time.Duration, result []string) {
	t.Helper()
	old := replicas(t, stack)
	cmd := exec.Command("docker", "run", "--rm", "--interactive", "--name", stack+"-client",
		"--network", stack+"_default", client, "-age", "3s", "http://app:8080/")
	stdin, err := cmd.StdinPipe()
	test.Must(t, err)
	t.Cleanup(func() { test.Docker(t, "rm", "--force", stack+"-client") })
	p := test.Start(t, cmd)
	p.Expect("started")

	begin := time.Now()
	service := stack + "_app"
	test.MustDocker(t, "service", "update", "--force", "--detach", "--quiet", service)
	wait(t, "the update is complete", func() bool {
		var status struct{ State, Message string }
		text := inspect(t, service, "{{json .UpdateStatus}}")
		test.Must(t, json.Unmarshal([]byte(text), &status))
		if !slices.Contains([]string{"", "updating", "completed"}, status.State) {
			t.Fatalf("the update is %s: %s", status.State, status.Message)
		}
		return status.State == "completed"
	})
	wait(t, "the old replicas have ended", func() bool {
		return !slices.ContainsFunc(replicas(t, stack), func(id string) bool {
			return slices.Contains(old, id)
		})
	})
	took = time.Since(begin)
	test.Must(t, stdin.Close())
	result = p.Rest()
	if status := p.Status(); status != 0 {
		t.Fatalf("client: status %d: %s", status, p.Stderr())
	}
	return took, result
}
