package supervise

import (
	"util/internal/proc"
	"util/internal/sig"
	"util/internal/sys"

	"golang.org/x/sys/unix"
)

// Settings say how to supervise. The zero value is init's default.
type Settings struct {
	Single      bool                   // signals go to the command alone, not to its process group
	ParentDeath sig.Signal             // sent to init when its parent ends; 0 none
	Rewrite     [sig.Max + 1]Rewriting // by the signal that arrives
	Grace       int64                  // nanoseconds from a stop to KILL; 0 no grace period
	Delay       int64                  // nanoseconds from a stop signal to its forwarding
	StopSignals sig.Set                // start a stop, as TERM and INT do
	Scope       Scope                  // which processes a stop applies to, and when
	Exit        ExitMap                // init's exit status, by that of the command
	Pause       bool                   // no command: reap until TERM, INT, PWR or RTMIN+3
	Account     bool                   // the last line reports orphans and resource usage
	Notes       NoteKind               // what to record
	Differences
}

// Differences are the ways in which other inits behave differently. The zero value is init's own
// behaviour.
type Differences struct {
	Placement    Placement
	NoSubreaper  bool
	NoSweep      bool    // without a grace period, the rest of the command's group gets no TERM
	NoContinue   bool    // what is left gets TERM but no CONT
	RewriteSweep bool    // that TERM is rewritten as a TERM that arrives
	DropCHLD     bool    // SIGCHLD is not forwarded, even if a process sent it
	OnTSTP       TTYRule // what TSTP does
	OnTTIN       TTYRule // what TTIN and TTOU do
}

// Rewriting says what is forwarded instead of a signal.
type Rewriting uint8

// Values of [Rewriting] that are not signal numbers.
const (
	Unchanged Rewriting = 0
	Drop      Rewriting = 255
)

// Scope says which processes a stop applies to: which get the stop signal, which get TERM after the
// command has ended, and which get KILL at the end of the grace period.
type Scope uint8

// The scopes.
const (
	ScopeDefault   Scope = iota // ScopeOrdered with a grace period, else ScopeGroup
	ScopeGroup                  // the command's process group
	ScopeOrdered                // the command's group first; after its end, every descendant of init
	ScopeContainer              // every descendant of init at once
)

// Placement says where the command is among sessions and process groups.
type Placement uint8

// The placements.
const (
	OwnSession  Placement = iota // leads a session; a job's group if init is a job of a shell
	NewSession                   // always leads a session of its own
	OwnGroup                     // leads a process group in init's session
	SharedGroup                  // stays in init's process group
)

// TTYRule says what TSTP, TTIN or TTOU does. Their default action is to stop a process, but the
// kernel does not apply it to an orphaned process group such as the command's.
type TTYRule uint8

// The rules.
const (
	StopUnlessTaken TTYRule = iota // the command gets it if it does something about it, else STOP
	StopAlways                     // the command gets STOP, and init stops with it
	Pass                           // it is forwarded like any other signal
	Discard                        // it is dropped, unless it is rewritten
)

// ExitMap maps the command's exit status to init's. The zero value does not change it.
type ExitMap struct {
	to       [256]uint8 // where mapped has it
	mapped   [4]uint64  // bit n: status n is mapped
	others   bool       // statuses other than 0 that are not mapped become othersTo
	othersTo uint8
}

// Map maps a status.
func (m *ExitMap) Map(from, to uint8) {
	m.to[from] = to
	m.mapped[from/64] |= 1 << (from % 64)
}

// MapOthers maps every status that is not 0 and not mapped by Map.
func (m *ExitMap) MapOthers(to uint8) { m.others, m.othersTo = true, to }

// Code returns init's exit status for the command's.
func (m *ExitMap) Code(status uint8) uint8 {
	if m.mapped[status/64]&(1<<(status%64)) != 0 {
		return m.to[status]
	}
	if status != 0 && m.others {
		return m.othersTo
	}
	return status
}

// IsWide reports whether a stop applies to every descendant of init, not to the command's group
// alone.
func (s *Settings) IsWide() bool {
	return s.Scope >= ScopeOrdered || s.Scope == ScopeDefault && s.Grace > 0
}

// atOnce reports whether a stop signal goes to the whole scope rather than to the command's group.
func (s *Settings) atOnce() bool { return s.Scope == ScopeContainer && !s.Single }

// Supervisor is the state of init. Its exported fields are facts for package report.
type Supervisor struct {
	*Settings
	Argv  **byte  // the command and its arguments, NULL-terminated
	Envp  **byte  // the environment
	Mask  sig.Set // the signal mask that init was started with, which the command gets
	Entry uintptr // an address in the code that is not needed again, or 0 if there is none

	Self         int32       // init's PID
	PID          int32       // the command's PID, and the number of its process group
	Job          bool        // the command's group is a job in init's own session, under a shell
	TTY          TTY         // what happened to the controlling terminal
	SubreaperErr sys.Errno   // why init could not become a subreaper
	Failure      Failure     // why the command could not be started
	Ended        bool        // the command has ended
	Status       proc.Status // the command's, after its end
	Usage        unix.Rusage // of the command and of its children that it waited for
	Orphans      int         // reaped
	Killed       int         // processes that got KILL; -1 if that is not known
	Leftover     int         // processes that KILL has not ended; -1 if that is not known

	cannotStop bool // init is PID 1 of its namespace: the kernel does not let it stop itself
	console    int  // if Job: the controlling terminal, else -1
	noted      int  // notes that TakeNotes has not returned
	suspendBy  sig.Signal

	phase        phase
	stops        int        // stop signals that arrived
	delayed      Action     // a stop signal that is to be forwarded later; Do 0 none
	arrivedAs    sig.Signal // the signal that delayed is about, as it arrived
	stopSentTo   audience   // which processes have had a stop signal
	stopSentAt   uint64     // when the first was sent, in ticks since the boot (proc_pid_stat(5))
	lastPID      int32      // the PID that was given last at that time; 0 unknown
	killing      bool       // KILL was sent
	reaped       bool       // the command is reaped: its number can be given to another process
	over         bool       // init is to end
	begun        bool       // the loop has begun
	denied       bool       // Denied was noted
	maybeStopped bool       // the command may be stopped
	continued    bool       // init was stopped as a job, and has not yet handled the CONT
	endSignals   sig.Set    // the signals that asked it to end since SIGCHLD last told its state

	// Times on the monotonic clock in nanoseconds; 0 none.
	due          int64 // when the delayed signal is forwarded
	deadline     int64 // the end of the grace period; then, when KILL is sent again
	limit        int64 // when init ends, even if processes are left
	recheckAt    int64 // when to check again for what nothing announces
	recheckAfter int64 // how long that took the last time

	wait waiter
}

// TTY records what happened to the controlling terminal when the command was started.
type TTY struct {
	AttachErr sys.Errno // why the command could not take it, which it was meant to

	// For NewSession only.
	Missing   bool      // init had none
	WasLeader bool      // init led the terminal's session; only then the command takes it
	DetachErr sys.Errno // why init could not give it up
	HandOff   sig.Set   // the signals that giving it up brought
}

// Failure says why the command could not be started.
type Failure struct {
	Wait   sys.Errno   // init cannot wait for signals
	Fork   sys.Errno   // no process could be made
	Exec   sys.Errno   // the command could not be executed
	Found  bool        // Exec: there was a file
	Format proc.Format // what the file is, if Exec is ENOEXEC
}

// HasSummary reports whether the last line must be printed: because it is asked for, or because
// init ends before everything in the scope has ended.
func (s *Supervisor) HasSummary() bool {
	return !s.Pause && (s.Account || s.limit != 0 && (!s.Ended || s.Self != 1 && now() >= s.limit))
}

// ExitCode is the status that init exits with.
func (s *Supervisor) ExitCode() uint8 {
	if s.Pause {
		return proc.ExitOK
	}
	return s.Exit.Code(uint8(s.Status.Code()))
}

// HasKilled reports whether the grace period ended with KILL.
func (s *Supervisor) HasKilled() bool { return s.killing }

// Name is the command as it was called.
func (s *Supervisor) Name() string { return sys.String(*s.Argv) }

// now is the time on the monotonic clock in nanoseconds. Where a seccomp filter refuses
// clock_gettime(2), another clock takes its place: most programs do not make this call, because the
// vDSO does (vdso(7)).
func now() int64 {
	ns := sys.ClockGettime(unix.CLOCK_MONOTONIC)
	if ns == 0 {
		ns = sys.Times()
	}
	return ns
}
