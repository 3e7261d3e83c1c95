// Package packages_test installs, uses and removes the files of a release, with the tools that they
// are made for, in containers with Debian. make test-packages makes the files and runs these tests.
// Debian has the tools of RPM and Arch too. It does not have that of Alpine: package apk stands in
// for it.
package packages_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"util/internal/test"
)

// distVar is the variable with the directory that make release wrote. Without it, these tests do
// not run.
const distVar = "UTIL_TEST_DIST"

func TestMain(m *testing.M) {
	if os.Getenv(distVar) == "" {
		fmt.Println("left out: the tests of packages; make test-packages runs them")
		return
	}
	m.Run()
	if image.name != "" {
		_ = exec.Command("docker", "rmi", "--force", image.name).Run()
	}
}

// distribution is the directory with the files of the release.
func distribution(t *testing.T) string {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		test.Missing(t, "amd64", "the packages that are installed are those for amd64")
	}
	return os.Getenv(distVar)
}

// one returns the path of the one file of the release that matches a pattern.
func one(t *testing.T, pattern string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(distribution(t), pattern))
	test.Must(t, err)
	if len(paths) != 1 {
		t.Fatalf("%s: the files are %q, and not one", pattern, paths)
	}
	return paths[0]
}

// version is that of the release, as the name of a file has it.
func version(t *testing.T) string {
	t.Helper()
	name := filepath.Base(one(t, "util-[0-9]*-linux-amd64.tar.gz"))
	return strings.TrimSuffix(strings.TrimPrefix(name, "util-"), "-linux-amd64.tar.gz")
}

// image is that of the containers: Debian with the tools of several distributions, and the shells
// whose completion is tried.
var image struct {
	once sync.Once
	name string
	why  string // there is none
}

const included = "man-db,bash-completion,zsh,fish,rpm,dnf,zypper,pacman-package-manager"

// debian returns the image, which is made once.
func debian(t *testing.T) string {
	t.Helper()
	test.Engine(t)
	debootstrap := test.Tool(t, "debootstrap")
	image.once.Do(func() {
		root := t.TempDir()
		out, err := exec.Command(debootstrap, "--variant=minbase", "--include="+included,
			"bookworm", root).CombinedOutput()
		if err != nil {
			image.why = fmt.Sprintf("%v\n%s", err, out)
			return
		}
		name := fmt.Sprintf("util-test-debian-%d", os.Getpid())
		script := `tar -C "$0" --exclude=./var/cache/apt/archives -c . | docker import - "$1"`
		out, err = exec.Command("sh", "-c", script, root, name).CombinedOutput()
		if err != nil {
			image.why = fmt.Sprintf("docker import: %v\n%s", err, out)
			return
		}
		image.name = name
	})
	if image.name == "" {
		test.Missing(t, "debootstrap", image.why)
	}
	return image.name
}

// inContainer runs a script of bash, after the prelude, in a new container. A directory may be
// given, which is /more there.
func inContainer(t *testing.T, script string, more ...string) {
	t.Helper()
	prelude, err := filepath.Abs("testdata/prelude.sh")
	test.Must(t, err)
	args := []string{
		"run", "--rm", "--interactive", "--network=none", "--env=V=" + version(t), "--env=DIST=/dist",
		"--env=LC_ALL=C.UTF-8", "--volume=" + distribution(t) + ":/dist:ro",
		"--volume=" + prelude + ":/prelude.sh:ro",
	}
	for _, dir := range more {
		args = append(args, "--volume="+dir+":/more:ro")
	}
	// The script is not on standard input, where the programs would read it. Its lines are printed.
	args = append(args, debian(t), "bash", "-c",
		"cat >/tmp/script; . /prelude.sh; set -v; . /tmp/script </dev/null")
	cmd := exec.Command("docker", args...)
	cmd.Stdin = strings.NewReader(script)
	runs(t, cmd)
}

// runs starts a command, which must succeed. These take longer than the commands of other tests.
func runs(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
}
