package initcmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// The files that init has open.

// Init keeps files 0, 1 and 2 as it got them, under every name: cron jobs, links of logs and docker
// exec write to /proc/1/fd/1 and /proc/1/fd/2.
func TestStandardFiles(t *testing.T) {
	probe := test.Probe(t)
	for _, name := range append([]string{"init"}, otherInits...) {
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
			toInit := func(fd, text string) []string { return []string{"write", "/proc/1/fd/" + fd, text} }
			words := slices.Concat(
				[]string{"mountproc", "exec", program, "--", probe},
				toInit("0", "to stdin"), toInit("1", "to stdout"), toInit("2", "to stderr"),
				// The command closes its own files, so that only init has them open.
				[]string{"close", "0", "close", "2"},
				toInit("0", "to stdin"), toInit("2", "to stderr"),
			)
			cmd := test.ProcNamespace(exec.Command(probe, words...))
			cmd.Stdin, cmd.Stderr = stdin, stderr
			if status, stdout, _ := test.Run(t, cmd); status != 0 || stdout != "to stdout" {
				t.Errorf("status %d, stdout %q", status, stdout)
			}
			for _, name := range []string{"stdin", "stderr"} {
				want := strings.Repeat("to "+name+"\n", 2)
				if got := read(t, filepath.Join(dir, name)); got != want {
					t.Errorf("%s: %q, want %q", name, got, want)
				}
			}
		})
	}
}

// No file that init opens takes the number of a standard file that was closed.
func TestStandardFilesStayClosed(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	for closed := range 8 {
		var words []string
		open := ""
		for fd := range 3 {
			if closed&(1<<fd) != 0 {
				words = append(words, "close", fmt.Sprint(fd))
			} else {
				open += fmt.Sprint(fd, " ")
			}
		}
		for _, terminal := range []bool{false, true} {
			t.Run(fmt.Sprintf("open %s, terminal %v", open, terminal), func(t *testing.T) {
				// Each reason to open files: messages, the memory cgroup, orphans and the quiet
				// waiter, and the walk over the descendants.
				for _, options := range [][]string{
					{"-vv", "--log-format", "json", "--termination-log", log},
					{"-g", "60"},
					{"-g", "60", "--scope", "group"},
				} {
					stayClosed(t, words, options, terminal, open)
				}
			})
		}
	}
}

// stayClosed runs init after the probe has carried out words, and checks which standard files init
// has open.
func stayClosed(t *testing.T, words, options []string, terminal bool, open string) {
	t.Helper()
	probe := test.Probe(t)
	cmd := test.ProcNamespace(exec.Command(probe, slices.Concat(
		[]string{"mountproc"}, words, []string{"exec", test.Util(t), "init"}, options,
		[]string{"--", probe, "orphans", "3", "beside", "2", "setsid", "pause", "pause"},
	)...))
	cmd.Stdin = os.Stdin
	if terminal {
		leader(test.NewTerminal(t), cmd)
	}
	p := test.Start(t, cmd)
	init := p.Process.Pid
	test.Eventually(t, "init has reaped its orphans and waits", func() bool {
		return len(children(t, init)) == 1 && settled(init)
	})
	got := ""
	for _, name := range entries(t, fmt.Sprintf("/proc/%d/fd", init)) {
		if len(name) == 1 && name[0] <= '2' {
			got += name + " "
		}
	}
	if got != open {
		t.Errorf("%v: init has the standard files %q open, want %q", options, got, open)
	}
	command := childOf(t, init)
	kill(t, init, unix.SIGUSR1) // terminates the command, with a message
	test.Eventually(t, "the command ends, and init signals what is left", func() bool {
		return test.ProcState(command) == '?' || test.ProcState(init) == '?'
	})
	_ = p.Status()
}

func TestStandardFilesClosed(t *testing.T) {
	cmd := test.Namespace(exec.Command(test.Probe(t), "close", "0", "close", "2",
		"exec", test.Util(t), "init", "-vv", test.Probe(t), "fds", "exit", "4"))
	status, stdout, _ := test.Run(t, cmd)
	if status != 4 || !strings.HasPrefix(stdout, "fds=1 ") || strings.HasPrefix(stdout, "fds=1 2") {
		t.Errorf("status %d, stdout %q", status, stdout)
	}
}

// If stderr is closed, messages do not appear on the terminal that init opens to hand it over.
func TestNoMessagesOnTheTerminal(t *testing.T) {
	term := test.NewTerminal(t)
	cmd := leader(term, exec.Command(test.Probe(t), "close", "2", "exec", test.Util(t), "init", "-vv",
		test.Probe(t), "orphans", "2", "catch", "tty", "echo", "10"))
	p := test.Start(t, cmd)
	p.Expect("ready")
	p.Signal(unix.SIGUSR1)
	p.Expect("10")
	wantStatus(t, p, 0)
	if before := term.Expect("tty\r\r\n"); before != "" {
		t.Errorf("on the terminal: %q", before)
	}
	if text := term.Text(); strings.Contains(text, "util") {
		t.Errorf("on the terminal: %q", text)
	}
}

// Init closes the files that the command inherits, except the standard files, and leaves the
// working directory. The other end of a pipe thus learns that the command has closed it.
func TestFilesReleased(t *testing.T) {
	both(t, func(t *testing.T, util string) {
		extra, end, err := os.Pipe()
		test.Must(t, err)
		cmd := initOf(util, test.Probe(t), "close", "3", "say", "here", "pause")
		cmd.ExtraFiles, cmd.Dir = []*os.File{end}, t.TempDir()
		p := test.Start(t, cmd)
		end.Close()
		p.Expect("here")
		if n, err := extra.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("file 3: %d, %v", n, err)
		}
		test.Eventually(t, "init leaves the working directory", func() bool {
			to, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", p.Process.Pid))
			return to == "/"
		})
		standardFilesOnly(t, p.Process.Pid)
		extra.Close()
		p.Signal(unix.SIGTERM)
		wantStatus(t, p, 128+15)
	})
}
