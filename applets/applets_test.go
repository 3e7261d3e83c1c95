package applets_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
		{"", "--lits", 2, "", `util: option "--lits": unknown`},
		{"", "-x", 2, "", `util: option "-x": unknown`},
		{"", "--install a b", 2, "", `util: argument "b": --install takes one directory`},
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

func TestInstall(t *testing.T) {
	util := test.Util(t)
	home, err := os.MkdirTemp(filepath.Dir(util), "install") // on the file system of util, for hard links
	if err != nil {
		t.Fatal(err)
	}
	for _, symbolic := range []bool{false, true} {
		// Where there is no directory yet.
		dir := filepath.Join(home, map[bool]string{false: "hard", true: "soft"}[symbolic], "bin")
		args := []string{"--install"}
		if symbolic {
			args = append(args, "-s")
		}
		for range 2 { // the second time nothing is to be done
			if status, stdout, stderr := run(t, "", append(args, dir)...); status != 0 || stdout != "" || stderr != "" {
				t.Fatalf("%v: status %d, stdout %q, stderr %q", args, status, stdout, stderr)
			}
		}
		for _, name := range list(t) {
			path := filepath.Join(dir, name)
			info, err := os.Lstat(path)
			if err != nil || (info.Mode()&os.ModeSymlink != 0) != symbolic {
				t.Errorf("%s: %v, %v", path, info, err)
			}
			if status, stdout, _ := test.Run(t, exec.Command(path, "--help")); status != 0 || !strings.HasPrefix(stdout, "Usage: util "+name+" ") {
				t.Errorf("%s --help: status %d, stdout %.60q", path, status, stdout)
			}
		}
		for _, alias := range aliases {
			if _, err := os.Lstat(filepath.Join(dir, alias)); err == nil {
				t.Errorf("%s is linked without --compat", alias)
			}
		}
		if status, _, stderr := run(t, "", append(args, "--compat", dir)...); status != 0 {
			t.Errorf("--compat: status %d, stderr %q", status, stderr)
		}
		for _, alias := range aliases {
			if status, stdout, _ := test.Run(t, exec.Command(filepath.Join(dir, alias), test.Probe(t), "say", "here")); status != 0 || stdout != "here" {
				t.Errorf("%s: status %d, stdout %q", alias, status, stdout)
			}
		}
	}

	// A file in the way: nothing is changed without --force.
	dir := filepath.Join(home, "occupied")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	names := list(t)
	last := filepath.Join(dir, names[len(names)-1])
	if err := os.WriteFile(last, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := run(t, "", "--install", "-s", dir)
	if status != 1 || !strings.Contains(stderr, `"`+last+`": exists and is something else; nothing was changed (--force replaces it)`) {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("something was changed: %v", entries)
	}
	if status, _, stderr := run(t, "", "--install", "-s", "--force", dir); status != 0 {
		t.Errorf("--force: status %d, stderr %q", status, stderr)
	}
	if target, err := os.Readlink(last); target != util {
		t.Errorf("--force: %q, %v", target, err)
	}

	status, _, stderr = run(t, "", "--install", "/proc/nowhere")
	if status != 1 || !strings.HasPrefix(stderr, "util: install: ") {
		t.Errorf("a directory that cannot be made: status %d, stderr %q", status, stderr)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if status, stdout, stderr := run(t, "", "completion", shell); status != 0 || !strings.Contains(stdout, "util") || stderr != "" {
			t.Errorf("%s: status %d, %d bytes, stderr %q", shell, status, len(stdout), stderr)
		}
	}
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{""}, "wait-for-port"},
		{[]string{"in"}, "init"},
		{[]string{"init", "--gr"}, "--grace"},
		{[]string{"wait-for-port", "--tim"}, "--timeout"},
		{[]string{"completion", "f"}, "fish"},
	} {
		if _, stdout, _ := run(t, "", append([]string{"__complete"}, tc.args...)...); !strings.Contains(stdout, tc.want) {
			t.Errorf("%q completes to %q", tc.args, stdout)
		}
	}
}
