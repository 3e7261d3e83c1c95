package faults_test

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// call is a system call of init, and with which errors it is made to fail.
type call struct {
	nr     int
	name   string
	use    string          // what init does with it
	errnos []syscall.Errno // those that its manual page lists; section 2
}

// filter are the errors that seccomp filters return: of container engines (EPERM, ENOSYS) and of
// sandboxes (EACCES). A kernel that does not know a call returns ENOSYS.
var filter = []syscall.Errno{unix.EPERM, unix.ENOSYS, unix.EACCES}

// calls are all system calls that init makes. TestCalls compares the list with util-init.
var calls = []call{
	{
		unix.SYS_READ, "read", "reads /proc",
		[]syscall.Errno{
			unix.EAGAIN, unix.EBADF, unix.EFAULT, unix.EINTR, unix.EINVAL, unix.EIO, unix.EISDIR, unix.ESRCH,
		},
	},
	{
		unix.SYS_WRITE, "write", "prints messages and help",
		[]syscall.Errno{
			unix.EAGAIN, unix.EBADF, unix.EDESTADDRREQ, unix.EDQUOT, unix.EFAULT, unix.EFBIG, unix.EINTR,
			unix.EINVAL, unix.EIO, unix.ENOSPC, unix.EPIPE,
		},
	},
	{
		unix.SYS_CLOSE, "close", "closes files",
		[]syscall.Errno{unix.EBADF, unix.EINTR, unix.EIO, unix.ENOSPC, unix.EDQUOT},
	},
	{
		unix.SYS_FSTAT, "fstat", "what stderr is; whom a termination log belongs to",
		[]syscall.Errno{unix.EBADF, unix.EFAULT, unix.ENOMEM, unix.EOVERFLOW},
	},
	{
		unix.SYS_LSEEK, "lseek", "reads /proc again",
		[]syscall.Errno{unix.EBADF, unix.EINVAL, unix.ENXIO, unix.EOVERFLOW, unix.ESPIPE},
	},
	{
		unix.SYS_RT_SIGACTION, "rt_sigaction", "the disposition of SIGCHLD",
		[]syscall.Errno{unix.EFAULT, unix.EINVAL},
	},
	{
		unix.SYS_RT_SIGPROCMASK, "rt_sigprocmask", "blocks all signals",
		[]syscall.Errno{unix.EFAULT, unix.EINVAL},
	},
	{
		unix.SYS_IOCTL, "ioctl", "the foreground group of the terminal; the status of what the kernel has reaped",
		[]syscall.Errno{
			unix.EBADF, unix.EFAULT, unix.EINVAL, unix.ENOTTY, unix.EPERM, unix.ESRCH, unix.EIO,
		},
	},
	{
		unix.SYS_MADVISE, "madvise", "gives back memory",
		[]syscall.Errno{unix.EAGAIN, unix.EBADF, unix.EINVAL, unix.EIO, unix.ENOMEM},
	},
	{unix.SYS_GETPID, "getpid", "its own number", nil},
	{
		unix.SYS_SENDTO, "sendto", "prints messages to a socket",
		[]syscall.Errno{
			unix.EACCES, unix.EAGAIN, unix.EBADF, unix.ECONNRESET, unix.EDESTADDRREQ, unix.EFAULT,
			unix.EINTR, unix.EINVAL, unix.EISCONN, unix.EMSGSIZE, unix.ENOBUFS, unix.ENOMEM,
			unix.ENOTCONN, unix.ENOTSOCK, unix.EOPNOTSUPP, unix.EPIPE,
		},
	},
	{
		unix.SYS_CLONE, "clone", "starts the command",
		[]syscall.Errno{
			unix.EACCES, unix.EAGAIN, unix.EINVAL, unix.ENOMEM, unix.ENOSPC, unix.EPERM, unix.EUSERS,
		},
	},
	{
		unix.SYS_EXIT_GROUP, "exit_group", "ends", nil,
	},
	{
		unix.SYS_WAIT4, "wait4", "reaps",
		[]syscall.Errno{unix.EAGAIN, unix.ECHILD, unix.EINTR, unix.EINVAL, unix.ESRCH},
	},
	{
		unix.SYS_KILL, "kill", "forwards signals; KILL",
		[]syscall.Errno{unix.EINVAL, unix.EPERM, unix.ESRCH},
	},
	{unix.SYS_UNAME, "uname", "for the message that a program is for another machine", []syscall.Errno{unix.EFAULT}},
	{
		unix.SYS_FCNTL, "fcntl", "keeps its files above 2",
		[]syscall.Errno{unix.EACCES, unix.EAGAIN, unix.EBADF, unix.EBUSY, unix.EDEADLK, unix.EFAULT, unix.EINTR, unix.EINVAL, unix.EMFILE, unix.ENOLCK, unix.ENOTDIR, unix.EPERM},
	},
	{
		unix.SYS_FTRUNCATE, "ftruncate", "begins the termination log",
		[]syscall.Errno{unix.EBADF, unix.EINTR, unix.EINVAL, unix.EFBIG, unix.EIO, unix.EPERM, unix.EROFS, unix.ETXTBSY},
	},
	{
		unix.SYS_GETCWD, "getcwd", "the place of a termination log, before it changes to /",
		[]syscall.Errno{unix.EACCES, unix.EFAULT, unix.EINVAL, unix.ENAMETOOLONG, unix.ENOENT, unix.ENOMEM, unix.ERANGE},
	},
	{
		unix.SYS_CHDIR, "chdir", "changes to /",
		[]syscall.Errno{unix.EACCES, unix.EFAULT, unix.EIO, unix.ELOOP, unix.ENAMETOOLONG, unix.ENOENT, unix.ENOMEM, unix.ENOTDIR},
	},
	{
		unix.SYS_PTRACE, "ptrace", "continues a command that made init its tracer",
		[]syscall.Errno{unix.EBUSY, unix.EFAULT, unix.EINVAL, unix.EIO, unix.EPERM, unix.ESRCH},
	},
	{unix.SYS_GETEUID, "geteuid", "who may own a termination log", nil},
	{unix.SYS_GETPPID, "getppid", "whether the parent has ended, for --parent-death", nil},
	{
		unix.SYS_SETPGID, "setpgid", "the group of the command", []syscall.Errno{unix.EACCES, unix.EINVAL, unix.EPERM, unix.ESRCH},
	},
	{unix.SYS_SETSID, "setsid", "the session of the command", []syscall.Errno{unix.EPERM}},
	{unix.SYS_GETPGID, "getpgid", "its own group, below a shell", []syscall.Errno{unix.ESRCH}},
	{unix.SYS_GETSID, "getsid", "whether it leads the terminal's session", []syscall.Errno{unix.EPERM, unix.ESRCH}},
	{
		unix.SYS_RT_SIGPENDING, "rt_sigpending", "what giving up the terminal brought", []syscall.Errno{unix.EFAULT},
	},
	{
		unix.SYS_RT_SIGTIMEDWAIT, "rt_sigtimedwait", "waits for signals",
		[]syscall.Errno{unix.EAGAIN, unix.EINTR, unix.EINVAL},
	},
	{
		unix.SYS_FSTATFS, "fstatfs", "whether a termination log is in /proc",
		[]syscall.Errno{unix.EBADF, unix.EFAULT, unix.EINTR, unix.EIO, unix.ENOMEM, unix.ENOSYS, unix.EOVERFLOW},
	},
	{
		unix.SYS_PRCTL, "prctl", "becomes a subreaper; --parent-death",
		[]syscall.Errno{unix.EACCES, unix.EBADF, unix.EBUSY, unix.EFAULT, unix.EINVAL, unix.ENODEV, unix.ENXIO, unix.EOPNOTSUPP, unix.EPERM},
	},
	{
		unix.SYS_ARCH_PRCTL, "arch_prctl", "makes the stand-in for g known",
		[]syscall.Errno{unix.EFAULT, unix.EINVAL, unix.ENODEV, unix.EPERM},
	},
	{
		unix.SYS_GETDENTS64, "getdents64", "lists /proc",
		[]syscall.Errno{unix.EBADF, unix.EFAULT, unix.EINVAL, unix.ENOENT, unix.ENOTDIR},
	},
	{
		unix.SYS_CLOCK_GETTIME, "clock_gettime", "deadlines; times in messages",
		[]syscall.Errno{unix.EACCES, unix.EFAULT, unix.EINVAL, unix.ENODEV, unix.ENOTSUP, unix.EPERM},
	},
	{
		unix.SYS_WAITID, "waitid", "reaps; whether there are more children",
		[]syscall.Errno{unix.EAGAIN, unix.ECHILD, unix.EINTR, unix.EINVAL, unix.ESRCH},
	},
	{
		unix.SYS_OPENAT, "openat", "opens the terminal, /proc, the termination log",
		[]syscall.Errno{
			unix.EACCES, unix.EBADF, unix.EBUSY, unix.EDQUOT, unix.EEXIST, unix.EFAULT, unix.EFBIG, unix.EINTR, unix.EINVAL, unix.EISDIR, unix.ELOOP, unix.EMFILE, unix.ENAMETOOLONG, unix.ENFILE, unix.ENODEV, unix.ENOENT, unix.ENOMEM, unix.ENOSPC, unix.ENOTDIR, unix.ENXIO, unix.EOPNOTSUPP, unix.EOVERFLOW, unix.EPERM, unix.EROFS, unix.ETXTBSY, unix.EWOULDBLOCK,
		},
	},
	{
		unix.SYS_READLINKAT, "readlinkat", "follows a termination log",
		[]syscall.Errno{unix.EACCES, unix.EBADF, unix.EFAULT, unix.EINVAL, unix.EIO, unix.ELOOP, unix.ENAMETOOLONG, unix.ENOENT, unix.ENOMEM, unix.ENOTDIR},
	},
	{
		unix.SYS_FACCESSAT, "faccessat", "why a command was not found",
		[]syscall.Errno{unix.EACCES, unix.EBADF, unix.EFAULT, unix.EINVAL, unix.EIO, unix.ELOOP, unix.ENAMETOOLONG, unix.ENOENT, unix.ENOMEM, unix.ENOTDIR, unix.EPERM, unix.EROFS, unix.ETXTBSY},
	},
	{
		unix.SYS_PPOLL, "ppoll", "waits where the kernel reaps; whether stderr has room",
		[]syscall.Errno{unix.EFAULT, unix.EINTR, unix.EINVAL, unix.ENOMEM},
	},
	{
		unix.SYS_SIGNALFD4, "signalfd4", "waits where the kernel reaps",
		[]syscall.Errno{unix.EBADF, unix.EINVAL, unix.EMFILE, unix.ENFILE, unix.ENODEV, unix.ENOMEM},
	},
	{
		unix.SYS_PWRITEV2, "pwritev2", "prints messages without waiting",
		[]syscall.Errno{
			unix.EAGAIN, unix.EBADF, unix.EFAULT, unix.EFBIG, unix.EINTR, unix.EINVAL, unix.EIO, unix.ENOSPC, unix.EOPNOTSUPP, unix.EOVERFLOW, unix.EPIPE, unix.ESPIPE,
		},
	},
	{
		unix.SYS_PIDFD_SEND_SIGNAL, "pidfd_send_signal", "signals a process that was found",
		[]syscall.Errno{unix.EBADF, unix.EINVAL, unix.EPERM, unix.ESRCH},
	},
	{
		unix.SYS_PIDFD_OPEN, "pidfd_open", "holds a process that was found",
		[]syscall.Errno{unix.EINVAL, unix.EMFILE, unix.ENFILE, unix.ENODEV, unix.ENOMEM, unix.ESRCH},
	},
	{
		unix.SYS_CLOSE_RANGE, "close_range", "closes what init inherited",
		[]syscall.Errno{unix.EINVAL, unix.EMFILE, unix.ENOMEM},
	},
	{
		unix.SYS_EXECVE, "execve", "executes the command",
		nil,
	},
}
