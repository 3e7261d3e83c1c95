package initcmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// foreground returns the foreground process group of a terminal, in the namespace of the test.
func foreground(t *testing.T, term *test.Terminal) int {
	t.Helper()
	// Not IoctlGetInt: the kernel stores 32 bits, which is not a part of an int of 64 bits that all
	// machines have at the same end.
	group, err := unix.IoctlGetUint32(int(term.Master.Fd()), unix.TIOCGPGRP)
	test.Must(t, err)
	return int(group)
}

// leader makes cmd the leader of a session that has the terminal as its controlling terminal, as
// docker run -t does. The terminal is its stdin, unless it has another.
func leader(term *test.Terminal, cmd *exec.Cmd) *exec.Cmd {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	cmd.SysProcAttr.Ctty = 3
	cmd.ExtraFiles = []*os.File{term.Line}
	if cmd.Stdin == nil {
		cmd.Stdin = term.Line
	}
	return cmd
}

// If init leads the session of a terminal, the command becomes the leader of a new session that has
// the terminal.
func TestTerminalOfSession(t *testing.T) {
	both(t, func(t *testing.T, util string) {
		for _, stdin := range []string{"the terminal", "/dev/null"} {
			for _, pid1 := range []bool{true, false} {
				t.Run(fmt.Sprintf("stdin %s, PID 1 %v", stdin, pid1), func(t *testing.T) {
					cmd := bare(util, test.Probe(t), "state", "catch", "tty", "echo", "15")
					if pid1 {
						test.Namespace(cmd)
					}
					if stdin != "the terminal" {
						cmd.Stdin = devNull(t)
					}
					terminalOfSession(t, cmd)
				})
			}
		}
	})
}

func terminalOfSession(t *testing.T, cmd *exec.Cmd) {
	term := test.NewTerminal(t)
	p, st := state(t, leader(term, cmd))
	if st["pid"] != st["sid"] || st["pid"] != st["pgid"] || st["pid"] != st["foreground"] {
		t.Errorf("the command does not have the terminal: %v", st)
	}
	p.Expect("ready")
	term.Expect("tty")
	// The HUP and CONT of the hand-over do not reach the command, and each signal reaches it once.
	term.Type("\x03")
	lines := []string{p.Line()}
	term.Resize(30, 90)
	lines = append(lines, p.Line())
	term.Type("\x1c")
	lines = append(lines, p.Line())
	p.Signal(unix.SIGTERM)
	lines = append(lines, p.Line())
	if got := strings.Join(lines, " "); got != "2 28 3 15" {
		t.Errorf("^C, a resize, ^\\ and TERM arrive as %s", got)
	}
	wantStatus(t, p, 0)
}

// A HUP that was pending before the hand-over is not mistaken for the one that the hand-over
// causes.
func TestTerminalHangup(t *testing.T) {
	cmd := test.Namespace(exec.Command(test.Probe(t), "block", "1", "raise", "1",
		"exec", test.Util(t), "init", test.Probe(t), "catch", "echo", "1"))
	p := test.Start(t, leader(test.NewTerminal(t), cmd))
	p.Expect("ready")
	if line := p.Line(); line != "1" {
		t.Errorf("HUP arrives as %s", line)
	}
}

// shell is an interactive shell on a terminal.
type shell struct {
	*test.Process
	t    *testing.T
	term *test.Terminal
}

const prompt = "ready> "

// newShell starts sh with job control. INIT and PROBE are variables of its own.
func newShell(t *testing.T, util string) *shell {
	t.Helper()
	term := test.NewTerminal(t)
	cmd := exec.Command(test.Tool(t, "sh"), "-i")
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "PS1=" + prompt, "TERM=dumb",
		"PROBE=" + test.Probe(t), "INIT=" + util + " init",
	}
	cmd.Stderr = term.Line
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p := test.Start(t, leader(term, cmd)) // the stdout of the jobs is a pipe
	term.Expect(prompt)
	return &shell{p, t, term}
}

// run types a command line and waits for the next prompt.
func (s *shell) run(line string) {
	s.t.Helper()
	s.term.Type(line + "\n")
	s.term.Expect(prompt)
}

// Under an interactive shell, init is a job like any other command.
func TestTerminalOfShell(t *testing.T) {
	both(t, func(t *testing.T, util string) {
		for name, run := range map[string]func(*testing.T, *shell){
			"foreground":        shellForeground,
			"background":        shellBackground,
			"stop and continue": shellStop,
			"pipeline":          shellPipeline,
			"script":            shellScript,
		} {
			t.Run(name, func(t *testing.T) { run(t, newShell(t, util)) })
		}
	})
}

func shellForeground(t *testing.T, s *shell) {
	s.term.Type("$INIT $PROBE state catch echo 2\n")
	st := parseState(t, s.Line())
	shellPid := s.Process.Process.Pid
	if st["pid"] != st["pgid"] || st["sid"] != shellPid || st["foreground"] != st["pgid"] {
		t.Errorf("not in the foreground: %v", st)
	}
	s.Expect("ready")
	s.term.Type("\x03")
	if line := s.Line(); line != "2" {
		t.Errorf("^C arrives as %s", line)
	}
	s.term.Expect(prompt)
	if got := foreground(t, s.term); got != shellPid {
		t.Errorf("the terminal belongs to %d, not to the shell", got)
	}
}

func shellBackground(t *testing.T, s *shell) {
	s.run("$INIT $PROBE state pause &")
	st := parseState(t, s.Line())
	if st["foreground"] == st["pgid"] || st["foreground"] != s.Process.Process.Pid {
		t.Errorf("has taken the terminal: %v", st)
	}
	s.run("echo running")
	s.Expect("running")
	s.run("kill %1; wait %1; echo status $?")
	s.Expect("status 143")
}

func shellStop(t *testing.T, s *shell) {
	s.term.Type("$INIT $PROBE state pause\n")
	command := parseState(t, s.Line())["pid"]
	init := parent(t, command)
	in := func(state byte) func() bool {
		return func() bool { return test.ProcState(command) == state && test.ProcState(init) == state }
	}
	hasTerminal := func() bool { return foreground(t, s.term) == command }
	for range 3 {
		s.term.Type("\x1a")
		s.term.Expect("topped") // "Stopped", or "[1] + Stopped"
		s.term.Expect(prompt)
		test.Eventually(t, "^Z stops both", in('T'))
		s.term.Type("fg\n")
		test.Eventually(t, "fg continues both", in('S'))
		test.Eventually(t, "fg returns the terminal", hasTerminal)
	}
	s.term.Type("\x1a")
	s.term.Expect(prompt)
	test.Eventually(t, "^Z stops both", in('T'))
	s.run("bg")
	test.Eventually(t, "bg continues both", in('S'))
	if got := foreground(t, s.term); got != s.Process.Process.Pid {
		t.Errorf("bg: the terminal belongs to %d", got)
	}
	s.term.Type("fg\n")
	test.Eventually(t, "fg gives the command the terminal", hasTerminal)
	s.term.Type("\x03")
	s.term.Expect(prompt)
	s.run("echo status $?")
	s.Expect("status 130")
}

func shellPipeline(t *testing.T, s *shell) {
	s.term.Type("$INIT $PROBE state pause | cat\n")
	command := parseState(t, s.Line())["pid"]
	s.term.Type("\x1a")
	s.term.Expect(prompt) // comes only when all of the pipeline is stopped
	s.term.Type("fg\n")
	test.Eventually(t, "fg returns the terminal", func() bool {
		return foreground(t, s.term) == command
	})
	s.term.Type("\x03")
	s.term.Expect(prompt)
}

// In a script there is no job control: init returns the terminal to the script.
func shellScript(t *testing.T, s *shell) {
	script := filepath.Join(t.TempDir(), "script")
	test.Must(t, os.WriteFile(script, []byte(`$INIT $PROBE say one
$INIT /no/such 2>/dev/null
read word
echo got $word
`), 0o644))
	s.term.Type("sh " + script + "\n")
	s.Expect("one")
	s.term.Type("word\n")
	s.Expect("got word") // without the terminal, read would have been stopped
}
