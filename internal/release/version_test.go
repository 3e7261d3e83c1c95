package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// inOrder are versions as version.sh prints them, each older than the next.
var inOrder = []string{
	"0.0.0-20261129091437-9809debb71a2",
	"0.0.0-20261129091438-0000debb71a2",
	"0.1.0-alpha1",
	"0.1.0-beta1",
	"0.1.0-rc1",
	"0.1.0-rc1-2-gbbcd0b139d66",
	"0.1.0-rc2",
	"0.1.0-rc10",
	"0.1.0",
	"0.1.0-5-gbbcd0b139d66",
	"0.1.0-10-g0bcd0b139d66",
	"0.1.1-rc1",
	"0.1.1",
	"0.10.0",
	"1.0.0",
}

// older are commands that compare two versions as a package manager does. They fail unless $0 is
// older than $1.
var older = map[string]string{
	"deb":       `dpkg --compare-versions "$0" lt "$1"`,
	"rpm":       `test $(rpm --eval "%{lua: print(rpm.vercmp('$0', '$1'))}") = -1`,
	"apk":       `test $(go run -C ../test/apk . compare "$0" "$1") = '<'`,
	"archlinux": `test $(vercmp "$0" "$1") = -1`,
}

// TestOrder compares versions in the form of each package format with the tool of that format: an
// upgrade must not look like a downgrade.
func TestOrder(t *testing.T) {
	for _, format := range formats {
		t.Run(format, func(t *testing.T) {
			tool, _, _ := strings.Cut(strings.TrimPrefix(older[format], "test $("), " ")
			if _, err := exec.LookPath(tool); err != nil {
				if os.Getenv("CI") != "" {
					t.Fatalf("missing in CI: %s", tool)
				}
				t.Skipf("missing: %s", tool)
			}
			for i, newer := range inOrder[1:] {
				older, newer := written(t, format, inOrder[i]), written(t, format, newer)
				checkOlder(t, format, older, newer)
			}
		})
	}
}

func checkOlder(t *testing.T, format, left, right string) {
	t.Helper()
	if out, err := exec.Command("sh", "-c", older[format], left, right).CombinedOutput(); err != nil {
		t.Errorf("%s is not older than %s: %v %s", left, right, err, out)
	}
}

// written is a version with its revision, as a package format has it.
func written(t *testing.T, format, text string) string {
	t.Helper()
	v, err := parseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	number, revision := v.in(format)
	switch format {
	case "apk":
		return number + "-r" + revision
	case "archlinux":
		return number + "-" + revision
	}
	return number
}

// TestVersionRefused has versions that no release can have.
func TestVersionRefused(t *testing.T) {
	for _, text := range []string{
		"", "unknown", "1.2", "v1.2.3", "1.2.3-dirty", "1.2.3-rc", "1.2.3-gamma1", "1.2.3-5-g0123",
		"1.2.3\n", "1.2.3-4-g0123456789ab-dirty",
	} {
		if v, err := parseVersion(text); err == nil {
			t.Errorf("%q is accepted, as %+v", text, v)
		}
	}
}
