package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"util/internal/test"
	"util/internal/test/kernels/protocol"
)

// packages are those of the test programs.
var packages = map[string]string{
	machineTests: "internal/test/kernels/machine",
	initTests:    "applets/init",
	signalTests:  "applets/signal",
	waitforTests: "applets/waitfor",
	reapTests:    "applets/reap",
}

// order is that in which the programs run: the first looks at a PID 1 that has done little.
var order = []string{machineTests, initTests, signalTests, reapTests, waitforTests}

// Where things are in a machine.
const (
	programsAt = "/programs" // what test.BuildElsewhere built
	sourceAt   = "/source"   // the test programs, and what they read, as in the source tree
	testFile   = "tests"     // a test program, in its folder
)

// built is what was built for an architecture.
type built struct {
	dir      string // as the machine sees it in its root
	variable string // the environment variable that tells tests where the programs are
}

// build builds everything that runs in a machine, once for each architecture. It must be called in
// the root of the module.
func build(arch, dir string) (b built, err error) {
	b.dir = dir
	b.variable, err = test.BuildElsewhere(filepath.Join(dir, programsAt), arch, programsAt)
	if err != nil {
		return b, err
	}
	environ := append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch)
	compile := func(args ...string) error {
		cmd := exec.Command("go", args...)
		cmd.Env = environ
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%q: %w\n%s", cmd.Args, err, out)
		}
		return nil
	}
	const module = "util/"
	errs := []error{compile("build", "-trimpath", "-ldflags", "-s -w",
		"-o", filepath.Join(dir, protocol.Guest), module+"internal/test/kernels/guest")}
	for _, name := range order {
		pkg := packages[name]
		errs = append(errs, compile("test", "-c", "-trimpath", "-ldflags", "-s -w",
			"-o", filepath.Join(dir, sourceAt, pkg, testFile), module+pkg))
	}
	for _, name := range order {
		from := filepath.Join(packages[name], "testdata")
		if _, err := os.Stat(from); err == nil {
			errs = append(errs, os.CopyFS(filepath.Join(dir, sourceAt, from), os.DirFS(from)))
		}
	}
	return b, errors.Join(errs...)
}

// path returns where the machine has a program, by the base name of its package.
func (b built) path(name string) (string, error) {
	_, list, _ := strings.Cut(b.variable, "=")
	for line := range strings.Lines(list) {
		key, at, _ := strings.Cut(strings.TrimSpace(line), "\t")
		pkg, _, _ := strings.Cut(key, " ")
		if path.Base(pkg) == name {
			return at, nil
		}
	}
	return "", fmt.Errorf("program %q: not built", name)
}

// programs returns the test programs for some rows, with util or with util-init (suffix alone).
func (b built) programs(suffix string, rows []row) []protocol.Program {
	var list []protocol.Program
	for _, name := range order {
		p := protocol.Program{
			Name: name + suffix,
			Dir:  path.Join(sourceAt, packages[name]),
			Path: path.Join(sourceAt, packages[name], testFile),
			Env:  []string{b.variable},
		}
		if suffix == alone {
			p.Env = append(p.Env, "UTIL_TEST_ALONE=1") // read by internal/test
		}
		for _, r := range rows {
			if r.program == p.Name {
				for _, name := range r.tests {
					name, _, _ = strings.Cut(name, "/") // a subtest runs with its test
					p.Tests = append(p.Tests, name)
				}
			}
		}
		slices.Sort(p.Tests)
		if p.Tests = slices.Compact(p.Tests); len(p.Tests) > 0 {
			list = append(list, p)
		}
	}
	return list
}

// etc are the files in /etc of a machine.
var etc = map[string]string{
	"passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/sh\n",
	"group":  "root:x:0:\nnogroup:x:65534:\n",
	"hosts":  "127.0.0.1 localhost\n::1 localhost\n",
	// Tests mount others on it.
	"resolv.conf": "",
}

// writeImage writes the first file system of a machine whose PID 1 is util, or util-init (suffix
// alone), with the programs in the directory bin.
func (b built) writeImage(path, bin, suffix string, rows []row) error {
	programs, err := json.Marshal(b.programs(suffix, rows))
	if err != nil {
		return err
	}
	initName := "util"
	if suffix == alone {
		initName = "util-init"
	}
	init, err := b.path(initName)
	if err != nil {
		return err
	}
	probe, err := b.path("probe")
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	a := archive{w: file}
	a.device("dev/console", 0o600, 5, 1)
	for _, dir := range []string{"root", "tmp", "usr/bin", "usr/sbin", "sbin", "var/tmp"} {
		a.dir(dir)
	}
	a.link("init", init)
	a.link("probe", probe)
	a.copy(".", b.dir)
	a.copy("bin", bin)
	a.file(protocol.File[1:], 0o644, programs)
	for name, text := range etc {
		a.file("etc/"+name, 0o644, []byte(text))
	}
	return errors.Join(a.end(), file.Close())
}
