// Release makes the files of a release, in one directory: programs, tarballs, packages, images,
// bills of materials, and their checksums. make release calls it after it has installed util for
// each architecture, in a directory of its own. It is a module of its own, so that what it needs is
// not in go.mod of util.
//
// The files depend on the input, the version and the time alone: not on the clock, the user, the
// path or the machine.
package main

import (
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// release is what is known of a release before its files are made.
type release struct {
	home    home
	version version
	commit  string
	time    time.Time // of the commit; the time of every file
	source  string    // the directory of util's source
	input   string    // has a directory for each architecture: what make install DESTDIR= wrote
	output  string
	scratch string // for files that go into packages
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run() (err error) {
	r := &release{}
	text := flag.String("version", "", "the `version`, as version.sh prints it")
	flag.StringVar(&r.commit, "commit", "", "the `commit`")
	seconds := flag.Int64("time", 0, "the time of the commit, in `seconds` since 1970")
	flag.StringVar(&r.source, "source", "", "the `directory` of util's source")
	flag.StringVar(&r.input, "input", "", "the `directory` with what was installed")
	flag.StringVar(&r.output, "output", "", "the `directory` to write to; without it, only check")
	flag.Parse()
	if r.version, err = parseVersion(*text); err != nil {
		return err
	}
	if r.home, err = parseHome(homeJSON); err != nil {
		return fmt.Errorf("internal/release/home.json: %w", err)
	}
	if r.home.Maintainer == placeholder && r.version.after == "" {
		return fmt.Errorf("internal/release/home.json: has no maintainer yet: fill it in before you "+
			"release %s", r.version)
	}
	if r.output == "" {
		return nil
	}
	r.time = time.Unix(*seconds, 0).UTC()
	selected, err := r.selected()
	if err != nil {
		return err
	}
	if r.scratch, err = os.MkdirTemp(r.input, "scratch-"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(r.scratch)) }()
	return r.makeAll(selected)
}

// makeAll makes the files for each of the architectures, and those for all of them.
func (r *release) makeAll(selected []architecture) error {
	if err := os.MkdirAll(r.output, 0o755); err != nil {
		return err
	}
	var images []platformImage
	for _, arch := range selected {
		if err := r.makeFor(arch); err != nil {
			return fmt.Errorf("%s: %w", arch.name, err)
		}
		image, err := r.image(arch)
		if err != nil {
			return fmt.Errorf("%s: image: %w", arch.name, err)
		}
		images = append(images, image)
	}
	if err := r.compatPackages(); err != nil {
		return fmt.Errorf("util-compat: %w", err)
	}
	if err := r.writeImages(images); err != nil {
		return fmt.Errorf("images: %w", err)
	}
	return writeSums(r.output)
}

// selected returns the architectures that are in the input: all, or with RELEASE those that it
// names.
func (r *release) selected() (all []architecture, err error) {
	entries, err := os.ReadDir(r.input)
	if err != nil {
		return nil, err
	}
	for _, entry := range entries {
		if !entry.IsDir() {
			continue
		}
		i := slices.IndexFunc(architectures, func(a architecture) bool { return a.name == entry.Name() })
		if i < 0 {
			return nil, fmt.Errorf("%s: the table in packages.go does not have this architecture",
				filepath.Join(r.input, entry.Name()))
		}
		all = append(all, architectures[i])
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: has no architecture", r.input)
	}
	return all, nil
}

// makeFor makes the programs, bills, tarball and packages of one architecture.
func (r *release) makeFor(arch architecture) error {
	for _, program := range []string{"util", "util-init"} {
		name := fmt.Sprintf("%s-%s-linux-%s", program, r.version, arch.name)
		if err := r.writeProgram(arch, program, name); err != nil {
			return err
		}
	}
	if err := r.writeTarball(arch); err != nil {
		return fmt.Errorf("tarball: %w", err)
	}
	return r.packages(arch)
}

// writeProgram writes a program, and its bill of materials beside it.
func (r *release) writeProgram(arch architecture, program, name string) error {
	from := filepath.Join(r.input, arch.name, "usr/bin", program)
	to := filepath.Join(r.output, name)
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := write(to, content, 0o755); err != nil {
		return err
	}
	bill, err := r.bill(arch, program, from, content)
	if err != nil {
		return fmt.Errorf("%s: bill of materials: %w", program, err)
	}
	return write(to+".cdx.json", bill, 0o644)
}

// write writes a file with a mode that does not depend on the umask.
func write(path string, content []byte, mode os.FileMode) error {
	if err := os.WriteFile(path, content, mode); err != nil {
		return err
	}
	return os.Chmod(path, mode)
}

// writeSums writes the checksums of all files in dir, in the form that sha256sum(1) reads.
func writeSums(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var sums strings.Builder
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			return err
		}
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(content), entry.Name())
	}
	return write(filepath.Join(dir, "SHA256SUMS"), []byte(sums.String()), 0o644)
}
