package report

import (
	"unsafe"

	"util/applets/init/options"
	"util/applets/init/supervise"
	"util/internal/ascii"
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// Reporter prints what init does.
type Reporter struct {
	Options *options.Options
	Facts   *supervise.Supervisor

	// Foreign says that the messages on stderr are those of another init. Then the reporter is silent
	// about what other inits report themselves.
	Foreign bool

	log      Logger
	start    int64 // when the command was started, on the monotonic clock in nanoseconds
	oomKills int64 // what the memory cgroup had counted by then; -1 if that is not known
}

// Wanted returns which notes the options ask for.
func (r *Reporter) Wanted() (wanted supervise.NoteKind) {
	wanted = supervise.Killing
	if !r.Foreign {
		wanted |= supervise.Denied
	}
	o := r.Options
	if o.Verbose > 0 {
		wanted |= supervise.Forwarded | supervise.Dropped | supervise.Delayed
		if r.Foreign {
			wanted |= supervise.Received | supervise.Handled
		}
	}
	if o.WarnReaped || o.Verbose >= 2 {
		wanted |= supervise.Reaped
	}
	return wanted
}

// Begin records what the last line needs to know about the time before the command was started.
//
//go:noinline
func (r *Reporter) Begin() {
	r.start = monotonic()
	r.oomKills = oomKills()
	r.locateTerminationLog()
}

// CloseLog closes the file that messages have opened, before the command is started.
func (r *Reporter) CloseLog() { r.log.Close() }

func monotonic() int64 { return sys.ClockGettime(unix.CLOCK_MONOTONIC) }

// newLine begins a message of init's own.
//
//go:noinline
func (r *Reporter) newLine() *Line {
	r.reportLost()
	t := NewLine()
	t.prefix(r.Options.LogFormat == options.LogJSON)
	return t
}

// End completes a line and writes it.
//
//go:noinline
func (r *Reporter) End(t *Line) {
	r.reportLost()
	t.Finish()
	r.log.write(t.buf[:t.n])
}

// WriteTo completes a line and writes it by another logger.
func (t *Line) WriteTo(l *Logger) {
	t.Finish()
	l.write(t.buf[:t.n])
}

// reportLost reports messages that could not be written.
//
//go:noinline
func (r *Reporter) reportLost() {
	if r.log.lost == 0 {
		return
	}
	t := &noticeLine
	t.clear()
	t.prefix(r.Options.LogFormat == options.LogJSON)
	t.Num(r.log.lost)
	t.str(" messages lost: stderr was full")
	r.log.lost = 0
	t.WriteTo(&r.log)
}

// Tell prints what a note says.
//
//go:noinline
func (r *Reporter) Tell(n *supervise.Note) {
	switch n.Kind {
	case supervise.Forwarded, supervise.Denied:
		r.forwarded(n)
	case supervise.Dropped:
		r.dropped(n.Arrived)
	case supervise.Delayed:
		r.delayed(n.Arrived)
	case supervise.Reaped:
		r.reaped(n.Child)
	case supervise.Killing:
		r.killing()
	}
}

// Started prints that the command runs.
//
//go:noinline
func (r *Reporter) Started() {
	s := r.Facts
	if s.TTY.AttachErr != 0 {
		t := r.newLine()
		t.str("the command has no controlling terminal: ")
		t.errno(s.TTY.AttachErr)
		r.End(t)
	}
	if r.Options.Verbose == 0 {
		return
	}
	t := r.newLine()
	t.str("started ")
	t.quoted(s.Name())
	t.str(" as pid ")
	t.Num(int(s.PID))
	if s.Job {
		t.str(" in a process group of its own")
	} else {
		t.str(" in a session of its own")
	}
	t.field("event", "started")
	t.field("command", s.Name())
	t.fieldNum("pid", int(s.PID))
	r.End(t)
	if s.SubreaperErr == 0 {
		return
	}
	t = r.newLine()
	t.str("orphans will not be reaped here: not PID 1, and cannot become a subreaper: ")
	t.errno(s.SubreaperErr)
	t.field("event", "no subreaper")
	r.End(t)
}

//go:noinline
func (r *Reporter) forwarded(n *supervise.Note) {
	t := r.newLine()
	if n.Errno == 0 {
		t.str("forwarded ")
	} else {
		t.str("cannot forward ")
	}
	t.str(n.Sent.Name())
	if n.Sent != n.Arrived {
		t.str(" for ")
		t.str(n.Arrived.Name())
	}
	if r.Facts.Single {
		t.str(" to pid ")
	} else {
		t.str(" to process group ")
	}
	t.Num(int(r.Facts.PID))
	if n.Errno != 0 {
		t.str(": ")
		t.errno(n.Errno)
	}
	if n.Errno == unix.EPERM {
		t.str(" (the command runs as another user; init needs CAP_KILL to signal it)")
	}
	t.field("event", "forwarded")
	t.field("signal", n.Sent.Name())
	t.field("arrived", n.Arrived.Name())
	t.fieldNum("pid", int(r.Facts.PID))
	t.fieldBool("ok", n.Errno == 0)
	r.End(t)
}

//go:noinline
func (r *Reporter) dropped(arrived sig.Signal) {
	t := r.newLine()
	t.str("dropped ")
	t.str(arrived.Name())
	t.field("event", "dropped")
	t.field("arrived", arrived.Name())
	r.End(t)
}

//go:noinline
func (r *Reporter) delayed(arrived sig.Signal) {
	t := r.newLine()
	t.str("delaying ")
	t.str(arrived.Name())
	t.str(" for ")
	t.seconds(r.Options.Delay)
	t.field("event", "held back")
	t.field("arrived", arrived.Name())
	r.End(t)
}

//go:noinline
func (r *Reporter) reaped(child proc.Child) {
	t := r.newLine()
	t.str("reaped orphan ")
	t.Num(int(child.Pid))
	t.str(": ")
	t.Status(child.Status)
	t.field("event", "reaped")
	t.fieldNum("pid", int(child.Pid))
	if child.Status.Signal != 0 {
		t.field("signal", child.Status.Signal.Name())
	} else {
		t.fieldNum("status", int(child.Status.Exit))
	}
	r.End(t)
}

//go:noinline
func (r *Reporter) killing() {
	s := r.Facts
	t := r.newLine()
	t.str("the grace period of ")
	t.seconds(r.Options.Grace)
	t.str(" has expired: sent KILL to ")
	switch {
	case s.Killed < 0 && s.IsWide() && s.Self != 1:
		t.str("the process group; the processes outside it could not all be found")
	case s.Killed <= 0 && s.IsWide():
		t.str("all processes that are left")
	case s.Killed <= 0:
		t.str("the process group")
	default:
		t.Num(s.Killed)
		if s.Killed == 1 {
			t.str(" process: ")
		} else {
			t.str(" processes: ")
		}
		t.survivors(s.Killed)
	}
	t.field("event", "kill")
	t.fieldNum("killed", max(s.Killed, 0))
	r.End(t)
}

// survivors appends the names of the processes that are left, of which there are n.
//
//go:noinline
func (t *Line) survivors(n int) {
	all := supervise.Survivors()
	for i := range all {
		if i > 0 {
			t.str(", ")
		}
		t.Plain(all[i].Name())
		t.str(" (")
		t.Num(int(all[i].PID))
		t.str(")")
	}
	if n > len(all) {
		t.str(", and ")
		t.Num(n - len(all))
		t.str(" more")
	}
}

// UnknownVariables names the variables that begin with init's prefix but are not init's, and what
// was probably meant.
//
//go:noinline
func (r *Reporter) UnknownVariables() {
	const maxLines = 8
	said := 0
	const word = unsafe.Sizeof(uintptr(0))
	for entry := r.Facts.Envp; *entry != nil; entry = (**byte)(unsafe.Add(unsafe.Pointer(entry),
		word)) {
		name, value, _ := ascii.Cut(sys.String(*entry), '=')
		if value == "" || !ascii.HasPrefix(name, options.EnvPrefix) || options.OfVariable(name) != nil {
			continue
		}
		if said++; said > maxLines {
			return
		}
		near := nearestVariable(name[len(options.EnvPrefix):])
		t := r.newLine()
		t.str("variable ")
		t.quoted(name)
		t.str(": unknown")
		if near != "" {
			t.str(" (did you mean ")
			t.str(options.EnvPrefix)
			t.str(near)
			t.str("?)")
		}
		t.field("event", "unknown variable")
		t.field("variable", name)
		r.End(t)
	}
}

// nearestVariable returns the variable that was probably meant by a name, both without EnvPrefix,
// or "".
func nearestVariable(name string) (near string) {
	best := ascii.MostEdits(name) + 1
	for i := range options.Table {
		env := options.Table[i].Env
		if d := ascii.EditDistance(name, env); env != "" && d < best {
			near, best = env, d
		}
	}
	return near
}
