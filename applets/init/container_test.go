package initcmd_test

import (
	"debug/elf"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"util/internal/test"
)

// Images and containers of the Docker Engine. All are removed at the end of the test.

// staticBusybox returns the path of a busybox that runs in a scratch image.
func staticBusybox(t *testing.T) string {
	t.Helper()
	path := test.Tool(t, "busybox")
	file, err := elf.Open(path)
	test.Must(t, err)
	defer file.Close()
	for _, p := range file.Progs {
		if p.Type == elf.PT_INTERP {
			test.Missing(t, "busybox-static", path+" is linked dynamically")
		}
	}
	return path
}

// initImage builds the image that most tests use: util, the probe and busybox. Init starts the
// command without a shell. Util-init cannot make links to itself, so it is copied to /sbin/init.
func initImage(t *testing.T, util string) string {
	t.Helper()
	install := `RUN ["/util", "--install", "-s", "/bin"]
RUN ["/util", "--install", "-s", "/sbin"]`
	if test.Alone() {
		install = "COPY util /sbin/init"
	}
	script := filepath.Join(t.TempDir(), "script")
	test.Must(t, os.WriteFile(script, []byte("exit $1\n"), 0o755))
	return buildImage(t, `FROM scratch
COPY util probe script Dockerfile /
COPY busybox /bin/
COPY busybox /bin/sh
`+install+`
ENV PATH=/sbin:/bin:/
ENTRYPOINT ["/sbin/init", "--"]
`, map[string]string{
		"util": util, "probe": test.Probe(t), "busybox": staticBusybox(t), "script": script,
	})
}

// buildImage builds an image from a Dockerfile and files: names in the build context, and the paths
// of the files to copy there.
func buildImage(t *testing.T, dockerfile string, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	test.Must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644))
	for name, path := range files {
		test.CopyFile(t, path, filepath.Join(dir, name))
	}
	image := uniqueName()
	t.Cleanup(func() { _ = exec.Command("docker", "rmi", "--force", image).Run() })
	cmd := exec.Command("docker", "build", "--network", "none", "--quiet", "--force-rm",
		"--tag", image, dir)
	cmd.Env = append(os.Environ(), "DOCKER_BUILDKIT=0") // the builder that every engine has
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("docker build: %v\n%s\n%s", err, dockerfile, out)
	}
	return image
}

var namesGiven atomic.Int32

// uniqueName returns a name that no other image or container has.
func uniqueName() string { return fmt.Sprintf("util-test-%d-%d", os.Getpid(), namesGiven.Add(1)) }

// containerName returns a name for a container.
func containerName(t *testing.T) string {
	name := uniqueName()
	t.Cleanup(func() { _ = exec.Command("docker", "rm", "--force", name).Run() })
	return name
}

// container is a docker run in the foreground: its output and status are those of the container. It
// has no network, so the tests need no bridge.
type container struct {
	*test.Process
	t    *testing.T
	name string
}

// runArgs returns the arguments of docker for a container.
func runArgs(name, image string, options, command []string) []string {
	return slices.Concat([]string{"run", "--network", "none", "--name", name, "--sig-proxy=false"},
		options, []string{image}, command)
}

// dockerRun starts a container.
func dockerRun(t *testing.T, image string, options []string, command ...string) *container {
	t.Helper()
	name := containerName(t)
	p := test.Start(t, exec.Command("docker", runArgs(name, image, options, command)...))
	return &container{p, t, name}
}

// docker runs a docker command for the container.
func (c *container) docker(command string, options ...string) {
	c.t.Helper()
	test.MustDocker(c.t, slices.Concat([]string{command}, options, []string{c.name})...)
}

// exec runs a program in the container.
func (c *container) exec(program string, args ...string) string {
	c.t.Helper()
	return test.MustDocker(c.t, append([]string{"exec", c.name, program}, args...)...)
}

// waitReaped waits until the container has only init and the command. Zombies count, which docker
// top does not show.
func (c *container) waitReaped() {
	c.t.Helper()
	var all string
	defer func() {
		if c.t.Failed() {
			c.t.Logf("processes:\n%s", all)
		}
	}()
	test.Eventually(c.t, "all orphans are reaped", func() bool {
		all = c.exec("/bin/busybox", "ps", "-o", "pid,stat,args")
		return strings.Count(all, "\n") == 3 // after the heading: init, the command and ps
	})
}

// waitState waits until the process whose command line begins with args is in a state (ps(1),
// "PROCESS STATE CODES"): the first letter and, for a process in the foreground of a terminal, "+".
func (c *container) waitState(args, state string) {
	c.t.Helper()
	test.Eventually(c.t, args+" in state "+state, func() bool {
		for line := range strings.Lines(test.MustDocker(c.t, "top", c.name, "-eo", "pid,stat,args")) {
			words := strings.Fields(line)
			got := words[1][:1]
			if strings.Contains(words[1], "+") {
				got += "+"
			}
			if got == state && strings.HasPrefix(strings.Join(words[2:], " "), args) {
				return true
			}
		}
		return false
	})
}

// containerTerminal is a docker run -it on a terminal.
type containerTerminal struct {
	*container
	term *test.Terminal
}

// dockerRunTerminal starts a container on a terminal of 24 lines and 80 columns. With --sig-proxy,
// docker run would send the container each WINCH that it gets itself, after the one of the terminal
// of the container.
func dockerRunTerminal(t *testing.T, image string, command ...string) *containerTerminal {
	t.Helper()
	name := containerName(t)
	cmd := exec.Command("docker", runArgs(name, image, []string{"-it"}, command)...)
	term := test.NewTerminal(t)
	term.Resize(24, 80)
	leader(term, cmd)
	cmd.Stdout, cmd.Stderr = term.Line, term.Line
	test.Must(t, cmd.Start())
	term.Line.Close() // only docker has it open now
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-term.Ended
		_ = cmd.Wait()
	})
	return &containerTerminal{&container{&test.Process{Cmd: cmd}, t, name}, term}
}

// Status waits for the end of the container and returns its exit status.
func (c *containerTerminal) Status() int {
	c.t.Helper()
	select {
	case <-c.term.Ended:
	case <-time.After(test.Deadline):
		c.t.Fatalf("the container did not end; shown: %q", c.term.Text())
	}
	_ = c.Wait()
	return test.StatusOf(c.ProcessState)
}

// Stderr hides that of test.Process: all output is in the terminal.
func (c *containerTerminal) Stderr() string { return c.term.Text() }

// waitSize waits until the terminal of the container has a size.
func (c *containerTerminal) waitSize(size string) {
	c.t.Helper()
	test.Eventually(c.t, "a terminal of size "+size, func() bool {
		return c.exec("/bin/busybox", "stty", "-F", "/dev/console", "size") == size
	})
}
