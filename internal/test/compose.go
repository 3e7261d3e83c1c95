package test

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Project is a project of Docker Compose.
type Project struct {
	t   testing.TB
	env []string
	// The program, as a plugin or of its own, and the options that name the project.
	command []string
}

// ComposeProject returns a project of some files, with additional environment variables. What it
// has made is removed at the end of the test.
func ComposeProject(t testing.TB, name string, env []string, files ...string) Project {
	t.Helper()
	Engine(t)
	p := Project{t: t, env: env, command: []string{"docker", "compose"}}
	if status, _, _ := Docker(t, "compose", "version"); status != 0 {
		p.command = []string{Tool(t, "docker-compose")}
	}
	p.command = append(p.command, "--project-name", name)
	for _, file := range files {
		p.command = append(p.command, "--file", file)
	}
	t.Cleanup(func() { p.Compose("down", "--rmi", "all", "--timeout", "1") })
	return p
}

// Compose runs a command of Docker Compose and returns its stdout without surrounding white space.
// The test ends if it fails.
func (p Project) Compose(words ...string) string {
	p.t.Helper()
	args := slices.Concat(p.command[1:], words)
	cmd := exec.Command(p.command[0], args...)
	cmd.Env = slices.Concat(os.Environ(), []string{"DOCKER_BUILDKIT=0"}, p.env)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output() // not Run: what is started may have to become healthy first
	if err != nil {
		p.t.Fatalf("%q: %v\n%s\n%s", cmd.Args, err, stdout, stderr.String())
	}
	return strings.TrimSpace(string(stdout))
}
