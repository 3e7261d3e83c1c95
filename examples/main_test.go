// Package examples_test runs the files of this folder as they are published.
package examples_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"util/applets"
	"util/internal/test"
)

func TestMain(m *testing.M) { test.Main(m, applets.Main) }

// patience is how long a test waits for what an engine does by its own clock: intervals of health
// checks, an update.
const patience = 2 * time.Minute

// wait waits until cond returns true.
func wait(t *testing.T, what string, cond func() bool) {
	t.Helper()
	test.Within(t, patience, what, cond)
}

// folder returns a copy of this folder, with util and the application beside the Dockerfile.
func folder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"Dockerfile", "passwd", "compose.yaml", "swarm-stack.yaml"} {
		text, err := os.ReadFile(name)
		test.Must(t, err)
		test.Must(t, os.WriteFile(filepath.Join(dir, name), text, 0o644))
	}
	test.CopyFile(t, test.Util(t), filepath.Join(dir, "util"))
	server := test.Build(t, "util/examples/server", "-s -w", runtime.GOARCH)
	test.CopyFile(t, server, filepath.Join(dir, "app"))
	return dir
}

// unique returns a name for this run of the test.
func unique(t *testing.T) string {
	return fmt.Sprintf("util-%s-%d", strings.ToLower(t.Name()), os.Getpid())
}

// image builds the Dockerfile. The image is removed at the end of the test.
func image(t *testing.T, dir string) (name string) {
	t.Helper()
	test.Engine(t)
	name = unique(t)
	t.Setenv("DOCKER_BUILDKIT", "0") // the builder that every engine has
	t.Cleanup(func() { test.Docker(t, "rmi", "--force", name) })
	test.MustDocker(t, "build", "--quiet", "--force-rm", "--network", "none", "--tag", name, dir)
	return name
}

// inspect returns a property of a container, a service or an image.
func inspect(t *testing.T, name, format string) string {
	t.Helper()
	return test.MustDocker(t, "inspect", "--format", format, name)
}

// printed waits until a container has printed a text. It must not end before.
func printed(t *testing.T, container, text string) {
	t.Helper()
	wait(t, container+" prints "+text, func() bool {
		state := inspect(t, container, "{{.State.Status}}")
		log := logs(t, container)
		if state == "exited" && !strings.Contains(log, text) {
			t.Fatalf("%s ended without %q: %s", container, text, log)
		}
		return strings.Contains(log, text)
	})
}

// logs returns what a container has printed.
func logs(t *testing.T, container string) string {
	t.Helper()
	_, stdout, stderr := test.Docker(t, "logs", container)
	return stdout + "\n" + stderr
}
