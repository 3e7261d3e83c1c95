package pid1

import (
	"unsafe"

	"util/internal/ascii"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// account is what init needs to say, in the end, why and how the command ended.
type account struct {
	start    int64       // when the command was started, on the monotonic clock in nanoseconds
	usage    unix.Rusage // of the command and of those it waited for
	reaped   int         // orphans
	oomKills int         // what the memory cgroup had counted before; -1 if that is not known
	left     int         // processes that KILL was sent to; -1 if that is not known
}

// names of the processes that KILL met, as they stand in the message. A package variable because it is seldom used.
var names struct {
	n   int
	buf [300]byte
}

// begin takes down what has to be known when the command starts.
//
//go:noinline
func (s *supervisor) begin() {
	a := &s.account
	a.start = now()
	a.oomKills = oomKills()
	s.locateTerminationLog()
}

// noteLeft takes down who is left in the scope, and returns how many they are; -1 if that cannot be found out.
//
//go:noinline
func (s *supervisor) noteLeft() int {
	names.n = 0
	var r roll
	if !r.open(s.self) {
		return -1
	}
	n := 0
	for p := r.next(); p.pid != 0; p = r.next() {
		if p.ended() || !s.wide() && p.group != s.pid {
			continue
		}
		n++
		if names.n < len(names.buf)-40 { // a name has at most 15 bytes
			if names.n > 0 {
				putName(", ")
			}
			var text [512]byte
			putName(commOf(text[:r.read(p.pid, "/stat\x00", text[:])]))
			putName(" (")
			names.n += ascii.Put(names.buf[names.n:], int(p.pid))
			putName(")")
		}
	}
	r.close()
	return n
}

// theirNames is what noteLeft took down.
func theirNames() string { return unsafe.String(&names.buf[0], names.n) }

func putName(text string) {
	names.n += copy(names.buf[names.n:], text)
}

// commOf is the name in a line of /proc/PID/stat.
func commOf(stat []byte) string {
	first, last := -1, -1
	for i, c := range stat {
		if c == '(' && first < 0 {
			first = i
		}
		if c == ')' {
			last = i
		}
	}
	if first < 0 || last < first {
		return "?"
	}
	return unsafe.String(&stat[first], last-first)[1:]
}

// sayEnded says how the command ended, with status code for init, and what happened meanwhile. It is init's last line.
//
//go:noinline
func (s *supervisor) sayEnded(code uint8) {
	if s.speaks() {
		s.sayEndedAs(code)
		if s.TerminationLog == "" && s.ended {
			return
		}
	}
	a := &s.account
	killed, alive := 0, 0
	if s.killed {
		killed = max(a.left, 0)
		if s.limit <= now() { // some did not end
			if alive = s.noteLeft(); alive > 0 {
				killed = max(killed-alive, 0)
			}
		}
	}
	ran := now() - a.start
	user, system := a.usage.Utime.Nano(), a.usage.Stime.Nano()
	peak := int(a.usage.Maxrss) // kB, getrusage(2)
	t := s.newLine()
	t.quoted(s.name())
	t.str(", pid ")
	t.num(int(s.pid))
	t.str(", ")
	switch {
	case s.ended:
		t.status(s.status)
	case s.self == 1:
		t.str("was still alive after KILL, and is ended by the kernel with PID 1")
	default:
		t.str("is still alive after KILL")
	}
	if s.explains() && !s.ended {
		t.str(",")
	}
	if s.explains() {
		t.str(" after ")
		t.seconds(ran)
	}
	if s.ended {
		t.str(" (user ")
		t.seconds(user)
		t.str(", system ")
		t.seconds(system)
		t.str(", peak memory ")
		t.num(peak)
		t.str(" kB)")
	}
	t.str("; orphans reaped: ")
	t.num(a.reaped)
	if killed > 0 {
		t.str("; killed: ")
		t.num(killed)
		if alive == 0 && names.n > 0 {
			t.str(": ")
			t.plain(theirNames())
		}
	}
	switch {
	case alive > 0:
		t.str("; not ended by KILL: ")
		t.num(alive)
		t.str(": ")
		t.plain(theirNames())
	case alive < 0:
		t.str("; not all ended by KILL; who, cannot be seen without a /proc of this PID namespace")
	}
	oom := 0
	if now := oomKills(); a.oomKills >= 0 && now > a.oomKills {
		oom = now - a.oomKills
		t.str("; out of memory: the kernel killed ")
		t.num(oom)
		t.str(" in the memory cgroup, limit ")
		t.memory(limitFile)
		t.str(" bytes, peak ")
		t.memory(peakFile)
		t.str(" bytes")
	}
	if !s.ended || int(code) != s.status.Code() {
		t.str("; init ends with ")
		t.num(int(code))
	}

	t.field("event", "ended")
	t.field("command", s.name())
	t.fieldNum("pid", int(s.pid))
	switch {
	case !s.ended:
	case s.status.Signal != 0:
		t.field("signal", s.status.Signal.Name())
		t.fieldBool("core_dumped", s.status.Core)
	default:
		t.fieldNum("status", int(s.status.Exit))
	}
	t.fieldNum("exit_code", int(code))
	t.fieldSeconds("run_seconds", ran)
	t.fieldSeconds("user_seconds", user)
	t.fieldSeconds("system_seconds", system)
	t.fieldNum("peak_memory_kb", peak)
	t.fieldNum("orphans_reaped", a.reaped)
	t.fieldNum("killed", killed)
	t.fieldNum("not_ended", max(alive, 0))
	t.fieldBool("out_of_memory", oom > 0)
	if s.Verbose > 0 || s.LogFormat != LogDefault || s.TerminationLog == "" {
		t.end(s)
	} else {
		t.finish()
	}
	s.writeTerminationLog(t)
}

// last writes a message that says why nothing could be started: to the log, and to the termination log.
func (t *line) last(s *supervisor) {
	if s.speaks() { // they have said it in their words
		t.finish()
	} else {
		t.end(s)
	}
	s.locateTerminationLog()
	s.writeTerminationLog(t)
}

//go:noinline
func (s *supervisor) sayKill() {
	t := s.newLine()
	t.str("the grace period of ")
	t.seconds(s.Grace)
	t.str(" is over: KILL to ")
	switch {
	case s.account.left <= 0 && s.wide():
		t.str("all that is left")
	case s.account.left <= 0:
		t.str("the process group")
	default:
		t.num(s.account.left)
		t.str(" that are left: ")
		t.plain(theirNames())
	}
	t.field("event", "kill")
	t.fieldNum("killed", max(s.account.left, 0))
	t.end(s)
}

// memory appends what a file of the memory cgroup says, a number or a word.
func (t *line) memory(file int) { t.plain(upTo(memoryText(file), 32)) }

// The files of the memory cgroup, version 2 and 1.
const (
	limitFile = iota
	peakFile
	countFile
)

// memory is where the memory cgroup of init is. A package variable because it is seldom used.
var memory struct {
	n    int  // the length of its path; 0 if it is not known
	v1   bool // cgroup version 1
	path [4096]byte
	text [4096]byte
}

// oomKills returns how many processes the kernel has killed in the memory cgroup of init for want of memory, or -1 if
// that cannot be read (cgroup v2: memory.events since Linux 4.13; v1: memory.oom_control).
//
//go:noinline
func oomKills() int {
	if memory.n == 0 && !findMemory() {
		return -1
	}
	text := memoryText(countFile)
	const key = "oom_kill "
	for more := true; more; {
		var row string
		row, text, more = ascii.Cut(text, '\n')
		if ascii.HasPrefix(row, key) {
			return ascii.Number(row[len(key):])
		}
	}
	return -1
}

// findMemory finds the memory cgroup: by its path in /proc/self/cgroup below the mount, or, where the mount shows only
// the container's own part of the hierarchy, at the mount itself.
func findMemory() bool {
	n := readFile("/proc/self/cgroup\x00", memory.text[:])
	rest := unsafe.String(&memory.text[0], n)
	var v1, v2 string
	for more := true; more; {
		var row string
		row, rest, more = ascii.Cut(rest, '\n')
		_, row, _ = ascii.Cut(row, ':')
		controllers, path, ok := ascii.Cut(row, ':')
		switch {
		case !ok:
		case controllers == "":
			v2 = path
		case controllers == "memory":
			v1 = path
		}
	}
	return tryMemory(false, v2) || tryMemory(false, "") || tryMemory(true, v1) || tryMemory(true, "")
}

// tryMemory reports whether the cgroup's files are below path, and remembers that.
func tryMemory(v1 bool, path string) bool {
	mount := "/sys/fs/cgroup"
	if v1 {
		mount = "/sys/fs/cgroup/memory"
	}
	if len(path) > 3000 {
		return false
	}
	if path == "/" {
		path = ""
	}
	memory.v1 = v1
	memory.n = copy(memory.path[:], mount)
	memory.n += copy(memory.path[memory.n:], path)
	fd, e := own(sys.Open(memoryPath(countFile), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	if e != 0 {
		memory.n = 0
		return false
	}
	sys.Close(fd)
	return true
}

// memoryPath returns the path of a file of the memory cgroup.
func memoryPath(file int) *byte {
	name := ""
	switch {
	case memory.v1 && file == countFile:
		name = "/memory.oom_control\x00"
	case memory.v1 && file == limitFile:
		name = "/memory.limit_in_bytes\x00"
	case memory.v1:
		name = "/memory.max_usage_in_bytes\x00"
	case file == countFile:
		name = "/memory.events\x00"
	case file == limitFile:
		name = "/memory.max\x00"
	default:
		name = "/memory.peak\x00" // since Linux 5.19
	}
	copy(memory.path[memory.n:], name)
	return &memory.path[0]
}

// memoryText returns what a file of the memory cgroup says, without the newline at its end. It is good until the next call.
func memoryText(file int) string {
	fd, e := own(sys.Open(memoryPath(file), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	if e != 0 {
		return "unknown"
	}
	n, e := sys.Read(fd, memory.text[:])
	sys.Close(fd)
	if e != 0 || n == 0 {
		return "unknown"
	}
	if memory.text[n-1] == '\n' {
		n--
	}
	return unsafe.String(&memory.text[0], n)
}

// readFile reads the beginning of a file whose path ends with a NUL byte, and returns its length without the newline at its end.
func readFile(path string, p []byte) int {
	fd, e := own(sys.Open(unsafe.StringData(path), unix.O_RDONLY|unix.O_CLOEXEC, 0))
	if e != 0 {
		return 0
	}
	n, e := sys.Read(fd, p)
	sys.Close(fd)
	if e != 0 {
		return 0
	}
	if n > 0 && p[n-1] == '\n' {
		n--
	}
	return n
}
