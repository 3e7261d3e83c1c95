package applets_test

import (
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"util/applets"
	"util/internal/test"
)

func TestMain(m *testing.M) { test.Main(m, applets.Main) }

// run runs util, or with name another name that leads to it.
func run(t *testing.T, name string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(test.Util(t), args...)
	if name != "" {
		cmd.Args[0] = name
	}
	return test.Run(t, cmd)
}

func TestDispatch(t *testing.T) {
	for _, tc := range []struct {
		name, args     string
		status         int
		stdout, stderr string // beginnings
	}{
		{"", "", 0, "Usage: util APPLET", ""},
		{"", "--help", 0, "Usage: util APPLET", ""},
		{"", "-h", 0, "Usage: util APPLET", ""},
		{"", "--version", 0, "util 0.", ""},
		{"", "init --help", 0, "Usage: util init ", ""},
		{"init", "--help", 0, "Usage: util init ", ""},
		{"/sbin/init", "--help", 0, "Usage: util init ", ""},
		{"wait-for-port", "--help", 0, "Usage: util wait-for-port ", ""},
		{"other-name", "init --help", 0, "Usage: util init ", ""},
		{"", "iinit", 127, "", `util: applet "iinit": unknown (did you mean init?)`},
		{"", "waitforport", 127, "", `util: applet "waitforport": unknown (did you mean wait-for-port?)`},
		{"", "something-else", 127, "", "util: applet \"something-else\": unknown\n"},
		{"other-name", "", 0, "Usage: util APPLET", ""},
		{"", "--lits", 2, "", `util: option "--lits": unknown (did you mean --list?)`},
		{"", "-x", 2, "", `util: option "-x": unknown`},
		{"", "help", 0, "Usage: util APPLET", ""},
		{"", "help init", 0, "Usage: util init ", ""},
		{"", "help wait-for-port", 0, "Usage: util wait-for-port ", ""},
		{"", "help sendsig", 0, "Usage: util sendsig ", ""},
		{"", "help reap-once", 0, "Usage: util reap-once ", ""},
		{"", "help completion", 0, "Usage: util completion ", ""},
		{"", "help iinit", 2, "", `util help: applet "iinit": unknown (did you mean init?)`},
		{"", "help init sendsig", 2, "", `util help: argument "sendsig": one name is enough`},
		{"", "help tini", 0, "tini (tini version 0.19.0)\nUsage: tini ", ""},
		{"tini", "--version", 0, "tini version 0.19.0", "util 0."},
		{"dumb-init", "--version", 0, "", "dumb-init v1.2.5"},
		{"", "init --version", 0, "util 0.", ""},
		{"", "wait-for-port --version", 0, "util 0.", ""},
		{"", "sendsig --version", 0, "util 0.", ""},
		{"", "sendsig TERM --version", 0, "util 0.", ""},
		{"", "reap-once --version", 0, "util 0.", ""},
		{"", "completion --version", 0, "util 0.", ""},
		{"init", "--version", 0, "util 0.", ""},
		{"wait-for-port", "--version", 0, "util 0.", ""},
		{"/bin/sendsig", "--version", 0, "util 0.", ""},
		{"reap-once", "--version", 0, "util 0.", ""},
		{"", "init --tiemout", 2, "", "util init: option \"--tiemout\": unknown\n"},
		{"", "init --garce 1s true", 2, "", `util init: option "--garce": unknown (did you mean --grace?)`},
		{"", "wait-for-port --tiemout 5 80", 2, "", `util wait-for-port: option "--tiemout": unknown (did you mean --timeout?)`},
		{"wait-for-port", "--tiemout=5 80", 2, "", `util wait-for-port: option "--tiemout": unknown (did you mean --timeout?)`},
		{"", "sendsig TERM --nmae x", 2, "", `util sendsig: option "--nmae": unknown (did you mean --name?)`},
		{"sendsig", "--versoin", 2, "", `util sendsig: option "--versoin": unknown (did you mean --version?)`},
		{"", "reap-once --ndge", 2, "", `util reap-once: option "--ndge": unknown (did you mean --nudge?)`},
		{"", "completion --hlep", 2, "", `util completion: option "--hlep": unknown (did you mean --help?)`},
		{"", "-s", 2, "", "util: option"},
		{"", "--force --list", 2, "", "util: option"},
		{"", "completion", 2, "", "util completion: one shell is needed"},
		{"", "completion tcsh", 2, "", `util completion: shell "tcsh": unknown`},
	} {
		status, stdout, stderr := run(t, tc.name, strings.Fields(tc.args)...)
		if status != tc.status || !strings.HasPrefix(stdout, tc.stdout) || !strings.HasPrefix(stderr, tc.stderr) || (tc.stdout == "") != (stdout == "") || (tc.stderr == "") != (stderr == "") {
			t.Errorf("%s %s: status %d, stdout %.80q, stderr %.80q", tc.name, tc.args, status, stdout, stderr)
		}
	}
	_, stdout, _ := run(t, "", "--version")
	if !strings.Contains(stdout, "linked with the early entry") {
		t.Errorf("--version of one that is linked with -E: %q", stdout)
	}
	if _, stdout, _ := test.Run(t, exec.Command(test.Plain(t), "--version")); !strings.Contains(stdout, "linked without the early entry") {
		t.Errorf("--version of one that is not: %q", stdout)
	}
}

// By a name that the early entry does not know, init still is what it is.
func TestOtherName(t *testing.T) {
	cmd := test.Namespace(exec.Command(test.Util(t), "init", test.Probe(t), "exit", "9"))
	cmd.Args[0] = "other-name"
	if status, _, stderr := test.Run(t, cmd); status != 9 {
		t.Errorf("status %d, %s", status, stderr)
	}
}

// list returns what --list prints: the names of the applets, or with --compat those of the inits that init can be too.
func list(t *testing.T, options ...string) []string {
	t.Helper()
	status, stdout, stderr := run(t, "", append([]string{"--list"}, options...)...)
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	return strings.Split(stdout, "\n")
}

var aliases = []string{"dumb-init", "tini", "tini-static", "docker-init", "catatonit", "podman-init"}

func TestList(t *testing.T) {
	names := []string{"init", "wait-for-port", "sendsig", "reap-once"}
	if got := list(t); !slices.Equal(got, names) {
		t.Errorf("applets: %q", got)
	}
	if got := list(t, "--compat"); !slices.Equal(got, append(names, aliases...)) {
		t.Errorf("with --compat: %q", got)
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
