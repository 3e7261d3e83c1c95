package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"syscall"

	"util/internal/proc"

	"golang.org/x/sys/unix"
)

// Exec replaces the program by the command, looked up as a shell does, so that its status, its signals, its files
// and its terminal are its own. It returns only if that fails, with an [Exit] of status 126 or 127.
//
// What the Go runtime changed is as it was before: the limit on open files (which package syscall restores), the signal
// mask and the ignored signals. Only a program that is linked without the early entry does not know all of these: there
// signals that were ignored, other than HUP and INT, are not any more, and SIGCHLD and the like are not blocked.
func Exec(argv []string) error {
	runtime.LockOSThread() // the mask is the thread's
	proc.Inherited.Restore()
	denied := false
	path, names := candidates(argv[0])
	for _, file := range names {
		err := syscall.Exec(file, argv, os.Environ())
		if err == unix.ENOEXEC {
			if why := formatOf(file); why != "" {
				return cannot(argv[0], errors.New(why))
			}
			// a script without "#!"
			err = syscall.Exec("/bin/sh", append([]string{"/bin/sh", file}, argv[1:]...), os.Environ())
			return cannot(argv[0], fmt.Errorf("is no program, and as a script for /bin/sh: %w", err))
		}
		switch err {
		case unix.ENOENT, unix.ENOTDIR:
			if unix.Access(file, unix.F_OK) == nil {
				return cannot(argv[0], errors.New("the interpreter that it names is missing"))
			}
		case unix.EACCES: // another directory may have one that may be executed
			denied = true
		case unix.ENAMETOOLONG, unix.ENODEV, unix.ESTALE, unix.ETIMEDOUT: // a directory that cannot be reached
		default:
			return cannot(argv[0], err)
		}
	}
	if denied {
		return cannot(argv[0], unix.EACCES)
	}
	if path == "" {
		return &Exit{Status: proc.ExitNotFound, Err: fmt.Errorf("command %q: %w", argv[0], unix.ENOENT)}
	}
	return &Exit{Status: proc.ExitNotFound, Err: fmt.Errorf("command %q: not found in PATH %q", argv[0], path)}
}

// formatOf says why the kernel does not execute a file that is no script either; "" if it may be a script.
func formatOf(file string) string {
	f, err := os.Open(file)
	if err != nil {
		return ""
	}
	defer f.Close()
	head := make([]byte, proc.FormatSize)
	n, _ := io.ReadFull(f, head)
	format := proc.FormatOf(head[:n])
	if format.Kind == proc.Text {
		return ""
	}
	var here unix.Utsname
	_ = unix.Uname(&here)
	why := format.Why(unix.ByteSliceToString(here.Machine[:]))
	return strings.Join(why[:], "")
}

func cannot(name string, err error) error {
	return &Exit{Status: proc.ExitCannot, Err: fmt.Errorf("command %q: %w", name, err)}
}

// candidates returns the files that a command of that name may be: itself if it has a slash, else one for each directory
// of PATH, an empty entry being the working directory (execvp(3)).
func candidates(name string) (path string, files []string) {
	if name == "" || strings.Contains(name, "/") {
		return "", []string{name}
	}
	path, set := os.LookupEnv("PATH")
	if !set {
		path = proc.DefaultPath
	}
	for _, dir := range strings.Split(path, ":") {
		if dir != "" {
			dir += "/"
		}
		files = append(files, dir+name)
	}
	return path, files
}
