package initcmd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"
)

// shellScenarios start init from an interactive shell. They note relations, because pids differ.
var shellScenarios = []struct {
	name string
	run  func(t *testing.T, s *shell) []string
}{
	{"shell: foreground", func(t *testing.T, s *shell) []string {
		s.term.Type("$INIT $PROBE state catch echo 2\n")
		notes := []string{relations(t, s)}
		s.Expect("ready")
		s.term.Type("\x03")
		s.Expect("2")
		s.term.Expect(prompt)
		s.run("echo status $?")
		return append(notes, s.Line())
	}},
	{"shell: background", func(t *testing.T, s *shell) []string {
		s.term.Type("$INIT $PROBE state pause &\n")
		return []string{relations(t, s)}
	}},
	{"shell: ^Z", func(t *testing.T, s *shell) []string {
		s.term.Type("$INIT $PROBE state pause\n")
		command := parseState(t, s.Line())["pid"]
		init := parent(t, command)
		s.term.Type("\x1a")
		stopped := func() bool { return test.ProcState(command) == 'T' && test.ProcState(init) == 'T' }
		end := time.Now().Add(patience)
		for !stopped() && time.Now().Before(end) {
			time.Sleep(time.Millisecond)
		}
		return []string{fmt.Sprintf("command %c, init %c", test.ProcState(command), test.ProcState(init))}
	}},
}

// relations returns the group, the session and the foreground group of the command.
func relations(t *testing.T, s *shell) string {
	st := parseState(t, s.Line())
	what := func(n int) string {
		switch n {
		case st["pid"]:
			return "the command"
		case st["ppid"]:
			return "init"
		case s.Process.Process.Pid:
			return "the shell"
		case -1:
			return "no terminal"
		}
		return "another"
	}
	return fmt.Sprintf("group %s, session %s, foreground %s",
		what(st["pgid"]), what(st["sid"]), what(st["foreground"]))
}

func TestCompatShell(t *testing.T) {
	for _, peer := range peers {
		original := namesake(t, test.Tool(t, peer.name), peer.name)
		ours := namesake(t, test.Util(t), peer.name)
		for _, sc := range shellScenarios {
			play := func(path string) outcome {
				s := newShell(t, path)
				s.run("INIT=" + path)
				notes := sc.run(t, s)
				s.end(path)
				return outcome{stdout: notes}
			}
			if wrong := judge(differences, peer.name+"/"+sc.name, play(original), play(ours)); wrong != "" {
				t.Errorf("%s/%s: %s", peer.name, sc.name, wrong)
			}
		}
	}
}

// end kills all processes that run in the session of the shell.
func (s *shell) end(init string) {
	s.t.Helper()
	_ = s.Process.Process.Kill()
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		// No other test uses these paths, so the processes that run them are those of this test.
		text, _ := os.ReadFile(path)
		argv := strings.Split(string(text), "\x00")
		command := len(argv) > 1 && argv[0] == test.Probe(s.t) && argv[1] == "state"
		if argv[0] == init || command {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}
