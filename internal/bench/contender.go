package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// contender is an init, or the command without one, and its results.
type contender struct {
	name    string
	program string   // a path, or a name in PATH
	as      string   // the name of a symbolic link to call it by; "" for none
	args    []string // the arguments before the command

	argv    []string // of the copy: the path, args and the command
	about   string   // the version
	measure measured
}

// measured are the results of a contender. What was not measured is empty or 0.
type measured struct {
	size     int64  // of the file, in bytes
	startup  series // µs
	memory   memory // of one instance
	pss10    series // kB, the means of 10 instances
	threads  int
	latency  [len(latencyOf)]series // µs from kill(2) to the command
	orphan   series                 // µs of CPU time for an orphan
	switches series                 // context switches for an orphan
	wakeups  int
}

// The names of the contenders for which there are limits.
const (
	utilInit  = "util init"
	ownFile   = "util-init"
	catatonit = "catatonit, musl"
)

// ours reports whether c is of this project.
func (c *contender) ours() bool {
	return c.program == "bin/util" || c.program == "bin/util-init"
}

// contenders returns util, then the inits that it is compared with. peers.sh builds those in
// bin/musl.
func contenders() []*contender {
	command := []string{"--"}
	return []*contender{
		{name: utilInit, program: "bin/util", args: []string{"init", "--"}},
		{name: ownFile, program: "bin/util-init", args: command},
		{name: "util as tini", program: "bin/util", as: "tini", args: command},
		{name: "util as dumb-init", program: "bin/util", as: "dumb-init", args: command},
		{name: "util as catatonit", program: "bin/util", as: "catatonit", args: command},
		{name: "tini", program: "tini", args: command},
		{name: "tini-static", program: "tini-static", args: command},
		{name: "dumb-init", program: "dumb-init", args: command},
		{name: "catatonit", program: "catatonit", args: command},
		{name: "tini, musl", program: "bin/musl/tini", args: command},
		{name: "dumb-init, musl", program: "bin/musl/dumb-init", args: command},
		{name: catatonit, program: "bin/musl/catatonit", args: command},
	}
}

// prepare builds the command in dir and copies the contenders there. The first of all is the
// command without an init.
func prepare(dir string) (all []*contender, missing []string, err error) {
	command, err := buildCommand(dir)
	if err != nil {
		return nil, nil, err
	}
	all = []*contender{{name: "no init", argv: []string{command}}}
	for i, c := range contenders() {
		path, err := exec.LookPath(c.program)
		switch {
		case err != nil && c.ours():
			return nil, nil, fmt.Errorf("%s: missing (make builds it)", c.program)
		case err != nil:
			missing = append(missing, c.name)
			continue
		}
		home := filepath.Join(dir, fmt.Sprint(i))
		if err := os.Mkdir(home, 0o755); err != nil {
			return nil, nil, err
		}
		if err := c.copyTo(home, path, command); err != nil {
			return nil, nil, err
		}
		all = append(all, c)
	}
	return all, missing, nil
}

// buildCommand builds package command in dir.
func buildCommand(dir string) (path string, err error) {
	path, err = filepath.Abs(filepath.Join(dir, "command"))
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-ldflags", "-s -w -E _rt0_command", "-o", path,
		"./internal/bench/command")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", build, err, out)
	}
	return path, nil
}

// copyTo copies the program at path to dir, and finds out its version and its size.
func (c *contender) copyTo(dir, path, command string) error {
	name, err := filepath.Abs(filepath.Join(dir, filepath.Base(path)))
	if err != nil {
		return err
	}
	if c.measure.size, err = freshCopy(name, path); err != nil {
		return err
	}
	if c.as != "" {
		link := filepath.Join(dir, c.as)
		if err := os.Symlink(name, link); err != nil {
			return err
		}
		name = link
	}
	c.argv = append(append([]string{name}, c.args...), command)
	var stdout, stderr strings.Builder
	cmd := exec.Command(name, "--version")
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s --version: %w", path, err)
	}
	c.about, _, _ = strings.Cut(stdout.String(), "\n")
	if c.about == "" { // dumb-init prints it on stderr
		c.about, _, _ = strings.Cut(stderr.String(), "\n")
	}
	return nil
}

// freshCopy copies a program, so that no other process maps its pages, and returns its size.
func freshCopy(to, from string) (size int64, err error) {
	r, err := os.Open(from)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return 0, err
	}
	size, err = io.Copy(w, r)
	if err == nil {
		err = w.Sync() // the kernel must not write it back during a measurement
	}
	if e := w.Close(); err == nil {
		err = e
	}
	return size, err
}
