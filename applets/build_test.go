package applets_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"util/internal/test"
)

// sh runs a shell script in dir, in which $1 and so on are args, and returns its output.
func sh(t *testing.T, dir string, env []string, script string, args ...string) string {
	t.Helper()
	cmd := exec.Command("/bin/sh", append([]string{"-ec", script, "sh"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", script, err, out, stderr.String())
	}
	return strings.TrimSpace(string(out))
}

// repository makes a repository whose one commit is this tree as it is now.
func repository(t *testing.T) (dir, commit string) {
	t.Helper()
	for _, tool := range []string{"git", "make", "tar"} {
		test.Tool(t, tool)
	}
	dir = filepath.Join(t.TempDir(), "origin")
	must(t, os.Mkdir(dir, 0o755))
	sh(t, "..", nil, `tar -c --exclude=./.git --exclude=./bin . | tar -x -C "$1"`, dir)
	// Here and below no settings of the user count.
	sh(t, dir, nil, `git init -q; git add -A; git -c user.name=x -c user.email=x -c commit.gpgsign=false commit -q -m x`)
	return dir, sh(t, dir, nil, `git rev-parse HEAD`)[:12]
}

// A commit is built to the same bytes everywhere: from a clone or a tarball, in any directory, with any settings of Go's.
func TestReproducible(t *testing.T) {
	origin, commit := repository(t)
	home := t.TempDir()
	clone, tarball := filepath.Join(home, "clone"), filepath.Join(home, "a path", "of another length")
	sh(t, home, nil, `umask 077; git clone -q "$1" clone; mkdir -p "$2"; cd "$1"; git archive HEAD | (umask 002; tar -x --no-same-permissions -C "$2")`, origin, tarball)
	settings := filepath.Join(home, "goenv")
	write(t, settings, "GOFLAGS=-ldflags=-compressdwarf=false\nGOAMD64=v3\nGOARM64=v9.0\nGOEXPERIMENT=nogreenteagc\nGOFIPS140=latest\nCGO_ENABLED=1\n")
	for _, arch := range []string{"amd64", "arm64"} {
		sh(t, clone, []string{"GOFLAGS=-gcflags=-l", "GOAMD64=v2", "GOTOOLCHAIN=local", "GOEXPERIMENT=jsonv2"}, `umask 077; make "GOARCH=$1"`, arch)
		sh(t, tarball, []string{"GOENV=" + settings}, `umask 002; make "GOARCH=$1"`, arch)
		a, err := os.ReadFile(filepath.Join(clone, "bin/util"))
		must(t, err)
		b, err := os.ReadFile(filepath.Join(tarball, "bin/util"))
		must(t, err)
		if !bytes.Equal(a, b) {
			t.Errorf("%s: a clone and a tarball differ: %s, %s", arch, sh(t, clone, nil, "go version -m bin/util"), sh(t, tarball, nil, "go version -m bin/util"))
		}
		if !bytes.Contains(a, []byte(commit)) || bytes.Contains(a, []byte(commit+"-dirty")) {
			t.Errorf("%s: the commit is not in the program", arch)
		}
	}

	says := func(dir, want string) {
		t.Helper()
		if got := sh(t, dir, nil, "internal/version/commit.sh"); got != want {
			t.Errorf("commit of %s: %q, want %q", dir, got, want)
		}
	}
	says(clone, commit)
	says(tarball, commit)
	// A tarball in somebody's repository is not of that.
	sh(t, home, nil, `git init -q "$1"`, filepath.Dir(tarball))
	says(tarball, commit)
	write(t, filepath.Join(clone, "new.go"), "package main\n") // git does not know it, but Go does
	says(clone, commit+"-dirty")
	must(t, os.Remove(filepath.Join(clone, "new.go")))
	says(clone, commit)
	write(t, filepath.Join(clone, "main.go"), "package main\n\nimport (\n\t\"os\"\n\n\t\"util/applets\"\n)\n\nfunc main() { os.Exit(applets.Main(os.Args)) }\n")
	sh(t, clone, nil, "make")
	if got := sh(t, clone, nil, "bin/util --version"); !strings.Contains(got, "\ncommit "+commit+"-dirty\n") {
		t.Errorf("--version of a tree that was changed: %q", got)
	}
	// In the form in which Docker reads it.
	must(t, os.Symlink("util", filepath.Join(clone, "bin/docker-init")))
	if got := sh(t, clone, nil, "bin/docker-init --version"); !regexp.MustCompile(`^tini version \S+ - git\.` + commit + `-dirty$`).MatchString(got) {
		t.Errorf("docker-init --version: %q", got)
	}
	must(t, os.RemoveAll(filepath.Join(clone, ".git")))
	says(clone, "unknown")
}

// make install puts the completion scripts where the shells look for them, under every name.
func TestMakeInstall(t *testing.T) {
	origin, _ := repository(t)
	dest := filepath.Join(t.TempDir(), "dest")
	// For another architecture: the scripts come from a program that runs here.
	sh(t, origin, nil, `umask 022; make install GOARCH=arm64 PREFIX=/opt "DESTDIR=$1"`, dest)
	got := strings.Split(sh(t, dest, nil, `find . ! -type d | sort`), "\n")
	want := []string{"./opt/bin/util", "./opt/share/zsh/site-functions/_util"}
	for _, name := range append(list(t), "util") {
		want = append(want, "./opt/share/bash-completion/completions/"+name, "./opt/share/fish/vendor_completions.d/"+name+".fish")
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("installed: %q, want %q", got, want)
	}
	for file, shell := range map[string]string{"zsh/site-functions/_util": "zsh", "bash-completion/completions/sendsig": "bash", "fish/vendor_completions.d/init.fish": "fish"} {
		text, err := os.ReadFile(filepath.Join(dest, "opt/share", file))
		must(t, err)
		if _, script, _ := run(t, "", "completion", shell); strings.TrimSpace(string(text)) != strings.TrimSpace(script) {
			t.Errorf("%s is not the script for %s", file, shell)
		}
	}
}
