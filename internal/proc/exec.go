package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Exec replaces the program by the command argv, as execvp(3) does: it searches PATH for a name without a slash, goes on
// behind what cannot be reached, and gives a file that is no executable format to /bin/sh. It returns only with an
// error, and the exit status for it: [ExitNotFound] or [ExitCannot].
//
// It is for programs under the Go runtime; what runs before it starts its command with [Start].
func Exec(argv []string) (status int, err error) {
	name := argv[0]
	if name == "" || strings.Contains(name, "/") {
		return execFile(name, argv)
	}
	path, set := os.LookupEnv("PATH")
	if !set {
		path = DefaultPath
	}
	status, err = ExitNotFound, fmt.Errorf("%q: not found in %s", name, path)
	for _, dir := range strings.Split(path, ":") { // an empty entry is the working directory
		s, e := execFile(filepath.Join(dir, name), argv)
		switch {
		case s == ExitNotFound:
		case errors.Is(e, fs.ErrPermission): // another directory may have one that may be executed
			status, err = s, e
		default:
			return s, e
		}
	}
	return status, err
}

// execFile executes one file.
func execFile(path string, argv []string) (status int, err error) {
	err = syscall.Exec(path, argv, os.Environ())
	if errors.Is(err, unix.ENOEXEC) {
		_ = syscall.Exec("/bin/sh", append([]string{"/bin/sh", path}, argv[1:]...), os.Environ())
	}
	status = ExitCannot
	if _, missing := os.Stat(path); missing != nil { // else it names an interpreter that is missing
		status = ExitNotFound
	}
	return status, fmt.Errorf("%q: %w", path, err)
}
