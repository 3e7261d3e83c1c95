package initcmd_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"util/applets/init/pid1"
	"util/internal/test"

	"golang.org/x/sys/unix"
)

// Every name, every way to choose a personality, and both ways to be linked lead to the same.
func TestCompatChosen(t *testing.T) {
	probe := test.Probe(t)
	both(t, func(t *testing.T, util string) {
		for _, name := range pid1.Aliases {
			for _, way := range []struct {
				name string
				path string
				argv []string
				env  string
			}{
				{"link", namesake(t, util, name), []string{name}, ""},
				{"path", namesake(t, util, name), nil, ""},
				{"argument", util, []string{"util", name}, ""},
				{"option", util, []string{"util", "init", "--compat", name}, ""},
				{"option with =", util, []string{"init", "--compat=" + name}, "UTIL_INIT_COMPAT=tini"},
				{"variable", util, []string{"init"}, "UTIL_INIT_COMPAT=" + name},
			} {
				argv := way.argv
				if argv == nil {
					argv = []string{way.path}
				}
				cmd := test.Namespace(exec.Command(way.path))
				cmd.Args = append(argv, probe, "state", "exit", "7")
				cmd.Env = []string{way.env}
				status, stdout, stderr := test.Run(t, cmd)
				st := parseState(t, stdout)
				session := 0 // that of this test, which is not in the namespace
				if pid1.PersonalityOf(name) == pid1.DumbInit {
					session = st["pid"]
				}
				if status != 7 || st["sid"] != session || st["pgid"] != st["pid"] || stderr != "" {
					t.Errorf("%s, %s: status %d, stdout %q, stderr %q", name, way.name, status, stdout, stderr)
				}
				cmd = test.Namespace(exec.Command(way.path))
				cmd.Args = append(argv, "-x")
				cmd.Env = []string{way.env}
				if status, stdout, stderr := test.Run(t, cmd); status != 1 || stdout != "" || !strings.Contains(stderr, "invalid option -- 'x'\n") {
					t.Errorf("%s -x, %s: status %d, stdout %q, stderr %q", name, way.name, status, stdout, stderr)
				}
			}
		}
	})
}

// The variables of util's own init work under every name: an engine that injects an init passes nothing else.
func TestCompatVariables(t *testing.T) {
	probe := test.Probe(t)
	for _, peer := range peers {
		cmd := test.Namespace(exec.Command(namesake(t, test.Util(t), peer.name), "--", probe, "catch", "echo", "64"))
		cmd.Env = []string{"UTIL_INIT_GRACE=100ms", "UTIL_INIT_LOG_FORMAT=json", "UTIL_INIT_REWRITE=HUP:USR1", "UTIL_INIT_EXIT_CODE=137:9"}
		p := test.Start(t, cmd)
		p.Expect("ready")
		p.Signal(unix.SIGHUP)
		p.Expect("10")
		p.Signal(unix.SIGTERM)
		p.Expect("15")
		if status := p.Status(); status != 9 || !strings.Contains(p.Stderr(), `"event":"ended"`) {
			t.Errorf("%s: status %d, stderr %q", peer.name, status, p.Stderr())
		}
	}
}

// dumb-init -c leaves the command in the terminal's group with init: what is typed reaches it once all the same.
func TestCompatTypedOnce(t *testing.T) {
	for _, child := range []bool{false, true} {
		sc := terminalScenario("terminal", []string{"-c"}, test.Probe(t), child, false)
		got := sc.play(t, namesake(t, test.Util(t), "dumb-init"), test.Deadline)
		if len(got.stdout) != 5 || !slices.Equal(got.stdout[:4], []string{"15", "2", "28", "3"}) {
			t.Errorf("child %v: %v", child, got)
		}
	}
}
