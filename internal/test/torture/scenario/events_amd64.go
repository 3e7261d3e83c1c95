package scenario

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// What a hook, or Play, can let happen beside what init does.

// PID returns the pid of init, in the namespace of the test.
func (l *Life) PID() int { return l.pid }

// CloseStderr closes the only reader of init's stderr, and returns once init's writes fail.
func (l *Life) CloseStderr() {
	l.errRead.Close()
	writer, err := os.OpenFile(fmt.Sprintf("/proc/%d/fd/2", l.pid), os.O_WRONLY, 0)
	if err != nil {
		return // init has closed it, or has ended
	}
	defer writer.Close()
	l.within(l.Slack, func() bool {
		ready := []unix.PollFd{{Fd: int32(writer.Fd())}}
		n, _ := unix.Poll(ready, 0)
		return n == 1 && ready[0].Revents&unix.POLLERR != 0
	})
}

// TypeEchoed types a control character, such as "\x1a" for ^Z, and returns once the terminal has
// processed it.
func (l *Life) TypeEchoed(key string) {
	echo := "^" + string(key[0]+'@')
	before := strings.Count(l.terminal.Text(), echo)
	l.Type(key)
	l.within(l.Slack, func() bool { return strings.Count(l.terminal.Text(), echo) > before })
}

// HangUp hangs up the terminal (vhangup(2)): it is taken from all processes that have it open.
func (l *Life) HangUp() {
	control(l.terminal.Line, func(fd int) { _ = unix.IoctlSetInt(fd, unix.TIOCVHANGUP, 0) })
}

// Resize changes the size of the terminal.
func (l *Life) Resize(rows, cols uint16) {
	size := unix.Winsize{Row: rows, Col: cols}
	control(l.terminal.Master, func(fd int) { _ = unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &size) })
}

func control(file *os.File, f func(fd int)) {
	if raw, err := file.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) })
	}
}
