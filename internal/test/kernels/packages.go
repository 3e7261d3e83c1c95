package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// keyring is that of the package debian-archive-keyring. apt checks with it what it downloads.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// files are what is taken from Debian's packages for a kernel.
type files struct {
	kernel string // the file
	bin    string // a directory of programs
}

// programs are the packages of statically linked programs, a file of each, and its name in the
// machine. The shell is one that can be used interactively, which that of busybox cannot as well.
var programs = []struct{ pkg, file, name string }{
	{"busybox-static", "bin/busybox", "busybox"},
	{"bash-static", "bin/bash-static", "sh"},
}

// fetch returns the files for a kernel: those in the cache, unless there are none or they are to be
// updated. Nothing is installed.
func fetch(k kernel, cache, mirror string, update bool) (files, error) {
	dir := filepath.Join(cache, k.name)
	found := files{filepath.Join(dir, "vmlinuz"), filepath.Join(dir, "bin")}
	_, err := os.Stat(filepath.Join(found.bin, programs[len(programs)-1].name))
	if err == nil && !update {
		return found, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return files{}, err
	}
	work, err := os.MkdirTemp(cache, "download-")
	if err != nil {
		return files{}, err
	}
	defer os.RemoveAll(work)
	apt, err := newApt(work, k, mirror)
	if err != nil {
		return files{}, err
	}
	pkg, err := apt.leaf(k.pkg)
	if err != nil {
		return files{}, err
	}
	complete := filepath.Join(work, "complete")
	if err := os.MkdirAll(filepath.Join(complete, "bin"), 0o755); err != nil {
		return files{}, err
	}
	// The kernel for riscv64 is not compressed, and is named vmlinux. The second place is that of
	// linux-binary.
	err = apt.extract(pkg, filepath.Join(complete, "vmlinuz"),
		"boot/vmlinu[xz]-*", "usr/lib/modules/*/vmlinu[xz]")
	if err != nil {
		return files{}, err
	}
	for _, p := range programs {
		// The directories of /usr are merged since trixie.
		err := apt.extract(p.pkg, filepath.Join(complete, "bin", p.name), p.file, "usr/"+p.file)
		if err != nil {
			return files{}, err
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		return files{}, err
	}
	return found, os.Rename(complete, dir)
}

// apt is an apt with directories of its own, for one suite and one architecture.
type apt struct{ dir, config string }

func newApt(dir string, k kernel, mirror string) (apt, error) {
	for _, sub := range []string{
		"etc/apt", "var/lib/apt/lists/partial", "var/cache/apt/archives/partial",
	} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return apt{}, err
		}
	}
	a := apt{dir, filepath.Join(dir, "apt.conf")}
	// The configuration of this machine stays in effect, because it may have a proxy; but what it runs
	// after an update concerns the lists of this machine.
	config := fmt.Sprintf(`#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Architectures;
APT::Architecture "%s";
APT::Architectures "%s";
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Acquire::Retries "3";
Dir "%s";
Dir::State::status "%s/status";
`, k.debianArch(), k.debianArch(), dir, dir)
	sources := fmt.Sprintf("deb [signed-by=%s] %s %s main\n", keyring, mirror, k.suite)
	for name, text := range map[string]string{
		a.config: config, filepath.Join(dir, "status"): "",
		filepath.Join(dir, "etc/apt/sources.list"): sources,
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			return apt{}, err
		}
	}
	_, err := a.run("apt-get", "update", "-q")
	return a, err
}

// run runs a program of apt, and returns its output.
func (a apt) run(program string, args ...string) (string, error) {
	return output(exec.Command(program, append([]string{"-c", a.config}, args...)...), a.dir)
}

// output runs a command in a directory.
func output(cmd *exec.Cmd, dir string) (string, error) {
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%q: %w\n%s", cmd.Args, err, out)
	}
	return string(out), nil
}

// leaf returns the package that contains the kernel: pkg, or one that it depends on.
func (a apt) leaf(pkg string) (string, error) {
	text, err := a.run("apt-cache", "show", "--no-all-versions", pkg)
	if err != nil {
		return "", err
	}
	if next := kernelDependency(text); next != "" {
		return a.leaf(next)
	}
	return pkg, nil
}

// kernelDependency returns the package that contains the kernel, or that depends on it, from the
// description of a package. The kernel is in linux-image-VERSION, since 7.0 in
// linux-binary-VERSION, on which linux-image-VERSION depends.
func kernelDependency(description string) string {
	for line := range strings.Lines(description) {
		list, found := strings.CutPrefix(line, "Depends: ")
		if !found {
			continue
		}
		for dependency := range strings.SplitSeq(list, ",") {
			name, _, _ := strings.Cut(strings.TrimSpace(dependency), " ")
			if strings.HasPrefix(name, "linux-image-") || strings.HasPrefix(name, "linux-binary-") {
				return name
			}
		}
	}
	return ""
}

// extract downloads a package, and moves the one file of it that matches a pattern to a path.
func (a apt) extract(pkg, to string, patterns ...string) error {
	if _, err := a.run("apt-get", "download", "-q", pkg); err != nil {
		return err
	}
	archive, err := only(a.dir, pkg+"_*.deb")
	if err != nil {
		return err
	}
	tree := filepath.Join(a.dir, "tree-"+pkg)
	if _, err := output(exec.Command("dpkg-deb", "-x", archive, tree), a.dir); err != nil {
		return err
	}
	from, err := only(tree, patterns...)
	if err != nil {
		return err
	}
	return os.Rename(from, to)
}

// only returns the one file in a directory that matches one of the patterns.
func only(dir string, patterns ...string) (string, error) {
	var found []string
	for _, pattern := range patterns {
		some, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return "", err
		}
		found = append(found, some...)
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%s: %d files are %q, want one", dir, len(found), patterns)
	}
	return found[0], nil
}

// defaultMirror returns the mirror of Debian that this machine uses.
func defaultMirror() string {
	const usual = "http://deb.debian.org/debian"
	out, err := exec.Command("apt-get", "indextargets", "--format", "$(REPO_URI)",
		"Created-By: Packages").Output()
	if err != nil {
		return usual
	}
	for line := range strings.Lines(string(out)) {
		if uri := strings.TrimRight(strings.TrimSpace(line), "/"); strings.HasSuffix(uri, "/debian") {
			return uri
		}
	}
	return usual
}
