// Package procfs reads information about processes from /proc (proc(5)).
//
// It is for the applets that examine processes other than their own children, and it needs the Go
// runtime. It does not act on processes: the applets decide what to do, and package pidfd holds and
// signals a process.
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
	"unsafe"

	"util/internal/printable"
	"util/internal/proc"
	"util/internal/sig"

	"golang.org/x/sys/unix"
)

// ErrGone means that the process does not exist, or has ended and been reaped.
var ErrGone = errors.New("no such process")

// FS is the proc filesystem at /proc. It is not safe for concurrent use.
type FS struct {
	dir *os.File
	reader
	slow bool // a read took too long: see withTimeout
}

// reader reads files below /proc. Every reader has a buffer of its own.
type reader struct {
	dir  uintptr // the file descriptor of /proc
	path []byte
	buf  []byte
}

func newReader(dir uintptr) reader { return reader{dir: dir, buf: make([]byte, 4096)} }

// Open opens /proc. It fails if /proc is not mounted. It also fails if /proc belongs to another PID
// namespace, because its PIDs would then refer to different processes than the PIDs of kill(2).
func Open() (*FS, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, errors.New("/proc is not mounted here")
	}
	fs := &FS{dir: dir, reader: newReader(dir.Fd())}
	own, errno := fs.read("self/status")
	if errno != 0 {
		dir.Close()
		return nil, errors.New("/proc is not mounted here, or belongs to another PID namespace")
	}
	if !bytes.Equal(field(own, "NSpid"), strconv.AppendInt(nil, int64(os.Getpid()), 10)) {
		dir.Close()
		return nil, errors.New("/proc belongs to another PID namespace: " +
			"mount one for this namespace")
	}
	return fs, nil
}

// Close closes /proc.
func (fs *FS) Close() { fs.dir.Close() }

// HidePID returns the hidepid option of /proc if it hides the processes of other users (proc(5)),
// and "" otherwise.
func (fs *FS) HidePID() string {
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return ""
	}
	return hidePID(string(info))
}

// hidePID is [FS.HidePID] for a text of /proc/self/mountinfo. Of several mounts at /proc, the last
// counts.
func hidePID(mountinfo string) (hides string) {
	for line := range strings.Lines(mountinfo) {
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

// All reads /proc/PID/stat of all visible processes, in no particular order.
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

// Stats reads /proc/PID/stat of many processes, in parallel. It leaves out those that no longer
// exist.
func (fs *FS) Stats(pids []int) []Stat {
	const share = 250 // for fewer processes, a further goroutine costs more than it saves
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

// Stat is the part of /proc/PID/stat that the applets need. Parent, Group and Session are 0 if they
// are outside this PID namespace.
type Stat struct {
	PID     int
	Name    string // the command name, at most 15 bytes
	State   byte   // R, S, D, T, t, Z, …
	Parent  int
	Group   int
	Session int
	Kernel  bool   // a kernel thread
	Threads int    // of a zombie: 1, or more if only its main thread has ended
	Start   uint64 // start time, in ticks since the system booted
}

// Title is how messages name a process: by its PID and command name.
func (s *Stat) Title() string { return Title(s.PID, s.Name) }

// Title is [Stat.Title] for a PID and a name, which may be empty. A name can contain any byte: see
// [printable.Text].
func Title(pid int, name string) string {
	if name == "" {
		return strconv.Itoa(pid)
	}
	return fmt.Sprintf("%d (%s)", pid, printable.Text(name))
}

// TicksPerSecond is the unit of [Stat.Start]: USER_HZ, which is 100 on every supported
// architecture.
const TicksPerSecond = 100

// Zombie reports whether the process has ended and has not been reaped. A process whose main thread
// has ended while other threads run is also in state Z, but has not ended.
func (s *Stat) Zombie() bool { return s.State == 'Z' && s.Threads <= 1 }

// Ended reports whether the process has ended: it is a zombie, or is being reaped right now (state
// X).
func (s *Stat) Ended() bool { return s.State == 'X' || s.Zombie() }

// Same reports whether both are the same process. The PID alone does not tell, as it can be reused.
func (s *Stat) Same(other *Stat) bool { return s.PID == other.PID && s.Start == other.Start }

// Stat reads /proc/PID/stat.
func (r *reader) Stat(pid int) (Stat, error) {
	text, err := r.readOf(pid, "/stat")
	if err != nil {
		return Stat{}, err
	}
	// The name is in parentheses and can contain any byte, including parentheses.
	from, to := bytes.IndexByte(text, '('), bytes.LastIndexByte(text, ')')
	if from < 0 || to < from || to+4 > len(text) {
		return Stat{}, fmt.Errorf("/proc/%d/stat: %q: unexpected format", pid, text)
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

// number reads a decimal number. It returns 0 for a negative number, which no field read here has.
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
	Running bool // state R: on a processor, or waiting for one
	Nested  bool // in a PID namespace nested in that of /proc
}

// Handles reports whether a process handles the signal s. It does if it catches the signal, or if
// it blocks it: a process that receives its signals with signalfd(2) or sigwait(3), as container
// inits do, blocks them.
//
// A process that is returning from sigwait(3) shows neither, because the kernel has not restored
// its mask yet. One that is in fork(3) of glibc blocks all signals for a moment. So a running
// process is checked again until it sleeps.
func (fs *FS) Handles(pid int, s sig.Signal) (bool, error) {
	const tries = 200
	for try := 1; ; try++ {
		st, err := fs.Status(pid)
		if err != nil {
			return false, err
		}
		blocked := st.Blocked.Has(s)
		if st.Caught.Has(s) || blocked && !st.Running || fs.WaitsForSignals(pid) {
			return true, nil
		}
		switch {
		case try == tries, try > 1 && !st.Running:
			return blocked, nil
		case st.Running:
			time.Sleep(time.Millisecond)
		}
	}
}

// WaitsForSignals reports whether a process is in sigwait(3). The signals that it waits for are not
// shown as blocked during that time (kernel/signal.c, do_sigtimedwait), and the kernel does not
// report which ones they are. The result is false if the caller may not trace the process
// (ptrace(2)).
func (fs *FS) WaitsForSignals(pid int) bool {
	for _, file := range []string{proc.Wchan, proc.Syscall} {
		text, err := fs.readOf(pid, strings.TrimSuffix(file, "\x00"))
		if err == nil && proc.InSigwait(string(text)) {
			return true
		}
	}
	return false
}

// Status reads /proc/PID/status. The signal masks are those of the main thread.
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
	// The line has a PID for each namespace (proc_pid_status(5)).
	st.Nested = len(bytes.Fields(field(text, "NSpid"))) > 1
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

// Threads returns the thread IDs of a process. Stat and Status accept them too, although [FS.All]
// does not list them.
func (fs *FS) Threads(pid int) (tids []int) {
	entries, _ := os.ReadDir(path(pid, "task"))
	for _, entry := range entries {
		if tid, err := strconv.Atoi(entry.Name()); err == nil {
			tids = append(tids, tid)
		}
	}
	return tids
}

// BlockedByAll returns the signals that every thread of a process blocks. Any other signal reaches
// at least one thread.
func (fs *FS) BlockedByAll(pid int) sig.Set {
	blocked := sig.All
	for _, tid := range fs.Threads(pid) {
		if st, err := fs.Status(tid); err == nil {
			blocked &= st.Blocked
		}
	}
	return blocked
}

// readOf reads a file of one process. The next read overwrites the result.
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

// read reads a file. Its system calls are raw: they do not block, and notifying the Go scheduler of
// each one would take longer than the call.
func (r *reader) read(name string) ([]byte, syscall.Errno) {
	r.path = append(append(r.path[:0], name...), 0)
	fd, _, e := unix.RawSyscall6(unix.SYS_OPENAT, r.dir, uintptr(unsafe.Pointer(&r.path[0])),
		unix.O_RDONLY|unix.O_CLOEXEC, 0, 0, 0)
	if e != 0 {
		return nil, e
	}
	defer func() { _, _, _ = unix.RawSyscall(unix.SYS_CLOSE, fd, 0, 0) }()
	for n := 0; ; {
		if n == len(r.buf) {
			r.buf = append(r.buf, make([]byte, n)...)
		}
		free := r.buf[n:]
		more, _, e := unix.RawSyscall(unix.SYS_READ, fd,
			uintptr(unsafe.Pointer(&free[0])), uintptr(len(free)))
		if e != 0 {
			return nil, e
		}
		if n += int(more); n < len(r.buf) { // these files are never returned in several parts
			return r.buf[:n], 0
		}
	}
}

// Now returns the current time in the unit of [Stat.Start].
func Now() uint64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &t) != nil {
		return 0
	}
	return uint64(t.Nano()) / (1e9 / TicksPerSecond)
}
