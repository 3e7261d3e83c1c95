// Package engines_test runs init with container engines, with the lines of docs/engines.md.
package engines_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"util/applets"
	"util/internal/test"
)

func TestMain(m *testing.M) { test.Main(m, applets.Main) }

const document = "../../../docs/engines.md"

// engine is a row of the table of engines.
type engine struct {
	name    string
	section string // of the document, which has the lines
	version []string
	ran     string
}

// table is the table of docs/engines.md: engine × version × what was run. The versions there are
// those of the machine on which the document was last checked.
var table = []engine{
	{
		"Docker Engine", "Docker",
		[]string{"docker", "version", "--format", "{{.Server.Version}}"},
		"a container; a container in the PID namespace of another",
	},
	{
		"Podman", "Podman",
		[]string{"podman", "--version"},
		"a container; a pod with a shared PID namespace; with runc, as root",
	},
	{
		"containerd", "containerd",
		[]string{"containerd", "--version"},
		"a container; two containers in the PID namespace of a third; with ctr and runc",
	},
	{
		"runc", "runc",
		[]string{"runc", "--version"},
		"a bundle of a user who is not root, in a user namespace",
	},
	{
		"systemd-nspawn", "systemd-nspawn",
		[]string{"systemd-nspawn", "--version"},
		"a directory, with a command line and with a .nspawn file",
	},
	{"bubblewrap", "bubblewrap", []string{"bwrap", "--version"}, "a directory"},
	{"LXC", "LXC", []string{"lxc-start", "--version"}, "a container, with each of two configurations"},
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	test.Must(t, err)
	return string(text)
}

// sections returns the lines of the document by their headings.
func sections(t *testing.T) map[string][]string {
	t.Helper()
	return test.DocumentLines(t, document, "internal/test/engines")
}

// doc returns a line of a section of the document, which must be there. TestDocument searches these
// files for the line in back quotes.
func doc(t *testing.T, section, line string) string {
	t.Helper()
	if !slices.Contains(sections(t)[section], line) {
		t.Fatalf("%s: section %s has no line %s", document, section, line)
	}
	return line
}

// TestDocument checks that docs/engines.md has a row and a section for each engine, and that a test
// runs each line of it.
func TestDocument(t *testing.T) {
	all := sections(t)
	rows := test.DocumentPart(t, document, "engines: checked by a test", "end of engines")
	want := "| engine | version | what was run |\n| --- | --- | --- |\n"
	for _, e := range table {
		link := fmt.Sprintf("| [%s](#%s) | ", e.name, strings.ToLower(e.section))
		_, rest, found := strings.Cut(rows, link)
		version, _, _ := strings.Cut(rest, " ")
		if !found {
			t.Errorf("%s: the table has no row that begins with %s", document, link)
		}
		// Another machine has other versions, and that is no mistake of the document.
		if out, err := exec.Command(e.version[0], e.version[1:]...).Output(); err == nil {
			if here := regexp.MustCompile(`\d+(\.\d+)*`).FindString(string(out)); here != version {
				t.Logf("%s: version %s here, %s in the document", e.name, here, version)
			}
		}
		want += link + version + " | " + e.ran + " |\n"
		if len(all[e.section]) == 0 {
			t.Errorf("%s: section %s has no lines", document, e.section)
		}
	}
	if rows != want {
		t.Errorf("%s: the table is\n%s, not\n%s", document, rows, want)
	}

	paths, err := filepath.Glob("*_test.go")
	test.Must(t, err)
	var tests strings.Builder
	for _, path := range paths {
		tests.WriteString(read(t, path))
	}
	for section, lines := range all {
		for _, line := range lines {
			if !strings.Contains(tests.String(), `"`+section+"\", `"+line+"`") {
				t.Errorf("%s: section %s: no test runs %s", document, section, line)
			}
		}
	}
}
