package faults_test

import (
	"regexp"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// exception is what cannot hold if a system call fails.
type exception struct {
	call   string
	errnos []syscall.Errno // all if there are none
	when   when
	in     string // the scenarios: a regular expression
	where  string // in words
	what   []outcome
	why    string
}

// when says which of the calls fail.
type when string

const (
	ever  when = "any"
	first when = "the first"
	later when = "a later one, or not all"
	all   when = "all from one on"
)

// exceptions are what cannot be otherwise. A fault belongs to the first that fits.
var exceptions = []exception{
	{
		call: "clone", when: ever, what: []outcome{refuses},
		why: "There is no process for the command.",
	},
	{
		call: "rt_sigtimedwait", when: first, what: []outcome{refuses},
		errnos: []syscall.Errno{unix.EACCES, unix.EINVAL, unix.ENOSYS, unix.EPERM},
		why:    "Init could not hear a signal. It tries the call before it starts the command.",
	},
	{
		call: "rt_sigtimedwait", when: ever, what: []outcome{spins, lost, hangs, early, survives},
		why: "It has worked before; no kernel and no filter begins to refuse it later. EAGAIN and " +
			"EINTR say that nothing has arrived.",
	},
	{
		call: "rt_sigprocmask", when: ever, what: []outcome{lost, hangs, other},
		why: "A signal that is not blocked cannot be waited for.",
	},
	{
		call: "arch_prctl", when: ever, what: []outcome{crashes, lost, hangs},
		why: "The call sets a register that compiled Go code uses, and so does every program with " +
			"thread-local storage. (A tracer keeps the kernel from killing PID 1, which then hangs.)",
	},
	{
		call: "getpid", when: ever, in: "subreaper", where: "a subreaper", what: []outcome{survives},
		why: "It has no errors; only a filter can refuse it. Init does not find its descendants.",
	},
	{
		call: "getppid", when: ever, in: "subreaper", where: "--parent-death",
		what: []outcome{lost, other},
		why:  "It has no errors; only a filter can refuse it. Init takes its parent to have ended.",
	},
	{
		call: "clock_gettime", when: later, what: []outcome{lost, hangs, early, survives},
		why: "Times of two clocks cannot be compared. If the call is refused from the start, as by a " +
			"filter, init uses times(2) alone.",
	},
	{
		call: "kill", when: ever, what: []outcome{lost, hangs, early, survives},
		why: "It is the call that signals. Init says that it was refused.",
	},
	{
		call: "ioctl", when: later, in: "quiet|catatonit|subreaper|closed",
		where: "the kernel reaps orphans", what: []outcome{other},
		why: "The kernel has told the status of an orphan, and then does not tell that of the command. " +
			"Init ends with status 1.",
	},
	{
		call: "waitid", errnos: []syscall.Errno{unix.ECHILD}, when: ever,
		what: []outcome{survives, hangs, lost, other, early},
		why:  "The kernel says that there is no child.",
	},
	{
		call: "waitid", when: ever, in: "job", where: "a job of a shell", what: []outcome{hangs, lost},
		why: "wait4(2), which init uses then, would take away the end of the command together with its " +
			"stop. The shell does not see that its job has stopped.",
	},
	{
		call: "read", errnos: []syscall.Errno{unix.ESRCH}, when: ever, in: "subreaper",
		where: "a subreaper", what: []outcome{survives, early},
		why: "The kernel says that the process has ended.",
	},
	{
		call: "pidfd_open", errnos: []syscall.Errno{unix.ESRCH}, when: ever, in: "subreaper",
		where: "a subreaper", what: []outcome{survives},
		why: "The kernel says that the process has ended.",
	},
	{
		call: "pidfd_send_signal", errnos: []syscall.Errno{unix.ESRCH}, when: ever,
		what: []outcome{lost, hangs, survives},
		why:  "The kernel says that the process has ended.",
	},
	{
		call: "ptrace", when: all, in: "traced", where: "the command makes init its tracer",
		what: []outcome{spins, lost, hangs},
		why:  "A filter of init is the command's too: it could not have made init its tracer.",
	},
	{
		call: "openat", when: all, in: "subreaper", where: "a subreaper", what: []outcome{survives},
		why: noProc,
	},
	{
		call: "read", when: all, in: "subreaper", where: "a subreaper", what: []outcome{survives},
		why: noProc,
	},
	{
		call: "openat", when: ever, in: "job", where: "a job of a shell", what: []outcome{hangs, lost},
		why: "Init cannot open its terminal, and so gives the command a session of its own, as where " +
			"there is none. What is typed reaches init.",
	},
	{
		call: "ppoll", errnos: []syscall.Errno{unix.EINTR}, when: all, what: []outcome{spins},
		why: "The error asks to try again.",
	},
	{
		call: "readlinkat", when: all, in: "subreaper", where: "a subreaper", what: []outcome{survives},
		why: noProc,
	},
	{
		call: "getdents64", when: all, in: "subreaper", where: "a subreaper", what: []outcome{survives},
		why: noProc,
	},
	{
		call: "write", errnos: []syscall.Errno{unix.EAGAIN, unix.EINTR}, when: all, in: "help|usage",
		where: "help, usage errors", what: []outcome{spins},
		why: "To try again is what these errors ask for. poll(2) says that there is room.",
	},
	{
		call: "write", when: ever, in: "help", where: "help", what: []outcome{refuses, other},
		why: "The help cannot be printed.",
	},
}

const noProc = "What left the command's group is found in /proc alone. The group itself is killed."

// exceptionOf returns the exception for a fault, or nil.
func exceptionOf(f *fault) *exception {
	for i := range exceptions {
		e := &exceptions[i]
		if e.call == f.call.name && (len(e.errnos) == 0 || slices.Contains(e.errnos, f.errno)) &&
			e.when.fits(f) && regexp.MustCompile(e.in).MatchString(f.scenario.Name) {
			return e
		}
	}
	return nil
}

func (w when) fits(f *fault) bool {
	switch w {
	case first:
		return f.nth == 1
	case later:
		return f.nth > 1 || !f.on
	case all:
		return f.on
	}
	return true
}

// String names the exception as in the document.
func (e *exception) String() string {
	errors := "any"
	if len(e.errnos) > 0 {
		errors = errnoNames(e.errnos)
	}
	return strings.Join([]string{e.call, errors, string(e.when), e.where}, ", ")
}

func errnoNames(errnos []syscall.Errno) string {
	names := make([]string, 0, len(errnos))
	for _, e := range errnos {
		names = append(names, unix.ErrnoName(e))
	}
	return strings.Join(names, " ")
}
