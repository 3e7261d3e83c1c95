package faults_test

import (
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// call is a system call of init, and with which errors it is made to fail.
type call struct {
	nr     int
	name   string
	use    string          // what init does with it
	errnos []syscall.Errno // those that its manual page lists; section 2
	// elsewhere says where the call is made, if no scenario makes it fail.
	elsewhere string
}

// filter are the errors that seccomp filters return: of container engines (EPERM, ENOSYS) and of
// sandboxes (EACCES). A kernel that does not know a call returns ENOSYS.
var filter = []syscall.Errno{unix.EPERM, unix.ENOSYS, unix.EACCES}

// errors returns the errors with which the call is made to fail.
func (c *call) errors() []syscall.Errno {
	all := slices.Concat(filter, c.errnos)
	slices.Sort(all)
	return slices.Compact(all)
}

// calls are all system calls that init makes. TestCalls compares the list with util-init.
var calls = []call{
	{
		nr: unix.SYS_READ, name: "read",
		use: "reads /proc",
		errnos: []syscall.Errno{
			unix.EAGAIN, unix.EBADF, unix.EFAULT, unix.EINTR, unix.EINVAL, unix.EIO,
			unix.EISDIR, unix.ESRCH,
		},
	},
	{
		nr: unix.SYS_WRITE, name: "write",
		use: "prints messages and help",
		errnos: []syscall.Errno{
			unix.EAGAIN, unix.EBADF, unix.EDESTADDRREQ, unix.EDQUOT, unix.EFAULT, unix.EFBIG,
			unix.EINTR, unix.EINVAL, unix.EIO, unix.ENOSPC, unix.EPIPE,
		},
	},
	{
		nr: unix.SYS_CLOSE, name: "close",
		use: "closes files",
		errnos: []syscall.Errno{
			unix.EBADF, unix.EINTR, unix.EIO, unix.ENOSPC, unix.EDQUOT,
		},
	},
	{
		nr: unix.SYS_FSTAT, name: "fstat",
		use: "what stderr is; whom a termination log belongs to",
		errnos: []syscall.Errno{
			unix.EBADF, unix.EFAULT, unix.ENOMEM, unix.EOVERFLOW,
		},
	},
	{
		nr: unix.SYS_LSEEK, name: "lseek",
		use: "reads /proc again",
		errnos: []syscall.Errno{
			unix.EBADF, unix.EINVAL, unix.ENXIO, unix.EOVERFLOW, unix.ESPIPE,
		},
	},
	{
		nr: unix.SYS_RT_SIGACTION, name: "rt_sigaction",
		use: "the disposition of SIGCHLD",
		errnos: []syscall.Errno{
			unix.EFAULT, unix.EINVAL,
		},
	},
	{
		nr: unix.SYS_RT_SIGPROCMASK, name: "rt_sigprocmask",
		use: "blocks all signals",
		errnos: []syscall.Errno{
			unix.EFAULT, unix.EINVAL,
		},
	},
	{
		nr: unix.SYS_IOCTL, name: "ioctl",
		use: "the foreground group of the terminal; the status of what the kernel has reaped",
		errnos: []syscall.Errno{
			unix.EBADF, unix.EFAULT, unix.EINVAL, unix.ENOTTY, unix.EPERM, unix.ESRCH,
			unix.EIO,
		},
	},
	{
		nr: unix.SYS_MADVISE, name: "madvise",
		use: "gives back memory",
		errnos: []syscall.Errno{
			unix.EAGAIN, unix.EBADF, unix.EINVAL, unix.EIO, unix.ENOMEM,
		},
	},
	{
		nr: unix.SYS_GETPID, name: "getpid",
		use: "its own number",
	},
	{
		nr: unix.SYS_SENDTO, name: "sendto",
		use: "prints messages to a socket",
		errnos: []syscall.Errno{
			unix.EACCES, unix.EAGAIN, unix.EBADF, unix.ECONNRESET, unix.EDESTADDRREQ,
			unix.EFAULT, unix.EINTR, unix.EINVAL, unix.EISCONN, unix.EMSGSIZE, unix.ENOBUFS,
			unix.ENOMEM, unix.ENOTCONN, unix.ENOTSOCK, unix.EOPNOTSUPP, unix.EPIPE,
		},
	},
	{
		nr: unix.SYS_CLONE, name: "clone",
		use: "starts the command",
		errnos: []syscall.Errno{
			unix.EACCES, unix.EAGAIN, unix.EINVAL, unix.ENOMEM, unix.ENOSPC, unix.EPERM,
			unix.EUSERS,
		},
	},
	{
		nr: unix.SYS_EXIT_GROUP, name: "exit_group",
		use: "ends",
	},
	{
		nr: unix.SYS_WAIT4, name: "wait4",
		use: "reaps",
		errnos: []syscall.Errno{
			unix.EAGAIN, unix.ECHILD, unix.EINTR, unix.EINVAL, unix.ESRCH,
		},
	},
	{
		nr: unix.SYS_KILL, name: "kill",
		use: "forwards signals; KILL",
		errnos: []syscall.Errno{
			unix.EINVAL, unix.EPERM, unix.ESRCH,
		},
	},
	{
		nr: unix.SYS_UNAME, name: "uname",
		use: "for the message that a program is for another machine",
		errnos: []syscall.Errno{
			unix.EFAULT,
		},
	},
	{
		nr: unix.SYS_FCNTL, name: "fcntl",
		use: "keeps its files above 2",
		errnos: []syscall.Errno{
			unix.EACCES, unix.EAGAIN, unix.EBADF, unix.EBUSY, unix.EDEADLK, unix.EFAULT,
			unix.EINTR, unix.EINVAL, unix.EMFILE, unix.ENOLCK, unix.ENOTDIR, unix.EPERM,
		},
	},
	{
		nr: unix.SYS_FTRUNCATE, name: "ftruncate",
		use: "begins the termination log",
		errnos: []syscall.Errno{
			unix.EBADF, unix.EINTR, unix.EINVAL, unix.EFBIG, unix.EIO, unix.EPERM, unix.EROFS,
			unix.ETXTBSY,
		},
	},
	{
		nr: unix.SYS_GETCWD, name: "getcwd",
		use: "the place of a termination log, before it changes to /",
		errnos: []syscall.Errno{
			unix.EACCES, unix.EFAULT, unix.EINVAL, unix.ENAMETOOLONG, unix.ENOENT, unix.ENOMEM,
			unix.ERANGE,
		},
	},
	{
		nr: unix.SYS_CHDIR, name: "chdir",
		use: "changes to /",
		errnos: []syscall.Errno{
			unix.EACCES, unix.EFAULT, unix.EIO, unix.ELOOP, unix.ENAMETOOLONG, unix.ENOENT,
			unix.ENOMEM, unix.ENOTDIR,
		},
	},
	{
		nr: unix.SYS_PTRACE, name: "ptrace",
		use: "continues a command that made init its tracer",
		errnos: []syscall.Errno{
			unix.EBUSY, unix.EFAULT, unix.EINVAL, unix.EIO, unix.EPERM, unix.ESRCH,
		},
	},
	{
		nr: unix.SYS_GETEUID, name: "geteuid",
		use: "who may own a termination log",
	},
	{
		nr: unix.SYS_GETPPID, name: "getppid",
		use: "whether the parent has ended, for --parent-death",
	},
	{
		nr: unix.SYS_SETPGID, name: "setpgid",
		use: "the group of the command",
		errnos: []syscall.Errno{
			unix.EACCES, unix.EINVAL, unix.EPERM, unix.ESRCH,
		},
		elsewhere: "made by the child, before it is the command",
	},
	{
		nr: unix.SYS_SETSID, name: "setsid",
		use: "the session of the command",
		errnos: []syscall.Errno{
			unix.EPERM,
		},
		elsewhere: "made by the child, before it is the command",
	},
	{
		nr: unix.SYS_GETPGID, name: "getpgid",
		use: "its own group, below a shell",
		errnos: []syscall.Errno{
			unix.ESRCH,
		},
	},
	{
		nr: unix.SYS_GETSID, name: "getsid",
		use: "whether it leads the terminal's session",
		errnos: []syscall.Errno{
			unix.EPERM, unix.ESRCH,
		},
	},
	{
		nr: unix.SYS_RT_SIGPENDING, name: "rt_sigpending",
		use: "what giving up the terminal brought",
		errnos: []syscall.Errno{
			unix.EFAULT,
		},
	},
	{
		nr: unix.SYS_RT_SIGTIMEDWAIT, name: "rt_sigtimedwait",
		use: "waits for signals",
		errnos: []syscall.Errno{
			unix.EAGAIN, unix.EINTR, unix.EINVAL,
		},
	},
	{
		nr: unix.SYS_FSTATFS, name: "fstatfs",
		use: "whether a termination log is in /proc",
		errnos: []syscall.Errno{
			unix.EBADF, unix.EFAULT, unix.EINTR, unix.EIO, unix.ENOMEM, unix.ENOSYS,
			unix.EOVERFLOW,
		},
	},
	{
		nr: unix.SYS_PRCTL, name: "prctl",
		use: "becomes a subreaper; --parent-death",
		errnos: []syscall.Errno{
			unix.EACCES, unix.EBADF, unix.EBUSY, unix.EFAULT, unix.EINVAL, unix.ENODEV,
			unix.ENXIO, unix.EOPNOTSUPP, unix.EPERM,
		},
	},
	{
		nr: unix.SYS_ARCH_PRCTL, name: "arch_prctl",
		use: "makes the stand-in for g known",
		errnos: []syscall.Errno{
			unix.EFAULT, unix.EINVAL, unix.ENODEV, unix.EPERM,
		},
	},
	{
		nr: unix.SYS_GETDENTS64, name: "getdents64",
		use: "lists /proc",
		errnos: []syscall.Errno{
			unix.EBADF, unix.EFAULT, unix.EINVAL, unix.ENOENT, unix.ENOTDIR,
		},
	},
	{
		nr: unix.SYS_CLOCK_GETTIME, name: "clock_gettime",
		use: "deadlines; times in messages",
		errnos: []syscall.Errno{
			unix.EACCES, unix.EFAULT, unix.EINVAL, unix.ENODEV, unix.ENOTSUP, unix.EPERM,
		},
	},
	{
		nr: unix.SYS_WAITID, name: "waitid",
		use: "reaps; whether there are more children",
		errnos: []syscall.Errno{
			unix.EAGAIN, unix.ECHILD, unix.EINTR, unix.EINVAL, unix.ESRCH,
		},
	},
	{
		nr: unix.SYS_OPENAT, name: "openat",
		use: "opens the terminal, /proc, the termination log",
		errnos: []syscall.Errno{
			unix.EACCES, unix.EBADF, unix.EBUSY, unix.EDQUOT, unix.EEXIST, unix.EFAULT,
			unix.EFBIG, unix.EINTR, unix.EINVAL, unix.EISDIR, unix.ELOOP, unix.EMFILE,
			unix.ENAMETOOLONG, unix.ENFILE, unix.ENODEV, unix.ENOENT, unix.ENOMEM, unix.ENOSPC,
			unix.ENOTDIR, unix.ENXIO, unix.EOPNOTSUPP, unix.EOVERFLOW, unix.EPERM, unix.EROFS,
			unix.ETXTBSY, unix.EWOULDBLOCK,
		},
	},
	{
		nr: unix.SYS_READLINKAT, name: "readlinkat",
		use: "follows a termination log",
		errnos: []syscall.Errno{
			unix.EACCES, unix.EBADF, unix.EFAULT, unix.EINVAL, unix.EIO, unix.ELOOP,
			unix.ENAMETOOLONG, unix.ENOENT, unix.ENOMEM, unix.ENOTDIR,
		},
	},
	{
		nr: unix.SYS_FACCESSAT, name: "faccessat",
		use: "why a command was not found",
		errnos: []syscall.Errno{
			unix.EACCES, unix.EBADF, unix.EFAULT, unix.EINVAL, unix.EIO, unix.ELOOP,
			unix.ENAMETOOLONG, unix.ENOENT, unix.ENOMEM, unix.ENOTDIR, unix.EPERM, unix.EROFS,
			unix.ETXTBSY,
		},
		elsewhere: "made by the child, before it is the command",
	},
	{
		nr: unix.SYS_PPOLL, name: "ppoll",
		use: "waits where the kernel reaps; whether stderr has room",
		errnos: []syscall.Errno{
			unix.EFAULT, unix.EINTR, unix.EINVAL, unix.ENOMEM,
		},
	},
	{
		nr: unix.SYS_SIGNALFD4, name: "signalfd4",
		use: "waits where the kernel reaps",
		errnos: []syscall.Errno{
			unix.EBADF, unix.EINVAL, unix.EMFILE, unix.ENFILE, unix.ENODEV, unix.ENOMEM,
		},
	},
	{
		nr: unix.SYS_PWRITEV2, name: "pwritev2",
		use: "prints messages without waiting",
		errnos: []syscall.Errno{
			unix.EAGAIN, unix.EBADF, unix.EFAULT, unix.EFBIG, unix.EINTR, unix.EINVAL,
			unix.EIO, unix.ENOSPC, unix.EOPNOTSUPP, unix.EOVERFLOW, unix.EPIPE, unix.ESPIPE,
		},
	},
	{
		nr: unix.SYS_PIDFD_SEND_SIGNAL, name: "pidfd_send_signal",
		use: "signals a process that was found",
		errnos: []syscall.Errno{
			unix.EBADF, unix.EINVAL, unix.EPERM, unix.ESRCH,
		},
	},
	{
		nr: unix.SYS_PIDFD_OPEN, name: "pidfd_open",
		use: "holds a process that was found",
		errnos: []syscall.Errno{
			unix.EINVAL, unix.EMFILE, unix.ENFILE, unix.ENODEV, unix.ENOMEM, unix.ESRCH,
		},
	},
	{
		nr: unix.SYS_CLOSE_RANGE, name: "close_range",
		use: "closes what init inherited",
		errnos: []syscall.Errno{
			unix.EINVAL, unix.EMFILE, unix.ENOMEM,
		},
	},
	{
		nr: unix.SYS_EXECVE, name: "execve",
		use:       "executes the command",
		elsewhere: "made by the child, before it is the command",
	},
	{
		nr: unix.SYS_EXIT, name: "exit",
		use:       "ends where exit_group is refused",
		elsewhere: "made only where exit_group is refused",
	},
	{
		nr: unix.SYS_TIMES, name: "times",
		use:       "the time where clock_gettime is refused",
		elsewhere: "made only where clock_gettime is refused",
	},
}
