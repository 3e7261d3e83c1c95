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

// Exec replaces the program with the command, which it looks up as a shell does. The command keeps
// the pid, the files and the terminal. Exec returns only if that fails, with an [Exit] of status
// 126 or 127.
//
// The signal mask, the ignored signals and the limit on open files (which package syscall restores)
// are what they were before the Go runtime changed them. A program that is linked without the early
// entry does not know all of these: then a signal that was ignored, other than HUP and INT, has its
// default action, and SIGCHLD and some others are not blocked.
func Exec(argv []string) error {
	runtime.LockOSThread() // the mask is the thread's
	proc.Inherited.Restore()
	denied := false
	path, names := candidates(argv[0])
	for _, file := range names {
		err := syscall.Exec(file, argv, os.Environ())
		if errors.Is(err, unix.ENOEXEC) {
			if why := formatOf(file); why != "" {
				return cannot(argv[0], errors.New(why))
			}
			// a script without "#!"
			err = syscall.Exec("/bin/sh", append([]string{"/bin/sh", file}, argv[1:]...), os.Environ())
			err = fmt.Errorf("is not a program, and as a script for /bin/sh: %w", err)
			return cannot(argv[0], err)
		}
		switch errno, _ := errors.AsType[unix.Errno](err); errno {
		case unix.ENOENT, unix.ENOTDIR:
			if unix.Access(file, unix.F_OK) == nil {
				return cannot(argv[0], errors.New("found, but the interpreter of its #! line "+
					"or its dynamic loader is missing"))
			}
		case unix.EACCES: // a later directory may have one that can be executed
			denied = true
		case unix.ENAMETOOLONG, unix.ENODEV, unix.ESTALE, unix.ETIMEDOUT:
			// The directory cannot be reached.
		default:
			return cannot(argv[0], err)
		}
	}
	if denied {
		return cannot(argv[0], unix.EACCES)
	}
	err := fmt.Errorf("command %q: %w", argv[0], unix.ENOENT)
	if path != "" {
		err = fmt.Errorf("command %q: not found in PATH %q", argv[0], path)
	}
	return &Exit{Status: proc.ExitNotFound, Err: err}
}

// formatOf returns why the kernel does not execute a file, or "" if the file may be a script.
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

// candidates returns the files that a command of that name may be: the name itself if it has a
// slash, else a file in each directory of PATH. An empty entry of PATH is the working directory
// (execvp(3)).
func candidates(name string) (path string, files []string) {
	if name == "" || strings.Contains(name, "/") {
		return "", []string{name}
	}
	path, set := os.LookupEnv("PATH")
	if !set {
		path = proc.DefaultPath
	}
	for dir := range strings.SplitSeq(path, ":") {
		if dir != "" {
			dir += "/"
		}
		files = append(files, dir+name)
	}
	return path, files
}
