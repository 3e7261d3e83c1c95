package applets

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"util/applets/init/pid1"
	"util/internal/cli"
	"util/internal/proc"

	"golang.org/x/sys/unix"
)

// installation is a run of --install.
type installation struct {
	dir      string // "" is the directory of util itself
	symbolic bool
	force    bool
	compat   bool // the aliases as well
}

// run makes a link to util for each applet. It looks first and changes nothing if a file is in the way. A link that is
// already there and right stays, so that it can be run again.
func (in *installation) run() error {
	self, err := os.Executable()
	if err != nil {
		return &cli.Exit{Status: proc.ExitFailed, Err: fmt.Errorf("install: own path: %w (is /proc mounted?)", err)}
	}
	dir := in.dir
	if dir == "" {
		dir = filepath.Dir(self)
	}
	var todo []string
	for _, name := range in.names() {
		path := filepath.Join(dir, name)
		switch there, err := in.isInstalled(self, path); {
		case there:
		case err == nil && !in.force:
			return &cli.Exit{Status: proc.ExitFailed, Err: fmt.Errorf("install: %q: exists and is something else; nothing was changed (--force replaces it)", path)}
		default:
			todo = append(todo, path)
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return &cli.Exit{Status: proc.ExitFailed, Err: fmt.Errorf("install: %w", err)}
	}
	for _, path := range todo {
		if err := in.link(self, path); err != nil {
			if errors.Is(err, unix.EXDEV) {
				err = fmt.Errorf("%w (a hard link cannot lead to another file system; -s makes symbolic links)", err)
			}
			return &cli.Exit{Status: proc.ExitFailed, Err: fmt.Errorf("install: %w", err)}
		}
	}
	return nil
}

// names returns what is linked: the applets, and the names under which init is another init if they are wanted.
func (in *installation) names() []string {
	all := names()
	if in.compat {
		all = append(all, pid1.Aliases[:]...)
	}
	return all
}

// isInstalled reports whether path is the link that would be made. The error is that of looking: fs.ErrNotExist if
// nothing is there.
func (in *installation) isInstalled(self, path string) (bool, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return false, err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(path)
		return in.symbolic && target == self, err
	}
	own, err := os.Stat(self)
	return err == nil && os.SameFile(info, own), nil
}

// link makes one link. An existing file is replaced in one step, so that there is always one.
func (in *installation) link(self, path string) error {
	temporary := path
	if in.force {
		temporary = path + ".util-install"
	}
	var err error
	if in.symbolic {
		err = os.Symlink(self, temporary)
	} else {
		err = os.Link(self, temporary)
	}
	if err != nil || temporary == path {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		os.Remove(temporary)
		return err
	}
	return nil
}
