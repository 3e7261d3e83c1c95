package initcmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"util/applets/init/entry"
	"util/applets/init/options"
	"util/applets/init/usage"
	"util/internal/cli"
	"util/internal/proc"
	"util/internal/version"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// run is init under the Go runtime.
func run(_ *cobra.Command, args []string) error {
	argv, err := cstrings(args)
	if err != nil {
		return cli.Usagef("%v", err)
	}
	envp, err := cstrings(os.Environ())
	if err != nil {
		return cli.Usagef("environment: %v", err)
	}
	var o options.Options
	switch p := options.Parse(&o, argv, envp); p.Reason {
	case options.None, options.OtherInit:
		return &cli.Exit{
			Status: proc.ExitFailed,
			Err:    throughEarlyEntry(append([]string{entry.Name}, args...)),
		}
	default:
		return answer(&o, &p)
	}
}

// answer prints what a command line asks for that is not a plain run.
func answer(o *options.Options, p *options.Problem) error {
	if status := usage.Answer(o, p, Linked()); status != proc.ExitOK {
		return &cli.Exit{Status: status}
	}
	return nil
}

// RunAs is init under one of options.Aliases, which argv begins with. It is called only in a
// program without the early entry, or in one whose name the early entry does not know.
func RunAs(argv []string) error {
	envp, err := cstrings(os.Environ())
	if err != nil {
		return cli.Usagef("environment: %v", err)
	}
	var o options.Options
	p := o.ParseEnv(envp)
	if p.Reason == options.None {
		p = o.Check()
	}
	if p.Reason != options.None {
		return answer(&o, &p)
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

// Linked is how this program was linked, for [version.Text].
func Linked() string {
	switch {
	case linkedEarly():
		return version.Early
	case entry.PC() == 0:
		return version.None
	}
	return version.Runtime
}

// linkedEarly reports whether this program entered through the early entry.
func linkedEarly() bool {
	auxv, err := unix.Auxv()
	if err != nil {
		return false
	}
	const atEntry = 9 // AT_ENTRY, getauxval(3)
	for _, pair := range auxv {
		if pair[0] == atEntry {
			return pair[1] == entry.PC()
		}
	}
	return false
}

// throughEarlyEntry executes this program again, by way of the early entry and as the init that
// argv begins with. It returns only with an error.
//
// A program linked with -E only needs the right name. Any other is copied into memory, and the
// entry point in the copy's ELF header is changed. The process then is as it was before the Go
// runtime booted, with two exceptions. In its first milliseconds a signal has had its default
// effect. In the second case, signals that were ignored, other than HUP and INT, are not ignored
// any more: the runtime has set handlers for them and does not tell what was there before.
func throughEarlyEntry(argv []string) error {
	if entry.PC() == 0 {
		return errors.New("cannot run on linux/" + runtime.GOARCH +
			": init runs before the Go runtime boots, and util has no early entry for this architecture")
	}
	path := "/proc/self/exe"
	if linkedEarly() {
		if os.Args[0] == argv[0] {
			return errors.New("the early entry did not recognize a plain run: a bug in util")
		}
	} else {
		fd, err := earlyCopy(path)
		if err != nil {
			return fmt.Errorf("%w (a util that was linked with -ldflags '-E _rt0_util' does not need this)",
				err)
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
	const offsetOfEntry = 24 // e_entry, elf(5): a word of this machine
	pc := entry.PC()
	address := unsafe.Slice((*byte)(unsafe.Pointer(&pc)), unsafe.Sizeof(pc))
	if _, err := memory.WriteAt(address, offsetOfEntry); err != nil {
		return -1, fmt.Errorf("re-execute: %w", err)
	}
	// The duplicate outlives memory, whose finalizer closes the original.
	fd, err = unix.FcntlInt(memory.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return -1, fmt.Errorf("re-execute: fcntl: %w", err)
	}
	return fd, nil
}
