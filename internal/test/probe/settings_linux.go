package main

import (
	"unsafe"

	"util/internal/proc"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// deny installs a seccomp filter (seccomp(2)) that makes system call nr fail with errno, as on a
// kernel that does not know it or in a container that does not allow it.
func deny(nr, errno int) {
	program := [4]unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // seccomp_data.nr
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(nr), Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	filter := struct {
		n       uint16
		program uintptr
	}{4, uintptr(unsafe.Pointer(&program))}
	sys.Call(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0)
	const mode = unix.SECCOMP_SET_MODE_FILTER
	if sys.Call(unix.SYS_SECCOMP, mode, 0, uintptr(unsafe.Pointer(&filter)), 0, 0, 0) != 0 {
		fail("cannot install a seccomp filter")
	}
}

// mountproc mounts the /proc of this PID namespace. The mount namespace must not be that of others.
func mountproc() {
	root := address("/\x00")
	sys.Call(unix.SYS_MOUNT, 0, root, 0, unix.MS_REC|unix.MS_PRIVATE, 0, 0)
	mountProc("\x00")
}

// hidepid mounts /proc again with the option hidepid.
func hidepid(value string) {
	if value == "1" {
		mountProc("hidepid=1\x00")
	} else {
		mountProc("hidepid=2\x00")
	}
}

// mountProc mounts /proc with options, which end with a NUL byte.
func mountProc(options string) { mount("proc\x00", unsafe.StringData("/proc\x00"), options) }

// mount mounts a file system of a kind, which is its name too, with options. Both end with a NUL
// byte.
func mount(kind string, path *byte, options string) {
	name, data := address(kind), address(options)
	if sys.Call(unix.SYS_MOUNT, name, uintptr(unsafe.Pointer(path)), name, 0, data, 0) != 0 {
		fail("cannot mount a file system")
	}
}

// uncover unmounts what was mounted last on a directory.
func uncover(path *byte) {
	if sys.Call(unix.SYS_UMOUNT2, uintptr(unsafe.Pointer(path)), unix.MNT_DETACH, 0, 0, 0, 0) != 0 {
		fail("cannot unmount a file system")
	}
}

// address returns where the bytes of a constant are.
func address(text string) uintptr { return uintptr(unsafe.Pointer(unsafe.StringData(text))) }

// nextPid makes the kernel give pid n to the next process.
func nextPid(n int) {
	fd, e := sys.Open(unsafe.StringData("/proc/sys/kernel/ns_last_pid\x00"), unix.O_WRONLY, 0)
	if e != 0 {
		fail("cannot choose a pid")
	}
	var l line
	l.num(n - 1)
	_, _ = sys.Write(fd, l.buf[:l.n])
	sys.Close(fd)
}

// limit sets both limits of a resource (prlimit(2)).
func limit(resource, n int) {
	both := [2]uint64{uint64(n), uint64(n)}
	sys.Call(unix.SYS_PRLIMIT64, 0, uintptr(resource), uintptr(unsafe.Pointer(&both)), 0, 0, 0)
}

// fail says what is wrong and exits.
func fail(why string) {
	say(why)
	sys.Exit(proc.ExitFailed)
}
