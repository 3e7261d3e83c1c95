package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"util/internal/demo/tree"
)

// dockerfile is all that a user needs for an image.
const dockerfile = `FROM scratch
COPY util /sbin/util
COPY app /app
RUN ["/sbin/util", "--install", "-s", "/sbin"]
ENTRYPOINT ["/sbin/init", "--"]
CMD ["/app"]
`

// container is a stage: a container of the Docker Engine, whose image has the same name.
type container struct {
	name string
}

// newContainer builds the image.
func newContainer(util, app string) (*container, error) {
	dir, err := os.MkdirTemp("", "util-demo-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	for name, path := range map[string]string{"util": util, "app": app} {
		content, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), content, 0o755)
		}
		if err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		return nil, err
	}
	c := &container{fmt.Sprintf("util-demo-%d", os.Getpid())}
	heading("Build: a scratch image with util and the application")
	fmt.Printf("$ cat Dockerfile\n%s$ docker build --tag %s .\n", dockerfile, c.name)
	_, err = docker("build", "--network", "none", "--quiet", "--force-rm", "--tag", c.name, dir)
	if err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

// remove removes the container and the image.
func (c *container) remove() {
	for _, args := range [][]string{{"rm", "--force", c.name}, {"rmi", "--force", c.name}} {
		_ = exec.Command("docker", args...).Run() // fails if there is none
	}
}

// arguments are those of docker that run the container. The image has a fixed entry point, so the
// options of init are given as variables.
func (c *container) arguments() []string {
	return []string{
		"run", "--network", "none", "--env", "UTIL_INIT_VERBOSE=1",
		"--env", "UTIL_INIT_WARN_REAPED=1", "--name", c.name, c.name,
	}
}

func (c *container) command() *exec.Cmd { return exec.Command("docker", c.arguments()...) }

func (c *container) title() string { return "docker " + strings.Join(c.arguments(), " ") }

func (c *container) kill(signal string) error {
	fmt.Printf("$ docker kill --signal %s %s\n", signal, c.name)
	_, err := docker("kill", "--signal", signal, c.name)
	return err
}

func (c *container) stop() (string, error) {
	_, err := docker("stop", c.name)
	return "docker stop " + c.name, err
}

// processes runs the application as "app tree" in the container: docker top does not show zombies.
func (c *container) processes() ([]tree.Process, error) {
	out, err := docker("exec", c.name, "/app", "tree")
	if err != nil {
		return nil, err
	}
	var all []tree.Process
	return all, json.Unmarshal([]byte(out), &all)
}

// docker runs a docker command to its end and returns its stdout.
func docker(args ...string) (string, error) {
	var stderr strings.Builder
	cmd := exec.Command("docker", args...)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0") // uses the builder that every engine has
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}
