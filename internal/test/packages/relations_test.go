package packages_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"util/internal/test"
)

// script is a file of testdata.
func script(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	test.Must(t, err)
	return string(text)
}

func TestDebianReplaces(t *testing.T) { inContainers(t, script(t, "debian-replaces.sh")) }

func TestDebianVersions(t *testing.T) { inContainers(t, script(t, "debian-versions.sh")) }

func TestRPM(t *testing.T) { inContainers(t, script(t, "rpm.sh")) }

func TestArch(t *testing.T) { inContainers(t, script(t, "arch.sh")) }

// TestAlpine installs the packages for Alpine with the stand-in for apk, and uses what was
// installed in a container with Debian.
func TestAlpine(t *testing.T) {
	apk := filepath.Join(t.TempDir(), "apk")
	build := exec.Command("go", "build", "-C", "../apk", "-o", apk, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	runs(t, build)
	util, compat := one(t, "util_*_x86_64.apk"), one(t, "util-compat_*_noarch.apk")
	out, err := exec.Command(apk, "install", "x86_64", t.TempDir(), compat).CombinedOutput()
	if err == nil {
		t.Errorf("util-compat was installed without util:\n%s", out)
	}
	root := t.TempDir()
	runs(t, exec.Command(apk, "install", "x86_64", root, util, compat))
	inContainers(t, script(t, "alpine.sh"), root)
}

// TestLintian reads the packages for Debian with lintian, which is to find nothing. That of Debian
// 12 does not know loong64.
func TestLintian(t *testing.T) {
	lintian := test.Tool(t, "lintian")
	debs, err := filepath.Glob(filepath.Join(distribution(t), "*.deb"))
	test.Must(t, err)
	debs = slices.DeleteFunc(debs, func(path string) bool {
		return strings.HasSuffix(path, "_loong64.deb")
	})
	cmd := exec.Command(lintian, append([]string{
		"--allow-root", "--tag-display-limit=0", "--fail-on=error,warning,override",
	}, debs...)...)
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir()) // where it leaves files
	runs(t, cmd)
}
