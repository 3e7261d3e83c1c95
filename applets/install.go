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

// installation is one run of --install.
type installation struct {
	dir      string   // "" is the directory of util itself
	names    []string // of the links
	symbolic bool
	force    bool
	compat   bool // include the names of other inits

	self string         // the program's own file, without symbolic links
	real string         // dir, without symbolic links
	undo []func() error // to be called in reverse order if not every link can be made

	// old is a directory in dir with the files that --force has replaced. It is removed once all is
	// done; "" if there is none yet.
	old string
}

// take reads the arguments: a directory, then the names of the links.
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
		return cli.Usagef("name %q: cannot be combined with --compat, which links all names", args[1])
	}
	for _, name := range args[1:] {
		if !slices.Contains(all, name) {
			return cli.Usagef("name %s", unknown(name, all))
		}
		if !slices.Contains(in.names, name) {
			in.names = append(in.names, name)
		}
	}
	if _, err := os.Stat(in.dir); err != nil && slices.Contains(all, in.dir) {
		return cli.Usagef("directory %q: is the name of an applet; the directory comes first "+
			"(use ./%s for a directory of that name)", in.dir, in.dir)
	}
	return nil
}

// run makes a link to util for each name. If one cannot be made, it undoes the others. A name that
// already leads to util stays as it is, so that --install can be repeated. Without --force, nothing
// is changed if a name is that of another file.
func (in *installation) run() error {
	// These signals must not leave half an installation. They are ignored.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM)
	defer signal.Stop(signals)

	err := in.install()
	if err != nil {
		for _, undo := range slices.Backward(in.undo) {
			if why := undo(); why != nil && in.old != "" {
				err = errors.Join(err, fmt.Errorf("not everything could be undone: "+
					"the replaced files are in %q: %w", in.old, why))
				in.old = "" // it must not be removed: it has the only copy
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
	missing, inTheWay, err := in.check()
	if err != nil {
		return err
	}
	if err := in.makeDir(in.dir); err != nil {
		return err
	}
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

// check returns the names that do not exist, and those that are other files, which --force
// replaces. It is an error if such a file cannot or must not be replaced.
func (in *installation) check() (missing, inTheWay []string, err error) {
	for _, name := range in.names {
		path := in.path(name)
		info, err := os.Lstat(path)
		switch {
		case err != nil: // if the link cannot be made either, that error has the reason
			missing = append(missing, name)
		case in.leadsHere(path):
		case info.IsDir():
			return nil, nil, fmt.Errorf("%q: is a directory; nothing was changed", path)
		case !in.force:
			return nil, nil, fmt.Errorf("%q: exists and does not lead to util; nothing was changed "+
				"(--force replaces it)", path)
		default:
			inTheWay = append(inTheWay, name)
		}
	}
	return missing, inTheWay, nil
}

// findSelf finds the program's own file. A program has none if the file was removed, or if it was
// executed from memory.
func (in *installation) findSelf() (err error) {
	const magic = "/proc/self/exe" // leads to the file itself, even if its name has changed (proc(5))
	in.self, err = os.Readlink(magic)
	if err != nil {
		return fmt.Errorf("own path: %w (is /proc mounted?)", cause(err))
	}
	if !sameFile(in.self, magic) {
		return fmt.Errorf("own path %q: does not lead to this program: "+
			"the file was removed, or the program runs from memory", in.self)
	}
	return nil
}

// path returns the path of a name in the directory. The directory stays as it was given, because
// "link/.." is the parent of what the link leads to: filepath.Join would remove both.
func (in *installation) path(name string) string {
	return strings.TrimRight(in.dir, "/") + "/" + name
}

// leadsHere reports whether path leads to util, through any links.
func (in *installation) leadsHere(path string) bool { return sameFile(path, in.self) }

func sameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// makeDir makes a directory and its missing parents.
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
	case !errors.Is(err, fs.ErrExist): // "a/." exists as soon as "a" does
		return fmt.Errorf("%q: %w", dir, cause(err))
	}
	return nil
}

// link makes a link to util at path, which must not exist.
func (in *installation) link(path string) error {
	var err error
	if in.symbolic {
		err = os.Symlink(in.target(), path)
	} else {
		err = os.Link(in.self, path)
	}
	switch {
	case errors.Is(err, unix.EXDEV):
		return fmt.Errorf("%q: %w (a hard link cannot lead to another file system; "+
			"-s makes symbolic links)", path, cause(err))
	case err != nil:
		return fmt.Errorf("%q: %w", path, cause(err))
	case !in.leadsHere(path):
		os.Remove(path)
		return fmt.Errorf("%q: would not lead to util: %q is another file there", path, in.target())
	}
	return nil
}

// target returns the target of a symbolic link in the directory. It is relative if util's own file
// and the directory share a parent other than the root directory. So the link stays valid in a tree
// that is built in one place and used as the root directory in another.
func (in *installation) target() string {
	common := top(in.real)
	relative, err := filepath.Rel(in.real, in.self)
	if err != nil || common == "" || common != top(filepath.Dir(in.self)) {
		return in.self
	}
	return relative
}

// top returns the first component of an absolute path: "usr" for "/usr/sbin", "" for "/".
func top(dir string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(dir, "/"), "/")
	return name
}

// replace replaces a file with a link. The name always exists, except on a file system that cannot
// exchange two files in one step.
func (in *installation) replace(name string) (err error) {
	if in.old == "" {
		if in.old, err = os.MkdirTemp(in.dir, ".util-install-"); err != nil {
			return fmt.Errorf("%q: %w", in.dir, cause(err))
		}
	}
	path, kept := in.path(name), filepath.Join(in.old, name)
	made := in.old + "." + name // in the same directory as path, because the link may be relative
	if err := in.link(made); err != nil {
		return err
	}
	defer os.Remove(made)
	exchange := func() error {
		return unix.Renameat2(unix.AT_FDCWD, made, unix.AT_FDCWD, path, unix.RENAME_EXCHANGE)
	}
	err = exchange()
	if err == nil {
		if err := os.Rename(made, kept); err != nil {
			return errors.Join(fmt.Errorf("%q: %w", path, cause(err)), exchange())
		}
		in.undo = append(in.undo, func() error { return os.Rename(kept, path) })
		return nil
	}
	switch errno, _ := errors.AsType[unix.Errno](err); errno {
	case unix.EINVAL, unix.ENOSYS, unix.EOPNOTSUPP:
		// Not every file system has RENAME_EXCHANGE (rename(2)).
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

// cause returns the errno in an error of package os. The message has the path already.
func cause(err error) error {
	if errno, ok := errors.AsType[unix.Errno](err); ok {
		return errno
	}
	return err
}
