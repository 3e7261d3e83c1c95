package sys

import (
	"syscall"
	"unsafe"

	"util/internal/sig"

	"golang.org/x/sys/unix"
)

// Errno is the kernel's error number, 0 for success. Before the runtime boots it may be compared
// but not printed: its texts are in the memory of package syscall.
type Errno = syscall.Errno

// result splits what [Call] returned into value and errno.
func result(r uintptr) (int, Errno) {
	if r > ^uintptr(4095) {
		return -1, Errno(-r)
	}
	return int(r), 0
}

// errno is [result] for calls whose value has no meaning.
func errno(r uintptr) Errno {
	_, e := result(r)
	return e
}

// sigsetSize is the size in bytes of the kernel's signal set (sigprocmask(2), "C library/kernel
// differences").
const sigsetSize = 8

// Siginfo is the part of siginfo_t that init reads, laid out as for SIGCHLD and for signals sent
// by a process (sigaction(2), "The siginfo_t argument to a SA_SIGINFO handler").
type Siginfo struct {
	Signo  int32
	Errno  int32
	Code   int32
	_      [align]byte
	Pid    int32
	UID    uint32
	Status int32
	_      [128 - 6*4 - align]byte
}

// align is the space before what the kernel aligns to a word, behind three numbers of 32 bits.
const align = unsafe.Sizeof(uintptr(0)) - 4

// Timespec is struct __kernel_timespec of <linux/time_types.h>: a time in 64 bits also where long
// has 32.
type Timespec struct{ Sec, Nsec int64 }

// Nanoseconds returns the time of ns nanoseconds.
func Nanoseconds(ns int64) Timespec { return Timespec{ns / 1e9, ns % 1e9} }

// Nano returns the time in nanoseconds.
func (t *Timespec) Nano() int64 { return t.Sec*1e9 + t.Nsec }

// Handlers of [Sigaction] (signal(7), "Signal dispositions").
const (
	SigDfl = 0
	SigIgn = 1
)

// NoCldWait is SA_NOCLDWAIT (sigaction(2)): children that end do not become zombies, but SIGCHLD
// announces them nevertheless.
const NoCldWait = 2

// Getpid is getpid(2).
func Getpid() int32 { return int32(Call(unix.SYS_GETPID, 0, 0, 0, 0, 0, 0)) }

// Getppid is getppid(2): the parent's pid, 0 where it is in an outer PID namespace.
func Getppid() int32 { return int32(Call(unix.SYS_GETPPID, 0, 0, 0, 0, 0, 0)) }

// Geteuid is geteuid(2).
func Geteuid() uint32 { return uint32(Call(sysGeteuid, 0, 0, 0, 0, 0, 0)) }

// Getsid is getsid(2) for the caller: the ID of its session, 0 where the leader is in an outer
// PID namespace.
func Getsid() int32 { return int32(Call(unix.SYS_GETSID, 0, 0, 0, 0, 0, 0)) }

// Getpgid is getpgid(2) for the caller: its process group.
func Getpgid() int32 { return int32(Call(unix.SYS_GETPGID, 0, 0, 0, 0, 0, 0)) }

// GetpgidOf is getpgid(2): the process group of a process.
func GetpgidOf(pid int32) (int32, Errno) {
	id, e := result(Call(unix.SYS_GETPGID, uintptr(pid), 0, 0, 0, 0, 0))
	return int32(id), e
}

// Setsid is setsid(2).
func Setsid() Errno { return errno(Call(unix.SYS_SETSID, 0, 0, 0, 0, 0, 0)) }

// Setpgid is setpgid(0, 0): the caller becomes the leader of a process group of its own.
func Setpgid() Errno { return errno(Call(unix.SYS_SETPGID, 0, 0, 0, 0, 0, 0)) }

// Kill is kill(2): pid > 0 a process, pid < -1 the process group -pid, 0 the caller's group.
func Kill(pid int32, signal sig.Signal) Errno {
	return errno(Call(unix.SYS_KILL, uintptr(pid), uintptr(signal), 0, 0, 0, 0))
}

// Times is times(2): nanoseconds since some time before the boot, in steps of a hundredth of a
// second.
func Times() int64 { return int64(Call(unix.SYS_TIMES, 0, 0, 0, 0, 0, 0)) * (1e9 / 100) }

// Exit is exit_group(2). It does not return.
func Exit(status int) {
	for {
		Call(unix.SYS_EXIT_GROUP, uintptr(status), 0, 0, 0, 0, 0)
		Call(unix.SYS_EXIT, uintptr(status), 0, 0, 0, 0, 0) // a seccomp filter refuses the other
	}
}

// Sigprocmask is rt_sigprocmask(2) with SIG_SETMASK.
func Sigprocmask(set sig.Set) Errno {
	return errno(Call(unix.SYS_RT_SIGPROCMASK, unix.SIG_SETMASK, uintptr(unsafe.Pointer(&set)), 0,
		sigsetSize, 0, 0))
}

// Sigpending is rt_sigpending(2).
func Sigpending() (set sig.Set) {
	Call(unix.SYS_RT_SIGPENDING, uintptr(unsafe.Pointer(&set)), sigsetSize, 0, 0, 0, 0)
	return set
}

// RtSigaction is rt_sigaction(2): it sets the disposition of a signal to act and stores the
// former one in old. Either may be nil.
func RtSigaction(signal sig.Signal, act, old *Sigaction) Errno {
	return errno(Call(unix.SYS_RT_SIGACTION, uintptr(signal), uintptr(unsafe.Pointer(act)),
		uintptr(unsafe.Pointer(old)), sigsetSize, 0, 0))
}

// Waitid is waitid(2). With WNOHANG and nothing to report, info.Pid is 0.
func Waitid(idType int, id int32, info *Siginfo, options int, usage *unix.Rusage) Errno {
	return errno(Call(unix.SYS_WAITID, uintptr(idType), uintptr(id), uintptr(unsafe.Pointer(info)),
		uintptr(options), uintptr(unsafe.Pointer(usage)), 0))
}

// Wait4 is wait4(2): it reaps. status may be nil.
func Wait4(pid int32, status *int32, options int, usage *unix.Rusage) (int, Errno) {
	return result(Call(unix.SYS_WAIT4, uintptr(pid), uintptr(unsafe.Pointer(status)),
		uintptr(options), uintptr(unsafe.Pointer(usage)), 0, 0))
}

// PtraceSiginfo is ptrace(2) with PTRACE_GETSIGINFO: the signal that a tracee is about to get.
// EINVAL if it is about to get none.
func PtraceSiginfo(pid int32, info *Siginfo) Errno {
	return errno(Call(unix.SYS_PTRACE, unix.PTRACE_GETSIGINFO, uintptr(pid), 0,
		uintptr(unsafe.Pointer(info)), 0, 0))
}

// PtraceDetach is ptrace(2) with PTRACE_DETACH: a tracee goes on untraced, and gets the signal
// unless it is 0.
func PtraceDetach(pid int32, signal sig.Signal) Errno {
	return errno(Call(unix.SYS_PTRACE, unix.PTRACE_DETACH, uintptr(pid), 0, uintptr(signal), 0, 0))
}

// Madvise is madvise(2).
func Madvise(addr, length uintptr, advice int) Errno {
	return errno(Call(unix.SYS_MADVISE, addr, length, uintptr(advice), 0, 0, 0))
}

// Prctl is prctl(2) with one argument.
func Prctl(option int, arg uintptr) Errno {
	return errno(Call(unix.SYS_PRCTL, uintptr(option), arg, 0, 0, 0, 0))
}

// IsSubreaper is prctl(2) with PR_GET_CHILD_SUBREAPER: is the caller a subreaper?
func IsSubreaper() bool {
	var is int32
	Call(unix.SYS_PRCTL, unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&is)), 0, 0, 0, 0)
	return is != 0
}

// Open is openat(2) for a path that ends with a NUL byte.
func Open(path *byte, flags int, mode uint32) (fd int, e Errno) {
	at := unix.AT_FDCWD
	return result(Call(unix.SYS_OPENAT, uintptr(at), uintptr(unsafe.Pointer(path)),
		uintptr(flags|unix.O_LARGEFILE), uintptr(mode), 0, 0))
}

// Openat is openat(2) for a path that ends with a NUL byte and is relative to the directory dir.
func Openat(dir int, path *byte, flags int, mode uint32) (fd int, e Errno) {
	return result(Call(unix.SYS_OPENAT, uintptr(dir), uintptr(unsafe.Pointer(path)),
		uintptr(flags|unix.O_LARGEFILE), uintptr(mode), 0, 0))
}

// Readlinkat is readlinkat(2) for a path that ends with a NUL byte.
func Readlinkat(dir int, path *byte, p []byte) (int, Errno) {
	return result(Call(unix.SYS_READLINKAT, uintptr(dir), uintptr(unsafe.Pointer(path)),
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0))
}

// Rewind is lseek(2) to the beginning of a file.
func Rewind(fd int) Errno {
	return errno(Call(unix.SYS_LSEEK, uintptr(fd), 0, unix.SEEK_SET, 0, 0, 0))
}

// Access is faccessat(2) with F_OK for a path that ends with a NUL byte: does it exist?
func Access(path *byte) Errno {
	at := unix.AT_FDCWD
	return errno(Call(unix.SYS_FACCESSAT, uintptr(at), uintptr(unsafe.Pointer(path)), unix.F_OK, 0,
		0, 0))
}

// Read is read(2).
func Read(fd int, p []byte) (int, Errno) {
	return result(Call(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
		uintptr(len(p)), 0, 0, 0))
}

// Write is write(2).
func Write(fd int, p []byte) (int, Errno) {
	return result(Call(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
		uintptr(len(p)), 0, 0, 0))
}

// WriteString is write(2) for a string.
func WriteString(fd int, text string) (int, Errno) {
	return result(Call(unix.SYS_WRITE, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.StringData(text))), uintptr(len(text)), 0, 0, 0))
}

// Send is sendto(2) on a connected socket.
func Send(fd int, p []byte, flags int) (int, Errno) {
	return result(Call(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))),
		uintptr(len(p)), uintptr(flags), 0, 0))
}

// WriteNowait is pwritev2(2) at the current offset with RWF_NOWAIT (for pipes since Linux 6.5):
// EAGAIN where it would have to wait, EOPNOTSUPP where the file cannot say.
func WriteNowait(fd int, p []byte) (int, Errno) {
	iov := [2]uintptr{uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p))}
	const here = ^uintptr(0) // the offset -1, in two parts
	return result(Call(unix.SYS_PWRITEV2, uintptr(fd), uintptr(unsafe.Pointer(&iov)), 1, here, here,
		unix.RWF_NOWAIT))
}

// Empty is ftruncate(2) to no bytes.
func Empty(fd int) Errno { return errno(Call(unix.SYS_FTRUNCATE, uintptr(fd), 0, 0, 0, 0, 0)) }

// IsOpen reports whether fd is an open file: fcntl(2) with F_GETFD.
func IsOpen(fd int) bool {
	return errno(Call(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFD, 0, 0, 0, 0)) == 0
}

// FcntlDupfd is fcntl(2) with F_DUPFD_CLOEXEC: a copy of fd whose number is least or more.
func FcntlDupfd(fd, least int) (int, Errno) {
	return result(Call(unix.SYS_FCNTL, uintptr(fd), unix.F_DUPFD_CLOEXEC, uintptr(least), 0, 0, 0))
}

// Getcwd is getcwd(2): it stores the path of the working directory in p and returns its length
// with the NUL byte. ERANGE if p is too small.
func Getcwd(p []byte) (int, Errno) {
	return result(Call(unix.SYS_GETCWD, uintptr(unsafe.Pointer(unsafe.SliceData(p))),
		uintptr(len(p)), 0, 0, 0, 0))
}

// Uname is uname(2).
func Uname(name *unix.Utsname) Errno {
	return errno(Call(unix.SYS_UNAME, uintptr(unsafe.Pointer(name)), 0, 0, 0, 0, 0))
}

// Close is close(2).
func Close(fd int) Errno { return errno(Call(unix.SYS_CLOSE, uintptr(fd), 0, 0, 0, 0, 0)) }

// CloseRange is close_range(2), Linux 5.9: it closes first to last, both included. ENOSYS on an
// older kernel.
func CloseRange(first, last uint) Errno {
	return errno(Call(unix.SYS_CLOSE_RANGE, uintptr(first), uintptr(last), 0, 0, 0, 0))
}

// Getdents is getdents64(2).
func Getdents(fd int, p []byte) (int, Errno) {
	return result(Call(unix.SYS_GETDENTS64, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0))
}

// Chdir is chdir(2) for a path that ends with a NUL byte.
func Chdir(path *byte) Errno {
	return errno(Call(unix.SYS_CHDIR, uintptr(unsafe.Pointer(path)), 0, 0, 0, 0, 0))
}

// Execve is execve(2). It returns only when it fails.
func Execve(path *byte, argv, envp **byte) Errno {
	return errno(Call(unix.SYS_EXECVE, uintptr(unsafe.Pointer(path)),
		uintptr(unsafe.Pointer(argv)), uintptr(unsafe.Pointer(envp)), 0, 0, 0))
}

// Ioctl is ioctl(2) with a value for its argument.
func Ioctl(fd int, request uint, arg uintptr) Errno {
	return errno(Call(unix.SYS_IOCTL, uintptr(fd), uintptr(request), arg, 0, 0, 0))
}

// IoctlGetInt is ioctl(2) for the requests that store an int, such as TIOCGPGRP and TIOCGSID
// (ioctl_tty(2)).
func IoctlGetInt(fd int, request uint) (value int32, e Errno) {
	e = errno(Call(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(unsafe.Pointer(&value)),
		0, 0, 0))
	return value, e
}

// IoctlSetInt is ioctl(2) for the requests that read an int, such as TIOCSPGRP (ioctl_tty(2)).
func IoctlSetInt(fd int, request uint, value int32) Errno {
	return errno(Call(unix.SYS_IOCTL, uintptr(fd), uintptr(request),
		uintptr(unsafe.Pointer(&value)), 0, 0, 0))
}

// PidfdOpen is pidfd_open(2), Linux 5.3. The file is closed on exec.
func PidfdOpen(pid int32) (fd int, e Errno) {
	return result(Call(unix.SYS_PIDFD_OPEN, uintptr(pid), 0, 0, 0, 0, 0))
}

// PidfdSendSignal is pidfd_send_signal(2), Linux 5.1. The flag PIDFD_SIGNAL_PROCESS_GROUP, Linux
// 6.9, means the process group that the process led, even after it has been reaped: a new group
// with the same number is never signalled.
func PidfdSendSignal(fd int, s sig.Signal, flags int) Errno {
	return errno(Call(unix.SYS_PIDFD_SEND_SIGNAL, uintptr(fd), uintptr(s), 0, uintptr(flags), 0, 0))
}

// PidfdExit is the ioctl PIDFD_GET_INFO with PIDFD_INFO_EXIT, Linux 6.15: the status of a process
// that has been reaped, in the format of wait(2). ok is false as long as it has not, and on an
// older kernel.
func PidfdExit(fd int) (status int32, ok bool) {
	var info struct { // struct pidfd_info of <linux/pidfd.h>, first version
		mask     uint64
		_        [52]byte
		exitCode int32
	}
	const getInfo = 0xc040ff0b // _IOWR(0xff, 11, 64 bytes)
	info.mask = unix.PIDFD_INFO_EXIT
	e := errno(Call(unix.SYS_IOCTL, uintptr(fd), getInfo, uintptr(unsafe.Pointer(&info)), 0, 0, 0))
	return info.exitCode, e == 0 && info.mask&unix.PIDFD_INFO_EXIT != 0
}

// Signalfd is signalfd4(2) for a new, non-blocking file that is closed on exec.
func Signalfd(set sig.Set) (fd int, e Errno) {
	none := -1
	return result(Call(unix.SYS_SIGNALFD4, uintptr(none), uintptr(unsafe.Pointer(&set)),
		sigsetSize, unix.SFD_CLOEXEC|unix.SFD_NONBLOCK, 0, 0))
}
