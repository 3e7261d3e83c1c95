package initcmd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"

	"util/applets/init/pid1"
	"util/internal/cli"
	"util/internal/proc"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// run is init under the Go runtime.
func run(c *cobra.Command, args []string) error {
	argv, err := cstrings(args)
	if err != nil {
		return cli.Usagef("%v", err)
	}
	envp, err := cstrings(os.Environ())
	if err != nil {
		return cli.Usagef("environment: %v", err)
	}
	var o pid1.Options
	switch p := pid1.Parse(&o, argv, envp); p.Reason {
	case pid1.None, pid1.Impersonates:
		return &cli.Exit{Status: proc.ExitFailed, Err: throughEarlyEntry(append([]string{pid1.Name}, args...))}
	case pid1.WantsHelp:
		return c.Help()
	case pid1.WantsVersion:
		return cli.ErrVersion
	default:
		return usageError(&o, p)
	}
}

// RunAs is init under one of pid1.Aliases, which argv begins with. Only a program without the early entry comes here, one
// whose name the early entry does not know, or one with a bad variable of init's.
func RunAs(argv []string) error {
	envp, err := cstrings(os.Environ())
	if err != nil {
		return cli.Usagef("environment: %v", err)
	}
	var o pid1.Options
	p := o.ParseEnv(envp)
	if p.Reason == pid1.None {
		p = o.Check()
	}
	if p.Reason != pid1.None {
		return usageError(&o, p)
	}
	return &cli.Exit{Status: proc.ExitFailed, Err: throughEarlyEntry(argv)}
}

// cstrings makes C strings of Go strings.
func cstrings(texts []string) ([]*byte, error) {
	all := make([]*byte, 0, len(texts))
	for _, text := range texts {
		p, err := unix.BytePtrFromString(text)
		if err != nil {
			return nil, fmt.Errorf("%q: holds a NUL byte", text)
		}
		all = append(all, p)
	}
	return all, nil
}

// LinkedEarly reports whether this program entered through the early entry.
func LinkedEarly() bool {
	auxv, err := unix.Auxv()
	if err != nil {
		return false
	}
	const atEntry = 9 // AT_ENTRY, getauxval(3)
	for _, pair := range auxv {
		if pair[0] == atEntry {
			return pair[1] == pid1.EntryPC()
		}
	}
	return false
}

// throughEarlyEntry executes this program anew, through the early entry and as the init that argv begins with. It returns only with an error.
//
// A program linked with -E needs no more than the right name. Any other is copied into memory, with the entry point
// in the copy's ELF header changed. The process then is as it was before the Go runtime booted, but for the first
// milliseconds, in which a signal has its default effect; and, in the second case, but for signals that were ignored,
// other than HUP and INT: the runtime has set handlers for them and keeps to itself what was there before.
func throughEarlyEntry(argv []string) error {
	path := "/proc/self/exe"
	if LinkedEarly() {
		if os.Args[0] == argv[0] {
			return errors.New("the early entry took no notice of a plain run: a bug in util")
		}
	} else {
		fd, err := earlyCopy(path)
		if err != nil {
			return fmt.Errorf("%w (a util that was linked with -ldflags '-E _rt0_util' does not need this)", err)
		}
		path = fmt.Sprintf("/proc/self/fd/%d", fd)
	}

	runtime.LockOSThread() // the mask is the thread's
	proc.Inherited.Restore()
	return fmt.Errorf("exec %s: %w", path, syscall.Exec(path, argv, os.Environ()))
}

// earlyCopy copies the program at path into a memfd(2) whose entry point is the early entry.
func earlyCopy(path string) (fd int, err error) {
	program, err := os.Open(path)
	if err != nil {
		return -1, fmt.Errorf("re-execute: %w", err)
	}
	defer program.Close()
	fd, err = unix.MemfdCreate("util", unix.MFD_CLOEXEC|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3 there is no MFD_EXEC, and none is needed
		fd, err = unix.MemfdCreate("util", unix.MFD_CLOEXEC)
	}
	if err != nil {
		return -1, fmt.Errorf("re-execute: memfd_create: %w", err)
	}
	memory := os.NewFile(uintptr(fd), "util")
	defer runtime.KeepAlive(memory)
	if _, err := io.Copy(memory, program); err != nil {
		return -1, fmt.Errorf("re-execute: %w", err)
	}
	const offsetOfEntry = 24 // e_entry, elf(5)
	var entry [8]byte
	binary.LittleEndian.PutUint64(entry[:], uint64(pid1.EntryPC()))
	if _, err := memory.WriteAt(entry[:], offsetOfEntry); err != nil {
		return -1, fmt.Errorf("re-execute: %w", err)
	}
	// The duplicate outlives memory, whose finalizer closes the original.
	fd, err = unix.FcntlInt(memory.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return -1, fmt.Errorf("re-execute: fcntl: %w", err)
	}
	return fd, nil
}
