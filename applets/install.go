package applets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"util/internal/cli"
	"util/internal/proc"

	"golang.org/x/sys/unix"
)

// installation is a run of --install.
type installation struct {
	dir      string   // "" is the directory of util itself
	names    []string // what is linked
	symbolic bool
	force    bool
	compat   bool // the names of other inits as well

	self string         // the program's own file, without symbolic links
	real string         // dir, without symbolic links
	undo []func() error // takes back what was done, the last first
	old  string         // a directory in dir for what --force replaces, until all is done; "" is none yet
}

// take reads the arguments: a directory, then the names of those that are wanted.
func (in *installation) take(args []string) error {
	all := namesWith(true)
	if len(args) == 0 {
		in.names = namesWith(in.compat)
		return nil
	}
	in.dir = args[0]
	switch {
	case in.dir == "":
		return cli.Usagef(`directory "": is empty`)
	case len(args) == 1:
		in.names = namesWith(in.compat)
	case in.compat:
		return cli.Usagef("name %q: names are for --install without --compat, which means all", args[1])
	}
	for _, name := range args[1:] {
		if !slices.Contains(all, name) {
			return cli.Usagef("name %q: is none of --list --compat%s", name, cli.DidYouMean(name, all))
		}
		if !slices.Contains(in.names, name) {
			in.names = append(in.names, name)
		}
	}
	if _, err := os.Stat(in.dir); err != nil && slices.Contains(all, in.dir) {
		return cli.Usagef("directory %q: is the name of an applet: the directory comes first (./%s, if it is meant)", in.dir, in.dir)
	}
	return nil
}

// run makes a link to util for each name: all or, if one cannot be made, none. A link that already leads to util stays as
// it is, so that it can be run again. Nothing is changed if a file is in the way.
func (in *installation) run() error {
	// Half an installation would be left: the signals that usually end a program wait.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)

	err := in.install()
	if err != nil {
		for _, undo := range slices.Backward(in.undo) {
			if why := undo(); why != nil && in.old != "" {
				err = errors.Join(err, fmt.Errorf("not all could be taken back: what was replaced is in %q: %w", in.old, why))
				in.old = "" // what is in it is the only copy
			}
		}
	}
	if in.old != "" {
		err = errors.Join(err, os.RemoveAll(in.old))
	}
	if err != nil {
		return &cli.Exit{Status: proc.ExitFailed, Err: fmt.Errorf("install: %w", err)}
	}
	return nil
}

func (in *installation) install() error {
	if err := in.findSelf(); err != nil {
		return err
	}
	if in.dir == "" {
		in.dir = filepath.Dir(in.self)
	}
	var missing, inTheWay []string
	for _, name := range in.names {
		path := in.path(name)
		info, err := os.Lstat(path)
		switch {
		case err != nil: // that of making the link says why
			missing = append(missing, name)
		case in.leadsHere(path):
		case info.IsDir():
			return fmt.Errorf("%q: is a directory; nothing was changed", path)
		case !in.force:
			return fmt.Errorf("%q: exists and is something else; nothing was changed (--force replaces it)", path)
		default:
			inTheWay = append(inTheWay, name)
		}
	}
	if err := in.makeDir(in.dir); err != nil {
		return err
	}
	var err error
	if in.real, err = realPath(in.dir); err != nil {
		return fmt.Errorf("%q: %w", in.dir, cause(err))
	}
	for _, name := range missing {
		path := in.path(name)
		if err := in.link(path); err != nil {
			return err
		}
		in.undo = append(in.undo, func() error { return os.Remove(path) })
	}
	for _, name := range inTheWay {
		if err := in.replace(name); err != nil {
			return err
		}
	}
	return nil
}

// findSelf finds the program's own file. It has none if it was executed from memory or was removed.
func (in *installation) findSelf() (err error) {
	const magic = "/proc/self/exe" // leads to the file itself, whatever its name (proc(5))
	in.self, err = os.Readlink(magic)
	if err != nil {
		return fmt.Errorf("own path: %w (is /proc mounted?)", cause(err))
	}
	if !sameFile(in.self, magic) {
		return fmt.Errorf("own path %q: does not lead to this program, so no link can: it was removed, or runs from memory", in.self)
	}
	return nil
}

// path is that of a name in the directory. It is not put into a shorter form: "link/.." is where the link leads.
func (in *installation) path(name string) string { return strings.TrimRight(in.dir, "/") + "/" + name }

// leadsHere reports whether path is util, through whatever links.
func (in *installation) leadsHere(path string) bool { return sameFile(path, in.self) }

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// makeDir makes a directory, and those above it that are missing.
func (in *installation) makeDir(dir string) error {
	switch info, err := os.Stat(dir); {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%q: %w", dir, unix.ENOTDIR)
	case err == nil:
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%q: %w", dir, cause(err))
	}
	short := strings.TrimRight(dir, "/")
	if slash := strings.LastIndexByte(short, '/'); slash > 0 {
		if err := in.makeDir(short[:slash]); err != nil {
			return err
		}
	}
	switch err := os.Mkdir(dir, 0o755); {
	case err == nil:
		in.undo = append(in.undo, func() error { return os.Remove(dir) })
	case !errors.Is(err, fs.ErrExist): // "a/." is there once "a" is
		return fmt.Errorf("%q: %w", dir, cause(err))
	}
	return nil
}

// link makes the link path, which must not exist.
func (in *installation) link(path string) error {
	var err error
	if in.symbolic {
		err = os.Symlink(in.target(), path)
	} else {
		err = os.Link(in.self, path)
	}
	switch {
	case errors.Is(err, unix.EXDEV):
		return fmt.Errorf("%q: %w (a hard link cannot lead to another file system; -s makes symbolic links)", path, cause(err))
	case err != nil:
		return fmt.Errorf("%q: %w", path, cause(err))
	case !in.leadsHere(path):
		os.Remove(path)
		return fmt.Errorf("%q: does not lead to util: %q is another file there", path, in.target())
	}
	return nil
}

// target is what a symbolic link in the directory says. It is relative if util's own file and the directory have a directory
// in common, other than the root: so it holds in a tree that is put together in one place and used as the root in another.
func (in *installation) target() string {
	common := top(in.real)
	relative, err := filepath.Rel(in.real, in.self)
	if err != nil || common == "" || common != top(filepath.Dir(in.self)) {
		return in.self
	}
	return relative
}

// top is the first of the directories of an absolute path: "usr" of "/usr/sbin", "" of "/".
func top(dir string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(dir, "/"), "/")
	return name
}

// replace puts a link in the place of what is there: in one step, so that the name is always there, unless the file
// system cannot exchange two files.
func (in *installation) replace(name string) (err error) {
	if in.old == "" {
		if in.old, err = os.MkdirTemp(in.dir, ".util-install-"); err != nil {
			return fmt.Errorf("%q: %w", in.dir, cause(err))
		}
	}
	path, kept := in.path(name), filepath.Join(in.old, name)
	made := in.old + "." + name // beside path, for a relative link
	if err := in.link(made); err != nil {
		return err
	}
	defer os.Remove(made)
	exchange := func() error { return unix.Renameat2(unix.AT_FDCWD, made, unix.AT_FDCWD, path, unix.RENAME_EXCHANGE) }
	switch err := exchange(); err {
	case nil:
		if err := os.Rename(made, kept); err != nil {
			return errors.Join(fmt.Errorf("%q: %w", path, cause(err)), exchange())
		}
		in.undo = append(in.undo, func() error { return os.Rename(kept, path) })
		return nil
	case unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP: // rename(2), RENAME_EXCHANGE: not every file system has it
	default:
		return fmt.Errorf("%q: %w", path, err)
	}
	if err := os.Rename(path, kept); err != nil {
		return fmt.Errorf("%q: %w", path, cause(err))
	}
	in.undo = append(in.undo, func() error { return os.Rename(kept, path) })
	if err := os.Rename(made, path); err != nil {
		return fmt.Errorf("%q: %w", path, cause(err))
	}
	return nil
}

// realPath returns the absolute path of a directory without symbolic links, as the kernel sees it.
func realPath(dir string) (string, error) {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer unix.Close(fd)
	return os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
}

// cause is the kernel's reason within an error of package os, whose path is named elsewhere.
func cause(err error) error {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return err
}
