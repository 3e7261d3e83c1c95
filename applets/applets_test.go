package applets_test

import (
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"util/applets"
	"util/internal/test"
)

func TestMain(m *testing.M) { test.Main(m, applets.Main) }

// run runs util.
func run(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return test.Run(t, exec.Command(test.Util(t), args...))
}

// A program that is linked without the early entry says so. The scripts test the other one.
func TestVersionWithoutEntry(t *testing.T) {
	status, stdout, stderr := test.Run(t, exec.Command(test.Plain(t), "--version"))
	want := "linked without the early entry"
	if status != 0 || !strings.Contains(stdout, want) || stderr != "" {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
	}
}

// list returns the names of the applets, as --list prints them.
func list(t *testing.T) []string {
	t.Helper()
	status, stdout, stderr := run(t, "--list")
	if status != 0 || stderr != "" {
		t.Fatalf("status %d, stderr %q", status, stderr)
	}
	return strings.Split(stdout, "\n")
}

// aliases are the names of the other inits.
var aliases = []string{
	"dumb-init", "tini", "tini-static", "docker-init", "catatonit", "podman-init",
}

// A help fits into 80 columns.
func TestHelpWidth(t *testing.T) {
	for _, name := range append(list(t), "", "completion") {
		_, help, _ := run(t, strings.Fields(name+" --help")...)
		for line := range strings.Lines(help) {
			if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%d columns in the help of %q: %s", n, name, line)
			}
		}
	}
}

func itoa(n int) string { return strconv.Itoa(n) }
