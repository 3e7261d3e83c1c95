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
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"
	"unsafe"

	"util/internal/sig"

	"golang.org/x/sys/unix"
)

// ErrGone says that there is no such process, or not any more.
var ErrGone = errors.New("no such process")

// FS is the proc filesystem at /proc. It is not safe for concurrent use.
type FS struct {
	dir *os.File
	reader
	silent bool // a read took too long: see patiently
}

// reader reads files of /proc.
type reader struct {
	dir  uintptr // the descriptor of /proc
	path []byte
	buf  []byte
}

func newReader(dir uintptr) reader { return reader{dir: dir, buf: make([]byte, 4096)} }

// Open opens /proc. It fails where /proc is not mounted, and where it is that of another PID namespace: its numbers
// would be those of other processes than the ones that kill(2) knows by them.
func Open() (*FS, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, errors.New("/proc is not mounted here")
	}
	fs := &FS{dir: dir, reader: newReader(dir.Fd())}
	own, errno := fs.read("self/status")
	if errno != 0 {
		dir.Close()
		return nil, errors.New("/proc is not mounted here, or is that of another PID namespace")
	}
	if !bytes.Equal(field(own, "NSpid"), strconv.AppendInt(nil, int64(os.Getpid()), 10)) {
		dir.Close()
		return nil, errors.New("/proc is that of another PID namespace: mount one for this namespace")
	}
	return fs, nil
}

// Close lets go of /proc.
func (fs *FS) Close() { fs.dir.Close() }

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

// All reads /proc/PID/stat of all processes that can be seen, in no order.
func (fs *FS) All() ([]Stat, error) {
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
	return fs.Stats(pids), nil
}

// Stats reads /proc/PID/stat of many processes, on all processors. Those that are gone are left out.
func (fs *FS) Stats(pids []int) []Stat {
	const share = 250 // below that, a further goroutine costs more than it saves
	workers := min(runtime.GOMAXPROCS(0), len(pids)/share+1)
	found := make([][]Stat, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			r := newReader(fs.reader.dir)
			for _, pid := range pids[w*len(pids)/workers : (w+1)*len(pids)/workers] {
				if st, err := r.Stat(pid); err == nil {
					found[w] = append(found[w], st)
				}
			}
		})
	}
	wait.Wait()
	return slices.Concat(found...)
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
func (r *reader) Stat(pid int) (Stat, error) {
	text, err := r.readOf(pid, "/stat")
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
	Running bool // on a processor, or waiting for one
	Nested  bool // in a PID namespace below that of /proc
}

// Takes reports whether a process does something about the signal s: it catches it, or blocks it, as a process does that
// takes its signals with signalfd(2) or sigwait(3). Inits of containers are of that kind.
//
// A process on its way out of sigwait(3) shows neither: its mask is not back yet, and it waits no more. It is looked at
// again until it has come to rest.
func (fs *FS) Takes(pid int, s sig.Signal) (bool, error) {
	const tries = 200
	for try := 1; ; try++ {
		st, err := fs.Status(pid)
		if err != nil {
			return false, err
		}
		if (st.Caught | st.Blocked).Has(s) || fs.WaitsForSignals(pid) {
			return true, nil
		}
		switch {
		case try == tries, try > 1 && !st.Running:
			return false, nil
		case st.Running:
			time.Sleep(time.Millisecond)
		}
	}
}

// WaitsForSignals reports whether a process is in sigwait(3). What it waits for does not count as blocked meanwhile
// (kernel/signal.c, do_sigtimedwait), and the kernel does not tell what that is. It tells nothing to those who may not
// trace the process.
func (fs *FS) WaitsForSignals(pid int) bool {
	where, err := fs.readOf(pid, "/wchan")
	return err == nil && bytes.HasPrefix(where, []byte("do_sigtimedwait"))
}

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
	st.Running = bytes.HasPrefix(field(text, "State"), []byte("R"))
	st.Nested = len(bytes.Fields(field(text, "NSpid"))) > 1 // a number for each namespace (proc_pid_status(5))
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

// Threads returns the numbers of all threads of a process. Stat and Status take them as well, though they are not in the list of /proc.
func (fs *FS) Threads(pid int) (tids []int) {
	entries, _ := os.ReadDir(path(pid, "task"))
	for _, entry := range entries {
		if tid, err := strconv.Atoi(entry.Name()); err == nil {
			tids = append(tids, tid)
		}
	}
	return tids
}

// BlockedByAll returns the signals that every thread of a process blocks: only those reach none of them.
func (fs *FS) BlockedByAll(pid int) sig.Set {
	blocked := sig.All
	for _, tid := range fs.Threads(pid) {
		if st, err := fs.Status(tid); err == nil {
			blocked &= st.Blocked
		}
	}
	return blocked
}

// readOf reads a file of one process, into memory that the next read uses again.
func (r *reader) readOf(pid int, file string) ([]byte, error) {
	text, errno := r.read(strconv.Itoa(pid) + file)
	switch errno {
	case 0:
		return text, nil
	case unix.ENOENT, unix.ESRCH:
		return nil, ErrGone
	}
	return nil, fmt.Errorf("/proc/%d%s: %w", pid, file, errno)
}

// read reads a file. Its system calls are raw: they do not wait for anything, and telling Go's scheduler about each one
// would take longer than the call.
func (r *reader) read(name string) ([]byte, syscall.Errno) {
	r.path = append(append(r.path[:0], name...), 0)
	fd, _, e := unix.RawSyscall6(unix.SYS_OPENAT, r.dir, uintptr(unsafe.Pointer(&r.path[0])), unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
	if e != 0 {
		return nil, e
	}
	defer func() { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, fd, 0, 0) }()
	for n := 0; ; {
		if n == len(r.buf) {
			r.buf = append(r.buf, make([]byte, n)...)
		}
		more, _, e := unix.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&r.buf[n])), uintptr(len(r.buf)-n))
		if e != 0 {
			return nil, e
		}
		if n += int(more); n < len(r.buf) { // the files that are read here come in one piece
			return r.buf[:n], 0
		}
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
