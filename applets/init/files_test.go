package initcmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"util/applets/init/pid1"
	"util/internal/test"

	"golang.org/x/sys/unix"
)

// Init keeps files 0, 1 and 2 as it got them, under every name: jobs of cron, links of logs and docker exec write to
// /proc/1/fd/1 and its neighbours.
func TestStandardFiles(t *testing.T) {
	probe := test.Probe(t)
	for _, name := range append([]string{"init"}, pid1.Aliases[:]...) {
		t.Run(name, func(t *testing.T) {
			program := namesake(t, test.Util(t), name)
			dir := t.TempDir()
			file := func(name string) *os.File {
				f, err := os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { f.Close() })
				return f
			}
			stdin, stderr := file("stdin"), file("stderr")
			// The command lets go of its own files, so that nobody but init has them.
			cmd := test.ProcNamespace(exec.Command(probe, "mountproc", "exec", program, "--", probe,
				"write", "/proc/1/fd/0", "to stdin", "write", "/proc/1/fd/1", "to stdout", "write", "/proc/1/fd/2", "to stderr", "close", "0", "close", "2",
				"write", "/proc/1/fd/0", "to stdin", "write", "/proc/1/fd/2", "to stderr"))
			cmd.Stdin, cmd.Stderr = stdin, stderr
			if status, stdout, _ := test.Run(t, cmd); status != 0 || stdout != "to stdout" {
				t.Errorf("status %d, stdout %q", status, stdout)
			}
			for name, want := range map[string]string{"stdin": "to stdin\nto stdin\n", "stderr": "to stderr\nto stderr\n"} {
				if got := read(t, filepath.Join(dir, name)); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

// Nothing that init opens for itself becomes a standard file that was closed.
func TestStandardFilesStayClosed(t *testing.T) {
	probe := test.Probe(t)
	log := filepath.Join(t.TempDir(), "log")
	for closed := range 8 {
		var words []string
		want := ""
		for fd := range 3 {
			if closed&(1<<fd) != 0 {
				words = append(words, "close", fmt.Sprint(fd))
			} else {
				want += fmt.Sprint(fd, " ")
			}
		}
		for _, terminal := range []bool{false, true} {
			t.Run(fmt.Sprintf("open %s, terminal %v", want, terminal), func(t *testing.T) {
				// Everything that opens files: messages, the memory cgroup, orphans and the quiet waiter, the walk over the descendants.
				for _, options := range [][]string{{"-vv", "--log-format", "json", "--termination-log", log}, {"-g", "60"}, {"-g", "60", "--scope", "group"}} {
					args := append(append([]string{"mountproc"}, words...), "exec", test.Util(t), "init")
					args = append(append(args, options...), "--", probe, "orphans", "3", "beside", "2", "setsid", "pause", "pause")
					cmd := test.ProcNamespace(exec.Command(probe, args...))
					cmd.Stdin = os.Stdin
					if terminal {
						newTerminal(t).leader(cmd)
					}
					p := test.Start(t, cmd)
					init := p.Process.Pid
					test.Eventually(t, "init has its orphans reaped and waits", func() bool { return len(children(t, init)) == 1 && settled(init) })
					files := func() string {
						open := ""
						for _, name := range entries(t, fmt.Sprintf("/proc/%d/fd", init)) {
							if len(name) == 1 && name[0] <= '2' {
								open += name + " "
							}
						}
						return open
					}
					if got := files(); got != want {
						t.Errorf("%v: init has the standard files %q open", options, got)
					}
					command := childOf(t, init)
					kill(t, init, unix.SIGUSR1) // a message
					test.Eventually(t, "the command ends, and init sweeps", func() bool { return procState(command) == 0 || procState(init) == 0 })
					_ = p.Status()
				}
			})
		}
	}
}

// With stderr closed, messages do not appear on the terminal that init opens for itself.
func TestNoMessagesOnTheTerminal(t *testing.T) {
	probe := test.Probe(t)
	term := newTerminal(t)
	cmd := term.leader(exec.Command(probe, "close", "2", "exec", test.Util(t), "init", "-vv", probe, "orphans", "2", "catch", "tty", "echo", "10"))
	p := test.Start(t, cmd)
	p.Expect("ready")
	p.Signal(unix.SIGUSR1)
	p.Expect("10")
	if status := p.Status(); status != 0 {
		t.Errorf("status %d", status)
	}
	if before := term.expect("tty\r\r\n"); before != "" {
		t.Errorf("on the terminal: %q", before)
	}
	term.mutex.Lock()
	defer term.mutex.Unlock()
	if strings.Contains(term.out, "util") {
		t.Errorf("on the terminal: %q", term.out)
	}
}

// The termination log: where a path leads, and whose files are left alone.
func TestTerminationLog(t *testing.T) {
	probe, util := test.Probe(t), test.Util(t)
	dir, err := os.MkdirTemp("", "termination-") // one that other users reach
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
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
			if err != nil {
				t.Fatal(err)
			}
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
			if err != nil {
				t.Fatal(err)
			}
		}
		const before = "a secret\n"
		for log, follows := range map[string]bool{
			theirs + "/log": false, theirs + "/up/secret": false, theirs + "/root" + secret: false, shared + "/log": false, dir + "/open/log": false, dir + "/there/log": false,
			// Links of root's that lead through links of theirs.
			"through": false, "thither/secret": false, "round": true, "circle": false,
			shared + "/own": true, dir + "/mine": true, "mine": true,
		} {
			if err := os.WriteFile(secret, []byte(before), 0o600); err != nil {
				t.Fatal(err)
			}
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
