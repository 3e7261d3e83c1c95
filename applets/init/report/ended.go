package report

import (
	"math"

	"util/applets/init/options"
	"util/internal/proc"
)

// ending is what the last line says.
type ending struct {
	command           string
	pid               int
	ended             bool        // the command has ended; else KILL did not end it
	status            proc.Status // if it has
	code              int         // init's exit status
	isPID1            bool
	explained         bool  // the options ask for the time that the command ran
	ran, user, system int64 // nanoseconds
	peakMemory        int   // of the largest process, in kB (getrusage(2))
	orphans           int
	killed, left      int // processes; left -1: not known
	oomKills          int // by the kernel, for lack of memory
}

// Ended prints how the command ended, and what happened since its start. code is init's exit
// status. It is init's last line.
//
//go:noinline
func (r *Reporter) Ended(code uint8) {
	e := r.ending(code)
	t := r.newLine()
	t.endingSentence(&e)
	t.endingFields(&e)
	if r.Options.Verbose > 0 || r.Options.LogFormat != options.LogDefault ||
		r.Options.TerminationLog == "" {
		r.End(t)
	} else {
		t.Finish()
	}
	r.writeTerminationLog(t)
}

// ending collects the facts.
func (r *Reporter) ending(code uint8) (e ending) {
	s := r.Facts
	e.command, e.pid, e.isPID1 = s.Name(), int(s.PID), s.Self == 1
	e.ended, e.status, e.code = s.Ended, s.Status, int(code)
	e.explained, e.ran = r.Options.WantsSummary(), monotonic()-r.start
	e.user, e.system, e.peakMemory = s.Usage.Utime.Nano(), s.Usage.Stime.Nano(), int(s.Usage.Maxrss)
	e.orphans = s.Orphans
	if s.HasKilled() {
		e.killed, e.left = max(s.Killed, 0), s.Leftover
	}
	if now := oomKills(); r.oomKills >= 0 && now > r.oomKills {
		e.oomKills = int(min(now-r.oomKills, math.MaxInt32))
	}
	return e
}

// endingSentence renders the facts as a sentence.
//
//go:noinline
func (t *Line) endingSentence(e *ending) {
	t.quoted(e.command)
	t.str(", pid ")
	t.Num(e.pid)
	t.str(", ")
	switch {
	case e.ended:
		t.Status(e.status)
	case e.isPID1:
		t.str("was still running after KILL; the kernel kills it when PID 1 exits")
	default:
		t.str("is still running after KILL")
	}
	if e.explained {
		if !e.ended {
			t.str(",")
		}
		t.str(" after ")
		t.seconds(e.ran)
	}
	if e.ended {
		t.usage(e)
	}
	t.str("; orphans reaped: ")
	t.Num(e.orphans)
	t.killed(e)
	if e.oomKills > 0 {
		t.outOfMemory(e.oomKills)
	}
	if !e.ended || e.code != e.status.Code() {
		t.str("; init exits with status ")
		t.Num(e.code)
	}
}

// usage appends what the command has used.
//
//go:noinline
func (t *Line) usage(e *ending) {
	t.str(" (user ")
	t.seconds(e.user)
	t.str(", system ")
	t.seconds(e.system)
	t.str(", peak memory ")
	t.Num(e.peakMemory)
	t.str(" kB)")
}

// killed appends what KILL did.
//
//go:noinline
func (t *Line) killed(e *ending) {
	if e.killed > 0 {
		t.str("; killed: ")
		t.Num(e.killed)
		if e.left == 0 {
			t.str(": ")
			t.survivors(e.killed)
		}
	}
	switch {
	case e.left > 0:
		t.str("; not ended by KILL: ")
		t.Num(e.left)
		t.str(": ")
		t.survivors(e.left)
	case e.left < 0:
		t.str("; not all ended by KILL; init cannot tell which: that takes a /proc of this PID " +
			"namespace and free files (RLIMIT_NOFILE)")
	}
}

// outOfMemory appends how often the kernel has killed in init's memory cgroup.
//
//go:noinline
func (t *Line) outOfMemory(kills int) {
	t.str("; out of memory: the kernel killed ")
	t.Num(kills)
	t.str(" in the memory cgroup, limit ")
	t.memory(limitFile)
	t.str(" bytes, peak ")
	t.memory(peakFile)
	t.str(" bytes")
}

// endingFields renders the facts as fields of an object.
//
//go:noinline
func (t *Line) endingFields(e *ending) {
	t.field("event", "ended")
	t.field("command", e.command)
	t.fieldNum("pid", e.pid)
	switch {
	case !e.ended:
	case e.status.Signal != 0:
		t.field("signal", e.status.Signal.Name())
		t.fieldBool("core_dumped", e.status.Core)
	default:
		t.fieldNum("status", int(e.status.Exit))
	}
	t.fieldNum("exit_code", e.code)
	t.fieldSeconds("run_seconds", e.ran)
	t.fieldSeconds("user_seconds", e.user)
	t.fieldSeconds("system_seconds", e.system)
	t.fieldNum("peak_memory_kb", e.peakMemory)
	t.fieldNum("orphans_reaped", e.orphans)
	t.fieldNum("killed", e.killed)
	t.fieldNum("not_ended", max(e.left, 0))
	t.fieldBool("out_of_memory", e.oomKills > 0)
}
