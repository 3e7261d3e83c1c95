package procfs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// This file reads what can make its reader wait: the arguments of a process, for which the kernel takes the lock of its memory
// and may have to read them from a disk; and the file that it executes, of which the file system is asked, be it one of a server
// that is gone.

// ErrSilent says that the kernel did not tell something about a process in time.
var ErrSilent = errors.New("the kernel does not answer")

// How long a read may take. After the first that took longer, the others get less, so that a thousand of them are no hang either.
const (
	patience     = time.Second
	lessPatience = 20 * time.Millisecond
)

// patiently runs read and returns what it returns, or ErrSilent when the time is up. A read that was given up goes on in its own
// thread until the process ends, and does no harm there.
func patiently[T any](fs *FS, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	limit := patience
	if fs.silent {
		limit = lessPatience
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case r := <-done:
		return r.value, r.err
	case <-timer.C:
		fs.silent = true
		var none T
		return none, ErrSilent
	}
}

// mostArguments is more than execve(2) takes: three quarters of 8 MB. A process can make the kernel show more of its memory.
const mostArguments = 8 << 20

// Cmdline returns the arguments of a process, nil if it has none: a zombie, a kernel thread. Errors: [ErrGone], [ErrSilent].
func (fs *FS) Cmdline(pid int) ([]string, error) {
	text, err := patiently(fs, func() ([]byte, error) {
		file, err := os.Open(path(pid, "cmdline"))
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return io.ReadAll(io.LimitReader(file, mostArguments))
	})
	if err != nil || len(text) == 0 {
		return nil, explain(pid, "cmdline", err)
	}
	return strings.Split(strings.TrimRight(string(text), "\x00"), "\x00"), nil
}

// Exe returns the path of the program that a process executes, as its own mount namespace knows it. The kernel tells
// only those who may trace the process (ptrace(2)): others get EACCES. A program that was deleted or replaced since
// keeps its path. Errors: [ErrGone], also for a kernel thread or a zombie; [ErrSilent].
func (fs *FS) Exe(pid int) (string, error) {
	exe, err := patiently(fs, func() (string, error) { return os.Readlink(path(pid, "exe")) })
	if shorter, ok := strings.CutSuffix(exe, " (deleted)"); ok {
		if file, err := fs.ExeFile(pid); err != nil || file != fs.FileAt(exe) { // else that is its name
			exe = shorter
		}
	}
	return exe, explain(pid, "exe", err)
}

// File is a file, whatever path leads to it.
type File struct{ Dev, Inode uint64 }

// FileAt returns the file at a path in the file system of the caller, behind symbolic links; the zero value if there is none.
func (fs *FS) FileAt(name string) File {
	file, _ := patiently(fs, func() (File, error) { return stat(name) })
	return file
}

// ExeFile returns the file that a process executes. Errors are those of [FS.Exe].
func (fs *FS) ExeFile(pid int) (File, error) {
	file, err := patiently(fs, func() (File, error) { return stat(path(pid, "exe")) })
	return file, explain(pid, "exe", err)
}

// FileOf is [FS.FileAt] in the file system of a process, which may be another container's (openat2(2), RESOLVE_IN_ROOT, Linux 5.6).
func (fs *FS) FileOf(pid int, name string) File {
	file, _ := patiently(fs, func() (File, error) {
		root, err := unix.Open(path(pid, "root"), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return File{}, err
		}
		defer unix.Close(root)
		fd, err := unix.Openat2(root, name, &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
		if err != nil {
			return File{}, err
		}
		defer unix.Close(fd)
		var st unix.Stat_t
		err = unix.Fstat(fd, &st)
		return File{uint64(st.Dev), st.Ino}, err
	})
	return file
}

// PIDNamespace returns which PID namespace a process is in (pid_namespaces(7)). Errors are those of [FS.Exe].
func (fs *FS) PIDNamespace(pid int) (File, error) {
	file, err := stat(path(pid, "ns/pid"))
	return file, explain(pid, "ns/pid", err)
}

func stat(name string) (File, error) {
	var st unix.Stat_t
	err := unix.Stat(name, &st)
	return File{uint64(st.Dev), st.Ino}, err
}

func path(pid int, file string) string { return "/proc/" + strconv.Itoa(pid) + "/" + file }

// explain gives an error about a file of a process the form that all have here.
func explain(pid int, file string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ESRCH):
		return ErrGone
	}
	var in *os.PathError
	if errors.As(err, &in) {
		err = in.Err
	}
	return fmt.Errorf("%s: %w", path(pid, file), err)
}
