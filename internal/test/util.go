package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Early is the linker flag for the early entry of util.
const Early = "-E _rt0_util"

// aloneVar is the variable with which the tests of init run util-init, which is init alone, where
// they otherwise run util. Package runner sets it for a second run of these tests. Without package
// runner, -count=1 is needed too: go test does not know what util-init is made of.
const aloneVar = "UTIL_TEST_ALONE"

// archVar is the variable with the architecture of the program under test, if that is not the one
// of the tests: 386 on amd64. It needs -count=1 as [aloneVar] does.
const archVar = "UTIL_TEST_ARCH"

// Arch is the architecture of the program under test.
func Arch() string {
	if arch := os.Getenv(archVar); arch != "" {
		return arch
	}
	return runtime.GOARCH
}

// Alone reports whether the tests run util-init.
func Alone() bool { return os.Getenv(aloneVar) != "" }

// NotAlone leaves a test out if the tests run util-init: the test is about something that util-init
// does not have. Package runner does not count it as skipped.
func NotAlone(t testing.TB, what string) {
	t.Helper()
	if Alone() {
		t.Skipf("util-init has not: %s", what)
	}
}

// NotOther leaves a test out if the program under test is for another architecture than the tests.
func NotOther(t testing.TB, what string) {
	t.Helper()
	if Arch() != runtime.GOARCH {
		t.Skipf("%s has not: %s", Arch(), what)
	}
}

// Util returns the program under test: util as the Makefile links it, or util-init. That is called
// util too, so the same command lines start init: util-init called by a name that begins with util
// reads its applet, which must be init or another init, from its first argument.
func Util(t testing.TB) string {
	t.Helper()
	return UtilOf(t, Arch(), "")
}

// UtilOf is [Util] for the architecture arch. If commit is not empty, the program says that it was
// built from that commit.
func UtilOf(t testing.TB, arch, commit string) string {
	t.Helper()
	if Alone() {
		return UtilInit(t, arch, commit)
	}
	flags := utilFlags
	if commit != "" {
		flags += " -X util/internal/version.commit=" + commit
	}
	return Build(t, utilPackage, flags, arch)
}

// UtilInit has the Makefile make util-init for an architecture, and returns its path. armv6 and
// armv7 are architectures too. If commit is not empty, the program says that it was built from that
// commit.
func UtilInit(t testing.TB, arch, commit string) string {
	t.Helper()
	return once(t, utilInitKey(arch, commit), "util", func(path string) *exec.Cmd {
		Tool(t, "make")
		root, err := moduleRoot()
		Must(t, err)
		return utilInitCommand(path, root, arch, commit)
	})
}

func utilInitKey(arch, commit string) string { return "util-init " + arch + " " + commit }

func utilInitCommand(path, root, arch, commit string) *exec.Cmd {
	cmd := exec.Command("make", "-s", "-C", root, "bin/util-init", "GOARCH="+arch,
		"UTIL_INIT="+path, "OBJECTS="+filepath.Join(filepath.Dir(path), "object"))
	if version, isARM := strings.CutPrefix(arch, "armv"); isARM {
		cmd.Args = append(cmd.Args, "GOARCH=arm", "GOARM="+version)
	}
	if commit != "" {
		cmd.Args = append(cmd.Args, "COMMIT="+commit)
	}
	return cmd
}

// moduleRoot returns the directory of go.mod.
func moduleRoot() (string, error) {
	module, err := exec.Command("go", "env", "GOMOD").Output()
	return filepath.Dir(strings.TrimSpace(string(module))), err
}

// Whole returns util with all its applets, as the Makefile links it, whatever the tests run.
func Whole(t testing.TB) string {
	t.Helper()
	return Build(t, utilPackage, utilFlags, Arch())
}

// Plain returns util as go build links it, without the early entry.
func Plain(t testing.TB) string {
	t.Helper()
	return Build(t, utilPackage, "", Arch())
}
