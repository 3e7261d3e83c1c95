package sendsig

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"util/applets/signal/bynumber"
	"util/internal/cli"
	"util/internal/pidfd"
	"util/internal/proc"
	"util/internal/procfs"
	"util/internal/sig"

	"golang.org/x/sys/unix"
)

// searchLimit limits the repeated search of one stage. A program that starts processes without end
// would otherwise keep it busy. One search of thousands of runnable processes can take seconds.
const searchLimit = 30 * time.Second

// sender carries out one command line.
type sender struct {
	*finder
	reporter
	signal   sig.Signal  // the signal of this stage
	known    map[id]bool // all processes that were ever selected
	members  []*member   // with --then or --wait: all processes that were signalled
	lastSend uint64      // when the last signal was sent, as [procfs.Now]
	growing  bool        // new processes appeared between two searches
	timeUp   bool        // the time limit of --wait was reached
	sent     int         // signals that were sent
	failed   int         // processes and groups that could not be signalled
	skipped  int         // processes that --if-handled skipped
}

// id identifies a process. The start time distinguishes it from a later one with the same PID.
type id struct {
	pid   int
	start uint64
}

// member is a process that was selected, and is held.
type member struct {
	*pidfd.Process
	stat    procfs.Stat // without /proc, only the PID
	stopped bool        // stopped by sendsig, until it is signalled
	resumed bool        // stopped by sendsig, but running for a moment: see awaitStopped
}

func run(o *Options, out, errOut io.Writer) error {
	fs, err := procfs.Open()
	if why := o.needsProc(); err != nil && why != "" {
		return failure(fmt.Errorf("%s: needs /proc: %w", why, err))
	}
	if o.Pidfile != "" {
		if err := o.readPidfile(); err != nil {
			return failure(err)
		}
	}
	s := &sender{
		finder:   newFinder(o, fs),
		reporter: newReporter(o, out, errOut),
		known:    map[id]bool{},
		signal:   o.Signal,
	}
	if o.NS != 0 {
		if s.namespace, err = fs.PIDNamespace(o.NS); err != nil {
			return failure(fmt.Errorf("--ns: \"%d\": %w", o.NS, err))
		}
	}
	targets := len(o.targets())
	if s.searches() && o.Signal.Terminates() && !o.DryRun {
		s.raisePriority()
	}
	s.signalWhole()
	if targets == 0 || len(o.targets()) > 0 {
		s.stages()
	}
	return &cli.Exit{Status: s.status(), Err: s.whyNothing()}
}

func failure(err error) error { return &cli.Exit{Status: proc.ExitFailed, Err: err} }

// needsProc returns an option that cannot work without /proc, or "".
func (o *Options) needsProc() string {
	whole := len(o.Groups) > 0 || o.All
	switch selectors := o.selectors(); {
	case len(selectors) > 0 && selectors[0] != "--pidfile":
		return selectors[0]
	case len(o.Sessions) > 0:
		return "--session"
	case o.IfHandled:
		return "--if-handled"
	case whole && o.DryRun:
		return "--dry-run for a group"
	case whole && (o.Wait || len(o.Then) > 0):
		return "--wait or --then for a group"
	case whole && o.Queue != nil:
		return "--queue for a group"
	}
	return ""
}

// status returns the exit status of the whole run. The help lists them.
func (s *sender) status() int {
	switch {
	case s.timeUp:
		return proc.ExitTimeout
	case s.sent == 0:
		return proc.ExitFailed
	case s.failed > 0:
		return bynumber.ExitSome
	}
	return proc.ExitOK
}

// stages sends the signal, then each signal of --then to the processes that have not ended, and
// then waits if --wait is given.
func (s *sender) stages() {
	s.stage(s.Signal, s.byTarget(), func(*procfs.Stat) bool { return true })
	if s.DryRun {
		return
	}
	for _, then := range s.Then {
		s.members = s.wait(time.Now().Add(then.After))
		s.stage(then.Signal, s.members, s.belongs)
	}
	if s.Wait {
		s.waitForAll()
	}
}

// waitForAll is the wait of --wait. It reports the processes that have not ended in time.
func (s *sender) waitForAll() {
	var deadline time.Time
	if s.WaitLimit > 0 {
		deadline = time.Now().Add(s.WaitLimit)
	}
	left := s.wait(deadline)
	s.timeUp = len(left) > 0
	for _, m := range left {
		if s.fs != nil {
			if now, err := s.fs.Stat(m.PID); err == nil && now.Same(&m.stat) {
				m.stat = now
			}
		}
	}
	s.reportLeft(left)
}

// belongs reports whether a process that appeared between two stages also gets the next signal. It
// does if it is a descendant in the tree, or a child of a process that was signalled. Others have
// been restarted by a process that was not signalled.
func (s *sender) belongs(st *procfs.Stat) bool {
	return s.Tree != 0 ||
		slices.ContainsFunc(s.members, func(m *member) bool { return m.PID == st.Parent })
}

// wait waits until all members have ended or the deadline is reached. It returns those that have
// not ended.
func (s *sender) wait(deadline time.Time) (left []*member) {
	held := make([]*pidfd.Process, len(s.members))
	for i, m := range s.members {
		held[i] = m.Process
	}
	held = pidfd.Wait(held, deadline)
	for _, m := range s.members { // both slices are in the same order
		if len(held) > 0 && m.Process == held[0] {
			left, held = append(left, m), held[1:]
			continue
		}
		m.Close()
	}
	return left
}

// stage sends one signal to batch, and to all processes that are found and for which belongs is
// true. A process that is forked before its parent is signalled does not escape: the search is
// repeated until it finds no new process that started before the last signal was sent.
//
// When a process of a tree ends, its children become children of PID 1 and leave the tree. So a
// tree is kept from forking until all of it has been found and signalled.
func (s *sender) stage(signal sig.Signal, batch []*member, belongs func(*procfs.Stat) bool) {
	s.signal = signal
	if !s.searches() {
		s.send(batch)
		return
	}
	defer s.output.release() // writing can block, so signals must reach sendsig again
	defer deferSignals()()
	limit := time.Now().Add(searchLimit)
	batch = append(slices.Clip(batch), s.search(belongs)...)
	if s.DryRun {
		s.send(batch)
		return
	}
	for first := true; len(batch) > 0; first = false {
		if signal.Terminates() && (s.Tree != 0 || !first) {
			batch = s.stopAll(batch, limit)
		}
		s.send(batch)
		if time.Now().After(limit) {
			s.warn(fmt.Sprintf("new processes keep appearing: the search ended after %v",
				searchLimit))
			return
		}
		batch = s.search(func(st *procfs.Stat) bool { return st.Start <= s.lastSend })
	}
}

// send signals all of batch, and then resumes the processes that sendsig stopped.
func (s *sender) send(batch []*member) {
	if s.DryRun {
		for _, m := range batch {
			s.sent++
			s.sayMember("would send", s.signal, m)
		}
		return
	}
	for _, m := range batch {
		s.sendTo(m)
	}
	for _, m := range batch {
		if m.stopped && s.signal != sig.KILL {
			_ = m.Process.Signal(sig.CONT, nil)
		}
		m.stopped = false
		if !s.watched() {
			m.Close()
		} else if !slices.Contains(s.members, m) {
			s.members = append(s.members, m)
		}
	}
	s.lastSend = procfs.Now()
}

func (s *sender) sendTo(m *member) {
	if m.PID == 1 {
		s.warnPID1()
	}
	err := m.Process.Signal(s.signal, s.Queue)
	switch {
	case err == nil:
		s.sent++
		s.sayMember(sent(s.signal), s.signal, m)
		s.wake(m)
	case errors.Is(err, procfs.ErrGone) && !s.byNumber(m.PID): // it has ended since it was found
	case errors.Is(err, unix.EPERM) && s.fs != nil:
		if status, e := s.fs.Status(m.PID); e == nil {
			err = fmt.Errorf("%w: the process belongs to user %d, sendsig runs as user %d",
				err, status.UID, os.Geteuid())
		}
		fallthrough
	default:
		s.fail(m.stat.Title(), err)
	}
}

// watched reports whether the processes are watched after the signal.
func (s *sender) watched() bool { return s.Wait || len(s.Then) > 0 }

// wake continues a process that was stopped by another process, after a signal that asks it to end.
// A stopped process handles no signal except KILL and CONT. Init does the same. After any other
// signal, wake only warns.
func (s *sender) wake(m *member) {
	if !s.watched() || m.stopped || s.fs == nil {
		return
	}
	st, err := s.fs.Stat(m.PID)
	if err != nil || st.State != 'T' {
		return
	}
	switch s.signal {
	case sig.TERM, sig.INT, sig.HUP, sig.QUIT:
		if m.Process.Signal(sig.CONT, nil) == nil {
			s.sayMember("sent", sig.CONT, m)
		}
	case 0, sig.KILL, sig.CONT, sig.STOP:
	default:
		s.warn(fmt.Sprintf("%s: is stopped and handles %s only after it is continued "+
			"(util sendsig CONT %d)", m.stat.Title(), s.signal.Name(), m.PID))
	}
}

// warnPID1 warns about a signal that PID 1 will not get. The kernel drops a signal for which PID 1
// has no handler. It also drops KILL and STOP from inside the PID namespace (pid_namespaces(7),
// "The namespace init process").
func (s *sender) warnPID1() {
	if s.fs == nil || !s.signal.Terminates() && !s.signal.Stops() {
		return
	}
	switch handles, err := s.fs.Handles(1, s.signal); {
	case err != nil:
	case s.signal == sig.KILL || s.signal == sig.STOP:
		s.warn(fmt.Sprintf("PID 1: the kernel drops %s from inside its PID namespace",
			s.signal.Name()))
	case !handles:
		s.warn(fmt.Sprintf("PID 1: has no handler for %s, so the kernel drops the signal "+
			"(run the command under util init)", s.signal.Name()))
	}
}

// fail counts and reports a process or group that could not be signalled.
func (s *sender) fail(what string, err error) {
	s.failed++
	s.reportFailure(s.signal, what, err)
}

// whyNothing returns why nothing was sent. It returns nil if something was sent or a message has
// already been printed.
func (s *sender) whyNothing() error {
	switch {
	case s.sent+s.failed > 0:
		return nil
	case s.skipped > 0:
		return fmt.Errorf("nothing sent: processes that neither catch nor block %s: %d",
			s.Signal.Name(), s.skipped)
	case s.Tree != 0 && len(s.family) == 0:
		return fmt.Errorf("--tree: %q: no such process", fmt.Sprint(s.Tree))
	}
	why := "no process matches"
	if s.Name != "" {
		if st, as := s.namesake(); st != nil {
			why += fmt.Sprintf(" (%s was executed as %q: --exe and --cmdline match that, "+
				"--name only the name in /proc)", st.Title(), as)
		}
	}
	if s.unread != nil {
		why += fmt.Sprintf(" (some processes could not be examined: %v)", s.unread)
	}
	if s.fs != nil {
		if hides := s.fs.HidePID(); hides != "" {
			why += fmt.Sprintf(" (/proc is mounted with %s, which hides processes of other users)",
				hides)
		}
	}
	return errors.New(why)
}
