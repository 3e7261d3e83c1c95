package sendsig

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"util/internal/cli"
	"util/internal/pidfd"
	"util/internal/proc"
	"util/internal/procfs"
	"util/internal/sig"

	"golang.org/x/sys/unix"
)

// searchLimit bounds the repeated search of one stage, which something that starts processes without end would keep busy.
// A look at thousands of processes that all want to run can take seconds.
const searchLimit = 30 * time.Second

// sender carries out one command line.
type sender struct {
	*finder
	reporter
	signal   sig.Signal  // of this stage
	known    map[id]bool // all that were ever selected
	members  []*member   // with --then or --wait: all that were signalled
	lastSend uint64      // when the last signal was sent, as [procfs.Now]
	grows    bool        // new processes turned up between two looks
	timeUp   bool        // --wait ran out
	sent     int         // signals that were sent
	failed   int         // processes and groups that could not be signalled
	skipped  int         // processes that --if-handled skipped
}

// id is a process, told from a later one of the same number.
type id struct {
	pid   int
	start uint64
}

// member is a process that was selected, and is held.
type member struct {
	*pidfd.Process
	stat    procfs.Stat // without /proc, only the number
	stopped bool        // by sendsig, until it is signalled

	released bool // goes on for a moment, though it is stopped: see awaitStop
}

func run(o *Options, out, errOut io.Writer) error {
	fs, err := procfs.Open()
	if why := o.needsProc(); err != nil && why != "" {
		return &cli.Exit{Status: proc.ExitFailed, Err: fmt.Errorf("%s: needs /proc: %w", why, err)}
	}
	if o.Pidfile != "" {
		if err := o.readPidfile(); err != nil {
			return &cli.Exit{Status: proc.ExitFailed, Err: err}
		}
	}
	s := &sender{finder: newFinder(o, fs), reporter: newReporter(o, out, errOut), known: map[id]bool{}, signal: o.Signal}
	if o.NS != 0 {
		if s.namespace, err = fs.PIDNamespace(o.NS); err != nil {
			return &cli.Exit{Status: proc.ExitFailed, Err: fmt.Errorf("--ns: \"%d\": %w", o.NS, err)}
		}
	}
	targets := len(o.targets())
	if s.searches() && o.Signal.Terminates() && !o.DryRun {
		s.hurry()
	}
	s.signalWhole()
	if targets == 0 || len(o.targets()) > 0 {
		s.stages()
	}
	return &cli.Exit{Status: s.status(), Err: s.nothing()}
}

// needsProc says what of the options cannot be done without /proc, or "".
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

// signalWhole signals the groups, or everything, that one kill(2) can reach, so that no member can escape by forking.
// They are no targets any more afterwards.
func (s *sender) signalWhole() {
	o := s.Options
	if len(o.selectors()) > 0 || o.DryRun || o.IfHandled || o.Wait || len(o.Then) > 0 || o.Queue != nil {
		return
	}
	if o.All {
		o.All = false
		s.kill(-1, "all processes")
	}
	var rest []int
	for _, group := range o.Groups {
		switch what := fmt.Sprintf("process group %d", group); {
		case s.canKillWhole(group):
			s.kill(-group, what)
		case s.fs == nil:
			s.fail(what, errors.New("is that of sendsig, of an ancestor or of PID 1, and without /proc its members are not known"))
		default:
			rest = append(rest, group)
		}
	}
	o.Groups = rest
}

// canKillWhole reports whether a group holds nobody who is to be spared, and has a number that kill(2) takes.
func (s *sender) canKillWhole(group int) bool {
	return group > 1 && group != unix.Getpgrp() &&
		!slices.ContainsFunc(s.ancestors, func(a procfs.Stat) bool { return a.Group == group })
}

func (s *sender) kill(pid int, what string) {
	if err := unix.Kill(pid, unix.Signal(s.signal)); err != nil {
		s.fail(what, err)
		return
	}
	s.sent++
	s.say(sent(s.signal), s.signal, what)
}

// stages sends the signal, then each further one to those that are left, then waits, as the options say.
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
}

// belongs reports whether a process that turned up between two stages is one of those that are to be escalated: a
// descendant of the tree, or a child of a process that was signalled. Others were started anew since, by someone else.
func (s *sender) belongs(st *procfs.Stat) bool {
	return s.Tree != 0 || slices.ContainsFunc(s.members, func(m *member) bool { return m.PID == st.Parent })
}

// wait waits until all members have ended, or the deadline, and returns those that have not.
func (s *sender) wait(deadline time.Time) (left []*member) {
	held := make([]*pidfd.Process, len(s.members))
	for i, m := range s.members {
		held[i] = m.Process
	}
	held = pidfd.Wait(held, deadline)
	for _, m := range s.members { // both are in the same order
		if len(held) > 0 && m.Process == held[0] {
			left, held = append(left, m), held[1:]
			continue
		}
		m.Close()
	}
	return left
}

// stage sends one signal to batch and to all who are found and belong. A process that is forked before its parent is
// signalled does not escape: the search goes on until it finds nobody new who started before the last signal was sent.
//
// When a process of a tree ends, its children become those of PID 1 and are not of the tree any more. So a tree is
// kept from forking until it is complete and has been signalled.
func (s *sender) stage(signal sig.Signal, batch []*member, belongs func(*procfs.Stat) bool) {
	s.signal = signal
	if !s.searches() {
		s.send(batch)
		return
	}
	defer s.output.end() // when signals reach sendsig again, for this may have to wait
	defer shield()()
	limit := time.Now().Add(searchLimit)
	batch = append(slices.Clip(batch), s.search(belongs)...)
	if s.DryRun {
		s.send(batch)
		return
	}
	for first := true; len(batch) > 0; first = false {
		if signal.Terminates() && (s.Tree != 0 || !first) {
			batch = s.surround(batch, limit)
		}
		s.send(batch)
		if time.Now().After(limit) {
			s.warn(fmt.Sprintf("new processes keep turning up: the search was given up after %v", searchLimit))
			return
		}
		batch = s.search(func(st *procfs.Stat) bool { return st.Start <= s.lastSend })
	}
}

// surround completes batch: all are stopped, round by round, until nobody new turns up. Who is stopped cannot fork. The first
// process of a tree is stopped when all others stand still, and for one more search, because its parent is told: a shell
// takes its terminal back.
func (s *sender) surround(batch []*member, limit time.Time) []*member {
	everyone := func(*procfs.Stat) bool { return true }
	more := s.search(everyone)
	if s.Tree == 0 && len(more) == 0 && !s.grows {
		return batch
	}
	s.grows = s.grows || len(more) > 0
	batch = append(batch, more...)
	var root []*member
	if at := slices.IndexFunc(batch, func(m *member) bool { return m.PID == s.Tree }); at >= 0 {
		root = batch[at : at+1 : at+1]
	}
	for rounds, fresh := 0, batch; ; rounds++ {
		stopped := s.stop(fresh, root)
		if len(stopped) == 0 || rounds > 1 { // it is not left to fork for ever
			stopped = append(stopped, s.stop(root, nil)...)
			root = nil
		}
		if len(stopped) == 0 || time.Now().After(limit) { // nobody has been able to fork since the last search but those who stay
			return batch
		}
		s.awaitStop(batch, stopped, limit)
		fresh = s.search(everyone)
		batch = append(batch, fresh...)
	}
}

// standLimit is how long sendsig waits for processes that wait in the kernel themselves, for a device or for a server of files: they do
// not stop before they are answered, and all that have been stopped wait meanwhile.
const standLimit = 100 * time.Millisecond

// awaitStop waits until those who are to be stopped stand still: a fork that had begun before goes on to its end. With vfork(2) it
// ends when the child has executed a program, so a child that has been stopped before goes on until then.
func (s *sender) awaitStop(batch, stopped []*member, limit time.Time) {
	for end := time.Now().Add(standLimit); ; time.Sleep(time.Millisecond) {
		moving, waiting, running := s.look(stopped)
		now := time.Now()
		if running { // or would, but thousands want to
			end = now.Add(standLimit)
		}
		if stopped = moving; len(moving) == 0 || now.After(end) || now.After(limit) {
			break
		}
		for _, m := range batch {
			if m.stopped && !m.released && waiting[m.stat.Parent] && !slices.Contains(stopped, m) {
				m.released = m.Process.Signal(sig.CONT, nil) == nil
			}
		}
	}
	var again []*member
	for _, m := range batch {
		if m.released {
			m.released = false
			if m.Process.Signal(sig.STOP, nil) == nil {
				again = append(again, m)
			}
		}
	}
	if len(again) > 0 {
		s.awaitStop(nil, again, limit) // nobody is released this time: who is in a vfork by now is so with a child that is not known yet
	}
}

// look returns those that do not stand still; which processes wait in the kernel, the parents in a vfork among them; and whether any
// other runs, or would if it had a processor.
func (s *sender) look(stopped []*member) (moving []*member, waiting map[int]bool, running bool) {
	now := make(map[int]procfs.Stat, len(stopped))
	pids := make([]int, len(stopped))
	for i, m := range stopped {
		pids[i] = m.PID
	}
	for _, st := range s.fs.Stats(pids) {
		now[st.PID] = st
	}
	waiting = map[int]bool{}
	for _, m := range stopped {
		st := now[m.PID]
		if !st.Same(&m.stat) { // it has ended
			continue
		}
		threads := []procfs.Stat{st}
		if st.Threads > 1 {
			threads = s.fs.Stats(s.fs.Threads(m.PID))
		}
		runs, waits := false, false
		for _, thread := range threads {
			switch thread.State {
			case 'T', 't', 'Z', 'X':
			case 'D':
				waits = true
			default:
				runs = true
			}
		}
		if runs || waits {
			moving = append(moving, m)
			waiting[m.PID] = waits
			running = running || runs
		}
	}
	return moving, waiting, running
}

// stop stops those whom the signal will reach, and returns them. Others do not end by it, so their children remain theirs. Who is
// in but is left alone.
func (s *sender) stop(batch, but []*member) (stopped []*member) {
	for _, m := range batch {
		if slices.Contains(but, m) {
			continue
		}
		status, err := s.fs.Status(m.PID)
		if err != nil || status.Ignored.Has(s.signal) || m.stat.State == 'T' || m.stat.State == 't' || s.isOurs(m) {
			continue
		}
		if status.Blocked.Has(s.signal) && (m.stat.Threads <= 1 || s.fs.BlockedByAll(m.PID).Has(s.signal)) {
			continue
		}
		s.output.begin()
		if m.Process.Signal(sig.STOP, nil) == nil {
			m.stopped = true
			stopped = append(stopped, m)
		}
	}
	return stopped
}

// hurry puts sendsig before all others for the rest of its life, if it may (CAP_SYS_NICE): thousands that fork without end would leave it
// next to nothing of the processors. A nice value is not enough where each session has a share of its own (sched(7), "The autogroup
// feature"). While it waits it uses none.
func (s *sender) hurry() {
	if s.fs == nil {
		return
	}
	first := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
	for _, tid := range s.fs.Threads(s.self) {
		_ = unix.SchedSetAttr(tid, &first, 0) // threads to come inherit it
	}
}

// isOurs reports whether a process is another sendsig, or another applet of util. None forks once it has started; and two sendsigs that
// stopped each other would stop for ever.
func (s *sender) isOurs(m *member) bool {
	if m.stat.Name != s.ownName {
		return false
	}
	own, err1 := s.fs.ExeFile(s.self)
	other, err2 := s.fs.ExeFile(m.PID)
	return err1 == nil && err2 == nil && own == other
}

// shield holds back the signals that would end or stop sendsig, while others may be stopped by it. The function that it
// returns lets them act.
func shield() (lower func()) {
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTSTP)
	return func() {
		signal.Stop(arrived)
		select {
		case s := <-arrived:
			_ = syscall.Kill(os.Getpid(), s.(syscall.Signal))
		default:
		}
	}
}

// byTarget holds the processes that are named by number.
func (s *sender) byTarget() (batch []*member) {
	if s.Tree != 0 && len(s.PIDs) > 0 {
		_, _ = s.scan() // learns who belongs to the tree
	}
	for _, t := range s.PIDs {
		st := procfs.Stat{PID: t.PID}
		if s.fs != nil {
			if seen, err := s.fs.Stat(t.PID); err == nil {
				st = seen
			}
		}
		if s.known[id{st.PID, st.Start}] {
			continue // named twice
		}
		s.known[id{st.PID, st.Start}] = true
		m, err := s.hold(st, t)
		switch {
		case err != nil:
			s.fail(t.String(), err)
		case m != nil:
			batch = append(batch, m)
		}
	}
	return batch
}

// search looks at all processes and holds those who are meant, are new, and belong.
func (s *sender) search(belongs func(*procfs.Stat) bool) (batch []*member) {
	silent := len(s.silent)
	found, err := s.scan()
	if err != nil {
		s.fail("/proc", err)
		return nil
	}
	if len(s.silent) > silent {
		s.warn(fmt.Sprintf("%v; whether it matches is not known", s.unread))
	}
	for _, st := range found {
		who := id{st.PID, st.Start}
		if s.known[who] || !belongs(&st) {
			continue
		}
		s.known[who] = true
		m, err := s.hold(st, Target{PID: st.PID})
		switch {
		case errors.Is(err, procfs.ErrGone), errors.Is(err, pidfd.ErrThread): // it has ended since
		case err != nil:
			s.fail(st.Title(), err)
		case m != nil:
			batch = append(batch, m)
		}
	}
	return batch
}

// hold takes hold of a process and looks at it again: it must still be what was found. It returns nil if it is not, or
// is to be skipped. Errors: the number names no process that can be held, or another one than the target's inode tells.
func (s *sender) hold(st procfs.Stat, t Target) (*member, error) {
	if t.PID == s.self {
		return nil, errors.New("is sendsig itself")
	}
	p, err := pidfd.Open(st.PID, s.fs)
	if err != nil {
		return nil, err
	}
	m := &member{Process: p, stat: st}
	if t.Inode != 0 {
		err = checkInode(p, t)
	}
	if err != nil || !s.still(m) || s.skips(m) {
		m.Close()
		return nil, err
	}
	return m, nil
}

// still reports whether a process that is now held is the one that was found, and still matches.
func (s *sender) still(m *member) bool {
	if s.fs == nil {
		return true
	}
	now, err := s.fs.Stat(m.PID)
	if err != nil { // ended, or hidden: then there is nothing to match but its number
		return len(s.selectors()) == 0 && !s.searches()
	}
	if m.stat.Start != 0 && !now.Same(&m.stat) {
		return false
	}
	m.stat = now
	return s.match(&now)
}

// checkInode makes sure that a process is the one of the target's inode.
func checkInode(p *pidfd.Process, t Target) error {
	switch inode := p.Inode(); inode {
	case t.Inode:
		return nil
	case 0:
		return errors.New("cannot be told from others of that number: pidfds have no inodes here (they need Linux 6.9)")
	default:
		return fmt.Errorf("has ended, and its number was given to %v", Target{t.PID, inode})
	}
}

// skips reports whether --if-handled skips a process.
func (s *sender) skips(m *member) bool {
	if !s.IfHandled {
		return false
	}
	if takes, _ := s.fs.Takes(m.PID, s.Signal); takes {
		return false
	}
	s.skipped++
	s.say("skipped", s.Signal, m.stat.Title())
	return true
}

// send signals all of batch, and then lets go on who was stopped.
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
			err = fmt.Errorf("%w: it is of user %d, sendsig of user %d", err, status.UID, os.Geteuid())
		}
		fallthrough
	default:
		s.fail(m.stat.Title(), err)
	}
}

// watched reports whether the processes are watched after the signal.
func (s *sender) watched() bool { return s.Wait || len(s.Then) > 0 }

// wake continues a process that somebody has stopped, after a signal that asks it to end, as init does: it acts on none as long as it
// is stopped. After another signal it is only said.
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
		s.warn(fmt.Sprintf("%s: is stopped, so it acts on %s only when it is continued (util sendsig CONT %d)", m.stat.Title(), s.signal.Name(), m.PID))
	}
}

// warnPID1 warns of a signal that PID 1 will not get: the kernel drops those for which it has no handler, and KILL and
// STOP from within its namespace (pid_namespaces(7), "The namespace init process").
func (s *sender) warnPID1() {
	if s.fs == nil || !s.signal.Terminates() && !s.signal.Stops() {
		return
	}
	switch takes, err := s.fs.Takes(1, s.signal); {
	case err != nil:
	case s.signal == sig.KILL || s.signal == sig.STOP:
		s.warn(fmt.Sprintf("PID 1: the kernel does not let %s from inside its PID namespace reach it", s.signal.Name()))
	case !takes:
		s.warn(fmt.Sprintf("PID 1: has no handler for %s, so the kernel drops the signal (run the command under util init)", s.signal.Name()))
	}
}

// fail counts and reports a process or group that could not be signalled.
func (s *sender) fail(what string, err error) {
	s.failed++
	s.reportFailure(s.signal, what, err)
}

// nothing says why nothing was sent, if no line has said so yet.
func (s *sender) nothing() error {
	switch {
	case s.sent+s.failed > 0:
		return nil
	case s.skipped > 0:
		return fmt.Errorf("nothing sent: processes that neither catch nor block %s: %d", s.Signal.Name(), s.skipped)
	case s.Tree != 0 && len(s.family) == 0:
		return fmt.Errorf("--tree: %q: no such process", fmt.Sprint(s.Tree))
	}
	why := ""
	if s.Name != "" {
		if st, as := s.namesake(); st != nil {
			why += fmt.Sprintf(" (%s was executed as %q: --exe and --cmdline look at that, --name at the name in /proc)", st.Title(), as)
		}
	}
	if s.unread != nil {
		why += fmt.Sprintf(" (not everything could be read: %v)", s.unread)
	}
	if s.fs != nil {
		if hides := s.fs.HidePID(); hides != "" {
			why += fmt.Sprintf(" (/proc is mounted with %s: processes of other users cannot be seen)", hides)
		}
	}
	return errors.New("no process matches" + why)
}
