package main

import (
	"unsafe"

	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// entry carries out the arguments. It keeps to the rule of package pid1: nothing that needs the runtime.
//
//lint:ignore U1000 the assembly of _rt0_probe calls it
func entry(stack unsafe.Pointer) {
	argc := *(*int)(stack)
	argv := unsafe.Slice((**byte)(unsafe.Add(stack, unsafe.Sizeof(argc))), argc)
	envp := (**byte)(unsafe.Add(stack, (argc+2)*int(unsafe.Sizeof(argc))))
	last := argc
	for i := 1; i < last; i++ {
		arg := 0
		if i+1 < argc {
			arg = number(sys.String(argv[i+1]))
		}
		switch sys.String(argv[i]) {
		case "state":
			state()
		case "fds":
			fds()
		case "catch":
			sys.Sigprocmask(sig.All)
			say("ready")
		case "handle":
			handle()
		case "await":
			await()
		case "traceme":
			sys.Call(unix.SYS_PTRACE, unix.PTRACE_TRACEME, 0, 0, 0, 0, 0)
		case "signaltrap":
			sys.Call(unix.SYS_TGKILL, uintptr(sys.Getpid()), uintptr(sys.Getpid()), uintptr(sig.TRAP), 0, 0, 0)
		case "chain":
			i++
			chain(arg)
		case "hidepid":
			mount("hidepid=2\x00")
		case "filelimit":
			limit(unix.RLIMIT_FSIZE, arg)
			i++
		case "openlimit":
			limit(unix.RLIMIT_NOFILE, arg)
			i++
		case "tasklimit":
			limit(unix.RLIMIT_NPROC, arg)
			i++
		case "stacklimit":
			limit(unix.RLIMIT_STACK, arg)
			i++
		case "echo":
			echo(sig.Signal(arg))
			i++
		case "fork":
			fork(true)
		case "orphan":
			fork(false)
		case "beside":
			i++
			if int(sys.Call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)) == 0 {
				last = i + 1 + arg
			} else {
				i += arg
			}
		case "nextpid":
			i++
			nextPid(arg)
		case "flood":
			for {
				sys.Kill(1, sig.Signal(arg))
			}
		case "busy":
			i++
			for end := sys.ClockGettime(unix.CLOCK_MONOTONIC) + int64(arg)*1e3; sys.ClockGettime(unix.CLOCK_MONOTONIC) < end; {
			}
		case "write":
			write(argv[i+1], sys.String(argv[i+2]))
			i += 2
		case "orphans":
			orphans(arg)
			i++
		case "block":
			sys.Sigprocmask(mask() | sig.Of(sig.Signal(arg)))
			i++
		case "ignore":
			sys.RtSigaction(sig.Signal(arg), &sys.Sigaction{Handler: sys.SigIgn}, nil)
			i++
		case "exec":
			sys.Execve(argv[i+1], &argv[i+1], envp)
			say("exec went wrong")
			sys.Exit(proc.ExitNotFound)
		case "env":
			i++
			env(sys.Vector(envp), sys.String(argv[i]))
		case "close":
			sys.Close(arg)
			i++
		case "setuid":
			sys.Call(unix.SYS_SETRESUID, uintptr(arg), uintptr(arg), uintptr(arg), 0, 0, 0)
			i++
		case "killparent":
			sys.Kill(getppid(), sig.Signal(arg))
			i++
		case "mountproc":
			mountproc()
		case "sleep":
			ts := unix.NsecToTimespec(int64(arg) * 1e6)
			sys.Call(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0, 0, 0, 0)
			i++
		case "runaway":
			for {
				if int(sys.Call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)) != 0 {
					sys.Exit(0)
				}
			}
		case "deny":
			deny(arg, number(sys.String(argv[i+2])))
			i += 2
		case "bomb":
			for {
				sys.Call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
			}
		case "setsid":
			sys.Setsid()
		case "setpgid":
			sys.Setpgid()
		case "pause":
			for {
				sys.Call(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
			}
		case "raise":
			sys.Kill(sys.Getpid(), sig.Signal(arg))
			i++
		case "exit":
			sys.Exit(arg)
		case "say":
			i++
			say(sys.String(argv[i]))
		case "tty":
			tty()
		default:
			say("unknown word")
			sys.Exit(proc.ExitUsage)
		}
	}
	sys.Exit(0)
}

// deny installs a seccomp filter (seccomp(2)) by which the system call nr fails with errno, as on a kernel or in a
// container that does not know it.
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
	if sys.Call(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&filter)), 0, 0, 0) != 0 {
		say("cannot install a seccomp filter")
		sys.Exit(proc.ExitFailed)
	}
}

// mountproc mounts the /proc of this PID namespace, in a mount namespace of its own.
func mountproc() {
	root := unsafe.StringData("/\x00")
	sys.Call(unix.SYS_MOUNT, 0, uintptr(unsafe.Pointer(root)), 0, unix.MS_REC|unix.MS_PRIVATE, 0, 0)
	mount("\x00")
}

func mount(options string) {
	name, path, data := unsafe.StringData("proc\x00"), unsafe.StringData("/proc\x00"), unsafe.StringData(options)
	if sys.Call(unix.SYS_MOUNT, uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(name)), 0, uintptr(unsafe.Pointer(data)), 0) != 0 {
		say("cannot mount /proc")
		sys.Exit(proc.ExitFailed)
	}
}

// chain goes on in the nth descendant.
func chain(n int) {
	for range n {
		if int(sys.Call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)) != 0 {
			for {
				sys.Call(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
			}
		}
	}
}

// nextPid makes the kernel give n to the next process.
func nextPid(n int) {
	fd, e := sys.Open(unsafe.StringData("/proc/sys/kernel/ns_last_pid\x00"), unix.O_WRONLY, 0)
	if e != 0 {
		say("cannot choose a pid")
		sys.Exit(proc.ExitFailed)
	}
	var l line
	l.num(n - 1)
	_, _ = sys.Write(fd, l.buf[:l.n])
	sys.Close(fd)
}

// write writes a line to a file, and says if it cannot.
func write(path *byte, text string) {
	fd, e := sys.Open(path, unix.O_WRONLY|unix.O_APPEND, 0)
	if e != 0 {
		var l line
		l.str("cannot open: errno ")
		l.num(int(e))
		l.end()
		return
	}
	var l line
	l.str(text)
	l.str("\n")
	_, _ = sys.Write(fd, l.buf[:l.n])
	sys.Close(fd)
}

// fork goes on in a new child. The parent exits with the child's status, or at once; then the child goes on after that.
func fork(wait bool) {
	parent := sys.Getpid()
	pid := sys.Call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if int(pid) == 0 {
		for !wait && getppid() == parent {
			sys.Call(unix.SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0)
		}
		return
	}
	if !wait || int(pid) < 0 {
		sys.Exit(0)
	}
	var info sys.Siginfo
	for {
		if e := sys.Waitid(unix.P_PID, int32(pid), &info, unix.WEXITED, nil); e == 0 {
			sys.Exit(int(info.Status))
		}
	}
}

// orphans makes n processes that end after their parent, one after another.
func orphans(n int) {
	for ; n > 0; n-- {
		child := sys.Call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if int(child) != 0 {
			_, _ = sys.Wait4(int32(child), nil, 0, nil)
			continue
		}
		parent := sys.Getpid()
		if int(sys.Call(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)) == 0 {
			for getppid() == parent {
				sys.Call(unix.SYS_SCHED_YIELD, 0, 0, 0, 0, 0, 0)
			}
		}
		sys.Exit(0)
	}
}

// echo prints each signal that arrives, up to and including last.
func echo(last sig.Signal) {
	var info sys.Siginfo
	for {
		n, e := sys.Sigtimedwait(sig.All, &info, nil)
		if e != 0 {
			continue
		}
		var l line
		l.num(n)
		l.end()
		if sig.Signal(n) == last {
			return
		}
	}
}

// await prints each signal that it waits for, without having blocked it.
func await() {
	var info sys.Siginfo
	for {
		n, e := sys.Sigtimedwait(sig.All, &info, nil)
		if e == 0 {
			tell(n)
		}
	}
}

// handle prints each signal by a handler.
func handle() {
	for n := sig.HUP; n <= sig.Max; n++ {
		// SA_RESTORER: the kernel returns from the handler by way of code of ours.
		sys.RtSigaction(n, &sys.Sigaction{Handler: handlerPC(), Flags: 0x04000000, Restorer: restorerPC(), Mask: ^uint64(0)}, nil)
	}
	for {
		sys.Call(unix.SYS_PPOLL, 0, 0, 0, 0, 0, 0)
	}
}

// tell prints the number of a signal, and ends the probe after the last one.
func tell(n int) {
	var l line
	l.num(n)
	l.end()
	if n == 64 {
		sys.Exit(0)
	}
}

// handled is called by the handler.
//
//lint:ignore U1000 the assembly of handler calls it
func handled(n int) { tell(n) }

func handlerPC() uintptr
func restorerPC() uintptr

func limit(what, n int) {
	both := [2]uint64{uint64(n), uint64(n)}
	sys.Call(unix.SYS_SETRLIMIT, uintptr(what), uintptr(unsafe.Pointer(&both)), 0, 0, 0, 0)
}

func state() {
	var l line
	l.str("pid=")
	l.num(int(sys.Getpid()))
	l.str(" ppid=")
	l.num(int(getppid()))
	l.str(" pgid=")
	l.num(int(sys.Getpgid()))
	l.str(" sid=")
	l.num(int(sys.Getsid()))
	l.str(" foreground=")
	l.num(int(foreground()))
	var ignored sig.Set
	for s := sig.HUP; s <= sig.Max; s++ {
		var old sys.Sigaction
		if sys.RtSigaction(s, nil, &old) == 0 && old.Handler == sys.SigIgn {
			ignored |= sig.Of(s)
		}
	}
	l.str(" mask=")
	l.hex(uint64(mask()))
	l.str(" ignored=")
	l.hex(uint64(ignored))
	l.end()
}

func mask() (set sig.Set) {
	sys.Call(unix.SYS_RT_SIGPROCMASK, 0, 0, uintptr(unsafe.Pointer(&set)), 8, 0, 0)
	return set
}

func getppid() int32 { return int32(sys.Call(unix.SYS_GETPPID, 0, 0, 0, 0, 0, 0)) }

// env prints the entries of a variable.
func env(envp []*byte, name string) {
	for _, entry := range envp {
		if text := sys.String(entry); len(text) > len(name) && text[:len(name)] == name && text[len(name)] == '=' {
			say(text)
		}
	}
}

// foreground returns the foreground process group of the controlling terminal, or -1.
func foreground() int32 {
	fd, e := sys.Open(unsafe.StringData("/dev/tty\x00"), unix.O_RDWR|unix.O_CLOEXEC, 0)
	if e != 0 {
		return -1
	}
	group, e := sys.IoctlGetInt(fd, unix.TIOCGPGRP)
	sys.Close(fd)
	if e != 0 {
		return -1
	}
	return group
}

func fds() {
	var l line
	l.str("fds=")
	for fd := 0; fd < 64; fd++ {
		if int(sys.Call(unix.SYS_FCNTL, uintptr(fd), unix.F_GETFD, 0, 0, 0, 0)) >= 0 {
			l.num(fd)
			l.str(" ")
		}
	}
	l.end()
}

func tty() {
	fd, e := sys.Open(unsafe.StringData("/dev/tty\x00"), unix.O_RDWR, 0)
	if e != 0 {
		say("no terminal")
		return
	}
	text := [5]byte{'t', 't', 'y', '\r', '\n'}
	_, _ = sys.Write(fd, text[:])
}

func say(text string) {
	var l line
	l.str(text)
	l.end()
}

// line is a line of output under construction.
type line struct {
	n   int
	buf [512]byte
}

func (l *line) str(text string) {
	for i := 0; i < len(text) && l.n < len(l.buf)-1; i++ {
		l.buf[l.n] = text[i]
		l.n++
	}
}

func (l *line) num(n int) {
	if n < 0 {
		l.str("-")
		n = -n
	}
	if n >= 10 {
		l.num(n / 10)
	}
	l.digit(n % 10)
}

func (l *line) hex(n uint64) {
	if n >= 16 {
		l.hex(n / 16)
	}
	l.digit(int(n % 16))
}

func (l *line) digit(n int) {
	const digits = "0123456789abcdef"
	l.str(digits[n : n+1])
}

func (l *line) end() {
	l.buf[l.n] = '\n'
	_, _ = sys.Write(1, l.buf[:l.n+1])
}

// number reads a decimal number.
func number(text string) (n int) {
	for i := 0; i < len(text); i++ {
		n = n*10 + int(text[i]-'0')
	}
	return n
}
