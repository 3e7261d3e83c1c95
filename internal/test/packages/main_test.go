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
	for _, image := range images {
		if image.name != "" {
			_ = exec.Command("docker", "rmi", "--force", image.name).Run()
		}
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

// releases are those of Debian in which packages are installed: two generations of each tool.
var releases = []string{"bookworm", "trixie"}

// images are those of the containers: releases of Debian with the tools of several distributions,
// and the shells whose completion is tried.
var images = map[string]*image{}

type image struct {
	name string
	why  string // there is none
}

const included = "man-db,bash-completion,zsh,fish,rpm,dnf,zypper,pacman-package-manager"

// others are packages of Debian's that are in the images, but not installed: in /var/others.
const others = "tini dumb-init catatonit"

// debian returns the image of a release, which is made once.
func debian(t *testing.T, release string) string {
	t.Helper()
	test.Engine(t)
	debootstrap := test.Tool(t, "debootstrap")
	if images[release] == nil {
		images[release] = &image{}
		script := `"$0" --variant=minbase --include=` + included + ` "$1" "$2"
chroot "$2" sh -euc 'mkdir /var/others; cd /var/others; apt-get -qq update; apt-get -qq download ` +
			others + `'
tar -C "$2" --exclude=./var/cache/apt --exclude=./var/lib/apt/lists -c . | docker import - "$3"`
		name := fmt.Sprintf("util-test-%s-%d", release, os.Getpid())
		cmd := exec.Command("sh", "-euc", script, debootstrap, release, t.TempDir(), name)
		if out, err := cmd.CombinedOutput(); err != nil {
			images[release].why = fmt.Sprintf("%v\n%s", err, out)
		} else {
			images[release].name = name
		}
	}
	if images[release].name == "" {
		test.Missing(t, "debootstrap", images[release].why)
	}
	return images[release].name
}

// inContainers runs a script of bash, after the prelude, in a new container for each release of
// Debian. A directory may be given, which is /more there.
func inContainers(t *testing.T, script string, more ...string) {
	t.Helper()
	distribution(t)
	for _, release := range releases {
		t.Run(release, func(t *testing.T) { inContainer(t, release, script, more...) })
	}
}

func inContainer(t *testing.T, release, script string, more ...string) {
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
	args = append(args, debian(t, release), "bash", "-c",
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
