package test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// BuildElsewhere builds the programs that tests run, for the architecture arch, into a directory.
// It returns the environment variable that makes test programs use them, on a machine where they
// are in the directory at. There, neither Go nor the source tree is needed. It must be called in
// the module.
func BuildElsewhere(dir, arch, at string) (variable string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	type program struct {
		key, name string
		build     func(path string) *exec.Cmd
	}
	var programs []program
	for _, p := range []struct{ pkg, ldflags string }{
		{utilPackage, utilFlags},
		{utilPackage, ""},
		{probePackage, probeFlags},
		{crowdPackage, crowdFlags},
	} {
		programs = append(programs, program{
			buildKey(p.pkg, p.ldflags, arch), filepath.Base(p.pkg),
			func(path string) *exec.Cmd { return buildCommand(path, p.pkg, p.ldflags, arch) },
		})
	}
	programs = append(programs, program{
		utilInitKey(arch, ""), "util",
		func(path string) *exec.Cmd { return utilInitCommand(path, root, arch, "") },
	})
	var list strings.Builder
	for i, p := range programs {
		name := filepath.Join(fmt.Sprint(i), p.name)
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		cmd := p.build(path)
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%q: %w\n%s", cmd.Args, err, out)
		}
		list.WriteString(builtLine(p.key, filepath.Join(at, name)))
	}
	return builtVar + "=" + list.String(), nil
}
