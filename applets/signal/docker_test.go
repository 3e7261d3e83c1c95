package sendsig_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"util/internal/test"
)

// image builds an image that contains only util, crowd and busybox.
func image(t testing.TB) string {
	t.Helper()
	test.Engine(t)
	dir := t.TempDir()
	test.CopyFile(t, test.Util(t), filepath.Join(dir, "util"))
	test.CopyFile(t, test.Crowd(t), filepath.Join(dir, "crowd"))
	test.CopyFile(t, test.Tool(t, "busybox"), filepath.Join(dir, "busybox"))
	test.Must(t, os.Mkdir(filepath.Join(dir, "links"), 0o755))
	test.Must(t, os.Symlink("/crowd", filepath.Join(dir, "links", "people")))
	dockerfile := "FROM scratch\nCOPY util crowd busybox /\nCOPY links /links\n"
	test.Must(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600))
	tag := fmt.Sprintf("util-sendsig-test-%d", os.Getpid())
	test.MustDocker(t, "build", "-q", "-t", tag, dir)
	t.Cleanup(func() { test.Docker(t, "rmi", "-f", tag) })
	return tag
}

// container starts util init with a crowd of four processes and waits until they are running.
func container(t testing.TB, image string, options ...string) (id string) {
	t.Helper()
	command := []string{image, "/util", "init", "--", "/crowd", "sleepers", "3"}
	id = test.MustDocker(t, slices.Concat([]string{"run", "-d"}, options, command)...)
	t.Cleanup(func() { test.Docker(t, "rm", "-f", id) })
	test.Eventually(t, "the container is ready", func() bool {
		_, stdout, _ := test.Docker(t, "logs", id)
		return strings.Contains(stdout, "ready")
	})
	return id
}

// ended waits until a container has ended and compares its status.
func ended(t testing.TB, id, status string) {
	t.Helper()
	if stdout := test.MustDocker(t, "wait", id); stdout != status {
		t.Errorf("the container ended with status %q, want %q", stdout, status)
	}
}

// zombie waits until the container has a zombie and returns its PID.
func zombie(t testing.TB, id string) (pid string) {
	t.Helper()
	test.Eventually(t, "the container has a zombie", func() bool {
		_, stdout, _ := test.Docker(t, "exec", id, "/busybox", "ps", "-o", "pid,stat")
		for line := range strings.Lines(stdout) {
			fields := strings.Fields(line)
			if len(fields) == 2 && strings.HasPrefix(fields[1], "Z") {
				pid = fields[0]
				return true
			}
		}
		return false
	})
	return pid
}

// sendsig signals processes of another container that shares its PID namespace, as another user,
// with other files, and without a shell.
func TestDockerSharedPIDNamespace(t *testing.T) {
	img := image(t)
	id := container(t, img)
	sidecar := func(user string, args ...string) (status int, stdout, stderr string) {
		command := []string{"run", "--rm", "--user=" + user, "--pid=container:" + id, img}
		command = append(command, "/util", "sendsig")
		return test.Docker(t, append(command, args...)...)
	}
	status, stdout, stderr := sidecar("0", "--dry-run", "TERM", "--exe", "/crowd")
	if n := strings.Count(stdout, "would send TERM to "); status != 0 || n != 4 {
		t.Errorf("status %d, %d of 4: %s%s", status, n, stdout, stderr)
	}
	// The symbolic link is followed in the mount namespace of the container.
	status, link, stderr := sidecar("0", "--dry-run", "TERM", "--exe", "/links/people")
	if n := strings.Count(link, "would send TERM to "); status != 0 || n != 4 {
		t.Errorf("by a symbolic link: status %d, %d of 4: %s%s", status, n, link, stderr)
	}
	status, _, stderr = sidecar("1234", "TERM", "--name", "crowd")
	const denied = "operation not permitted: " +
		"the process belongs to user 0, sendsig runs as user 1234"
	if status != 1 || strings.Count(stderr, denied) != 4 {
		t.Errorf("status %d, stderr %s", status, stderr)
	}
	// Three of the four are signalled. With the fourth, PID 1 and the whole namespace would end,
	// including sendsig.
	root := strings.Fields(stdout)[4]
	root, _, _ = strings.Cut(root, ":")
	status, stdout, stderr = sidecar("0",
		"-v", "TERM", "--parent", root, "--then", "KILL@10s", "--wait=15s")
	if n := strings.Count(stdout, "sent TERM to "); status != 0 || n != 3 {
		t.Errorf("status %d, %d of 3: %s%s", status, n, stdout, stderr)
	}
	sidecar("0", "TERM", root)
	ended(t, id, "143")
}

// Where a seccomp filter denies pidfds, sendsig uses kill(2).
func TestDockerSeccomp(t *testing.T) {
	test.NotOther(t, "a place in these filters, which kill programs of other architectures")
	img := image(t)
	for _, c := range []struct {
		names string
		errno int
	}{
		{`"pidfd_open", "pidfd_send_signal"`, 1},  // EPERM: as old filters
		{`"pidfd_open", "pidfd_send_signal"`, 38}, // ENOSYS: as old kernels
		{`"pidfd_send_signal"`, 1},
	} {
		profile := filepath.Join(t.TempDir(), "profile.json")
		text := fmt.Sprintf(`{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
			{"names": [%s], "action": "SCMP_ACT_ERRNO", "errnoRet": %d}]}`, c.names, c.errno)
		test.Must(t, os.WriteFile(profile, []byte(text), 0o600))
		id := container(t, img, "--security-opt", "seccomp="+profile)
		sendsig := func(args ...string) (status int, stdout, stderr string) {
			return test.Docker(t, append([]string{"exec", id, "/util", "sendsig"}, args...)...)
		}
		if strings.Contains(c.names, "open") {
			status, _, stderr := sendsig("TERM", "1:5")
			if status != 1 || !strings.Contains(stderr, "the inode number cannot be checked") {
				t.Errorf("%+v: status %d, stderr %s", c, status, stderr)
			}
		}
		status, stdout, stderr := sendsig("-v", "CONT", "--name", "crowd", "--parent", "1")
		if status != 0 || strings.Count(stdout, "sent CONT to ") != 1 {
			t.Errorf("%+v: status %d: %s%s", c, status, stdout, stderr)
		}
		// A zombie can be signalled without an error, as with kill(2).
		test.MustDocker(t, "exec", "-d", id, "/crowd", "zombies", "1")
		status, stdout, stderr = sendsig("-v", "TERM", "--wait=15s", zombie(t, id))
		if status != 0 || strings.Count(stdout, "sent TERM to ") != 1 {
			t.Errorf("%+v: a zombie: status %d: %s%s", c, status, stdout, stderr)
		}
		status, stdout, stderr = sendsig("URG", "--name", "crowd",
			"--then", "KILL@200ms", "--wait=15s")
		// Status 137: PID 1 and with it the namespace has ended, including sendsig.
		if status != 0 && status != 137 || stdout+stderr != "" {
			t.Errorf("%+v: status %d: %s%s", c, status, stdout, stderr)
		}
		ended(t, id, "137")
	}
}
