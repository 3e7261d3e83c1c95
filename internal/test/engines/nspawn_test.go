package engines_test

import (
	"os"
	"strings"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// nspawnTools are tools for a root directory. They do not need a systemd that runs.
func nspawnTools(t *testing.T, root rootFS) tools {
	t.Helper()
	test.HideFiles(t)
	tl := newTools(t, "/srv/app", root.dir)
	tl.add("systemd-nspawn", "exec $real --quiet --register=no --keep-unit --console=pipe \"$@\"")
	removeSubgroups(t, root)
	return tl
}

// removeSubgroups removes, at the end of the test, what nspawn makes in the cgroups of the test.
func removeSubgroups(t *testing.T, root rootFS) {
	t.Helper()
	var made []string
	t.Cleanup(func() {
		root.kill()
		test.RemoveCgroups(t, quick, made...)
	})
	for line := range strings.Lines(read(t, "/proc/self/cgroup")) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		controllers := strings.TrimPrefix(fields[1], "name=")
		for _, name := range []string{"payload", "supervisor"} {
			for _, hierarchy := range []string{controllers, "unified", ""} {
				dir := "/sys/fs/cgroup/" + hierarchy + fields[2] + "/" + name
				if _, err := os.Stat(dir); os.IsNotExist(err) {
					made = append(made, dir)
				}
			}
		}
	}
}

// TestNspawn stops a container as the service manager does: TERM to systemd-nspawn.
func TestNspawn(t *testing.T) {
	root := newRoot(t)
	tl := nspawnTools(t, root)
	c := start(t, root, tl.cmd(doc(t, "systemd-nspawn", `systemd-nspawn --directory /srv/app --kill-signal SIGTERM /sbin/init --grace 8s -- /app`))) //nolint:lll // in one line, as in the document
	sandbox{
		root:   root,
		output: c.output,
		stop:   func() { c.Signal(unix.SIGTERM) },
		status: c.Status,
	}.check(t)
}

// TestNspawnFile starts a container with the settings of a file, and stops it with each of the
// signals that it can get: the one of that file, and the one of machinectl poweroff.
func TestNspawnFile(t *testing.T) {
	settings := strings.Join([]string{
		doc(t, "systemd-nspawn", `[Exec]`),
		doc(t, "systemd-nspawn", `Boot=on`),
		doc(t, "systemd-nspawn", `KillSignal=SIGTERM`),
		doc(t, "systemd-nspawn", `Parameters=--grace 8s --stop-signal RTMIN+4 --rewrite RTMIN+4:TERM -- /app`), //nolint:lll // in one line, as in the document
	}, "\n")
	for _, name := range []string{"TERM", "poweroff"} {
		t.Run(name, func(t *testing.T) {
			root := newRoot(t)
			root.write(t, "etc/os-release", "")
			tl := nspawnTools(t, root)
			test.Must(t, os.MkdirAll("/run/systemd/nspawn", 0o755))
			test.Must(t, os.WriteFile("/run/systemd/nspawn/app.nspawn", []byte(settings), 0o644))
			c := start(t, root, tl.cmd("systemd-nspawn --machine app --directory /srv/app"))
			stop := func() { c.Signal(unix.SIGTERM) }
			if name == "poweroff" {
				const rtmin = 34 // of the C library
				stop = func() { test.Must(t, unix.Kill(root.pid1(t).pid, rtmin+4)) }
			}
			sandbox{root: root, output: c.output, stop: stop, status: c.Status}.check(t)
		})
	}
}
