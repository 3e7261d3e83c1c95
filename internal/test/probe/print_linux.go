package main

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// state prints what the process inherited, as pairs NAME=VALUE. The sets of signals are in
// hexadecimal.
func state() {
	var ignored sig.Set
	for s := sig.HUP; s <= sig.Max; s++ {
		var old sys.Sigaction
		if sys.RtSigaction(s, nil, &old) == 0 && old.Handler == sys.SigIgn {
			ignored |= sig.Of(s)
		}
	}
	var l line
	l.str("pid=")
	l.num(int(sys.Getpid()))
	l.str(" ppid=")
	l.num(int(sys.Getppid()))
	l.str(" pgid=")
	l.num(int(sys.Getpgid()))
	l.str(" sid=")
	l.num(int(sys.Getsid()))
	l.str(" foreground=")
	l.num(int(foreground()))
	l.str(" mask=")
	l.hex(uint64(mask()))
	l.str(" ignored=")
	l.hex(uint64(ignored))
	l.end()
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
	for fd := range 64 {
		if sys.IsOpen(fd) {
			l.num(fd)
			l.str(" ")
		}
	}
	l.end()
}

// env prints the entries of a variable.
func env(envp []*byte, name string) {
	for _, entry := range envp {
		text := sys.String(entry)
		if ascii.HasPrefix(text, name) && len(text) > len(name) && text[len(name)] == '=' {
			say(text)
		}
	}
}

// foregroundGroup makes the process group of this process the foreground group of the terminal that
// is file 3. TTOU is blocked meanwhile, or it would stop the process (tcsetpgrp(3)).
func foregroundGroup() {
	old := mask()
	sys.Sigprocmask(old | sig.Of(sig.TTOU))
	sys.IoctlSetInt(3, unix.TIOCSPGRP, sys.Getpgid())
	sys.Sigprocmask(old)
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

// write appends a line to a file, or prints why it cannot.
func write(path *byte, text string) {
	var l line
	fd, e := sys.Open(path, unix.O_WRONLY|unix.O_APPEND, 0)
	if e != 0 {
		l.str("cannot open: errno ")
		l.num(int(e))
		l.end()
		return
	}
	l.str(text)
	l.str("\n")
	_, _ = sys.Write(fd, l.buf[:l.n])
	sys.Close(fd)
}

func say(text string) {
	var l line
	l.str(text)
	l.end()
}

func printNumber(n int) {
	var l line
	l.num(n)
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

// begin is what each line begins with.
var begin string

// end prints the line, in one write, so that lines of several processes do not mix.
func (l *line) end() {
	var out line
	out.str(begin)
	out.str(unsafe.String(&l.buf[0], l.n))
	out.buf[out.n] = '\n'
	_, _ = sys.Write(1, out.buf[:out.n+1])
}
