package sendsig

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// readPidfile reads which process the pidfile names. Without other targets it is the only target.
func (o *Options) readPidfile() error {
	file, err := openPidfile(o.Pidfile)
	if err != nil {
		return fmt.Errorf("pidfile %q: %w", o.Pidfile, err)
	}
	defer file.Close()
	if o.inPidfile, err = readTarget(file); err != nil {
		return fmt.Errorf("pidfile %q: %w", o.Pidfile, err)
	}
	// If another user can write the PID, that user decides which process root signals. With a
	// second selector, root does.
	if unix.Geteuid() == 0 && len(o.selectors()) == 1 {
		if why := whoElseWrites(file, o.Pidfile); why != "" {
			return fmt.Errorf("pidfile %q: %s, so another selector is required, "+
				"such as --name or --exe", o.Pidfile, why)
		}
	}
	if len(o.targets()) == 0 {
		o.PIDs = []Target{o.inPidfile}
	}
	return nil
}

// openPidfile opens a pidfile. It never blocks, for example to wait for the writer of a FIFO.
func openPidfile(path string) (*os.File, error) {
	// This check comes before the open, because opening a device can have side effects.
	if err := regular(os.Stat(path)); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, errors.Unwrap(err)
	}
	if err := regular(file.Stat()); err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

func regular(info fs.FileInfo, err error) error {
	switch {
	case err != nil:
		return errors.Unwrap(err)
	case !info.Mode().IsRegular():
		return errors.New("is not a regular file")
	}
	return nil
}

// readTarget reads the first word of the first line that has one, as pkill -F and start-stop-daemon
// do. Many programs write more text after the PID.
func readTarget(file *os.File) (t Target, err error) {
	text := make([]byte, 4096)
	n, err := file.Read(text)
	switch {
	case errors.Is(err, io.EOF):
		return t, errors.New("is empty")
	case err != nil:
		return t, errors.Unwrap(err)
	}
	line := bytes.TrimLeft(text[:n], " \t\r\n")
	if end := bytes.IndexAny(line, "\x00\n"); end >= 0 {
		line = line[:end]
	}
	word := ""
	if words := bytes.Fields(line); len(words) > 0 {
		word = string(words[0])
	}
	if n == len(text) && bytes.HasSuffix(text, []byte(word)) { // the word may be cut off
		return t, fmt.Errorf("has no number in its first %d bytes", n)
	}
	const shown = 64 // keeps the message short
	if t, err = parseTarget(word); err != nil {
		return t, fmt.Errorf("%s: %w", strconv.Quote(word[:min(len(word), shown)]), err)
	}
	return t, nil
}

// whoElseWrites returns why a user other than root may write to the pidfile or replace it, or "" if
// only root may. It checks the file, and every directory and symbolic link on its path.
func whoElseWrites(file *os.File, path string) string {
	if info, err := file.Stat(); err != nil || !onlyRootWrites(info) {
		return whoWrites(path, info)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "its directory cannot be determined"
	}
	const maxLinks = 40 // the kernel's limit (path_resolution(7))
	for links := 0; ; links++ {
		next, why := checkPath(path)
		switch {
		case why != "":
			return why
		case next == "":
			return isAt(file, path)
		case links == maxLinks:
			return fmt.Sprintf("the symbolic links in %q cannot be followed", path)
		}
		path = next
	}
}

// checkPath checks a file and all directories above it. It returns why a user other than root may
// change one of them. If there are symbolic links, it returns the path with the topmost one
// replaced by its target.
func checkPath(path string) (next, why string) {
	for at := path; ; at = filepath.Dir(at) {
		info, err := os.Lstat(at)
		if err != nil || !onlyRootWrites(info) {
			return "", whoWrites(at, info)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(at)
			if err != nil {
				return "", fmt.Sprintf("the symbolic link %q cannot be followed", at)
			}
			if !filepath.IsAbs(target) {
				target = filepath.Join(filepath.Dir(at), target)
			}
			rest, _ := filepath.Rel(at, path)
			next = filepath.Join(target, rest)
		}
		if at == "/" {
			return next, ""
		}
	}
}

// isAt returns "" if the file that was opened is still at a path without symbolic links, and a
// message otherwise.
func isAt(file *os.File, path string) string {
	opened, err1 := file.Stat()
	found, err2 := os.Lstat(path)
	if err1 != nil || err2 != nil || !os.SameFile(opened, found) {
		return fmt.Sprintf("%q is now a different file", path)
	}
	return ""
}

// onlyRootWrites reports whether only root may change a file. In a directory with the sticky bit,
// other users may add files, but may not remove or replace those of root (inode(7)).
func onlyRootWrites(info fs.FileInfo) bool {
	const others = 0o022
	mode := info.Mode()
	return info.Sys().(*syscall.Stat_t).Uid == 0 &&
		(mode.Perm()&others == 0 ||
			mode&fs.ModeSymlink != 0 ||
			info.IsDir() && mode&fs.ModeSticky != 0)
}

func whoWrites(path string, info fs.FileInfo) string {
	if info == nil {
		return fmt.Sprintf("%q cannot be examined", path)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 0 {
		return fmt.Sprintf("user %d may change %q", uid, path)
	}
	return fmt.Sprintf("users other than root may write to %q", path)
}
