package proc

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// Place says where a new process is among sessions and process groups.
type Place uint8

const (
	NewSession    Place = iota // leads a session of its own, without a controlling terminal
	TerminalOwner              // leads a session of its own, which has Command.Terminal
	Background                 // leads a process group of its own in the caller's session
	Foreground                 // the same, and that group is the foreground group of Command.Terminal
	SharedGroup                // stays in the caller's process group and session
)

// Command describes a command to start, and records the result.
type Command struct {
	Argv     **byte         // NULL-terminated; Argv[-1] must exist, for a shell's name
	Envp     **byte         // NULL-terminated
	Path     string         // where a name without a slash is searched: [Environment]
	Listen   bool           // LISTEN_PID names the caller, and must name the command
	Place    Place          // its session and process group
	Terminal int            // see Place
	Mask     sig.Set        // its signal mask
	Chld     *sys.Sigaction // its disposition of SIGCHLD

	// The results. The child writes them into the memory that it shares with its parent until its
	// exec. So they stay zero under an emulator that turns every vfork into a fork (qemu-user).

	Errno   sys.Errno // why the exec failed, or 0
	Found   bool      // there was a file to execute
	Format  Format    // what the file is, if Errno is ENOEXEC
	TermErr sys.Errno // why the terminal could not be handed over, or 0
}

// Environment returns what Command needs from an environment: where commands are searched, and
// whether LISTEN_PID names self, the caller. If a variable is there twice, the first counts, as
// for getenv(3).
func Environment(envp **byte, self int32) (path string, listen bool) {
	path = DefaultPath
	hasPath, hasListen := false, false
	for p := envp; *p != nil; p = next(p) {
		// Most entries are told apart by their first letter. A constant of up to 16 letters stays in
		// the code only where it is one side of the comparison. As a parameter, even of an inlined
		// function, it is a string in memory that a plain run does not touch otherwise, and on arm64
		// comparing it is a call of code outside the 64 kB block.
		switch **p {
		case 'P':
			text := sys.String(*p)
			if !hasPath && len(text) >= len(pathVar) && text[:len(pathVar)] == pathVar {
				path, hasPath = text[len(pathVar):], true
			}
		case 'L':
			text := sys.String(*p)
			if !hasListen && len(text) >= len(listenPid) && text[:len(listenPid)] == listenPid {
				listen, hasListen = ascii.ParseDecimal(text[len(listenPid):]) == int64(self), true
			}
		}
	}
	return path, listen
}

// DefaultPath is searched when the environment has no PATH.
const DefaultPath = "/usr/local/bin:/bin:/usr/bin"

// Run starts the command as a child of the caller and returns its pid once the exec has succeeded
// or failed; it failed if Errno is set, and then the child has ended with ExitCannot or
// ExitNotFound. Errors are those of clone(2): EAGAIN (a limit on processes), ENOMEM.
//
// The child is made with vfork's semantics (clone(2), CLONE_VM and CLONE_VFORK): it shares the
// caller's memory, the caller sleeps, and nothing is copied. All signals must be blocked. It is
// for code that runs before the runtime only: the child calls Go code on the caller's stack.
func (s *Command) Run() (pid int32, e sys.Errno) {
	name := *s.Argv
	const flags = unix.CLONE_VFORK | unix.CLONE_VM | uintptr(sig.CHLD)
	r := vfork(flags, s, uintptr(len(s.Path)+len(sys.String(name))+listenPidSize+2))
	if *s.Argv != name { // the command is a script, and the child made an argv for the shell
		*s.Argv = name
	}
	if r > ^uintptr(4095) {
		return -1, sys.Errno(-r)
	}
	return int32(r), 0
}

// child is what the child does, up to the exec. Without a command it ends at once.
//
//lint:ignore U1000 the assembly of vfork calls it
func child(s *Command, scratch unsafe.Pointer) {
	if s == nil {
		sys.Exit(ExitOK)
	}
	switch s.Place {
	case NewSession:
		sys.Setsid()
	case TerminalOwner:
		sys.Setsid()
		s.TermErr = sys.Ioctl(s.Terminal, unix.TIOCSCTTY, 0)
	case Background:
		sys.Setpgid()
	case Foreground:
		sys.Setpgid()
		s.TermErr = sys.IoctlSetInt(s.Terminal, unix.TIOCSPGRP, sys.Getpid())
	}
	if s.Listen {
		n := putListenPid(scratch, sys.Getpid())
		setListen(s.Envp, (*byte)(scratch))
		scratch = unsafe.Add(scratch, n)
	}
	if s.Chld.Handler != sys.SigDfl {
		sys.RtSigaction(sig.CHLD, s.Chld, nil)
	}
	sys.Sigprocmask(s.Mask)
	s.Errno = s.Exec(scratch)
	if s.Found {
		sys.Exit(ExitCannot)
	}
	sys.Exit(ExitNotFound)
}

// Exec is execvp(3): it searches Path for a name without a slash, skips directories that cannot
// be reached, and passes a file that the kernel cannot execute to /bin/sh, if it may be a script.
// It returns only with an error: EACCES if all that was found is a file that may not be executed.
// scratch is memory for a path: len(Path), the length of the name, and 2.
func (s *Command) Exec(scratch unsafe.Pointer) sys.Errno {
	name := sys.String(*s.Argv)
	for i := 0; i < len(name); i++ {
		if name[i] == '/' {
			return s.execFile(*s.Argv)
		}
	}
	if name == "" {
		return unix.ENOENT
	}
	denied := false
	for rest, more := s.Path, true; more; {
		var dir string
		dir, rest, more = ascii.Cut(rest, ':')
		n := put(scratch, 0, dir)
		if n > 0 { // an empty entry is the working directory
			n = put(scratch, n, "/")
		}
		n = put(scratch, n, name)
		put(scratch, n, "\x00")
		switch e := s.execFile((*byte)(scratch)); e {
		case unix.ENOENT, unix.ENOTDIR:
			if s.Found {
				return e // it is there, but its interpreter is not
			}
		case unix.EACCES: // another directory may have one that may be executed
			denied = true
		case unix.ENAMETOOLONG, unix.ENODEV, unix.ESTALE, unix.ETIMEDOUT: // cannot be reached
		default:
			return e
		}
	}
	s.Found = denied
	if denied {
		return unix.EACCES
	}
	return unix.ENOENT
}

// execFile executes one file. Afterwards Found says whether it exists.
func (s *Command) execFile(path *byte) sys.Errno {
	e := sys.Execve(path, s.Argv, s.Envp)
	switch e {
	case unix.ENOENT, unix.ENOTDIR: // either it is missing, or the interpreter that it names is
		s.Found = sys.Access(path) == 0
	case unix.ENOEXEC:
		s.Found = true
		s.Format = formatAt(path)
		if s.Format.Kind != Text {
			return e
		}
		// The entry before the command's argv, init's own option or name, is not needed any more.
		argv := (**byte)(unsafe.Add(unsafe.Pointer(s.Argv), -int(unsafe.Sizeof(s.Argv))))
		*argv = unsafe.StringData(shell)
		*s.Argv = path
		sys.Execve(unsafe.StringData(shell), argv, s.Envp)
	default:
		s.Found = true
	}
	return e
}

const shell = "/bin/sh\x00"

// put copies text to p+n and returns the offset after it. It does not use copy: memmove is
// outside the 64 kB block (ARCHITECTURE.md, "Weight").
func put(p unsafe.Pointer, n int, text string) int {
	for i := 0; i < len(text); i++ {
		*(*byte)(unsafe.Add(p, n)) = text[i]
		n++
	}
	return n
}

const (
	pathVar       = "PATH="
	listenPid     = "LISTEN_PID="
	listenPidSize = len(listenPid) + 10 + 1 // with the longest pid and the NUL
)

// listenPidfdid names the same process as LISTEN_PID, by the inode of its pidfd (systemd 258). A
// program that sees one of another process does not take the sockets; a program that sees none
// compares LISTEN_PID alone.
const listenPidfdid = "LISTEN_PIDFDID="

// setListen replaces the first LISTEN_PID of an environment by entry, and removes every
// LISTEN_PIDFDID.
func setListen(envp **byte, entry *byte) {
	set := false
	to := envp
	for from := envp; ; from = next(from) {
		text := *from
		if text != nil && !set && begins(text, listenPid) {
			set = true
			text = entry
		}
		if text != nil && begins(text, listenPidfdid) {
			continue
		}
		*to = text
		if text == nil {
			return
		}
		to = next(to)
	}
}

// begins reports whether the C string at p begins with prefix.
func begins(p *byte, prefix string) bool {
	text := sys.String(p)
	return len(text) >= len(prefix) && text[:len(prefix)] == prefix
}

// next returns the address after p.
func next(p **byte) **byte { return (**byte)(unsafe.Add(unsafe.Pointer(p), unsafe.Sizeof(p))) }

// putListenPid writes the C string LISTEN_PID=pid to p and returns its size.
func putListenPid(p unsafe.Pointer, pid int32) int {
	n := put(p, 0, listenPid)
	var digits [10]byte
	n = put(p, n, unsafe.String(&digits[0], ascii.PutDecimal(digits[:], uint64(pid))))
	return put(p, n, "\x00")
}
