package supervise

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"util/internal/proc"
	"util/internal/sig"
	"util/internal/test"
	"util/internal/test/torture"

	"golang.org/x/sys/unix"
)

// container is what a search begins with: how init is called, what the kernel can do, and what can
// happen.
type container struct {
	name     string
	settings Settings
	pid1     bool // init is PID 1, else a subreaper
	job      bool // init is a job of a shell
	signals  []sig.Signal
	types    []sig.Signal // keys
	forks    int8         // how many processes are made
	ticks    int8         // how often time passes while init has nothing to do
	stopping bool         // processes are stopped and continued by others
	tracing  bool         // the command makes init its tracer
	nephews  bool         // an orphan forks into the command's group
	enters   bool         // processes enter from outside
	late     bool         // init gets no processor for long, and signals come in bursts
	short    int          // how many states are visited in a short run, if not the usual number
	child    bool         // init has a child that ended before it became init

	stubborn   bool // signals do not end processes, only KILL does
	unkillable bool // not even KILL does

	noExitInfo, noGroupPidfd, noPidfd, noWaitid, noProc bool // what the kernel lacks
}

func (c *container) self() int32 {
	if c.pid1 {
		return 1
	}
	return 2
}

// reaper is the process that orphans become children of.
func (c *container) reaper() int32 {
	if c.settings.NoSubreaper {
		return 1
	}
	return c.self()
}

// outside is the parent of a process that has entered.
func (c *container) outside() int32 {
	if c.pid1 {
		return 0
	}
	return 1
}

// owes reports whether the command must get a signal that reaches init.
func (c *container) owes(s sig.Signal) bool {
	set := &c.settings
	r := set.Rewrite[s]
	switch {
	case set.Pause || r == Drop || s == sig.CHLD && set.DropCHLD:
		return false
	case r == Unchanged && s == sig.TSTP:
		return set.OnTSTP != Discard
	case r == Unchanged && (s == sig.TTIN || s == sig.TTOU):
		return set.OnTTIN != Discard
	}
	return true
}

// pays reports whether a signal that the command gets is the one that reached init as from.
func (c *container) pays(from, s sig.Signal) bool {
	if r := c.settings.Rewrite[from]; r != Unchanged {
		return s == sig.Signal(r)
	}
	return s == from || s == sig.STOP && stops.Has(from)
}

// sparing says what the sweep after the command's end must do with a process.
type sparing uint8

const (
	mustGet    sparing = iota // it must get TERM, if it has had no stop signal
	mustNotGet                // it finishes work
	either
)

// isGraceOver reports whether a grace period is over, so that init may kill, and records when that
// was so first.
func (m *machine) isGraceOver() bool {
	k, grace := &m.k, m.s.Grace
	isOver := grace > 0 && (k.stopAt != 0 && k.now >= k.stopAt+grace ||
		k.endedAt != 0 && k.now >= k.endedAt+grace)
	if isOver && k.killedAt == 0 {
		k.killedAt = k.now
	}
	return isOver
}

// judge says whether init may send a signal to a process.
func (m *machine) judge(t *task, s sig.Signal, toAll bool) {
	k, set := &m.k, m.s.Settings
	inGroup := t.inGroup(commandID, 0)
	switch {
	case t.bystander && !toAll:
		m.fail("a process outside the scope gets " + s.Name())
	case s == sig.KILL || s == sig.STOP && m.s.killing:
		if !m.isGraceOver() {
			m.fail("KILL before the end of the grace period")
		}
		if !inGroup && !m.s.IsWide() {
			m.fail("KILL outside the scope")
		}
	case t == k.command():
		paid := sig.Set(0)
		for from := sig.HUP; from <= sig.Max; from++ {
			if k.owed.Has(from) && m.c.pays(from, s) {
				paid |= sig.Of(from)
			}
		}
		another := k.pending // sent again
		if k.chldCode > 0 {
			another &^= sig.Of(sig.CHLD) // by the kernel
		}
		k.owed &^= paid &^ another
		if paid == 0 && !(s == sig.CONT && (k.asked || k.removed)) {
			m.fail("the command gets " + s.Name() + ", which nobody has sent")
		}
	case inGroup:
		if set.Single && !k.hasCommandEnded() {
			m.fail("with Single, another process than the command gets " + s.Name())
		}
	case !m.s.IsWide():
		m.fail("outside the group, a process gets " + s.Name())
	case m.s.atOnce():
		if k.stopAt == 0 && set.Grace > 0 && !k.hasCommandEnded() {
			m.fail("without a stop, a process outside the group gets " + s.Name())
		}
	case !k.hasCommandEnded():
		m.fail("before the command's end, a process outside the group gets " + s.Name())
	case s == sig.TERM && t.spared == mustNotGet && !toAll:
		m.fail("a process that finishes work gets TERM")
	case s != sig.TERM && s != sig.CONT:
		m.fail("after the command's end, a process gets " + s.Name())
	}
}

// inScope reports whether a stop applies to a process.
func (m *machine) inScope(t *task) bool {
	return t.exists() && !t.bystander && (m.s.IsWide() || t.inGroup(commandID, 0))
}

// isAnyLeft reports whether a process of the scope has not ended.
func (m *machine) isAnyLeft() bool {
	for i := range m.k.tasks {
		if t := &m.k.tasks[i]; m.inScope(t) && t.lives() {
			return true
		}
	}
	return false
}

// check checks what must be true where init begins to wait, for ns nanoseconds or, if that is
// negative, without an end.
func (m *machine) check(ns int64) {
	k, s := &m.k, &m.s
	within := func(most int64) bool { return ns >= 0 && ns <= most }
	if k.pending&^sig.Of(sig.CHLD) != 0 {
		m.fail("init waits for a time beside a signal that is pending")
	}
	if k.pending != 0 && !within(pauseCHLDFor) {
		m.fail("SIGCHLD is pending, and init waits for more than the pause")
	}
	kept := k.pending // SIGCHLD in the pause
	if s.due != 0 {
		kept |= sig.Of(s.arrivedAs)
	}
	if k.owed&^kept != 0 && k.command().lives() {
		m.fail("the command has not got a signal")
	}
	if next, _ := s.timer(); next != 0 && !within(max(next-k.now, 0)) {
		m.fail("init waits past its next time")
	}
	if m.c.job && k.command().state == stopped {
		m.fail("the command is stopped, and the job of the shell is not")
	}
	if k.hasCommandEnded() && !s.Ended && !within(maxRecheck) {
		m.fail("the command has ended, and nothing tells init")
	}
	if s.Ended && s.Grace > 0 && !m.isAnyLeft() && !within(maxRecheck) {
		m.fail("all processes have ended, and nothing tells init")
	}
	if k.mustWake && k.command().state == stopped && !s.killing {
		m.fail("a stopped command was asked to end, and is not continued")
	}
	if k.command().state == trapped && !within(pauseCHLDFor) {
		m.fail("a tracee is left stopped")
	}
	for i := range k.tasks {
		t := &k.tasks[i]
		if t.state == zombie && t.parent == s.Self && !within(maxRecheck) {
			m.fail("a zombie is left")
		}
		if s.Ended && s.phase == leaving && i > 0 && m.inScope(t) && t.lives() && t.spared == mustGet &&
			!(m.c.noProc && !m.c.pid1 && !t.inGroup(commandID, 0)) {
			if !t.had {
				m.fail("a process that is left has not got TERM")
			}
			if t.state == stopped {
				m.fail("a process that is left is not continued")
			}
		}
	}
	if s.Grace > 0 && k.stopAt != 0 || s.Grace > 0 && s.Ended {
		begun := k.stopAt
		if begun == 0 {
			begun = k.endedAt + maxRecheck
		}
		if until := begun + s.Grace; k.killedAt == 0 && !s.killing && !within(max(until-k.now, 0)) {
			m.fail("init waits past the end of the grace period")
		}
		if s.killing && !within(750e6) {
			m.fail("init waits past the time that KILL has")
		}
	}
	m.checkFiles()
}

// checkFiles checks that init has the files open that it needs, and no others.
func (m *machine) checkFiles() {
	var want, have [aPidMax + 1]int
	if m.s.wait.command >= 0 {
		want[aPidfd]++
	}
	if m.s.wait.kernelReaps && !m.s.Pause {
		want[aSignalfd]++
	}
	if m.c.job {
		want[aConsole]++
	}
	for _, f := range m.k.files {
		have[f.kind]++
	}
	have[noFile] = 0
	if have != want {
		m.fail(fmt.Sprintf("open files by kind: %v, want %v", have, want))
	}
	if m.k.noCldWait != m.s.wait.kernelReaps {
		m.fail("init and the kernel do not agree on who reaps")
	}
}

// exits checks what must be true when init ends.
func (m *machine) exits(status int) {
	k, s := &m.k, &m.s
	m.isOver = true
	if s.Pause {
		if k.stopAt == 0 && !k.asked {
			m.fail("init ends, and nobody has asked it")
		}
		m.stop(ended)
	}
	tooLate := k.killedAt == 0 && !s.killing || k.now < s.limit
	want := int(s.Exit.Code(uint8(k.status().Code())))
	if !k.hasCommandEnded() {
		if tooLate {
			m.fail("init ends before the command")
		}
	}
	if !k.hasCommandEnded() || !s.Ended && m.endsNow && !tooLate {
		want = proc.ExitSignal + int(sig.KILL)
	}
	if status != want {
		m.fail(fmt.Sprintf("init ends with status %d, the command with %d", status, want))
	}
	begun := min(k.stopAt, k.endedAt)
	if begun == 0 {
		begun = max(k.stopAt, k.endedAt)
	}
	if s.Grace > 0 && k.now > begun+s.Grace+1e9 || s.Grace == 0 && k.now > k.endedAt+1e9 {
		m.fail("init ends too late")
	}
	if s.Grace > 0 && tooLate && m.isAnyLeft() {
		m.fail("init ends before a process of the scope")
	}
	for i := range k.tasks {
		if t := &k.tasks[i]; !tooLate && m.inScope(t) && t.lives() && !m.c.unkillable &&
			t.endBy != sig.KILL && t.start < k.tick {
			m.fail("a process has not got KILL")
		}
	}
	if m.c.job && k.foreground == commandID {
		m.fail("init ends, and the command's group keeps the terminal")
	}
	m.stop(ended)
}

// state is the state of a container.
type state struct {
	k kernel
	s Supervisor
}

// begin returns the state after Start.
func (c *container) begin() state {
	st := state{s: Supervisor{Settings: &c.settings, Self: c.self(), PID: commandID}}
	k, s := &st.k, &st.s
	k.now, k.tick, k.nextPid, k.forks, k.ticks = 1e12, 1e4, commandID+1, c.forks, c.ticks
	k.tasks[0] = task{state: runs, pid: commandID, parent: c.self(), group: commandID, start: k.tick}
	s.console, s.wait.command, s.cannotStop, s.Job = -1, -1, c.pid1, c.job
	if c.job {
		k.files[0].kind, k.foreground, s.console = aConsole, commandID, firstFile
	}
	if c.settings.Placement == SharedGroup {
		k.foreground = c.self()
	}
	if c.child {
		k.tasks[1] = task{state: zombie, pid: 5, parent: c.self(), group: 5}
	}
	if c.settings.Pause {
		s.PID, k.tasks[0] = 0, task{}
		s.wait.kernelReaps = s.kernelMayReap()
		k.noCldWait = s.wait.kernelReaps
	}
	return st
}

// run lets init take one turn.
func (m *machine) run(st *state, inject []injection, pass bool) {
	m.k, m.s, m.inject, m.pass = st.k, st.s, inject, pass
	m.calls, m.problem, m.isOver, m.endsNow = m.calls[:0], "", false, false
	m.turn()
	if m.k.burst && m.outcome != waits && m.outcome != blocked {
		m.k.burst = false
	}
}

func (m *machine) turn() {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(unwind); !ok {
				panic(r)
			}
		}
	}()
	m.outcome = turned
	if !m.s.begun {
		m.s.begun = true
		m.s.reapInherited()
	}
	if m.k.burst {
		m.s.wait.turns = maxBurst - 1
	}
	m.s.turn(&m.info)
	m.s.noted = 0
	if m.s.over {
		m.exits(int(m.s.ExitCode()))
	}
}

// canonical returns the state without what makes no difference: times are counted from now, and
// counters end where no more is asked.
func (m *machine) canonical() (st state) {
	st = state{m.k, m.s}
	k, s := &st.k, &st.s
	since := func(times ...*int64) {
		for _, t := range times {
			if *t != 0 {
				*t += 1e12 - k.now
			}
		}
	}
	since(&s.due, &s.deadline, &s.limit, &s.recheckAt, &s.wait.pausedUntil, &k.stopAt, &k.endedAt,
		&k.killedAt)
	k.now = 1e12
	// A start counts as before, at or after the tick of the stop, or now.
	from := k.tick
	if s.stopSentTo != none {
		from = int64(s.stopSentAt)
		s.stopSentAt = 1e4
	}
	near := func(t int64) int64 { return min(max(t-from, -1), 1) + 1e4 }
	for i := range k.tasks {
		if k.tasks[i].state != noTask {
			k.tasks[i].start = near(k.tasks[i].start)
		}
	}
	k.tick = near(k.tick)
	s.stops = min(s.stops, 2)
	s.Orphans, s.Killed, s.Leftover, s.Usage = 0, 0, 0, unix.Rusage{}
	s.wait.turns = 1
	if k.pending&sig.Of(sig.CHLD) == 0 {
		k.chldPid, k.chldCode, k.chldStatus = 0, 0, 0
	}
	if s.delayed.Do == 0 {
		s.arrivedAs = 0
	}
	return st
}

// observed reports whether a system call sees or changes what can happen beside it.
func observed(nr uintptr) bool {
	switch nr {
	case unix.SYS_CLOCK_GETTIME, unix.SYS_OPENAT, unix.SYS_CLOSE, unix.SYS_READLINKAT, unix.SYS_LSEEK,
		unix.SYS_GETPGID, unix.SYS_GETSID, unix.SYS_RT_SIGPROCMASK:
		return false
	}
	return true
}

// node says how a state was reached.
type node struct {
	from  int32
	depth int16     // how many turns there were, and things that happened before one
	alone happening // what happened while init had no processor; else it took a turn
	turn  [2]injection
}

// reached is a state and the index of its node.
type reached struct {
	state
	id int32
}

// search visits all states of a container, breadth first.
type search struct {
	c           *container
	m           machine
	all         []happening
	seed        [2]maphash.Seed
	visited     map[[2]uint64]struct{}
	nodes       []node
	frontier    []reached // those that are to be expanded, at this depth
	next        []reached // at the next depth
	depth       int16
	transitions int
	twice       bool // two things happen in a turn
	problem     string
	path        []string
}

func newSearch(c *container) *search {
	s := &search{c: c, all: c.happenings(), visited: map[[2]uint64]struct{}{}}
	s.seed = [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}
	s.m.c = c
	simulated = s.m.call
	growStack(256)
	st := c.begin()
	s.m.k, s.m.s = st.k, st.s
	s.add(node{from: -1})
	return s
}

// growStack makes the stack of this goroutine so large that it is not moved later: the supervisor
// passes addresses on it as numbers, as system calls have them.
//
//go:noinline
func growStack(kB int) byte {
	var frame [1 << 10]byte
	if kB == 0 {
		return frame[0]
	}
	return frame[kB%len(frame)] + growStack(kB-1)
}

// add adds the machine's state, if it is new.
func (s *search) add(n node) {
	st := s.m.canonical()
	key := [2]uint64{maphash.Comparable(s.seed[0], st), maphash.Comparable(s.seed[1], st)}
	if _, ok := s.visited[key]; ok {
		return
	}
	s.visited[key] = struct{}{}
	r := reached{st, int32(len(s.nodes))}
	s.nodes = append(s.nodes, n)
	if n.depth == s.depth {
		s.frontier = append(s.frontier, r)
	} else {
		s.next = append(s.next, r)
	}
}

// explore visits states until all are visited, or enough. It reports whether all are.
func (s *search) explore(enough func() bool) (all bool) {
	for s.problem == "" && !enough() {
		if len(s.frontier) == 0 {
			if len(s.next) == 0 {
				return true
			}
			s.frontier, s.next = s.next, nil
			s.depth++
		}
		r := s.frontier[0]
		s.frontier = s.frontier[1:]
		s.expand(&r.state, r.id)
	}
	return false
}

// mostCalls is before how many system calls of a turn something happens. Only KILL needs more: it
// looks at all processes again and again, until none can fork.
const mostCalls = 80

// expand makes everything happen in a state that can.
func (s *search) expand(st *state, id int32) {
	n := node{from: id, depth: s.depth + 1}
	m := &s.m
	if s.take(st, n, nil) {
		calls := slices.Clone(m.calls)
		for i := 1; i < min(len(calls), mostCalls); i++ {
			if observed(calls[i]) {
				s.disturb(st, n, nil, i)
			}
		}
	}
	for _, h := range s.all {
		m.k, m.s, m.calls = st.k, st.s, m.calls[:0]
		if m.k.can(m, h) {
			m.k.make(m, h)
			s.transitions++
			n.alone = h
			s.add(n)
		}
	}
	if s.problem == "" {
		s.drain(st, id)
	}
}

// disturb takes a turn in which something happens before system call i.
func (s *search) disturb(st *state, n node, before []injection, i int) {
	for _, h := range s.all {
		if !h.inTurn() {
			continue
		}
		inject := append(slices.Clone(before), injection{int16(i), h})
		n.turn[len(before)] = inject[len(before)]
		if !s.take(st, n, inject) || !s.twice || len(inject) == 2 {
			continue
		}
		calls := slices.Clone(s.m.calls)
		for j := i; j < min(len(calls), mostCalls); j++ {
			if observed(calls[j]) {
				s.disturb(st, n, inject, j)
			}
		}
	}
}

// take takes a turn, and reports whether that was possible.
func (s *search) take(st *state, n node, inject []injection) bool {
	if s.problem != "" {
		return false
	}
	s.m.run(st, inject, true)
	switch s.m.outcome {
	case blocked:
		return false
	case failed:
		if s.m.problem != "" {
			s.fail(s.m.problem, n)
		}
		return false
	case ended:
		s.transitions++
		return true
	}
	s.transitions++
	if inject == nil && s.m.k.now == st.k.now && s.m.canonical() == *st {
		s.fail("init turns without an effect: it spins", n)
	}
	s.add(n)
	return true
}

// drain checks that init ends in time if nothing happens any more but the end of the command, by
// itself or, where it ignores signals, by a stop. From some states, signals arrive without a pause
// meanwhile.
func (s *search) drain(st *state, id int32) {
	m := &s.m
	m.k, m.s, m.calls = st.k, st.s, m.calls[:0]
	switch {
	case m.s.Pause || m.s.Grace > 0 && (s.c.stubborn || s.c.unkillable):
		m.k.arrive(m, sig.TERM)
	case m.k.command().lives():
		m.k.end(s.c, m.k.command(), int32(sig.KILL))
	}
	const (
		oneIn = 64
		most  = 5000 // turns
	)
	flood := id%oneIn == 0
	for n, idle := 0, 0; n < most && idle < 2*maxBurst; n++ {
		s.settle()
		if flood {
			m.k.arrive(m, sig.TERM+1) // received before SIGCHLD, and after a stop
			m.k.passes(1e6)
		}
		now := state{m.k, m.s}
		m.run(&now, nil, true)
		switch {
		case m.isOver && m.problem == "":
			return
		case m.outcome == blocked:
			s.fail("init waits for ever", node{from: id})
			return
		case m.outcome == failed:
			s.fail(m.problem, node{from: id})
			return
		}
		if idle++; m.k.now != now.k.now || flood {
			idle = 0
		}
	}
	s.fail("init does not end", node{from: id})
}

// settle makes happen what the kernel and the processes do by themselves.
func (s *search) settle() {
	m := &s.m
	m.calls = m.calls[:0]
	for again := true; again; {
		again = false
		for i := range int8(len(m.k.tasks)) {
			for _, w := range []what{dies, halts} {
				if h := (happening{w, i}); m.k.can(m, h) {
					m.k.make(m, h)
					again = true
				}
			}
		}
		if h := (happening{releases, 0}); m.k.can(m, h) {
			m.k.make(m, h)
		}
	}
}

// fail records a violation and the shortest path to it.
func (s *search) fail(problem string, n node) {
	s.problem = problem
	var path []string
	for {
		line := n.alone.String()
		for _, i := range n.turn {
			if i.ev.what != nothing {
				line += fmt.Sprintf("; before its system call %d: %s", i.at, i.ev)
			}
		}
		path = append(path, line)
		if n.from < 0 {
			break
		}
		n = s.nodes[n.from]
	}
	slices.Reverse(path)
	s.path = path[1:]
}

// containers are those that TestStates visits.
func containers() []*container {
	const grace = 2e9
	user := []sig.Signal{sig.TERM, sig.USR1}
	twice := []sig.Signal{sig.TERM, sig.INT}
	shell := []sig.Signal{sig.TERM, sig.TSTP, sig.CONT}
	forged := []sig.Signal{sig.TERM, sig.CHLD}
	rewritten := Settings{Grace: grace, StopSignals: sig.Of(sig.USR1)}
	rewritten.Rewrite[sig.TERM] = Rewriting(sig.QUIT)
	rewritten.Rewrite[sig.USR1] = Rewriting(sig.INT)
	rewritten.Rewrite[sig.HUP] = Drop
	dumbInit := Differences{
		Placement: NewSession, NoSubreaper: true, NoContinue: true, RewriteSweep: true, DropCHLD: true,
		OnTSTP: StopAlways, OnTTIN: StopAlways,
	}
	shared := dumbInit // dumb-init --single-child
	shared.Placement, shared.NoSweep = SharedGroup, true
	tini := Differences{
		Placement: OwnGroup, NoSweep: true, DropCHLD: true, OnTSTP: Pass, OnTTIN: Discard,
	}
	catatonit := tini
	catatonit.OnTSTP = Discard
	return []*container{
		{name: "PID 1", pid1: true, signals: user[:1], forks: 2},
		{name: "PID 1, late", pid1: true, signals: user, forks: 1, late: true, ticks: 1},
		{
			name: "PID 1, stops", pid1: true, signals: user[:1], forks: 1, stopping: true,
			short: 4000, // one fault was that deep
		},
		{name: "PID 1, keys", pid1: true, signals: shell[1:], stopping: true},
		{name: "PID 1, forged SIGCHLD", pid1: true, signals: forged, forks: 1, child: true},
		{name: "PID 1, tracing", pid1: true, signals: user[:1], forks: 1, tracing: true},
		{name: "subreaper", signals: user[:1], forks: 2, enters: true},
		{
			name: "ordered", settings: Settings{Grace: grace}, pid1: true, signals: user[:1], forks: 2,
		},
		{
			name: "ordered, late", settings: Settings{Grace: grace}, pid1: true, signals: user, forks: 1,
			ticks: 1, late: true,
		},
		{
			name: "ordered, stops", settings: Settings{Grace: grace}, pid1: true, signals: user[:1],
			forks: 1, stopping: true,
		},
		{
			name: "ordered, stubborn", settings: Settings{Grace: grace}, pid1: true, signals: user[:1],
			forks: 2, stubborn: true, nephews: true,
		},
		{
			name: "ordered, subreaper", settings: Settings{Grace: grace}, signals: user[:1], forks: 2,
			enters: true, stubborn: true, ticks: 1,
		},
		{
			name: "ordered, unkillable", settings: Settings{Grace: grace}, signals: user[:1], forks: 1,
			unkillable: true, stubborn: true,
			short: 200, // because KILL looks at what does not stop 64 times
		},
		{
			name: "ordered, no grace", settings: Settings{Scope: ScopeOrdered}, pid1: true,
			signals: user[:1], forks: 2,
		},
		{
			name: "group", settings: Settings{Grace: grace, Scope: ScopeGroup}, pid1: true,
			signals: user[:1], forks: 2, nephews: true,
		},
		{
			name: "group, enters", settings: Settings{Grace: grace, Scope: ScopeGroup},
			signals: user[1:], forks: 2, enters: true,
		},
		{
			name: "group, stops", settings: Settings{Grace: grace, Scope: ScopeGroup},
			signals: user[:1], forks: 1, stopping: true,
		},
		{
			name: "container", settings: Settings{Grace: grace, Scope: ScopeContainer}, pid1: true,
			signals: user[:1], forks: 2, ticks: 1,
		},
		{
			name: "single", settings: Settings{Grace: grace, Single: true}, pid1: true,
			signals: user[:1], forks: 2,
		},
		{
			name: "single, no grace", settings: Settings{Single: true}, signals: user, forks: 1,
			stopping: true,
		},
		{
			name: "delay", settings: Settings{Grace: grace, Delay: grace / 2}, pid1: true,
			signals: twice, forks: 1, ticks: 1,
		},
		{
			name: "delay, no grace", settings: Settings{Delay: grace}, pid1: true, signals: twice,
			forks: 1, late: true,
		},
		{
			name: "delay, orphan", settings: Settings{Delay: grace}, pid1: true, signals: user[:1],
			forks: 1,
		},
		{
			name: "rewritten", settings: rewritten, pid1: true,
			signals: []sig.Signal{sig.TERM, sig.USR1, sig.HUP}, forks: 1,
		},
		{name: "job", job: true, signals: shell, types: shell[1:2], stopping: true},
		{
			name: "job, grace", settings: Settings{Grace: grace}, job: true, signals: shell,
			types: shell[1:2], forks: 1,
		},
		{
			name: "pause", settings: Settings{Pause: true}, pid1: true, signals: user, child: true,
			forks: 2, enters: true,
		},
		{
			name: "dumb-init", settings: Settings{Differences: dumbInit}, signals: shell, forks: 1,
		},
		{
			name: "dumb-init, PID 1", settings: Settings{Differences: dumbInit}, pid1: true,
			signals: append(forged, sig.TSTP), forks: 1, stopping: true,
		},
		{
			name: "dumb-init, its group", settings: Settings{Differences: shared, Single: true},
			signals: shell, types: twice[1:], forks: 1,
		},
		{
			name: "tini", settings: Settings{Differences: tini, Single: true}, pid1: true,
			signals: append(forged, sig.TSTP, sig.TTIN), forks: 1,
		},
		{
			name: "catatonit", settings: Settings{Differences: catatonit, Single: true}, pid1: true,
			signals: append(forged, sig.TSTP, sig.TTIN), forks: 1,
		},
		{name: "account", settings: Settings{Account: true}, pid1: true, signals: user[:1], forks: 2},
		{
			name: "notes", settings: Settings{Grace: grace, Notes: ^NoteKind(0)}, signals: shell, forks: 1,
		},
		{
			name: "before Linux 6.15", settings: Settings{Grace: grace}, pid1: true, signals: user[:1],
			forks: 1, noExitInfo: true, stopping: true,
		},
		{
			name: "before Linux 6.9", settings: Settings{Grace: grace, Scope: ScopeGroup}, pid1: true,
			signals: user[1:], forks: 2, noExitInfo: true, noGroupPidfd: true, enters: true,
		},
		{
			name: "before Linux 5.3", settings: Settings{Grace: grace}, pid1: true,
			signals: user[1:], forks: 2, noPidfd: true, enters: true,
		},
		{
			name: "before Linux 5.3, single", settings: Settings{Grace: grace, Single: true},
			signals: user[1:], forks: 2, noPidfd: true, enters: true,
		},
		{
			name: "no waitid", settings: Settings{Grace: grace}, pid1: true, signals: user[:1], forks: 1,
			noWaitid: true, child: true,
		},
		{name: "no waitid, no grace", pid1: true, signals: user, forks: 1, noWaitid: true},
		{
			name: "no /proc", settings: Settings{Grace: grace}, pid1: true, signals: user[:1], forks: 2,
			noProc: true,
		},
		{
			name: "no /proc, subreaper", settings: Settings{Grace: grace, Scope: ScopeGroup},
			signals: user[:1], forks: 1, noProc: true, stopping: true,
		},
	}
}

// TestStates visits the states of a container, breadth first: what init does in each, by its real
// code on a simulated kernel, and everything that can happen before a turn of its loop and before
// each system call of a turn. From every state, init must end in time once the command has ended.
// A violation is printed with the shortest way to it.
func TestStates(t *testing.T) {
	if simulated == nil && os.Getenv(simulatedVar) == "" {
		out, err := simulate(t, 1, "", nil)
		for line := range strings.Lines(out) {
			if _, result, ok := strings.Cut(strings.TrimSpace(line), "result: "); ok {
				torture.Result(t, "%s", result)
			}
		}
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	all := containers()
	searches := []bool{false}
	if torture.Long() {
		searches = append(searches, true)
	}
	states, transitions, depth := 0, 0, int16(1<<15-1)
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			for _, twice := range searches {
				s := newSearch(c)
				s.twice = twice
				end := time.Now().Add(torture.Time(t, 0) / time.Duration(len(all)*len(searches)))
				whole := s.explore(func() bool {
					return torture.Long() && time.Now().After(end) || len(s.nodes) >= c.mostStates()
				})
				if s.problem != "" {
					t.Fatalf("%s, after:\n\t%s", s.problem, strings.Join(s.path, "\n\t"))
				}
				states += len(s.nodes)
				transitions += s.transitions
				text := "all"
				if !whole {
					text = fmt.Sprintf("all to depth %d", s.depth-1)
					depth = min(depth, s.depth-1)
				}
				t.Logf("%s: %d states, %s, %d transitions", c.name, len(s.nodes), text, s.transitions)
			}
		})
	}
	torture.Result(t, "%d containers, %d states, all to depth %d, %d transitions", len(all), states,
		depth, transitions)
}

// mostStates is how many states of a container are visited; there may be more.
func (c *container) mostStates() int {
	if torture.Long() {
		return 500_000 // which take some hundred MB
	}
	most := 2500
	if c.short != 0 {
		most = c.short
	}
	factor, _ := strconv.Atoi(os.Getenv(simulatedVar))
	return most * factor
}

// simulatedVar is set in the program that simulate builds: how many times the usual number of
// states a short run visits.
const simulatedVar = "UTIL_TEST_SIMULATED"

// simulate runs TestStates again, in a program in which sys.Call calls the simulated kernel: go
// test takes another file in the place of the one with the assembly. If it is given, a mutated text
// takes the place of a file of this package too.
func simulate(t *testing.T, factor int, mutated string, text []byte, flags ...string) (
	out string, err error,
) {
	t.Helper()
	if unsafe.Sizeof(uintptr(0)) == 4 {
		test.Missing(t, "64 bits", "the simulated kernel has the system calls of such an architecture")
	}
	path := func(name string) string {
		absolute, err := filepath.Abs(name)
		test.Must(t, err)
		return absolute
	}
	const sys = "../../../internal/sys/"
	replace := map[string]string{
		path(sys + "call_linux.go"):                 path("testdata/call.go"),
		path(sys + "call_" + runtime.GOARCH + ".s"): "",
	}
	dir := t.TempDir()
	if mutated != "" {
		file := filepath.Join(dir, "mutated")
		test.Must(t, os.WriteFile(file, text, 0o600))
		replace[path(mutated)] = file
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	test.Must(t, err)
	file := filepath.Join(dir, "overlay.json")
	test.Must(t, os.WriteFile(file, overlay, 0o600))
	args := []string{
		"test", "-count=1", "-timeout=0", "-vet=off", "-overlay", file, "-run=^TestStates$", "-v",
	}
	cmd := exec.Command("go", append(append(args, flags...), ".")...)
	// The collector must not move the stack either: see growStack.
	cmd.Env = append(os.Environ(), "GODEBUG=gcshrinkstackoff=1",
		fmt.Sprintf("%s=%d", simulatedVar, factor))
	text, err = cmd.CombinedOutput()
	return string(text), err
}

// mutations are faults that TestStates must find: in a file, a text takes the place of another.
var mutations = []struct{ what, file, old, text string }{
	{
		"a discarded SIGCHLD is not made up for", "wait.go",
		"sys.RtSigaction(sig.CHLD, &sys.Sigaction{}, nil)\n\t\ts.recheckAt = now()",
		"sys.RtSigaction(sig.CHLD, &sys.Sigaction{}, nil)",
	},
	{
		"the pidfd of the first orphan stays open", "wait.go",
		"_, ok := sys.PidfdExit(fd)\n\tsys.Close(fd)", "_, ok := sys.PidfdExit(fd)",
	},
	{
		"the signalfd stays open", "wait.go", "\t\tsys.Close(s.wait.signals)\n", "",
	},
	{
		"no check again while the kernel reaps the command", "wait.go",
		"\t\ts.wait.pausedUntil = 0\n\t\ts.recheckLater()", "\t\ts.wait.pausedUntil = 0",
	},
	{
		"the command's pidfd is not polled", "wait.go",
		"ended, arrived := ready[0].Revents != 0,", "ended, arrived := false,",
	},
	{
		"init waits for the pause, not for the time before its end", "wait.go",
		"timeout == nil || timeout.Nano() > ns", "timeout == nil || timeout.Nano() < ns",
	},
	{
		"signals without a pause hide the end of a child", "loop.go",
		"s.wait.isRecheck() || ok && ev.Kind == LimitOver", "ok && ev.Kind == LimitOver",
	},
	{
		"the limit after KILL is forgotten", "wait.go", "s.limit != 0 && (at == 0", "false && (at == 0",
	},
	{
		"the kernel reaps before the command has a pidfd", "wait.go",
		"command := pidfd(s.PID)\n\tif command < 0 {\n\t\treturn\n\t}", "command := -1",
	},
	{
		"what SIGCHLD has told before the kernel reaps is forgotten", "loop.go",
		"if info != nil || s.wait.kernelReaps {", "if info != nil && !s.wait.kernelReaps {",
	},
	{"what is wanted to know does not matter", "wait.go", "return s.phase == running && ", "return "},
	{
		"one child for each SIGCHLD", "loop.go",
		"child = proc.NextChild() // where", "child = proc.Child{} // where",
	},
	{
		"the command's discarded SIGCHLD is not made up for", "loop.go",
		"letKernelReap may have discarded the command's SIGCHLD\n\t\t\ts.recheckAt = now()", "",
	},
	{
		"a forged SIGCHLD is dropped", "loop.go", "return info.Code <= 0", "return info.Code < 0",
	},
	{
		"a tracee is left stopped", "loop.go",
		"case child.Trapped:\n\t\t\tproc.Detach(child.Pid)\n\t\tcase child.Pid == s.PID && ",
		"case child.Trapped:\n\t\t\treturn\n\t\tcase child.Pid == s.PID && ",
	},
	{"the status is not the command's", "loop.go", "\ts.Status = status\n", ""},
	{
		"the job's stop is not seen", "loop.go",
		"if by := proc.Stopped(s.PID); by != 0 {", "if false {\n\t\t\tby := sig.Signal(0)",
	},
	{
		"nobody waits for what the command has left", "loop.go",
		"if s.phase >= leaving && s.Ended && !s.over {", "if false {",
	},
	{
		"the end of a process of the group is not looked for", "stop.go",
		"\ts.recheckLater() // only", "\t// only",
	},
	{
		"a process that was started after the stop gets TERM", "stop.go",
		"if s.stopSentTo != none && s.startedSince(&p, window) {",
		"if s.startedSince(&p, window) && false {",
	},
	{
		"within a tick, the PIDs do not count", "stop.go",
		"return ahead > 0 && ahead <= window || ahead < -window", "return ahead < -window",
	},
	{
		"what is left is not continued", "stop.go",
		"w.Signal(&p, sig.CONT)\n\t\t}\n\t}\n\tw.Close()\n\treturn seen",
		"}\n\t}\n\tw.Close()\n\treturn seen",
	},
	{"a walk stays open", "stop.go", "\tw.Close()\n\treturn seen", "\treturn seen"},
	{"KILL has no limit", "stop.go", "\t\ts.limit = now() + killTimeout\n", ""},
	{"KILL is not repeated", "stop.go", "s.deadline = now() + again", "s.deadline = 0"},
	{"KILL reaches everything", "stop.go", "case !s.IsWide():\n\t\ts.signalGroup(sig.KILL)\n", ""},
	{
		"the sweep is narrow", "stop.go",
		"if !s.IsWide() {\n\t\tif s.stopSentTo == none",
		"if true {\n\t\tif s.stopSentTo == none",
	},
	{
		"the number of a reaped command is used", "act.go",
		"case s.reaped: // its number may be another process's\n\t\treturn unix.ESRCH\n", "",
	},
	{
		"the number of an empty group is used", "act.go",
		"if s.reaped && sys.Kill(s.PID, 0) != unix.ESRCH {", "if false {",
	},
	{
		"a stopped command is not continued", "act.go",
		"if proc.Stopped(s.PID) != 0 {\n\t\ts.send(sig.CONT)", "if proc.Stopped(s.PID) != 0 {",
	},
	{
		"a command whose stop is told late is not continued", "act.go",
		"\t\ts.send(sig.CONT)\n\t}\n\ts.endSignals = 0", "\t}\n\ts.endSignals = 0",
	},
	{"the terminal is not given back", "act.go", "\t\ts.takeBack()\n", ""},
	{
		"a kept signal is forwarded twice", "act.go",
		"\ts.delayed, s.due = Action{}, 0\n",
		"\ts.due = 0\n",
	},
	{
		"PID 1 stops itself", "step.go",
		"if !s.cannotStop {\n\t\t\ta.Do |= StopSelf\n\t\t}\n\t\treturn false",
		"a.Do |= StopSelf\n\t\treturn false",
	},
	{"the command's end is the end", "step.go", "case s.Grace == 0:\n", "default:\n"},
	{"a stop signal begins no grace period", "step.go", "a.Do |= StartGrace", "a.Do |= 0"},
	{
		"the second of two stop signals is lost", "step.go",
		"a.Do |= ForwardDelayed",
		"a.Do = ForwardDelayed",
	},
	{"a delay has no end", "step.go", "return Action{Do: ForwardDelayed}", "return Action{}"},
	{"a rewritten signal is forwarded as it is", "step.go", "a.Signal = sig.Signal(rewriting)", ""},
	{"a signal of the terminal is forwarded too", "step.go", "a.Do &^= Forward\n", "_ = a\n"},
}

// TestStatesCanFail shows that TestStates finds faults: it fails for each of the mutations.
func TestStatesCanFail(t *testing.T) {
	all, one := torture.Long(), int(torture.Seed(t)%uint64(len(mutations)))
	t.Setenv("UTIL_TEST_TORTURE", "") // the short search
	for i, m := range mutations {
		t.Run(m.what, func(t *testing.T) {
			text, err := os.ReadFile(m.file)
			test.Must(t, err)
			if n := bytes.Count(text, []byte(m.old)); n != 1 {
				t.Fatalf("%s has the text %d times that is mutated: %q", m.file, n, m.old)
			}
			if !all && i != one { // each is compiled
				return
			}
			text = bytes.Replace(text, []byte(m.old), []byte(m.text), 1)
			out, err := simulate(t, 4, m.file, text, "-failfast")
			if err == nil {
				t.Fatal("not found")
			}
			if strings.Contains(out, "[build failed]") {
				t.Fatalf("%s", out)
			}
			t.Log(strings.ReplaceAll(out, "result: ", "")) // it is not one of this test
		})
	}
}
