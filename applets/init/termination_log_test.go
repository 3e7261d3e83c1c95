package initcmd_test

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"util/internal/test"
)

// The termination log: where a path leads, and whose files are left alone.
func TestTerminationLog(t *testing.T) {
	probe, util := test.Probe(t), test.Util(t)
	dir, err := os.MkdirTemp("", "termination-") // one that other users reach
	test.Must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	test.Must(t, os.Chmod(dir, 0o755))
	run := func(t *testing.T, log string, setup func(*exec.Cmd), words ...string) (status int, stderr string) {
		t.Helper()
		cmd := initOf(util, append([]string{"--termination-log", log, probe}, words...)...)
		cmd.Dir = dir
		if setup != nil {
			setup(cmd)
		}
		status, _, stderr = test.Run(t, cmd)
		return status, stderr
	}
	holds := func(t *testing.T, path, want string) {
		t.Helper()
		if got := read(t, path); !strings.Contains(got, want) || strings.Count(got, "\n") != 1 {
			t.Errorf("%s: %q", path, got)
		}
	}

	t.Run("a standard stream", func(t *testing.T) {
		for _, log := range []string{"stream", "/dev/stderr", "/proc/self/fd/2"} {
			stream, err := os.OpenFile(dir+"/stream", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
			test.Must(t, err)
			_, _ = stream.WriteString("the log of the application\n")
			_, _ = run(t, log, func(cmd *exec.Cmd) { cmd.Stderr = stream })
			_, _ = stream.WriteString("and what comes behind\n")
			stream.Close()
			if got := read(t, dir+"/stream"); !strings.HasPrefix(got, "the log of the application\nutil init: ") || !strings.HasSuffix(got, "\nand what comes behind\n") {
				t.Errorf("%s: %q", log, got)
			}
		}
	})
	t.Run("words", func(t *testing.T) {
		for log, want := range map[string]string{
			strings.Repeat("x", 4095): "file name too long", strings.Repeat("x", 300): "file name too long",
		} {
			if status, stderr := run(t, log, nil, "exit", "3"); status != 3 || !strings.Contains(stderr, ": "+want) {
				t.Errorf("%.20s: status %d, stderr %q", log, status, stderr)
			}
		}
		status, stderr := run(t, "limited", func(cmd *exec.Cmd) {
			cmd.Path, cmd.Args = probe, append([]string{probe, "filelimit", "0", "exec", util}, cmd.Args[1:]...)
		}, "exit", "3")
		if status != 3 || !strings.Contains(stderr, "file too large") {
			t.Errorf("RLIMIT_FSIZE: status %d, stderr %q", status, stderr)
		}
	})
	t.Run("links", func(t *testing.T) {
		if os.Geteuid() != 0 {
			test.Missing(t, "root", "only root can own what another user may have planted")
		}
		const other = 65534
		secret := dir + "/secret"
		theirs := dir + "/theirs"
		shared := dir + "/shared"
		for _, err := range []error{
			os.Mkdir(theirs, 0o755), os.Chown(theirs, other, other), os.Symlink(secret, theirs+"/log"), os.Symlink(dir, theirs+"/up"), os.Symlink("/", theirs+"/root"),
			os.Mkdir(shared, 0o755), os.Chmod(shared, 0o777|os.ModeSticky), os.Symlink(secret, shared+"/log"), os.Symlink(secret, shared+"/own"), os.Lchown(shared+"/log", other, other),
			os.Mkdir(dir+"/open", 0o755), os.Chmod(dir+"/open", 0o777), os.Symlink(secret, dir+"/open/log"),
			os.Symlink(secret, dir+"/mine"), os.Symlink(theirs, dir+"/there"),
			os.Symlink("theirs/log", dir+"/through"), os.Symlink("theirs/up", dir+"/thither"), os.Symlink("there/../mine", dir+"/round"), os.Symlink("circle", dir+"/circle"),
		} {
			test.Must(t, err)
		}
		const before = "a secret\n"
		for log, follows := range map[string]bool{
			theirs + "/log": false, theirs + "/up/secret": false, theirs + "/root" + secret: false, shared + "/log": false, dir + "/open/log": false, dir + "/there/log": false,
			// Links of root's that lead through links of theirs.
			"through": false, "thither/secret": false, "round": true, "circle": false,
			shared + "/own": true, dir + "/mine": true, "mine": true,
		} {
			test.Must(t, os.WriteFile(secret, []byte(before), 0o600))
			status, stderr := run(t, log, nil, "exit", "3")
			if refused := strings.Contains(stderr, "leads through a symbolic link that another user may have put there"); status != 3 || refused == follows {
				t.Errorf("%s: status %d, stderr %q", log, status, stderr)
			}
			if changed := read(t, secret) != before; changed != follows {
				t.Errorf("%s: the file holds %q", log, read(t, secret))
			}
		}
		// A file of theirs that is none yet.
		if _, stderr := run(t, "there/new", nil); stderr != "" {
			t.Errorf("stderr %q", stderr)
		}
		holds(t, theirs+"/new", "exited with status 0")
		// Of init's own user there is nothing to be afraid of.
		log := theirs + "/log2"
		_ = os.Symlink(theirs+"/target", log)
		_ = os.Lchown(log, other, other)
		_, stderr := run(t, log, func(cmd *exec.Cmd) { cmd.SysProcAttr.Credential = &syscall.Credential{Uid: other, Gid: other} })
		if stderr != "" {
			t.Errorf("stderr %q", stderr)
		}
		holds(t, theirs+"/target", "exited with status 0")
	})
}
