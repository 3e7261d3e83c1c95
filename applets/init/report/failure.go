package report

import (
	"util/applets/init/options"
	"util/internal/ascii"
	"util/internal/proc"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// CannotStart prints why the command could not be started, on stderr and to the termination log.
//
//go:noinline
func (r *Reporter) CannotStart() {
	f := &r.Facts.Failure
	t := r.newLine()
	if f.Wait != 0 || f.Fork != 0 {
		if f.Wait != 0 {
			t.str("cannot wait for signals: rt_sigtimedwait: ")
			t.errno(f.Wait)
			t.str(" (does a seccomp filter refuse it?)")
		} else {
			t.str("cannot create a process: ")
			t.errno(f.Fork)
		}
		if f.Fork == unix.EAGAIN {
			t.str(" (the container's pids limit or RLIMIT_NPROC has been reached)")
		}
		t.field("event", "not started")
		r.End(t) // under the name of another init too, which has no message for this
		r.terminationLog(t)
		return
	}
	name := r.Facts.Name()
	t.str("command ")
	t.quoted(name)
	t.str(": ")
	switch {
	case f.Exec == unix.ENOENT && f.Found:
		t.str("found, but the interpreter of its #! line or its dynamic loader is missing")
	case f.Exec == unix.ENOENT && ascii.Base(name) == name:
		path, _ := proc.Environment(r.Facts.Envp, 0)
		t.str("not found in PATH ")
		t.quoted(path)
	case f.Exec == unix.ENOEXEC:
		t.format(f.Format)
	default:
		t.errno(f.Exec)
	}
	t.field("event", "not started")
	t.field("command", name)
	r.last(t)
}

// format says why a file cannot be executed although its permissions allow it.
//
//go:noinline
func (t *Line) format(f proc.Format) {
	if f.Kind == proc.Text {
		t.str("neither a program for this machine nor a script that /bin/sh can run")
		return
	}
	var name unix.Utsname
	sys.Uname(&name)
	why := f.Why(sys.String(&name.Machine[0]))
	for i := range why {
		t.Plain(why[i])
	}
}

// last writes a message that says why nothing could be started: to stderr, unless another init's
// message is there, and to the termination log.
func (r *Reporter) last(t *Line) {
	if r.Foreign {
		t.Finish()
	} else {
		r.End(t)
	}
	r.terminationLog(t)
}

// terminationLog writes a line to the termination log, before Begin too.
func (r *Reporter) terminationLog(t *Line) {
	r.locateTerminationLog()
	r.writeTerminationLog(t)
}

// UsageError writes what is wrong with a command line to the termination log, if its path is
// known, and in the format json as an object to stderr. It reports whether it did the latter; if
// not, the caller prints the message.
func UsageError(o *options.Options, text string) (printed bool) {
	r := Reporter{Options: o}
	t := &usageLine
	t.clear()
	t.prefix(o.LogFormat == options.LogJSON)
	t.escaped(text)
	t.field("event", "usage error")
	t.Finish()
	if printed = o.LogFormat == options.LogJSON; printed {
		Print(2, t.Text())
	}
	r.terminationLog(t)
	return printed
}

// CannotBoot prints why the Go runtime cannot boot. tasks and files are how many are free; if there
// are enough of both, memory is missing.
func CannotBoot(tasks, files int) {
	t := NewLine()
	t.Raw("util: needs ")
	switch {
	case tasks < proc.RuntimeTasks:
		t.Num(proc.RuntimeTasks)
		t.Raw(" free tasks, but only ")
		t.Num(tasks)
		t.Raw(" can be created: a pids limit or RLIMIT_NPROC has been reached")
	case files < proc.RuntimeFiles:
		t.Num(proc.RuntimeFiles)
		t.Raw(" free files, but only ")
		t.Num(files)
		t.Raw(" can be opened: RLIMIT_NOFILE or the limit of the system has been reached")
	default:
		t.Num(proc.RuntimeMemory)
		t.Raw(" MB of address space, ")
		t.Num(proc.RuntimeData)
		t.Raw(" MB of it for data, but cannot get it: RLIMIT_AS or RLIMIT_DATA is too low")
	}
	t.Raw("; util sendsig SIGNAL PID, without options, needs none")
	t.Finish()
	Print(2, t.Text())
}
