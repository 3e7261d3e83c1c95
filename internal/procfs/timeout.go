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

// The reads in this file can block. To read the arguments of a process, the kernel takes the lock
// of its memory map and may have to read pages from disk. To examine the file that it executes, the
// kernel asks the file system, which may be on an unreachable server.

// ErrTimeout means that the kernel did not answer a question about a process in time.
var ErrTimeout = errors.New("the kernel did not answer in time")

// The time limits of a read. After the first read that took too long, the shorter limit applies, so
// that many such reads do not add up to a hang.
const (
	firstLimit = time.Second
	laterLimit = 20 * time.Millisecond
)

// withTimeout calls read and returns its results, or ErrTimeout when the time limit is reached.
// After a timeout, read continues in its own thread until the program ends, which does no harm.
func withTimeout[T any](fs *FS, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	limit := firstLimit
	if fs.slow {
		limit = laterLimit
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
		fs.slow = true
		var none T
		return none, ErrTimeout
	}
}

// maxArguments limits how many bytes of arguments are read. It is more than execve(2) accepts
// (three quarters of 8 MB). A process can make the kernel show more of its memory than its
// arguments.
const maxArguments = 8 << 20

// Cmdline returns the arguments of a process, or nil if it has none, as a zombie or a kernel
// thread. Errors: [ErrGone], [ErrTimeout].
func (fs *FS) Cmdline(pid int) ([]string, error) {
	text, err := withTimeout(fs, func() ([]byte, error) {
		file, err := os.Open(path(pid, "cmdline"))
		if err != nil {
			return nil, err
		}
		defer file.Close()
		return io.ReadAll(io.LimitReader(file, maxArguments))
	})
	if err != nil || len(text) == 0 {
		return nil, explain(pid, "cmdline", err)
	}
	return strings.Split(strings.TrimRight(string(text), "\x00"), "\x00"), nil
}

// Exe returns the path of the program that a process executes, as seen in the mount namespace of
// that process. A program that has been deleted or replaced keeps its path. Errors: [ErrGone], also
// for a kernel thread or a zombie; [ErrTimeout]; EACCES if the caller may not trace the process
// (ptrace(2)).
func (fs *FS) Exe(pid int) (string, error) {
	exe, err := withTimeout(fs, func() (string, error) { return os.Readlink(path(pid, "exe")) })
	if shorter, ok := strings.CutSuffix(exe, " (deleted)"); ok {
		// A program can also have a name that ends with " (deleted)".
		if file, err := fs.ExeFile(pid); err != nil || file != fs.FileAt(exe) {
			exe = shorter
		}
	}
	return exe, explain(pid, "exe", err)
}

// File identifies a file, independently of its path.
type File struct{ Dev, Inode uint64 }

// FileAt returns the file at a path in the mount namespace of the caller. It follows symbolic
// links. The result is the zero value if there is no such file.
func (fs *FS) FileAt(name string) File {
	file, _ := withTimeout(fs, func() (File, error) { return stat(name) })
	return file
}

// ExeFile returns the file that a process executes. Errors: as [FS.Exe].
func (fs *FS) ExeFile(pid int) (File, error) {
	file, err := withTimeout(fs, func() (File, error) { return stat(path(pid, "exe")) })
	return file, explain(pid, "exe", err)
}

// FileOf is [FS.FileAt] for a path below the root directory of a process, which may be in another
// container. It needs RESOLVE_IN_ROOT of openat2(2), Linux 5.6.
func (fs *FS) FileOf(pid int, name string) File {
	file, _ := withTimeout(fs, func() (File, error) {
		root, err := unix.Open(path(pid, "root"), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return File{}, err
		}
		defer unix.Close(root)
		how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
		fd, err := unix.Openat2(root, name, &how)
		if err != nil {
			return File{}, err
		}
		defer unix.Close(fd)
		var st unix.Stat_t
		err = unix.Fstat(fd, &st)
		return fileOf(&st), err
	})
	return file
}

// PIDNamespace returns the PID namespace of a process (pid_namespaces(7)). Errors: as [FS.Exe].
func (fs *FS) PIDNamespace(pid int) (File, error) {
	file, err := stat(path(pid, "ns/pid"))
	return file, explain(pid, "ns/pid", err)
}

func stat(name string) (File, error) {
	var st unix.Stat_t
	err := unix.Stat(name, &st)
	return fileOf(&st), err
}

func fileOf(st *unix.Stat_t) File {
	return File{uint64(st.Dev), st.Ino} //nolint:unconvert // it has 32 bits on mips
}

func path(pid int, file string) string { return "/proc/" + strconv.Itoa(pid) + "/" + file }

// explain converts an error about a file of a process to the form that this package returns.
func explain(pid int, file string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ESRCH):
		return ErrGone
	}
	if in, ok := errors.AsType[*os.PathError](err); ok {
		err = in.Err
	}
	return fmt.Errorf("%s: %w", path(pid, file), err)
}
