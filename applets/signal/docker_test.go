package sendsig_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"util/internal/test"
)

// docker runs the Docker client and returns its status and output.
func docker(t testing.TB, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return test.Run(t, exec.Command(test.Tool(t, "docker"), args...))
}

// image makes an image with util, crowd and busybox, and nothing else.
func image(t testing.TB) string {
	t.Helper()
	if status, _, stderr := docker(t, "version"); status != 0 {
		test.Missing(t, "Docker Engine", stderr)
	}
	dir := t.TempDir()
	copyFile(t, test.Util(t), filepath.Join(dir, "util"))
	copyFile(t, test.Crowd(t), filepath.Join(dir, "crowd"))
	copyFile(t, test.Tool(t, "busybox"), filepath.Join(dir, "busybox"))
	if err := os.Mkdir(filepath.Join(dir, "links"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/crowd", filepath.Join(dir, "links", "people")); err != nil {
		t.Fatal(err)
	}
	dockerfile := "FROM scratch\nCOPY util crowd busybox /\nCOPY links /links\n"
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
		t.Fatal(err)
	}
	tag := fmt.Sprintf("util-sendsig-test-%d", os.Getpid())
	if status, stdout, stderr := docker(t, "build", "-q", "-t", tag, dir); status != 0 {
		t.Fatalf("docker build: %s%s", stdout, stderr)
	}
	t.Cleanup(func() { docker(t, "rmi", "-f", tag) })
	return tag
}

// container starts util init with a crowd of four processes and waits until they are there.
func container(t testing.TB, image string, options ...string) (id string) {
	t.Helper()
	args := append([]string{"run", "-d"}, options...)
	status, id, stderr := docker(t, append(args, image, "/util", "init", "--", "/crowd", "sleepers", "3")...)
	if status != 0 {
		t.Fatalf("docker run: %s", stderr)
	}
	t.Cleanup(func() { docker(t, "rm", "-f", id) })
	test.Eventually(t, "the container is ready", func() bool {
		_, stdout, _ := docker(t, "logs", id)
		return strings.Contains(stdout, "ready")
	})
	return id
}

// ended waits for the end of a container and compares its status.
func ended(t testing.TB, id, status string) {
	t.Helper()
	if _, stdout, _ := docker(t, "wait", id); stdout != status {
		t.Errorf("the container ended with status %q, want %q", stdout, status)
	}
}

// zombie waits until the container has a zombie and returns its PID.
func zombie(t testing.TB, id string) (pid string) {
	t.Helper()
	test.Eventually(t, "the container has a zombie", func() bool {
		_, stdout, _ := docker(t, "exec", id, "/busybox", "ps", "-o", "pid,stat")
		for line := range strings.Lines(stdout) {
			if fields := strings.Fields(line); len(fields) == 2 && strings.HasPrefix(fields[1], "Z") {
				pid = fields[0]
				return true
			}
		}
		return false
	})
	return pid
}

// From another container with a shared PID namespace: with its own user, its own files and no
// shell.
func TestDockerSharedPIDNamespace(t *testing.T) {
	img := image(t)
	id := container(t, img)
	status, stdout, stderr := docker(t, "run", "--rm", "--pid=container:"+id, img, "/util", "sendsig", "--dry-run", "TERM", "--exe", "/crowd")
	if n := strings.Count(stdout, "would send TERM to "); status != 0 || n != 4 {
		t.Errorf("status %d, %d of 4: %s%s", status, n, stdout, stderr)
	}
	// A link as the container has it leads to the container's file, not to that of sendsig.
	status, link, stderr := docker(t, "run", "--rm", "--pid=container:"+id, img, "/util", "sendsig", "--dry-run", "TERM", "--exe", "/links/people")
	if n := strings.Count(link, "would send TERM to "); status != 0 || n != 4 {
		t.Errorf("by a link: status %d, %d of 4: %s%s", status, n, link, stderr)
	}
	status, _, stderr = docker(t, "run", "--rm", "--user=1234", "--pid=container:"+id, img, "/util", "sendsig", "TERM", "--name", "crowd")
	if status != 1 || strings.Count(stderr, "operation not permitted: it is of user 0, sendsig of user 1234") != 4 {
		t.Errorf("status %d, stderr %s", status, stderr)
	}
	// Not all four: with its PID 1 the whole namespace ends, and sendsig with it.
	root := strings.Fields(stdout)[4]
	root, _, _ = strings.Cut(root, ":")
	status, stdout, stderr = docker(t, "run", "--rm", "--pid=container:"+id, img, "/util", "sendsig", "-v", "TERM", "--parent", root, "--then", "KILL@10s", "--wait=15s")
	if n := strings.Count(stdout, "sent TERM to "); status != 0 || n != 3 {
		t.Errorf("status %d, %d of 3: %s%s", status, n, stdout, stderr)
	}
	docker(t, "run", "--rm", "--pid=container:"+id, img, "/util", "sendsig", "TERM", root)
	ended(t, id, "143")
}

// Where a seccomp filter has no pidfds, kill(2) does.
func TestDockerSeccomp(t *testing.T) {
	img := image(t)
	for _, c := range []struct {
		names string
		errno int
	}{
		{`"pidfd_open", "pidfd_send_signal"`, 1},  // EPERM: old filters
		{`"pidfd_open", "pidfd_send_signal"`, 38}, // ENOSYS: old kernels
		{`"pidfd_send_signal"`, 1},
	} {
		profile := filepath.Join(t.TempDir(), "profile.json")
		text := fmt.Sprintf(`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [%s], "action": "SCMP_ACT_ERRNO", "errnoRet": %d}]}`, c.names, c.errno)
		if err := os.WriteFile(profile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		id := container(t, img, "--security-opt", "seccomp="+profile)
		if strings.Contains(c.names, "open") {
			status, _, stderr := docker(t, "exec", id, "/util", "sendsig", "TERM", "1:5")
			if status != 1 || !strings.Contains(stderr, "cannot be told from others of that number") {
				t.Errorf("%+v: status %d, stderr %s", c, status, stderr)
			}
		}
		status, stdout, stderr := docker(t, "exec", id, "/util", "sendsig", "-v", "CONT", "--name", "crowd", "--parent", "1")
		if status != 0 || strings.Count(stdout, "sent CONT to ") != 1 {
			t.Errorf("%+v: status %d: %s%s", c, status, stdout, stderr)
		}
		// What has ended and is not reaped gets its signal without an error, as from kill(2).
		if status, _, stderr := docker(t, "exec", "-d", id, "/crowd", "zombies", "1"); status != 0 {
			t.Fatal(stderr)
		}
		status, stdout, stderr = docker(t, "exec", id, "/util", "sendsig", "-v", "TERM", "--wait=15s", zombie(t, id))
		if status != 0 || strings.Count(stdout, "sent TERM to ") != 1 {
			t.Errorf("%+v: a zombie: status %d: %s%s", c, status, stdout, stderr)
		}
		status, stdout, stderr = docker(t, "exec", id, "/util", "sendsig", "URG", "--name", "crowd", "--then", "KILL@200ms", "--wait=15s")
		if status != 0 && status != 137 || stdout+stderr != "" { // 137: with PID 1 the namespace has ended, and sendsig with it
			t.Errorf("%+v: status %d: %s%s", c, status, stdout, stderr)
		}
		ended(t, id, "137")
	}
}
