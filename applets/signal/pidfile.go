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

// readPidfile reads which process the pidfile names. Without other targets it is the only one.
func (o *Options) readPidfile() error {
	file, err := openPidfile(o.Pidfile)
	if err != nil {
		return fmt.Errorf("pidfile %q: %w", o.Pidfile, err)
	}
	defer file.Close()
	if o.inPidfile, err = readTarget(file); err != nil {
		return fmt.Errorf("pidfile %q: %w", o.Pidfile, err)
	}
	// What root does because somebody else wrote a number is what that one wants. Another selector says who is meant.
	if unix.Geteuid() == 0 && len(o.selectors()) == 1 {
		if why := whoElseWrites(file, o.Pidfile); why != "" {
			return fmt.Errorf("pidfile %q: %s, so it counts only together with another selector, such as --name or --exe", o.Pidfile, why)
		}
	}
	if len(o.targets()) == 0 {
		o.PIDs = []Target{o.inPidfile}
	}
	return nil
}

// openPidfile opens a pidfile without waiting for anything, such as the writer of a FIFO.
func openPidfile(path string) (*os.File, error) {
	if err := regular(os.Stat(path)); err != nil { // before it is opened: to open a device can do something
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
		return errors.New("is no regular file")
	}
	return nil
}

// readTarget reads the first number of the first line, as pkill -F and start-stop-daemon do: many programs write
// more behind it.
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
	if n == len(text) && bytes.HasSuffix(text, []byte(word)) { // it may go on
		return t, fmt.Errorf("has no number in its first %d bytes", n)
	}
	const most = 64 // the rest would be no help
	if t, err = parseTarget(word); err != nil {
		return t, fmt.Errorf("%s: %w", strconv.Quote(word[:min(len(word), most)]), err)
	}
	return t, nil
}

// whoElseWrites says who beside root may write the pidfile or put another one in its place, or "" if nobody.
func whoElseWrites(file *os.File, path string) string {
	if info, err := file.Stat(); err != nil || !isRoots(info) {
		return mayWrite(path, info)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "its directory is not known"
	}
	// The way to it, and where symbolic links on the way lead.
	const mostLinks = 40 // as for the kernel (path_resolution(7))
	for links := 0; ; {
		next := ""
		for at := path; ; at = filepath.Dir(at) {
			info, err := os.Lstat(at)
			if err != nil || !isRoots(info) {
				return mayWrite(at, info)
			}
			if info.Mode()&fs.ModeSymlink != 0 {
				target, err := os.Readlink(at)
				if err != nil || links == mostLinks {
					return fmt.Sprintf("%q leads to an unknown place", at)
				}
				links++
				if !filepath.IsAbs(target) {
					target = filepath.Join(filepath.Dir(at), target)
				}
				rest, _ := filepath.Rel(at, path)
				next = filepath.Join(target, rest)
			}
			if at == "/" {
				break
			}
		}
		if next == "" {
			return isAt(file, path)
		}
		path = next
	}
}

// isAt returns "" if a path without symbolic links leads to the file that was opened, else that it does not.
func isAt(file *os.File, path string) string {
	opened, err1 := file.Stat()
	found, err2 := os.Lstat(path)
	if err1 != nil || err2 != nil || !os.SameFile(opened, found) {
		return fmt.Sprintf("%q is another file by now", path)
	}
	return ""
}

// isRoots reports whether only root may change a file. In a directory with the sticky bit others may add files, but not
// remove or replace root's (inode(7)).
func isRoots(info fs.FileInfo) bool {
	const others = 0o022
	return info.Sys().(*syscall.Stat_t).Uid == 0 &&
		(info.Mode().Perm()&others == 0 || info.Mode()&fs.ModeSymlink != 0 || info.IsDir() && info.Mode()&fs.ModeSticky != 0)
}

func mayWrite(path string, info fs.FileInfo) string {
	if info == nil {
		return fmt.Sprintf("%q cannot be looked at", path)
	}
	if uid := info.Sys().(*syscall.Stat_t).Uid; uid != 0 {
		return fmt.Sprintf("user %d may change %q", uid, path)
	}
	return fmt.Sprintf("others than root may write %q", path)
}
