package initcmd_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// otherInits are the names under which util is another init. (TestOtherInits compares them with
// util --list --compat.)
var otherInits = []string{
	"dumb-init", "tini", "tini-static", "docker-init", "catatonit", "podman-init",
}

// Each name in each form chooses the other init, with both ways of linking.
func TestCompatChosen(t *testing.T) {
	probe := test.Probe(t)
	both(t, func(t *testing.T, util string) {
		for _, name := range otherInits {
			link := namesake(t, util, name)
			for _, form := range []struct {
				name string
				path string
				argv []string
				env  string
			}{
				{"link", link, []string{name}, ""},
				{"path", link, []string{link}, ""},
				{"argument", util, []string{"util", name}, ""},
				{"option", util, []string{"util", "init", "--compat", name}, ""},
				{"option with =", util, []string{"init", "--compat=" + name}, "UTIL_INIT_COMPAT=tini"},
				{"variable", util, []string{"init"}, "UTIL_INIT_COMPAT=" + name},
			} {
				run := func(args ...string) (status int, stdout, stderr string) {
					cmd := test.Namespace(exec.Command(form.path))
					cmd.Args = append(slices.Clone(form.argv), args...)
					cmd.Env = []string{form.env}
					return test.Run(t, cmd)
				}
				status, stdout, stderr := run(probe, "state", "exit", "7")
				st := parseState(t, stdout)
				session := 0 // that of this test, which is outside the namespace
				if name == "dumb-init" {
					session = st["pid"]
				}
				if status != 7 || st["sid"] != session || st["pgid"] != st["pid"] || stderr != "" {
					t.Errorf("%s, %s: status %d, stdout %q, stderr %q", name, form.name, status, stdout, stderr)
				}
				status, stdout, stderr = run("-x")
				if status != 1 || stdout != "" || !strings.Contains(stderr, "invalid option -- 'x'\n") {
					t.Errorf("%s -x, %s: status %d, stdout %q, stderr %q", name, form.name, status, stdout, stderr)
				}
			}
		}
	})
}

// The variables of util init work under every name, because an engine that injects an init cannot
// pass other arguments.
func TestCompatVariables(t *testing.T) {
	for _, peer := range peers {
		cmd := test.Namespace(exec.Command(namesake(t, test.Util(t), peer.name),
			commandWords(t, "catch", "echo", "64")...))
		cmd.Env = []string{
			"UTIL_INIT_GRACE=100ms", "UTIL_INIT_LOG_FORMAT=json", "UTIL_INIT_REWRITE=HUP:USR1",
			"UTIL_INIT_EXIT_CODE=137:9",
		}
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

// dumb-init -c leaves the command in the process group of init, which is that of the terminal. The
// signals of the terminal still reach the command once.
func TestCompatTypedOnce(t *testing.T) {
	for _, child := range []bool{false, true} {
		sc := terminalScenario(t, "terminal", []string{"-c"}, child, false)
		got := sc.play(t, namesake(t, test.Util(t), "dumb-init"), test.Deadline)
		if len(got.stdout) != 5 || !slices.Equal(got.stdout[:4], []string{"15", "2", "28", "3"}) {
			t.Errorf("child %v: %v", child, got)
		}
	}
}
