package initcmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"util/internal/test"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// terminal is the master side of a pty, and what came out of it.
type terminal struct {
	t            *testing.T
	master, line *os.File
	mutex        sync.Mutex
	out          string
	read         int // how much of out has been expected
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	master, line, err := pty.Open()
	if err != nil {
		test.Missing(t, "a pseudoterminal", err.Error())
	}
	term := &terminal{t: t, master: master, line: line}
	t.Cleanup(func() { master.Close(); line.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			term.mutex.Lock()
			term.out += string(buf[:n])
			term.mutex.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return term
}

// typed types text.
func (term *terminal) typed(text string) {
	term.t.Helper()
	if _, err := term.master.WriteString(text); err != nil {
		term.t.Fatal(err)
	}
}

// expect waits for text in what comes out behind what was expected before, and returns what stood before it.
func (term *terminal) expect(text string) (before string) {
	term.t.Helper()
	found := false
	for end := time.Now().Add(test.Deadline); !found && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		term.mutex.Lock()
		before, _, found = strings.Cut(term.out[term.read:], text)
		if found {
			term.read += len(before) + len(text)
		}
		term.mutex.Unlock()
	}
	if !found {
		term.t.Fatalf("the terminal does not show %q; last: %q", text, before)
	}
	return before
}

// foreground returns the foreground process group of the terminal, as seen from here.
func (term *terminal) foreground() int {
	term.t.Helper()
	group, err := unix.IoctlGetInt(int(term.master.Fd()), unix.TIOCGPGRP)
	test.Must(term.t, err)
	return group
}

// leader makes cmd the leader of a session whose controlling terminal this is, as docker run -t does. Its stdin is the
// terminal as well, unless it has another.
func (term *terminal) leader(cmd *exec.Cmd) *exec.Cmd {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	cmd.SysProcAttr.Ctty = 3
	cmd.ExtraFiles = []*os.File{term.line}
	if cmd.Stdin == nil {
		cmd.Stdin = term.line
	}
	return cmd
}

// Init leads the terminal's session: the command becomes the leader of one that owns the terminal.
func TestTerminalOfSession(t *testing.T) {
	probe := test.Probe(t)
	both(t, func(t *testing.T, util string) {
		for _, stdin := range []string{"the terminal", "/dev/null"} {
			for _, pid1 := range []bool{true, false} {
				t.Run(fmt.Sprintf("stdin %s, PID 1 %v", stdin, pid1), func(t *testing.T) {
					term := newTerminal(t)
					cmd := bare(util, probe, "state", "catch", "tty", "echo", "15")
					if pid1 {
						test.Namespace(cmd)
					}
					if stdin != "the terminal" {
						null, err := os.Open(stdin)
						test.Must(t, err)
						defer null.Close()
						cmd.Stdin = null
					}
					p, st := state(t, term.leader(cmd))
					if st["pid"] != st["sid"] || st["pid"] != st["pgid"] || st["pid"] != st["foreground"] {
						t.Errorf("does not own the terminal: %v", st)
					}
					p.Expect("ready")
					term.expect("tty")
					// No HUP or CONT of the hand-over comes first, and each comes once.
					term.typed("\x03")
					lines := []string{p.Line()}
					test.Must(t, pty.Setsize(term.master, &pty.Winsize{Rows: 30, Cols: 90}))
					lines = append(lines, p.Line())
					term.typed("\x1c")
					lines = append(lines, p.Line())
					p.Signal(unix.SIGTERM)
					lines = append(lines, p.Line())
					if got := strings.Join(lines, " "); got != "2 28 3 15" {
						t.Errorf("^C, a resize, ^\\ and TERM arrive as %s", got)
					}
					if status := p.Status(); status != 0 {
						t.Errorf("status %d", status)
					}
				})
			}
		}
	})
}

// A HUP that was pending before the hand-over is not taken for the one that the hand-over makes.
func TestTerminalHangup(t *testing.T) {
	probe := test.Probe(t)
	cmd := test.Namespace(exec.Command(probe, "block", "1", "raise", "1", "exec", test.Util(t), "init", probe, "catch", "echo", "1"))
	p := test.Start(t, newTerminal(t).leader(cmd))
	p.Expect("ready")
	if line := p.Line(); line != "1" {
		t.Errorf("HUP arrives as %s", line)
	}
}

// shell is an interactive shell on a terminal.
type shell struct {
	*terminal
	*test.Process
}

const prompt = "ready> "

// newShell starts /bin/sh with job control and with $INIT and $PROBE to call.
func newShell(t *testing.T, util string) *shell {
	t.Helper()
	term := newTerminal(t)
	cmd := exec.Command(test.Tool(t, "sh"), "-i")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PS1=" + prompt, "TERM=dumb", "PROBE=" + test.Probe(t), "INIT=" + util + " init"}
	cmd.Stderr = term.line
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p := test.Start(t, term.leader(cmd)) // the jobs' stdout is a pipe, their terminal is the terminal
	term.expect(prompt)
	return &shell{term, p}
}

// run types a command line and waits for the prompt behind it.
func (s *shell) run(line string) {
	s.t.Helper()
	s.typed(line + "\n")
	s.expect(prompt)
}

func TestTerminalOfShell(t *testing.T) {
	both(t, func(t *testing.T, util string) {
		t.Run("foreground", func(t *testing.T) {
			s := newShell(t, util)
			s.typed("$INIT $PROBE state catch echo 2\n")
			st := parseState(t, s.Line())
			if st["pid"] != st["pgid"] || st["sid"] != s.Process.Process.Pid || st["foreground"] != st["pgid"] {
				t.Errorf("is not in the foreground: %v", st)
			}
			s.Expect("ready")
			s.typed("\x03")
			if line := s.Line(); line != "2" {
				t.Errorf("^C arrives as %s", line)
			}
			s.expect(prompt)
			if got := s.foreground(); got != s.Process.Process.Pid {
				t.Errorf("the shell has not got its terminal back: %d", got)
			}
		})
		t.Run("background", func(t *testing.T) {
			s := newShell(t, util)
			s.run("$INIT $PROBE state pause &")
			st := parseState(t, s.Line())
			if st["foreground"] == st["pgid"] || st["foreground"] != s.Process.Process.Pid {
				t.Errorf("has taken the terminal: %v", st)
			}
			s.run("echo alive")
			s.Expect("alive")
			s.run("kill %1; wait %1; echo status $?")
			s.Expect("status 143")
		})
		t.Run("stop and go on", func(t *testing.T) {
			s := newShell(t, util)
			s.typed("$INIT $PROBE state pause\n")
			command := parseState(t, s.Line())["pid"]
			init := parent(t, command)
			stopped := func() bool { return procState(command) == 'T' && procState(init) == 'T' }
			running := func() bool { return procState(command) == 'S' && procState(init) == 'S' }
			for range 3 {
				s.typed("\x1a")
				s.expect("topped") // "Stopped", or "[1] + Stopped"
				s.expect(prompt)
				test.Eventually(t, "^Z stops both", stopped)
				s.typed("fg\n")
				test.Eventually(t, "fg continues both", running)
				test.Eventually(t, "fg gives the terminal back", func() bool { return s.foreground() == command })
			}
			s.typed("\x1a")
			s.expect(prompt)
			test.Eventually(t, "^Z stops both", stopped)
			s.run("bg")
			test.Eventually(t, "bg continues both", running)
			if got := s.foreground(); got != s.Process.Process.Pid {
				t.Errorf("bg: the terminal belongs to %d", got)
			}
			s.typed("fg\n")
			test.Eventually(t, "fg gives the terminal", func() bool { return s.foreground() == command })
			s.typed("\x03")
			s.expect(prompt)
			s.run("echo status $?")
			s.Expect("status 130")
		})
		t.Run("pipeline", func(t *testing.T) {
			s := newShell(t, util)
			s.typed("$INIT $PROBE state pause | cat\n")
			command := parseState(t, s.Line())["pid"]
			s.typed("\x1a")
			s.expect(prompt) // comes only when all of the pipeline is stopped
			s.typed("fg\n")
			test.Eventually(t, "fg gives the terminal back", func() bool { return s.foreground() == command })
			s.typed("\x03")
			s.expect(prompt)
		})
		t.Run("within a script", func(t *testing.T) {
			s := newShell(t, util)
			script := filepath.Join(t.TempDir(), "script")
			test.Must(t, os.WriteFile(script, []byte("$INIT $PROBE say one\n$INIT /no/such 2>/dev/null\nread word\necho got $word\n"), 0o644))
			s.typed("sh " + script + "\n")
			s.Expect("one")
			s.typed("word\n")
			s.Expect("got word") // without the terminal, read would have been stopped
		})
	})
}
