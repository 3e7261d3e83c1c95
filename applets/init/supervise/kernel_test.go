package supervise

import (
	"encoding/binary"
	"strconv"
	"strings"
	"unsafe"

	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// This file is the kernel that TestStates has in the place of the real one: as much of it as the
// supervisor calls, with the behaviour that the manual pages describe. All of its state is in
// values that can be copied and compared.
//
//   - A standard signal does not queue: while one is pending, the next one is lost, with what it
//     told (signal(7)). The lowest number is received first.
//   - CONT removes pending stop signals, and a stop signal removes a pending CONT, also where they
//     are blocked.
//   - Setting the disposition of SIGCHLD to its default discards a pending one (sigaction(2) of
//     POSIX). With SA_NOCLDWAIT a child that ends sends SIGCHLD but is no zombie. Between its end
//     and its release, it has a pid, and is no child for waitid(2).
//   - A pidfd is readable from the end of its process on. It tells the status once the process is
//     released.
//   - A number is given again once no process has it as its pid or its process group.

type taskState uint8

const (
	noTask  taskState = iota
	runs              // or sleeps
	stopped           // by a signal
	trapped           // a tracee of init, which has stopped
	zombie            // ended, and not reaped
	dead              // ended, and the kernel is reaping it
	gone              // reaped; a pidfd still refers to it
)

// task is a process other than init.
type task struct {
	state       taskState
	bystander   bool // entered from outside: no stop applies to it
	stopPending bool
	stopBy      sig.Signal
	endBy       sig.Signal // the signal that ends it once it runs
	had         bool       // it has had a signal that asks it to end
	spared      sparing    // it may have been started when a stop had begun
	generation  uint8      // counts how often the number was given
	groupGen    uint8      // the generation of the group's number
	pid         int32
	parent      int32
	group       int32
	status      int32 // as wait(2) stores it
	start       int64 // in ticks
}

// inGroup reports whether a process is one of the group, which is numbered as its leader was.
func (t *task) inGroup(number int32, generation uint8) bool {
	return t.exists() && t.group == number && t.groupGen == generation
}

// exists reports whether the process has its number.
func (t *task) exists() bool { return t.state != noTask && t.state != gone }

// lives reports whether it has not ended.
func (t *task) lives() bool { return t.state >= runs && t.state <= trapped }

type fileKind uint8

const (
	noFile fileKind = iota
	aPidfd
	aSignalfd
	aConsole
	aProcDir
	aStat
	aStatus
	aLoadavg
	aPidMax
)

type file struct {
	kind fileKind
	task int8  // aPidfd: index in tasks
	read bool  // aProcDir: at the end
	pid  int32 // aStat, aStatus
}

// What a child's SIGCHLD tells (sigaction(2)).
const (
	cldExited    = 1
	cldKilled    = 2
	cldTrapped   = 4
	cldStopped   = 5
	cldContinued = 6
)

// kernel is the kernel of a container, with all of its processes.
type kernel struct {
	now        int64 // the monotonic clock in nanoseconds
	tick       int64 // the clock of process starts
	tasks      [5]task
	files      [6]file // number 3 is the first
	nextPid    int32
	pending    sig.Set // of init
	typed      sig.Set // those of them that the terminal sent
	ownStop    sig.Set // those of them that init sent itself, to stop
	chldPid    int32   // what the pending SIGCHLD tells
	chldCode   int32
	chldStatus int32
	noCldWait  bool
	removed    bool  // a stop signal has removed the pending CONT by which the shell continued init
	foreground int32 // the process group of the terminal
	burst      bool  // so many signals have arrived in a row that init looks at its children

	// What is left of what can happen only so often.
	forks, ticks int8

	// What the invariants need to know.
	owed      sig.Set // signals that reached init, and have not reached the command
	asked     bool    // one of them asked it to end
	mustWake  bool    // it was stopped at that time
	stopAt    int64   // when the first stop signal reached init
	endedAt   int64   // when the command ended
	killedAt  int64   // when KILL was first sent
	endedWith int32   // how it ended, as wait(2) stores it
}

const (
	firstFile = 3
	commandID = 10
	tickTime  = 1e7
)

// The command is the first of tasks.
func (k *kernel) command() *task { return &k.tasks[0] }

func (k *kernel) hasCommandEnded() bool { return k.endedAt != 0 }

// find returns the process with a number, or nil.
func (k *kernel) find(pid int32) *task {
	for i := range k.tasks {
		if t := &k.tasks[i]; t.exists() && t.pid == pid {
			return t
		}
	}
	return nil
}

// isUsed reports whether a number is that of a process or of a process group.
func (k *kernel) isUsed(number int32) bool {
	for i := range k.tasks {
		if t := &k.tasks[i]; t.exists() && (t.pid == number || t.group == number) {
			return true
		}
	}
	return false
}

// fork makes a process, where there is room for one.
func (k *kernel) fork(t task) {
	t.state, t.start = runs, k.tick
	if t.pid == 0 {
		t.pid = k.nextPid
		k.nextPid++
	}
	if t.group == 0 {
		t.group = t.pid
	}
	for i := range k.tasks {
		if i > 0 && k.tasks[i].state == noTask {
			k.forks--
			k.tasks[i] = t
			return
		}
	}
}

// release gives the number of a process back.
func (k *kernel) release(t *task) {
	for i := range k.files {
		if f := &k.files[i]; f.kind == aPidfd && &k.tasks[f.task] == t {
			t.state = gone
			return
		}
	}
	*t = task{state: noTask, generation: t.generation}
	if t == k.command() {
		t.state, t.pid = gone, commandID
	}
}

// machine runs the supervisor on a kernel, one turn after another.
type machine struct {
	c       *container
	k       kernel
	s       Supervisor
	info    sys.Siginfo
	calls   []uintptr // the numbers of the system calls of this turn
	inject  []injection
	pass    bool // time passes where init waits; else the turn ends there
	outcome outcome
	problem string // the invariant that is violated
	isOver  bool   // init has ended
	endsNow bool   // the command has ended in this turn, perhaps after init looked last
}

// injection is an event before a system call of a turn.
type injection struct {
	at int16
	ev happening
}

type outcome uint8

const (
	turned  outcome = iota // the turn is complete
	blocked                // init waits for something else than a time
	waits                  // init waits for a time, which has not passed
	ended
	failed
)

// unwind ends a turn in the middle.
type unwind struct{}

func (m *machine) stop(o outcome) {
	m.outcome = o
	panic(unwind{})
}

func (m *machine) fail(problem string) {
	if m.problem == "" {
		m.problem = problem
	}
	m.stop(failed)
}

func minus(e sys.Errno) uintptr { return -uintptr(e) }

func at[T any](address uintptr) *T { return *(**T)(unsafe.Pointer(&address)) }

// call is a system call.
func (m *machine) call(nr, a1, a2, a3, a4, _, _ uintptr) uintptr {
	for _, i := range m.inject {
		if int(i.at) == len(m.calls) {
			m.k.happen(m, i.ev)
		}
	}
	m.calls = append(m.calls, nr)
	if len(m.calls) > 10000 {
		m.fail("a turn does not end")
	}
	k := &m.k
	switch nr {
	case unix.SYS_CLOCK_GETTIME:
		ns := k.now
		if a1 == unix.CLOCK_BOOTTIME {
			ns = k.tick * tickTime
		}
		*at[sys.Timespec](a2) = sys.Nanoseconds(ns)
		return 0
	case unix.SYS_RT_SIGTIMEDWAIT:
		return m.sigtimedwait(sig.Set(*at[uint64](a1)), at[sys.Siginfo](a2), at[sys.Timespec](a3))
	case unix.SYS_PPOLL:
		return m.ppoll(unsafe.Slice(at[unix.PollFd](a1), a2), at[sys.Timespec](a3))
	case unix.SYS_WAITID:
		return m.waitid(int(a1), int32(a2), at[sys.Siginfo](a3), int(a4))
	case unix.SYS_WAIT4:
		return m.wait4(int32(a1), at[int32](a2))
	case unix.SYS_KILL:
		return m.kill(int32(a1), sig.Signal(a2))
	case unix.SYS_PIDFD_SEND_SIGNAL:
		return m.pidfdSendSignal(int(a1), sig.Signal(a2), a4)
	case unix.SYS_RT_SIGACTION:
		act := at[sys.Sigaction](a2)
		k.noCldWait = act.Flags&sys.NoCldWait != 0
		k.flush(sig.Of(sig.CHLD)) // whoever has sent it
		return 0
	case unix.SYS_RT_SIGPROCMASK:
		if free := ^sig.Set(*at[uint64](a2)); k.pending&free&stops != 0 {
			m.stopInit()
		}
		return 0
	case unix.SYS_PTRACE:
		return m.ptrace(a1, int32(a2))
	case unix.SYS_EXIT_GROUP:
		m.exits(int(a1))
		return 0
	case unix.SYS_GETPGID, unix.SYS_GETSID:
		return uintptr(m.s.Self)
	case unix.SYS_IOCTL:
		return m.ioctl(int(a1), a2, a3)
	}
	return m.fileCall(nr, a1, a2, a3)
}

const stops = sig.Set(1<<(sig.TSTP-1) | 1<<(sig.TTIN-1) | 1<<(sig.TTOU-1))

// sigtimedwait is rt_sigtimedwait(2).
func (m *machine) sigtimedwait(set sig.Set, info *sys.Siginfo, timeout *sys.Timespec) uintptr {
	k := &m.k
	if k.pending&set == 0 {
		m.wait(timeout)
	}
	for s := sig.HUP; s <= sig.Max; s++ {
		if !(k.pending & set).Has(s) {
			continue
		}
		k.pending &^= sig.Of(s)
		*info = sys.Siginfo{Signo: int32(s)}
		switch {
		case s == sig.CHLD:
			info.Code, info.Pid, info.Status = k.chldCode, k.chldPid, k.chldStatus
		case k.typed.Has(s):
			const kernel = 128
			info.Code = kernel
		}
		k.typed &^= sig.Of(s)
		return uintptr(s)
	}
	return minus(unix.EAGAIN)
}

// ppoll is ppoll(2).
func (m *machine) ppoll(files []unix.PollFd, timeout *sys.Timespec) uintptr {
	look := func() (ready uintptr) {
		for i := range files {
			files[i].Revents = 0
			is := false
			switch f := m.file(int(files[i].Fd)); {
			case f == nil:
				m.fail("a file is polled that is not open")
			case f.kind == aPidfd:
				is = !m.k.tasks[f.task].lives()
			case f.kind == aSignalfd:
				is = m.k.pending&^sig.Of(sig.CHLD) != 0
			}
			if is {
				files[i].Revents = unix.POLLIN
				ready++
			}
		}
		return ready
	}
	ready := look()
	if ready == 0 && (timeout == nil || *timeout != sys.Timespec{}) {
		m.wait(timeout)
		ready = look()
	}
	return ready
}

// wait lets the time pass that init waits for.
func (m *machine) wait(timeout *sys.Timespec) {
	if timeout == nil {
		m.check(-1)
		m.stop(blocked)
	}
	ns := timeout.Nano()
	if ns == 0 {
		return
	}
	m.check(ns)
	if !m.pass {
		m.stop(waits)
	}
	m.k.passes(ns)
}

// passes lets time pass.
func (k *kernel) passes(ns int64) {
	k.now += ns
	k.tick += (ns + tickTime - 1) / tickTime
}

// waitid is waitid(2) with WNOHANG and WNOWAIT.
func (m *machine) waitid(kind int, pid int32, info *sys.Siginfo, options int) uintptr {
	if m.c.noWaitid {
		return minus(unix.EPERM)
	}
	*info = sys.Siginfo{}
	hasChild := false
	for i := range m.k.tasks {
		t := &m.k.tasks[i]
		if t.state < runs || t.state > zombie || t.parent != m.s.Self ||
			kind == unix.P_PID && t.pid != pid {
			continue
		}
		hasChild = true
		switch {
		case t.state == zombie && options&unix.WEXITED != 0:
			info.Code, info.Status = endOf(t.status)
		case t.state == trapped && options&unix.WEXITED != 0:
			info.Code, info.Status = cldTrapped, int32(sig.TRAP)
		case t.state == stopped && options&unix.WSTOPPED != 0:
			info.Code, info.Status = cldStopped, int32(t.stopBy)
		default:
			continue
		}
		info.Pid = t.pid
		return 0
	}
	if !hasChild {
		return minus(unix.ECHILD)
	}
	return 0
}

// wait4 is wait4(2) with WNOHANG.
func (m *machine) wait4(pid int32, status *int32) uintptr {
	hasChild := false
	for i := range m.k.tasks {
		t := &m.k.tasks[i]
		if t.state < runs || t.state > zombie || t.parent != m.s.Self || pid != -1 && t.pid != pid {
			continue
		}
		hasChild = true
		const trap = 0x7f | int32(sig.TRAP)<<8
		set := t.status
		switch t.state {
		case trapped:
			set = trap
		case zombie:
		default:
			continue
		}
		if status != nil {
			*status = set
		}
		pid := t.pid
		if t.state == zombie {
			m.k.release(t)
		}
		return uintptr(pid)
	}
	if !hasChild {
		return minus(unix.ECHILD)
	}
	return 0
}

// endOf says what waitid(2) and SIGCHLD tell of a status.
func endOf(status int32) (code, value int32) {
	if status&0x7f != 0 {
		return cldKilled, status & 0x7f
	}
	return cldExited, status >> 8
}

// kill is kill(2).
func (m *machine) kill(pid int32, s sig.Signal) uintptr {
	k := &m.k
	switch {
	case pid == m.s.Self:
		m.stopInit()
		return 0
	case pid == 0: // init's group: init, the job of a shell
		if !k.pending.Has(s) {
			k.ownStop = sig.Of(s)
		}
		k.pending |= sig.Of(s)
		return 0
	case pid == -1 && m.s.Self != 1:
		m.fail("kill(-1) outside a PID namespace of its own")
	}
	n := 0
	for i := range k.tasks {
		t := &k.tasks[i]
		if t.exists() && (pid == -1 || pid > 0 && t.pid == pid || pid < -1 && t.group == -pid) {
			m.deliver(t, s, pid == -1)
			n++
		}
	}
	if n == 0 {
		return minus(unix.ESRCH)
	}
	return 0
}

// pidfdSendSignal is pidfd_send_signal(2).
func (m *machine) pidfdSendSignal(fd int, s sig.Signal, flags uintptr) uintptr {
	f := m.file(fd)
	if f == nil || f.kind != aPidfd {
		return minus(unix.EBADF)
	}
	if flags != 0 && m.c.noGroupPidfd {
		return minus(unix.EINVAL)
	}
	leader, n := &m.k.tasks[f.task], 0
	for i := range m.k.tasks {
		t := &m.k.tasks[i]
		if flags == 0 && t == leader && t.exists() ||
			flags != 0 && t.inGroup(leader.pid, leader.generation) {
			m.deliver(t, s, false)
			n++
		}
	}
	if n == 0 {
		return minus(unix.ESRCH)
	}
	return 0
}

// ptrace is ptrace(2).
func (m *machine) ptrace(request uintptr, pid int32) uintptr {
	t := m.k.find(pid)
	if t == nil || t.state != trapped {
		return minus(unix.ESRCH)
	}
	if request == unix.PTRACE_DETACH {
		t.state = runs
		return 0
	}
	return minus(unix.EINVAL)
}

// stopInit stops init. The shell that it is a job of continues it in the foreground.
func (m *machine) stopInit() {
	if m.s.cannotStop {
		m.fail("init stops, and nothing continues it")
	}
	m.k.pending &^= m.k.ownStop
	m.k.ownStop = 0
	m.k.flush(stops)
	m.k.foreground = m.s.Self
	m.k.arrive(m, sig.CONT)
}

// file returns an open file, or nil.
func (m *machine) file(fd int) *file {
	if i := fd - firstFile; i >= 0 && i < len(m.k.files) && m.k.files[i].kind != noFile {
		return &m.k.files[i]
	}
	return nil
}

// open opens a file.
func (m *machine) open(f file) uintptr {
	if f.kind == aPidfd && m.c.noPidfd {
		return minus(unix.ENOSYS)
	}
	for i := range m.k.files {
		if m.k.files[i].kind == noFile {
			m.k.files[i] = f
			return uintptr(i + firstFile)
		}
	}
	m.fail("files are left open")
	return 0
}

// fileCall is a system call about files.
func (m *machine) fileCall(nr, a1, a2, a3 uintptr) uintptr {
	k := &m.k
	switch nr {
	case unix.SYS_PIDFD_OPEN:
		for i := range k.tasks {
			if t := &k.tasks[i]; t.exists() && t.pid == int32(a1) {
				return m.open(file{kind: aPidfd, task: int8(i)})
			}
		}
		if int32(a1) == m.s.Self || a1 == 1 {
			return m.open(file{kind: aPidfd}) // nothing is done with it
		}
		return minus(unix.ESRCH)
	case unix.SYS_SIGNALFD4:
		return m.open(file{kind: aSignalfd})
	case unix.SYS_CLOSE:
		f := m.file(int(a1))
		if f == nil {
			m.fail("a file is closed that is not open")
		}
		old := *f
		*f = file{}
		if t := &k.tasks[old.task]; old.kind == aPidfd && t.state == gone {
			k.release(t)
		}
		return 0
	case unix.SYS_OPENAT:
		return m.openPath(sys.String(at[byte](a2)))
	case unix.SYS_READLINKAT:
		return uintptr(copy(unsafe.Slice(at[byte](a3), 16), strconv.Itoa(int(m.s.Self))))
	case unix.SYS_LSEEK:
		m.file(int(a1)).read = false
		for i := range k.tasks { // they have had time to stop
			if h := (happening{halts, int8(i)}); k.can(m, h) {
				k.make(m, h)
			}
		}
		return 0
	case unix.SYS_GETDENTS64:
		return m.getdents(m.file(int(a1)), unsafe.Slice(at[byte](a2), a3))
	case unix.SYS_READ:
		return m.read(m.file(int(a1)), unsafe.Slice(at[byte](a2), a3))
	}
	m.fail("system call " + strconv.Itoa(int(nr)) + " is not simulated")
	return 0
}

func (m *machine) openPath(path string) uintptr {
	switch {
	case m.c.noProc:
		return minus(unix.ENOENT)
	case path == "/proc":
		return m.open(file{kind: aProcDir})
	case path == "/proc/loadavg":
		return m.open(file{kind: aLoadavg})
	case path == "/proc/sys/kernel/pid_max":
		return m.open(file{kind: aPidMax})
	}
	number, name, _ := strings.Cut(path, "/")
	pid, _ := strconv.Atoi(number)
	f := file{kind: aStat, pid: int32(pid)}
	switch name {
	case "stat":
	case "status":
		f.kind = aStatus
	default:
		return minus(unix.ENOENT)
	}
	if pid != 1 && int32(pid) != m.s.Self && m.k.find(int32(pid)) == nil {
		return minus(unix.ENOENT)
	}
	return m.open(f)
}

// getdents is getdents64(2) for /proc.
func (m *machine) getdents(f *file, p []byte) uintptr {
	if f.read {
		return 0
	}
	f.read = true
	n := 0
	entry := func(pid int32) {
		record := p[n : n+24]
		clear(record)
		binary.NativeEndian.PutUint16(record[16:], 24)
		strconv.AppendInt(record[19:19], int64(pid), 10)
		n += len(record)
	}
	entry(m.s.Self)
	for i := range m.k.tasks {
		if t := &m.k.tasks[i]; t.exists() {
			entry(t.pid)
		}
	}
	return uintptr(n)
}

// read is read(2).
func (m *machine) read(f *file, p []byte) uintptr {
	text := p[:0]
	switch f.kind {
	case aLoadavg:
		text = append(text, "0.00 0.00 0.00 1/9 "...)
		text = strconv.AppendInt(text, int64(m.k.nextPid-1), 10)
		text = append(text, '\n')
	case aPidMax:
		text = append(text, "32768\n"...)
	case aStat, aStatus:
		t := m.k.find(f.pid)
		if t == nil {
			if f.pid != 1 && f.pid != m.s.Self {
				return minus(unix.ESRCH)
			}
			t = &task{state: runs, pid: f.pid, group: f.pid}
		}
		text = t.describe(text, f.kind)
	}
	return uintptr(len(text))
}

// describe writes /proc/PID/stat or the lines of /proc/PID/status that init reads.
func (t *task) describe(text []byte, kind fileKind) []byte {
	state := [...]byte{runs: 'S', stopped: 'T', trapped: 't', zombie: 'Z', dead: 'X'}[t.state]
	if kind == aStatus {
		text = append(text, "Name:\tx\nState:\t"...)
		text = append(text, state, '\n')
		pending := sig.Set(0)
		if t.endBy != 0 {
			pending = sig.Of(t.endBy)
		}
		text = append(text, "SigPnd:\t0\nShdPnd:\t"...)
		text = strconv.AppendUint(text, uint64(pending), 16)
		return append(text, "\nSigBlk:\t0\nSigCgt:\t0\n"...)
	}
	text = strconv.AppendInt(text, int64(t.pid), 10)
	text = append(text, " (x) "...)
	text = append(text, state, ' ')
	text = strconv.AppendInt(text, int64(t.parent), 10)
	text = append(text, ' ')
	text = strconv.AppendInt(text, int64(t.group), 10)
	text = append(text, " 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 "...)
	text = strconv.AppendInt(text, t.start, 10)
	return append(text, " 0\n"...)
}

// ioctl is ioctl(2) of a pidfd or of a terminal.
func (m *machine) ioctl(fd int, request, arg uintptr) uintptr {
	f := m.file(fd)
	switch {
	case f == nil:
		return minus(unix.EBADF)
	case f.kind == aConsole && request == unix.TIOCGPGRP:
		*at[int32](arg) = m.k.foreground
		return 0
	case f.kind == aConsole && request == unix.TIOCSPGRP:
		m.k.foreground = *at[int32](arg)
		return 0
	case f.kind != aPidfd || m.c.noExitInfo:
		return minus(unix.ENOTTY)
	}
	info := unsafe.Slice(at[byte](arg), 64)
	binary.NativeEndian.PutUint64(info, 0)
	if t := &m.k.tasks[f.task]; t.state == gone {
		binary.NativeEndian.PutUint64(info, unix.PIDFD_INFO_EXIT)
		binary.NativeEndian.PutUint32(info[60:], uint32(t.status))
	}
	return 0
}

// notify sends SIGCHLD to init.
func (k *kernel) notify(t *task, self, code, status int32) {
	if t.parent != self || k.pending.Has(sig.CHLD) {
		return
	}
	k.pending |= sig.Of(sig.CHLD)
	k.chldPid, k.chldCode, k.chldStatus = t.pid, code, status
}

// end ends a process. Its children become init's.
func (k *kernel) end(c *container, t *task, status int32) {
	t.status, t.stopPending, t.endBy = status, false, 0
	if t == k.command() {
		k.endedAt, k.endedWith = k.now, status
	}
	for i := range k.tasks {
		if child := &k.tasks[i]; child.exists() && child.parent == t.pid && child != t {
			if child.parent = c.reaper(); child.parent != c.self() {
				child.bystander = !child.inGroup(commandID, 0) // init is no subreaper
			}
		}
	}
	switch {
	case t.parent != c.self():
		k.release(t) // its parent waits for it
		return
	case k.noCldWait:
		t.state = dead
	default:
		t.state = zombie
	}
	code, value := endOf(status)
	k.notify(t, c.self(), code, value)
	if t.state == dead && t != k.command() {
		k.release(t)
	}
}

// deliver delivers a signal that init sends.
func (m *machine) deliver(t *task, s sig.Signal, toAll bool) {
	if s == 0 || !t.lives() {
		return
	}
	m.judge(t, s, toAll)
	m.k.take(m.c, t, s)
}

// take is what a signal does to a process.
func (k *kernel) take(c *container, t *task, s sig.Signal) {
	switch {
	case s == sig.KILL:
		if !c.unkillable {
			t.endBy, t.had = sig.KILL, true
			if t.state == trapped {
				t.state = runs
			}
		}
	case s == sig.CONT:
		t.stopPending = false
		if t == k.command() {
			k.mustWake = false
		}
		if t.state == stopped {
			t.state = runs
			k.notify(t, c.self(), cldContinued, int32(sig.CONT))
		}
	case s.Stops():
		if t.state == runs && !c.unkillable { // which is in state D
			t.stopPending, t.stopBy = true, s
		}
	case asksToEnd(s):
		t.had = true
		if !c.stubborn && t.endBy == 0 {
			t.endBy = s
		}
	}
}

// status is how the command ended, as proc.Status.
func (k *kernel) status() proc.Status { return proc.FromWait(k.endedWith) }

// simulated is the variable of this symbol in testdata/call.go.
//
//go:linkname simulated util/internal/sys.simulated
var simulated func(nr, a1, a2, a3, a4, a5, a6 uintptr) uintptr
