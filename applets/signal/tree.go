package sendsig

import (
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"util/internal/procfs"
	"util/internal/sig"

	"golang.org/x/sys/unix"
)

// This file stops the processes of a tree, so that none of them can fork while they are found and
// signalled.

// stopAll completes batch. It stops all processes, round by round, until no new one appears,
// because a stopped process cannot fork. The root of the tree is stopped only after all others, and
// only for one more search: its parent is notified of the stop, and a shell then takes its terminal
// back.
func (s *sender) stopAll(batch []*member, limit time.Time) []*member {
	all := func(*procfs.Stat) bool { return true }
	more := s.search(all)
	if s.Tree == 0 && len(more) == 0 && !s.growing {
		return batch
	}
	s.growing = s.growing || len(more) > 0
	batch = append(batch, more...)
	var root []*member
	if at := slices.IndexFunc(batch, func(m *member) bool { return m.PID == s.Tree }); at >= 0 {
		root = batch[at : at+1 : at+1]
	}
	for rounds, fresh := 0, batch; ; rounds++ {
		stopped := s.stop(fresh, root)
		if len(stopped) == 0 || rounds > 1 { // a root that forks without end is not left running
			stopped = append(stopped, s.stop(root, nil)...)
			root = nil
		}
		// If nothing had to be stopped, no process that will end could fork since the last search.
		if len(stopped) == 0 || time.Now().After(limit) {
			return batch
		}
		s.awaitStopped(batch, stopped, limit)
		fresh = s.search(all)
		batch = append(batch, fresh...)
	}
}

// stop stops the processes of batch that the signal will reach, except those in but, and returns
// them. A process that the signal does not reach will not end, so its children stay in the tree.
func (s *sender) stop(batch, but []*member) (stopped []*member) {
	for _, m := range batch {
		if slices.Contains(but, m) || m.stat.State == 'T' || m.stat.State == 't' || s.isUtil(m) {
			continue
		}
		status, err := s.fs.Status(m.PID)
		if err != nil || status.Ignored.Has(s.signal) {
			continue
		}
		if status.Blocked.Has(s.signal) &&
			(m.stat.Threads <= 1 || s.fs.BlockedByAll(m.PID).Has(s.signal)) {
			continue
		}
		s.output.hold()
		if m.Process.Signal(sig.STOP, nil) == nil {
			m.stopped = true
			stopped = append(stopped, m)
		}
	}
	return stopped
}

// stopLimit is how long sendsig waits for processes that wait in the kernel, for example for a
// device or a file server. They stop only when that wait ends, and all processes that are already
// stopped have to wait for them.
const stopLimit = 100 * time.Millisecond

// awaitStopped waits until the processes in stopped no longer run: a fork that had already begun is
// completed before the process stops.
//
// A vfork(2) is completed when the child has executed a program or ended. So if the parent of a
// stopped process waits in the kernel, the process is resumed during the wait.
func (s *sender) awaitStopped(batch, stopped []*member, limit time.Time) {
	for end := time.Now().Add(stopLimit); ; time.Sleep(time.Millisecond) {
		notStopped, waiting, running := s.examine(stopped)
		now := time.Now()
		if running { // or runnable, among thousands
			end = now.Add(stopLimit)
		}
		stopped = notStopped
		if len(stopped) == 0 || now.After(end) || now.After(limit) {
			break
		}
		for _, m := range batch {
			if m.stopped && !m.resumed && waiting[m.stat.Parent] && !slices.Contains(stopped, m) {
				m.resumed = m.Process.Signal(sig.CONT, nil) == nil
			}
		}
	}
	var again []*member
	for _, m := range batch {
		if m.resumed {
			m.resumed = false
			if m.Process.Signal(sig.STOP, nil) == nil {
				again = append(again, m)
			}
		}
	}
	if len(again) > 0 {
		// This time no process is resumed: the child of a vfork that began only now is not in batch
		// yet.
		s.awaitStopped(nil, again, limit)
	}
}

// examine returns the processes in stopped that have not stopped yet; which PIDs among them wait in
// the kernel, as the parent in a vfork does; and whether any other of them is running or runnable.
func (s *sender) examine(stopped []*member) (left []*member, waiting map[int]bool, running bool) {
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
		if runs, waits := s.activity(st); runs || waits {
			left = append(left, m)
			waiting[m.PID] = waits
			running = running || runs
		}
	}
	return left, waiting, running
}

// activity reports whether any thread of a process is running or runnable, and whether any waits in
// the kernel.
func (s *sender) activity(st procfs.Stat) (runs, waits bool) {
	threads := []procfs.Stat{st}
	if st.Threads > 1 {
		threads = s.fs.Stats(s.fs.Threads(st.PID))
	}
	for _, thread := range threads {
		switch thread.State {
		case 'T', 't', 'Z', 'X':
		case 'D':
			waits = true
		default:
			runs = true
		}
	}
	return runs, waits
}

// isUtil reports whether a process is another sendsig, or another applet of util. Once started,
// none of them forks. Two sendsigs that stopped each other would stay stopped forever.
func (s *sender) isUtil(m *member) bool {
	if m.stat.Name != s.ownName {
		return false
	}
	own, err1 := s.fs.ExeFile(s.self)
	other, err2 := s.fs.ExeFile(m.PID)
	return err1 == nil && err2 == nil && own == other
}

// raisePriority gives sendsig a realtime priority, if it is permitted to (CAP_SYS_NICE). Otherwise
// thousands of processes that fork without end would leave it little processor time. A nice value
// does not help where each session has its own share (sched(7), "The autogroup feature").
func (s *sender) raisePriority() {
	if s.fs == nil {
		return
	}
	first := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
	for _, tid := range s.fs.Threads(s.self) {
		_ = unix.SchedSetAttr(tid, &first, 0) // threads created later inherit it
	}
}

// deferSignals holds back the signals that would terminate or stop sendsig, because processes that
// it has stopped would then stay stopped. The function that it returns lets a signal that arrived
// take effect.
func deferSignals() (deliver func()) {
	arrived := make(chan os.Signal, 1)
	signal.Notify(arrived,
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGTSTP)
	return func() {
		signal.Stop(arrived)
		select {
		case s := <-arrived:
			_ = syscall.Kill(os.Getpid(), s.(syscall.Signal))
		default:
		}
	}
}
