package initcmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
				test.Must(t, err)
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

func TestStandardFilesClosed(t *testing.T) {
	probe := test.Probe(t)
	cmd := test.Namespace(exec.Command(probe, "close", "0", "close", "2", "exec", test.Util(t), "init", "-vv", probe, "fds", "exit", "4"))
	status, stdout, _ := test.Run(t, cmd)
	if status != 4 || !strings.HasPrefix(stdout, "fds=1 ") || strings.HasPrefix(stdout, "fds=1 2") {
		t.Errorf("status %d, stdout %q", status, stdout)
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

// Init itself holds nothing of the command's but the standard files: the other end of another pipe sees the command close it.
func TestLetsGo(t *testing.T) {
	probe := test.Probe(t)
	both(t, func(t *testing.T, util string) {
		extra, end, _ := os.Pipe()
		cmd := initOf(util, probe, "close", "3", "say", "here", "pause")
		cmd.ExtraFiles, cmd.Dir = []*os.File{end}, t.TempDir()
		p := test.Start(t, cmd)
		end.Close()
		p.Expect("here")
		if n, err := extra.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("file 3: %d, %v", n, err)
		}
		dir := fmt.Sprintf("/proc/%d", p.Process.Pid)
		test.Eventually(t, "init leaves the working directory", func() bool { to, _ := os.Readlink(dir + "/cwd"); return to == "/" })
		if files := entries(t, dir+"/fd"); strings.Join(files, " ") != "0 1 2" {
			t.Errorf("open files %v", files)
		}
		extra.Close()
		p.Signal(unix.SIGTERM)
		if status := p.Status(); status != 128+15 {
			t.Errorf("status %d", status)
		}
	})
}
