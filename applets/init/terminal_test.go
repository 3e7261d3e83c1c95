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

	"util/internal/test"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// terminal is a pseudoterminal: its master side, and what the other side has written.
type terminal struct {
	t            *testing.T
	master, line *os.File
	ended        chan struct{} // closed once all is read and no process has the line open
	mutex        sync.Mutex
	out          string
	read         int // how much of out was expected already
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	master, line, err := pty.Open()
	if err != nil {
		test.Missing(t, "a pseudoterminal", err.Error())
	}
	term := &terminal{t: t, master: master, line: line, ended: make(chan struct{})}
	t.Cleanup(func() { master.Close(); line.Close() })
	go func() {
		defer close(term.ended)
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
	_, err := term.master.WriteString(text)
	test.Must(term.t, err)
}

// resize changes the size of the window.
func (term *terminal) resize(rows, columns uint16) {
	term.t.Helper()
	test.Must(term.t, pty.Setsize(term.master, &pty.Winsize{Rows: rows, Cols: columns}))
}

// text returns all that was written so far.
func (term *terminal) text() string {
	term.mutex.Lock()
	defer term.mutex.Unlock()
	return term.out
}

// expect waits until text is written, after what was expected before, and returns what precedes it.
func (term *terminal) expect(text string) (before string) {
	term.t.Helper()
	found := false
	defer func() {
		if !found {
			term.t.Logf("shown: %q", before)
		}
	}()
	test.Eventually(term.t, fmt.Sprintf("the terminal shows %q", text), func() bool {
		before, _, found = strings.Cut(term.text()[term.read:], text)
		return found
	})
	term.read += len(before) + len(text)
	return before
}

// foreground returns the foreground process group of the terminal, in the namespace of the test.
func (term *terminal) foreground() int {
	term.t.Helper()
	group, err := unix.IoctlGetInt(int(term.master.Fd()), unix.TIOCGPGRP)
	test.Must(term.t, err)
	return group
}

// leader makes cmd the leader of a session whose controlling terminal this is, as docker run -t
// does. The terminal is its stdin, unless it has another.
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
	term := newTerminal(t)
	p, st := state(t, term.leader(cmd))
	if st["pid"] != st["sid"] || st["pid"] != st["pgid"] || st["pid"] != st["foreground"] {
		t.Errorf("the command does not have the terminal: %v", st)
	}
	p.Expect("ready")
	term.expect("tty")
	// The HUP and CONT of the hand-over do not reach the command, and each signal reaches it once.
	term.typed("\x03")
	lines := []string{p.Line()}
	term.resize(30, 90)
	lines = append(lines, p.Line())
	term.typed("\x1c")
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

// newShell starts sh with job control. INIT and PROBE are variables of its own.
func newShell(t *testing.T, util string) *shell {
	t.Helper()
	term := newTerminal(t)
	cmd := exec.Command(test.Tool(t, "sh"), "-i")
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "PS1=" + prompt, "TERM=dumb",
		"PROBE=" + test.Probe(t), "INIT=" + util + " init",
	}
	cmd.Stderr = term.line
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	p := test.Start(t, term.leader(cmd)) // the stdout of the jobs is a pipe
	term.expect(prompt)
	return &shell{term, p}
}

// run types a command line and waits for the next prompt.
func (s *shell) run(line string) {
	s.t.Helper()
	s.typed(line + "\n")
	s.expect(prompt)
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
	s.typed("$INIT $PROBE state catch echo 2\n")
	st := parseState(t, s.Line())
	shellPid := s.Process.Process.Pid
	if st["pid"] != st["pgid"] || st["sid"] != shellPid || st["foreground"] != st["pgid"] {
		t.Errorf("not in the foreground: %v", st)
	}
	s.Expect("ready")
	s.typed("\x03")
	if line := s.Line(); line != "2" {
		t.Errorf("^C arrives as %s", line)
	}
	s.expect(prompt)
	if got := s.foreground(); got != shellPid {
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
	s.typed("$INIT $PROBE state pause\n")
	command := parseState(t, s.Line())["pid"]
	init := parent(t, command)
	in := func(state byte) func() bool {
		return func() bool { return procState(command) == state && procState(init) == state }
	}
	hasTerminal := func() bool { return s.foreground() == command }
	for range 3 {
		s.typed("\x1a")
		s.expect("topped") // "Stopped", or "[1] + Stopped"
		s.expect(prompt)
		test.Eventually(t, "^Z stops both", in('T'))
		s.typed("fg\n")
		test.Eventually(t, "fg continues both", in('S'))
		test.Eventually(t, "fg returns the terminal", hasTerminal)
	}
	s.typed("\x1a")
	s.expect(prompt)
	test.Eventually(t, "^Z stops both", in('T'))
	s.run("bg")
	test.Eventually(t, "bg continues both", in('S'))
	if got := s.foreground(); got != s.Process.Process.Pid {
		t.Errorf("bg: the terminal belongs to %d", got)
	}
	s.typed("fg\n")
	test.Eventually(t, "fg gives the command the terminal", hasTerminal)
	s.typed("\x03")
	s.expect(prompt)
	s.run("echo status $?")
	s.Expect("status 130")
}

func shellPipeline(t *testing.T, s *shell) {
	s.typed("$INIT $PROBE state pause | cat\n")
	command := parseState(t, s.Line())["pid"]
	s.typed("\x1a")
	s.expect(prompt) // comes only when all of the pipeline is stopped
	s.typed("fg\n")
	test.Eventually(t, "fg returns the terminal", func() bool { return s.foreground() == command })
	s.typed("\x03")
	s.expect(prompt)
}

// In a script there is no job control: init returns the terminal to the script.
func shellScript(t *testing.T, s *shell) {
	script := filepath.Join(t.TempDir(), "script")
	test.Must(t, os.WriteFile(script, []byte(`$INIT $PROBE say one
$INIT /no/such 2>/dev/null
read word
echo got $word
`), 0o644))
	s.typed("sh " + script + "\n")
	s.Expect("one")
	s.typed("word\n")
	s.Expect("got word") // without the terminal, read would have been stopped
}
