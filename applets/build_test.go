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

// sh runs a shell script in dir and returns its output. The arguments of the script are args.
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

// commitCommand is git commit. Here and below, the settings of the user must not matter.
const commitCommand = "git -c user.name=x -c user.email=x -c commit.gpgsign=false commit -q"

// repository makes a git repository with one commit, which is this tree as it is now.
func repository(t *testing.T) (dir, commit string) {
	t.Helper()
	for _, tool := range []string{"git", "make", "tar"} {
		test.Tool(t, tool)
	}
	dir = filepath.Join(t.TempDir(), "origin")
	test.Must(t, os.Mkdir(dir, 0o755))
	sh(t, "..", nil, `tar -c --exclude=./.git --exclude=./bin . | tar -x -C "$1"`, dir)
	sh(t, dir, nil, `git init -q; git add -A
`+commitCommand+" -m x")
	return dir, sh(t, dir, nil, `git rev-parse HEAD`)[:12]
}

// A commit gives the same bytes everywhere: built from a clone or from a tarball, in any directory,
// with any settings of Go. They are at most as many as the README says.
func TestReproducible(t *testing.T) {
	origin, commit := repository(t)
	home := t.TempDir()
	clone := filepath.Join(home, "clone")
	tarball := filepath.Join(home, "a path", "of another length")
	sh(t, home, nil, `umask 077; git clone -q "$1" clone; mkdir -p "$2"; cd "$1"
git archive HEAD | (umask 002; tar -x --no-same-permissions -C "$2")`, origin, tarball)
	variables := []string{
		"GOFLAGS=-gcflags=-l", "GOAMD64=v2", "GOTOOLCHAIN=local", "GOEXPERIMENT=jsonv2",
	}
	file := filepath.Join(home, "goenv")
	write(t, file, `GOFLAGS=-ldflags=-compressdwarf=false
GOAMD64=v3
GOARM64=v9.0
GOEXPERIMENT=nogreenteagc
GOFIPS140=latest
CGO_ENABLED=1
`)
	for _, arch := range []string{"amd64", "arm64"} {
		sh(t, clone, variables, `umask 077; make "GOARCH=$1"`, arch)
		sh(t, tarball, []string{"GOENV=" + file}, `umask 002; make "GOARCH=$1"`, arch)
		for name, most := range map[string]int{"bin/util": 4_000_000, "bin/util-init": 160_000} {
			a, err := os.ReadFile(filepath.Join(clone, name))
			test.Must(t, err)
			b, err := os.ReadFile(filepath.Join(tarball, name))
			test.Must(t, err)
			if !bytes.Equal(a, b) {
				t.Errorf("%s, %s: a clone and a tarball differ", arch, name)
			}
			if len(a) > most {
				t.Errorf("%s, %s: %d bytes, more than %d", arch, name, len(a), most)
			}
			if !bytes.Contains(a, []byte(commit)) || bytes.Contains(a, []byte(commit+"-dirty")) {
				t.Errorf("%s, %s: the commit is not in the program", arch, name)
			}
		}
	}
}

// The version of a tree is its tag, or says how many commits follow it. A clone and a tarball of a
// commit have the same version.
func TestVersion(t *testing.T) {
	clone, _ := repository(t)
	// The time zone of whoever commits does not matter, nor that of whoever builds.
	date := []string{"GIT_COMMITTER_DATE=2026-11-29T01:02:03+05:00", "TZ=Pacific/Auckland"}
	sh(t, clone, date, commitCommand+" --amend --no-edit")
	first := sh(t, clone, nil, "git rev-parse HEAD")[:12]
	expect := func(dir, want string) {
		t.Helper()
		if got := sh(t, dir, date, "internal/version/version.sh"); got != want {
			t.Errorf("version of %s: %q, want %q", dir, got, want)
		}
	}
	expectBoth := func(want string) {
		t.Helper()
		tarball := t.TempDir()
		sh(t, clone, nil, `git archive HEAD | tar -x -C "$1"`, tarball)
		// The version of a tarball is not that of a repository around it.
		sh(t, clone, nil, `git init -q "$1"`, filepath.Dir(tarball))
		expect(clone, want)
		expect(tarball, want)
	}
	const when = " 2026-11-28T20:02:03Z 1795896123"
	expectBoth("0.0.0-20261128200203-" + first + " " + first + when)
	sh(t, clone, nil, "git tag other; git tag v1.2.3-rc1")
	expectBoth("1.2.3-rc1 " + first + when)
	sh(t, clone, date, commitCommand+" --allow-empty -m y")
	second := sh(t, clone, nil, "git rev-parse HEAD")[:12]
	expectBoth("1.2.3-rc1-1-g" + second + " " + second + when)
	sh(t, clone, nil, "git tag v1.2.3")
	expectBoth("1.2.3 " + second + when)

	write(t, filepath.Join(clone, "new.go"), "package main\n") // git does not know it, but Go does
	expect(clone, "1.2.3-dirty "+second+"-dirty"+when)
	test.Must(t, os.Remove(filepath.Join(clone, "new.go")))
	expect(clone, "1.2.3 "+second+when)
	write(t, filepath.Join(clone, "README.md"), "changed\n")
	sh(t, clone, nil, "make bin/util")
	want := "util 1.2.3-dirty\ncommit " + second + "-dirty\ndate 2026-11-28T20:02:03Z\ngo"
	if got := sh(t, clone, nil, "bin/util --version"); !strings.HasPrefix(got, want) {
		t.Errorf("--version of a tree with changes: %q", got)
	}
	// docker-init prints the commit in the form that Docker reads.
	test.Must(t, os.Symlink("util", filepath.Join(clone, "bin/docker-init")))
	form := regexp.MustCompile(`^tini version \S+ - git\.` + second + `-dirty$`)
	if got := sh(t, clone, nil, "bin/docker-init --version"); !form.MatchString(got) {
		t.Errorf("docker-init --version: %q", got)
	}
	test.Must(t, os.RemoveAll(filepath.Join(clone, ".git")))
	expect(clone, strings.Repeat("unknown ", 3)+"0")
}

// The version of a tarball is its own in the repository of a distribution, too.
func TestVersionOfDistribution(t *testing.T) {
	clone, commit := repository(t)
	sh(t, clone, nil, "git tag v1.2.3")
	imported := t.TempDir()
	sh(t, clone, nil, `git archive HEAD | tar -x -C "$1"; cd "$1"; git init -q; git add -A
`+commitCommand+` -m import; git tag v9.9.9`, imported)
	got := sh(t, imported, nil, "internal/version/version.sh")
	if !strings.HasPrefix(got, "1.2.3 "+commit+" ") {
		t.Errorf("the version is %q", got)
	}
}

// A tag can come with a fetch, and its name be anything: it is not executed.
func TestVersionHostile(t *testing.T) {
	clone, _ := repository(t)
	sh(t, clone, nil, `git tag "v0';touch\${IFS}PWNED;'"`)
	tarball := t.TempDir()
	sh(t, clone, nil, `git archive HEAD | tar -x -C "$1"`, tarball)
	for _, dir := range []string{clone, tarball} {
		cmd := exec.Command("make", "man", "release")
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "': a version can have letters") {
			t.Errorf("%v\n%s", err, out)
		}
		if _, err := os.Stat(filepath.Join(dir, "PWNED")); err == nil {
			t.Error("the name of the tag was executed")
		}
	}
}

// git prints who signed a commit, if it is set up to do so, but not where the version is read.
func TestVersionSigned(t *testing.T) {
	clone, _ := repository(t)
	sh(t, clone, nil, `git cat-file commit HEAD |
	sed '/^committer /a gpgsig -----BEGIN PGP SIGNATURE-----\n -----END PGP SIGNATURE-----' |
	git hash-object -t commit -w --stdin | xargs git reset -q --hard
git config log.showSignature true
git tag v1.2.3`)
	if got := sh(t, clone, nil, "internal/version/version.sh"); !strings.HasPrefix(got, "1.2.3 ") {
		t.Errorf("the version is %q", got)
	}
}

// A tree from which no release should be made is refused before anything is removed or built.
func TestReleaseRefused(t *testing.T) {
	origin, _ := repository(t)
	const commit = commitCommand + " --allow-empty -m y"
	for _, tc := range []struct{ setup, release, want string }{
		{"", "amd64 arm", "RELEASE=amd64 arm: must be of 386 amd64 armv6"},
		{"", "", "RELEASE=: must be of 386 amd64 armv6"},
		{"echo >>README.md", "amd64", "-dirty: commit all changes first"},
		{"echo >new.go", "amd64", "-dirty: commit all changes first"},
		{"git tag v1.2", "amd64", `version "1.2": is not like 1.2.3`},
		{"git tag v1.2.3-rc1; git tag v1.2.3", "amd64", "more than one version: v1.2.3 v1.2.3-rc1"},
		{
			commit + `; git clone -q --depth 1 "file://$PWD" new; rm -rf .git; mv new/.git .; rm -r new`,
			"amd64", "a shallow clone may lack the last tag",
		},
		{"rm -rf .git", "amd64", "unknown version"},
		{
			`echo '{"maintainer": "x"}' >internal/release/home.json; git add -A; ` + commit,
			"amd64", `home.json: maintainer "x": is not like name <address>`,
		},
		{
			`echo '{"maintainer": "the util authors <util@util.invalid>"}' >internal/release/home.json
git add -A; ` + commit + "; git tag v1.2.3",
			"amd64", "home.json: has no maintainer yet: fill it in before you release 1.2.3",
		},
	} {
		clone := filepath.Join(t.TempDir(), "clone")
		sh(t, origin, nil, `git clone -q . "$1"; mkdir "$1/dist"; touch "$1/dist/kept"`, clone)
		sh(t, clone, nil, tc.setup)
		cmd := exec.Command("make", "release", "RELEASE="+tc.release)
		cmd.Dir = clone
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), tc.want) {
			t.Errorf("%s: %v\n%s, which has no %q", tc.setup, err, out, tc.want)
		}
		if _, err := os.Stat(filepath.Join(clone, "dist/kept")); err != nil {
			t.Errorf("%s: %v", tc.setup, err)
		}
	}
}

// make install puts the manual pages into the manual, and the completion scripts where the shells
// search for them, under every name. There is no page init.1, which would hide that of the system.
func TestMakeInstall(t *testing.T) {
	origin, _ := repository(t)
	dest := filepath.Join(t.TempDir(), "dest")
	// Util is built for another architecture, but the scripts come from a program that runs here.
	sh(t, origin, nil, `umask 022; make install GOARCH=arm64 PREFIX=/opt "DESTDIR=$1"`, dest)
	got := strings.Split(sh(t, dest, nil, `find . ! -type d | sort`), "\n")
	want := []string{
		"./opt/bin/util", "./opt/bin/util-init", "./opt/share/zsh/site-functions/_util",
		"./opt/share/man/man1/util.1",
	}
	for _, name := range list(t) {
		want = append(want, "./opt/share/man/man1/util-"+name+".1")
	}
	for _, name := range append(list(t), "util") {
		want = append(want, "./opt/share/bash-completion/completions/"+name,
			"./opt/share/fish/vendor_completions.d/"+name+".fish")
	}
	documents := sh(t, "..", nil, "ls LICENSE *.md docs/*.md; "+
		"find examples -type f ! -name '*_test.go' ! -name .gitignore ! -name util ! -name app")
	for name := range strings.FieldsSeq(documents) {
		want = append(want, "./opt/share/doc/util/"+name)
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("installed: %q, want %q", got, want)
	}
	for name := range strings.FieldsSeq(documents) {
		checkLinks(t, filepath.Join(dest, "opt/share/doc/util", name))
	}
	header := sh(t, dest, nil, `head -n 3 opt/share/man/man1/util-init.1 | grep ^.TH`)
	date := sh(t, origin, nil, `TZ=UTC git log -1 --date=format-local:%F --format=%cd`)
	if !strings.HasPrefix(header, `.TH UTIL\-INIT 1 `+date+` "util `) {
		t.Errorf("header of util-init.1: %q", header)
	}
	for file, shell := range map[string]string{
		"zsh/site-functions/_util":            "zsh",
		"bash-completion/completions/sendsig": "bash",
		"fish/vendor_completions.d/init.fish": "fish",
	} {
		text, err := os.ReadFile(filepath.Join(dest, "opt/share", file))
		test.Must(t, err)
		_, script, _ := run(t, "completion", shell)
		if strings.TrimSpace(string(text)) != strings.TrimSpace(script) {
			t.Errorf("%s is not the script for %s", file, shell)
		}
	}
}

// Code that reads what others wrote does it in the same way where the bytes of a number are in the
// other order, and where an int has 32 bits. Its tests run under an emulator, without servers.
func TestOtherWords(t *testing.T) {
	for arch, emulator := range map[string]string{
		"s390x": "qemu-s390x-static", "arm": "qemu-arm-static",
	} {
		cmd := exec.Command("go", "test", "-short", "-exec", test.Tool(t, emulator),
			"-skip", "^Test(Postgres(Quiet|States)|MariaDB|Redis|OtherServers|HTTPServers)",
			"./internal/ascii", "./internal/sig", "./internal/printable", "./internal/procfs",
			"./internal/readiness/protocol", "./applets/runas/become")
		cmd.Dir = ".."
		cmd.Env = append(os.Environ(), "GOARCH="+arch, "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", arch, err, out)
		}
	}
}
