package initcmd_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"util/internal/test"
)

// The termination log: files that init must not truncate, and links that it must not follow.
// (testdata/script/termination-log.txtar has what is written to it.)
func TestTerminationLog(t *testing.T) {
	dir, err := os.MkdirTemp("", "termination-") // other users must reach it
	test.Must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	test.Must(t, os.Chmod(dir, 0o755))
	l := logs{dir}
	t.Run("a standard stream", l.stream)
	t.Run("long paths", l.longPaths)
	t.Run("file size limit", l.sizeLimit)
	t.Run("links", l.links)
}

// logs are termination logs in a directory.
type logs struct{ dir string }

// run runs the probe under init, with a termination log and the directory as working directory.
func (l logs) run(t *testing.T, log string, setup func(*exec.Cmd), words ...string) (int, string) {
	t.Helper()
	cmd := initOf(test.Util(t), append([]string{"--termination-log", log, test.Probe(t)}, words...)...)
	cmd.Dir = l.dir
	if setup != nil {
		setup(cmd)
	}
	status, _, stderr := test.Run(t, cmd)
	return status, stderr
}

// holds checks that a file holds one line, with want in it.
func (l logs) holds(t *testing.T, path, want string) {
	t.Helper()
	if got := read(t, path); !strings.Contains(got, want) || strings.Count(got, "\n") != 1 {
		t.Errorf("%s: %q, want one line with %q", path, got, want)
	}
}

// A log that is stderr is appended to.
func (l logs) stream(t *testing.T) {
	for _, log := range []string{"stream", "/dev/stderr", "/proc/self/fd/2"} {
		stream, err := os.OpenFile(l.dir+"/stream", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
		test.Must(t, err)
		_, _ = stream.WriteString("before\n")
		_, _ = l.run(t, log, func(cmd *exec.Cmd) { cmd.Stderr = stream })
		_, _ = stream.WriteString("after\n")
		stream.Close()
		got := read(t, l.dir+"/stream")
		if !strings.HasPrefix(got, "before\nutil init: ") || !strings.HasSuffix(got, "\nafter\n") {
			t.Errorf("%s: %q", log, got)
		}
	}
}

func (l logs) longPaths(t *testing.T) {
	for _, n := range []int{300, 4095} {
		status, stderr := l.run(t, strings.Repeat("x", n), nil, "exit", "3")
		if status != 3 || !strings.Contains(stderr, ": file name too long") {
			t.Errorf("%d characters: status %d, stderr %q", n, status, stderr)
		}
	}
}

func (l logs) sizeLimit(t *testing.T) {
	status, stderr := l.run(t, "limited", func(cmd *exec.Cmd) {
		cmd.Path = test.Probe(t)
		cmd.Args = append([]string{"probe", "filelimit", "0", "exec", test.Util(t)}, cmd.Args[1:]...)
	}, "exit", "3")
	if status != 3 || !strings.Contains(stderr, "file too large") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

// Root follows no symbolic link that another user may have made. Directory "theirs" belongs to
// another user, "shared" is sticky as /tmp, and "open" is writable for all.
func (l logs) links(t *testing.T) {
	if os.Geteuid() != 0 {
		test.Missing(t, "root", "only root can own what another user may have made")
	}
	const other = 65534
	dir := l.dir
	secret, theirs, shared := dir+"/secret", dir+"/theirs", dir+"/shared"
	for _, err := range []error{
		os.Mkdir(theirs, 0o755), os.Chown(theirs, other, other),
		os.Symlink(secret, theirs+"/log"),
		os.Symlink(dir, theirs+"/up"),
		os.Symlink("/", theirs+"/root"),

		os.Mkdir(shared, 0o755), os.Chmod(shared, 0o777|os.ModeSticky),
		os.Symlink(secret, shared+"/log"), os.Lchown(shared+"/log", other, other),
		os.Symlink(secret, shared+"/own"),

		os.Mkdir(dir+"/open", 0o755), os.Chmod(dir+"/open", 0o777),
		os.Symlink(secret, dir+"/open/log"),

		os.Symlink(secret, dir+"/mine"),
		os.Symlink(theirs, dir+"/there"),
		os.Symlink("theirs/log", dir+"/through"),
		os.Symlink("theirs/up", dir+"/thither"),
		os.Symlink("there/../mine", dir+"/round"),
		os.Symlink("circle", dir+"/circle"),
	} {
		test.Must(t, err)
	}
	const before = "a secret\n"
	const refusal = "leads through a symbolic link that another user may have put there"
	for log, follows := range map[string]bool{
		theirs + "/log":           false,
		theirs + "/up/secret":     false,
		theirs + "/root" + secret: false,
		shared + "/log":           false,
		dir + "/open/log":         false,
		dir + "/there/log":        false,
		shared + "/own":           true,
		dir + "/mine":             true,
		"mine":                    true,
		"through":                 false, // a link of root that leads through one of theirs
		"thither/secret":          false,
		"round":                   true,
		"circle":                  false,
	} {
		test.Must(t, os.WriteFile(secret, []byte(before), 0o600))
		status, stderr := l.run(t, log, nil, "exit", "3")
		if refused := strings.Contains(stderr, refusal); status != 3 || refused == follows {
			t.Errorf("%s: status %d, stderr %q", log, status, stderr)
		}
		if changed := read(t, secret) != before; changed != follows {
			t.Errorf("%s: the file holds %q", log, read(t, secret))
		}
	}

	// A new file in their directory.
	if _, stderr := l.run(t, "there/new", nil); stderr != "" {
		t.Errorf("stderr %q", stderr)
	}
	l.holds(t, theirs+"/new", "exited with status 0")

	// As the other user, init follows that user's links.
	log := theirs + "/log2"
	test.Must(t, os.Symlink(theirs+"/target", log))
	test.Must(t, os.Lchown(log, other, other))
	asOther := func(cmd *exec.Cmd) { cmd.SysProcAttr.Credential = nobody() }
	if _, stderr := l.run(t, log, asOther); stderr != "" {
		t.Errorf("stderr %q", stderr)
	}
	l.holds(t, theirs+"/target", "exited with status 0")
}
