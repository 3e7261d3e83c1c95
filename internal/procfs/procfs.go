// Package procfs reads what /proc tells about processes (proc(5)).
//
// It is for the applets that look at processes which are not their own, and it needs the Go runtime. What to do about
// a process is the business of the applets; to hold on to one is that of package pidfd.
package procfs

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"util/internal/sig"

	"golang.org/x/sys/unix"
)

// ErrGone says that there is no such process, or not any more.
var ErrGone = errors.New("no such process")

// FS is the proc filesystem at /proc. It is not safe for concurrent use.
type FS struct {
	dir *os.File
	buf []byte
}

// Open opens /proc. It fails where /proc is not mounted, and where it is that of another PID namespace: its numbers
// would be those of other processes than the ones that kill(2) knows by them.
func Open() (*FS, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, errors.New("/proc is not mounted here")
	}
	fs := &FS{dir, make([]byte, 4096)}
	own, err := fs.read("self/status")
	if err != nil {
		dir.Close()
		return nil, errors.New("/proc is not mounted here, or is that of another PID namespace")
	}
	if !bytes.Equal(field(own, "NSpid"), strconv.AppendInt(nil, int64(os.Getpid()), 10)) {
		dir.Close()
		return nil, errors.New("/proc is that of another PID namespace: mount one for this namespace")
	}
	return fs, nil
}

// HidePID returns the hidepid option of /proc if that hides processes of other users (proc(5)), else "".
func (fs *FS) HidePID() string {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	hides := ""
	for line := range strings.Lines(string(info)) {
		mount, super, _ := strings.Cut(line, " - ")
		if f := strings.Fields(mount); len(f) < 5 || f[4] != "/proc" {
			continue
		}
		hides = ""
		if _, option, ok := strings.Cut(strings.TrimSpace(super), "hidepid="); ok {
			option, _, _ = strings.Cut(option, ",")
			if option != "0" && option != "off" {
				hides = "hidepid=" + option
			}
		}
	}
	return hides
}

// PIDs returns the numbers of all processes that can be seen, in no order.
func (fs *FS) PIDs() ([]int, error) {
	if _, err := fs.dir.Seek(0, 0); err != nil {
		return nil, err
	}
	names, err := fs.dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// Stat is the part of /proc/PID/stat that the applets need. Parent, Group and Session are 0 where they are outside this
// PID namespace.
type Stat struct {
	PID     int
	Name    string // the command name, at most 15 bytes
	State   byte   // R, S, D, T, t, Z, …
	Parent  int
	Group   int
	Session int
	Kernel  bool   // a kernel thread
	Threads int    // of a zombie: 1, or more if only its first thread has ended
	Start   uint64 // when it started, in ticks since the system started
}

// Title is what a process is called in a message: its number and name.
func (s *Stat) Title() string { return Title(s.PID, s.Name) }

// Title is [Stat.Title] for a number and a name, which may be empty. A name can hold any byte; what would disturb a
// terminal becomes "?".
func Title(pid int, name string) string {
	if name == "" {
		return strconv.Itoa(pid)
	}
	return fmt.Sprintf("%d (%s)", pid, strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, name))
}

// TicksPerSecond is the unit of [Stat.Start]: USER_HZ, 100 on every architecture that this program is for.
const TicksPerSecond = 100

// Zombie reports whether the process has ended and waits to be reaped. A process whose first thread has ended while
// others run is in state Z too, but has not ended.
func (s *Stat) Zombie() bool { return s.State == 'Z' && s.Threads <= 1 }

// Same reports whether both are the same process: the number alone may have been given to another one.
func (s *Stat) Same(other *Stat) bool { return s.PID == other.PID && s.Start == other.Start }

// Stat reads /proc/PID/stat.
func (fs *FS) Stat(pid int) (Stat, error) {
	text, err := fs.readOf(pid, "/stat")
	if err != nil {
		return Stat{}, err
	}
	// The name is in parentheses and may hold any byte, parentheses too.
	from, to := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if from < 0 || to < from || to+4 > len(text) {
		return Stat{}, fmt.Errorf("/proc/%d/stat: %q: not understood", pid, text)
	}
	st := Stat{PID: pid, Name: string(text[from+1 : to]), State: text[to+2]}
	rest := text[to+4:]
	const pfKthread = 0x00200000 // PF_KTHREAD, include/linux/sched.h
	for column := 4; column <= 22 && len(rest) > 0; column++ {
		var word []byte
		word, rest, _ = bytes.Cut(rest, []byte{' '})
		switch column {
		case 4:
			st.Parent = int(number(word))
		case 5:
			st.Group = int(number(word))
		case 6:
			st.Session = int(number(word))
		case 9:
			st.Kernel = number(word)&pfKthread != 0
		case 20:
			st.Threads = int(number(word))
		case 22:
			st.Start = number(word)
		}
	}
	return st, nil
}

// number reads a decimal number; it is 0 for a negative one, which no column that is read here has.
func number(word []byte) (n uint64) {
	for _, c := range word {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + uint64(c-'0')
	}
	return n
}

// Status is the part of /proc/PID/status that the applets need.
type Status struct {
	UID     uint32 // effective user
	Blocked sig.Set
	Ignored sig.Set
	Caught  sig.Set
}

// Takes reports whether the process does something about the signal s: it catches it, or it blocks it, as a process
// does that takes its signals with sigwait(3) or signalfd(2). Containers' inits are of the latter kind.
func (s *Status) Takes(signal sig.Signal) bool { return (s.Caught | s.Blocked).Has(signal) }

// Status reads /proc/PID/status. The masks are those of the first thread.
func (fs *FS) Status(pid int) (Status, error) {
	text, err := fs.readOf(pid, "/status")
	if err != nil {
		return Status{}, err
	}
	var st Status
	if ids := bytes.Fields(field(text, "Uid")); len(ids) > 1 {
		st.UID = uint32(number(ids[1]))
	}
	st.Blocked = set(field(text, "SigBlk"))
	st.Ignored = set(field(text, "SigIgn"))
	st.Caught = set(field(text, "SigCgt"))
	return st, nil
}

// field returns the value of a line "name:\tvalue".
func field(text []byte, name string) []byte {
	for line := range bytes.Lines(text) {
		if value, ok := bytes.CutPrefix(line, []byte(name+":")); ok {
			return bytes.TrimSpace(value)
		}
	}
	return nil
}

func set(hex []byte) sig.Set {
	n, _ := strconv.ParseUint(string(hex), 16, 64)
	return sig.Set(n)
}

// Cmdline returns the arguments of a process, nil if it has none: a zombie, a kernel thread.
func (fs *FS) Cmdline(pid int) ([]string, error) {
	text, err := fs.readOf(pid, "/cmdline")
	if err != nil || len(text) == 0 {
		return nil, err
	}
	return strings.Split(strings.TrimRight(string(text), "\x00"), "\x00"), nil
}

// Exe returns the path of the program that a process executes, as its own mount namespace knows it. The kernel tells
// only those who may trace the process (ptrace(2)): others get EACCES. A program that was deleted or replaced since
// keeps its path.
func (fs *FS) Exe(pid int) (string, error) {
	path, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe"))
	if err != nil {
		if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
			return "", ErrGone // or a kernel thread, or a zombie
		}
		return "", err
	}
	return strings.TrimSuffix(path, " (deleted)"), nil
}

// readOf reads a file of one process, into memory that the next read uses again.
func (fs *FS) readOf(pid int, file string) ([]byte, error) {
	text, err := fs.read(strconv.Itoa(pid) + file)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ESRCH):
		return nil, ErrGone
	case err != nil:
		return nil, fmt.Errorf("/proc/%d%s: %w", pid, file, err)
	}
	return text, nil
}

func (fs *FS) read(name string) ([]byte, error) {
	fd, err := unix.Openat(int(fs.dir.Fd()), name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	for n := 0; ; {
		if n == len(fs.buf) {
			fs.buf = append(fs.buf, make([]byte, n)...)
		}
		more, err := unix.Read(fd, fs.buf[n:])
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if more == 0 {
			return fs.buf[:n], nil
		}
		n += more
	}
}

// Now is the present in the unit of [Stat.Start].
func Now() uint64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return 0
	}
	return uint64(t.Nano()) / (1e9 / TicksPerSecond)
}
