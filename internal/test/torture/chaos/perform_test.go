package chaos

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"util/internal/sig"
	"util/internal/test"
	"util/internal/test/torture/chaos/wire"

	"golang.org/x/sys/unix"
)

// perform carries out a step, unless it makes no sense now, and waits until all has happened that
// the model says.
func (r *run) perform(s step) error {
	if !r.can(s) {
		return nil
	}
	r.logf("* %v", s)
	r.now = time.Now()
	r.apply(s)
	err := r.act(s)
	if err == nil {
		err = r.settled()
	}
	if err == nil && s.do == doCheck {
		err = r.check()
	}
	if errors.Is(err, errExpired) {
		r.vague = true
		return nil
	}
	return err
}

// act does what a step says.
func (r *run) act(s step) error {
	switch s.do {
	case doFork:
		r.events++
		r.order(s.who, wire.Order{Op: wire.Fork, Other: int32(s.n), A: int64(s.way)})
	case doSetsid:
		r.order(s.who, wire.Order{Op: wire.Setsid})
	case doSetpgid:
		r.order(s.who, wire.Order{Op: wire.Setpgid})
	case doSetuid:
		const nobody = 65534
		r.order(s.who, wire.Order{Op: wire.Setuid, A: nobody})
	case doTraceme:
		r.order(s.who, wire.Order{Op: wire.Traceme})
	case doExec:
		r.events++
		r.order(s.who, wire.Order{Op: wire.Exec})
	case doTake:
		r.order(s.who, wire.Order{Op: wire.Take, A: int64(s.set[0]), B: int64(s.set[1])})
	case doOrphans:
		r.events += 4 * s.n // each and its parent begin and end
		r.order(s.who, wire.Order{Op: wire.Orphans, A: int64(s.n), B: int64(s.n % 2)})
	case doZombies:
		r.events += 2 * s.n
		r.order(s.who, wire.Order{Op: wire.Zombies, A: int64(s.n)})
	case doExit:
		r.order(s.who, wire.Order{Op: wire.Exit, A: int64(s.n)})
	case doDie:
		r.order(s.who, wire.Order{Op: wire.Die, A: int64(s.sig)})
	case doKill:
		return r.signalActor(s.who, sig.KILL)
	case doHalt:
		return r.signalActor(s.who, sig.STOP)
	case doProceed:
		return r.signalActor(s.who, sig.CONT)
	case doSignal:
		return r.sendAll(s)
	case doBurst:
		return r.sendBurst(s)
	case doFlood:
		r.events += s.n
		r.order(s.who, wire.Order{
			Op: wire.Kill, A: r.initFor(), B: int64(s.sig), C: int64(s.n),
		})
	case doForge:
		r.events++
		about := [...]int{0, r.initPID, r.nodes[command].pid, r.nodes[s.who].pid, 1, -1}[s.n]
		r.order(s.who, wire.Order{
			Op: wire.Queue, A: r.initFor(), B: int64(sig.CHLD), C: int64(about), D: int64(s.n),
		})
	case doHaltInit:
		return r.suspend(s)
	case doFreeze:
		return r.freeze(s)
	case doIce:
		return r.setFrozen(r.nodes[s.who].outer)
	case doRest:
		return r.rest(time.Duration(s.n) * time.Millisecond)
	}
	return nil
}

// signalActor signals an actor.
func (r *run) signalActor(number int, s sig.Signal) error {
	r.events++
	err := unix.PidfdSendSignal(r.nodes[number].seen.pidfd, syscall.Signal(s), nil, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	return err
}

// initFor returns the PID in the namespace of the init that gets the signals.
func (r *run) initFor() int64 {
	if r.place == bare {
		return int64(r.initPID)
	}
	return 1
}

// sendAll sends the signal of a step, and what is sent during the stop delay.
func (r *run) sendAll(s step) error {
	switch s.sig {
	case sig.TSTP, sig.TTIN, sig.TTOU: // it would stop orphans that are about to end
		if err := r.allReaped(); err != nil {
			return err
		}
	}
	if err := r.send(s, s.sig); err != nil {
		return err
	}
	if r.gap != nothing && s.by == byActor {
		n := r.nodes[s.who]
		if err := r.await("the signal", func() bool { return n.answered >= n.asked }); err != nil {
			return err
		}
	}
	switch r.gap {
	case second:
		return r.send(step{}, s.other())
	case ending:
		return r.signalActor(command, sig.KILL)
	}
	return nil
}

// send sends a signal to init.
func (r *run) send(s step, number sig.Signal) error {
	r.events++
	var err error
	switch s.by {
	case byActor:
		r.order(s.who, wire.Order{Op: wire.Kill, A: r.initFor(), B: int64(number), C: 1})
	case byQueue:
		const queued = -1 // SI_QUEUE
		info := struct {
			signo, errno, code, _ int32
			pid                   int32
			uid                   uint32
			value                 uint64
			_                     [96]byte
		}{signo: int32(number), code: queued, pid: int32(os.Getpid()), value: 7}
		_, _, e := unix.RawSyscall(unix.SYS_RT_SIGQUEUEINFO, uintptr(r.inits[0]), uintptr(number),
			uintptr(unsafe.Pointer(&info)))
		if e != 0 {
			err = e
		}
	default:
		err = unix.Kill(r.inits[0], syscall.Signal(number))
	}
	if errors.Is(err, unix.ESRCH) && (r.isLate() || r.initGone) {
		return nil
	}
	return err
}

// sendBurst sends many real-time signals to init.
func (r *run) sendBurst(s step) error {
	for i := range s.n {
		if err := r.send(step{by: sender(i % 2)}, s.burstSignal(i)); err != nil {
			return err
		}
	}
	return nil
}

// suspend stops init, sends it signals, and continues it.
func (r *run) suspend(s step) error {
	pid := r.inits[0]
	if err := r.send(step{}, sig.STOP); err != nil {
		return err
	}
	isStopped := func() bool { return test.ProcState(pid) == 'T' || r.initGone }
	err := r.await("init stops", isStopped)
	if err == nil {
		err = r.sendBurst(s)
	}
	return errors.Join(err, r.send(step{}, sig.CONT))
}

// freeze freezes all processes, sends signals, and thaws them.
func (r *run) freeze(s step) error {
	pids := append([]int{}, r.inits...)
	for _, n := range r.living(func(n *node) bool { return !n.gone }) {
		pids = append(pids, n.outer)
	}
	err := r.setFrozen(pids...)
	if err == nil {
		err = r.sendBurst(s)
	}
	return errors.Join(err, r.thaw())
}

// freezers is where the cgroup freezer is (cgroups(7)).
const freezers = "/sys/fs/cgroup/freezer"

// canFreeze reports whether there is a freezer.
func canFreeze() bool {
	_, err := os.Stat(filepath.Join(freezers, "cgroup.procs"))
	return err == nil
}

// setFrozen freezes processes, where that can be done.
func (r *run) setFrozen(pids ...int) error {
	if !canFreeze() {
		return nil
	}
	name := fmt.Sprintf("util-chaos-%d-%d-%d", os.Getpid(), r.inits[0], len(r.cgroups))
	cgroup := filepath.Join(freezers, name)
	if err := os.Mkdir(cgroup, 0o755); err != nil {
		return err
	}
	r.cgroups = append(r.cgroups, cgroup)
	procs := filepath.Join(cgroup, "cgroup.procs")
	for _, pid := range pids {
		err := os.WriteFile(procs, []byte(strconv.Itoa(pid)), 0)
		if err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("%d to the freezer: %w", pid, err)
		}
	}
	return freezer(cgroup, "FROZEN")
}

// thaw is the end of setFrozen. The cgroup remains until everything in it has ended.
func (r *run) thaw() error {
	if len(r.cgroups) == 0 {
		return nil
	}
	return freezer(r.cgroups[len(r.cgroups)-1], "THAWED")
}

// removeCgroups removes the cgroups, when everything has ended.
func (r *run) removeCgroups() {
	for _, cgroup := range r.cgroups {
		for end := time.Now().Add(r.patience); os.Remove(cgroup) != nil && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
	}
	r.cgroups = nil
}

// freezer freezes or thaws a cgroup, and waits until that is done.
func freezer(cgroup, state string) error {
	path := filepath.Join(cgroup, "freezer.state")
	for end := time.Now().Add(test.Deadline); ; time.Sleep(time.Millisecond) {
		if err := os.WriteFile(path, []byte(state), 0); err != nil {
			return err
		}
		if now, err := os.ReadFile(path); err != nil || strings.TrimSpace(string(now)) == state {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s does not become %s", cgroup, state)
		}
	}
}

// rest checks that init does not run while nothing happens.
func (r *run) rest(d time.Duration) error {
	type usage struct{ ns, switches int }
	var before []usage
	measure := func(pid int) usage {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
		ns, _, _ := strings.Cut(string(text), " ")
		n, _ := strconv.Atoi(ns)
		return usage{n, fieldOf(pid, "voluntary_ctxt_switches", 10)}
	}
	for _, pid := range r.inits {
		before = append(before, measure(pid))
	}
	err := r.await("", func() bool { return time.Since(r.now) > d || r.initGone })
	if err != nil || r.initGone {
		return err
	}
	for i, pid := range r.inits {
		after := measure(pid)
		ran := time.Duration(after.ns - before[i].ns)
		woke := after.switches - before[i].switches
		if ran > d/4 || woke > 40 {
			return fmt.Errorf("init ran for %v and woke %d times, but nothing happened for %v", ran, woke, d)
		}
	}
	return nil
}

// fieldOf returns a number of /proc/PID/status.
func fieldOf(pid int, name string, base int) int {
	n, _ := strconv.ParseUint(test.ProcStatus(pid, name), base, 64)
	return int(n)
}

// settled waits until everything has happened that the model says.
func (r *run) settled() error {
	if r.over {
		return nil // finish waits for it
	}
	err := r.await("", func() bool { return r.initGone || r.missing() == "" })
	switch {
	case err == nil && r.initGone && r.clock && !r.endedAt.Before(r.deadline):
		return errExpired
	case err == nil && r.initGone && r.mayEnd():
		r.initEnds()
	case err == nil && r.initGone:
		return errors.New("init ended too early")
	}
	return err
}

// missing says which of the things that the model says has not happened yet.
func (r *run) missing() string {
	for _, n := range r.nodes {
		switch {
		case n == nil || n.unsure || n.frozen:
		case n.pid == 0 && n.alive:
			return fmt.Sprintf("actor %d has not begun", n.number)
		case n.pid == 0:
		case !n.alive:
			if !n.gone {
				return fmt.Sprintf("actor %d has not ended", n.number)
			}
		case n.gone: // at the end of the grace period
		case n.stopped:
			if state := test.ProcState(n.outer); state != 'T' {
				return fmt.Sprintf("actor %d is in state %c, not stopped", n.number, state)
			}
		case n.answered < n.asked:
			return fmt.Sprintf("actor %d has not carried out an order", n.number)
		default:
			for s, least := range n.min {
				if n.got[s] < least {
					return fmt.Sprintf("actor %d has got %s only %d times, not %d", n.number,
						sig.Signal(s).Name(), n.got[s], least)
				}
			}
		}
	}
	for _, pid := range r.inits {
		if !isQuiet(pid) {
			return "init is busy"
		}
	}
	return ""
}

// isQuiet reports whether a process waits, and no signal is pending for it. A SIGCHLD may be.
func isQuiet(pid int) bool {
	pending := sig.Set(fieldOf(pid, "ShdPnd", 16)) &^ sig.Of(sig.CHLD)
	return pending == 0 && test.ProcState(pid) == 'S'
}

// check compares everything that can be seen with the model.
func (r *run) check() error {
	if err := r.ping(); err != nil {
		return err
	}
	for _, pid := range r.inits {
		const most = 6 // 0, 1 and 2, and some that it needs for a while
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err == nil && len(files) > most {
			return fmt.Errorf("init has %d open files: %v", len(files), files)
		}
	}
	if err := r.allReaped(); err != nil {
		return err
	}
	if !r.initGone {
		r.reaped = r.orphans
	}
	return nil
}

// allReaped waits until init has reaped all orphans.
func (r *run) allReaped() error {
	for _, pid := range r.inits {
		strangers := ""
		err := r.awaitFor(time.Second+r.slack, "init reaps", func() bool {
			strangers = r.strangersOf(pid)
			return strangers == "" || r.over || r.initGone
		})
		if errors.Is(err, errTimeout) {
			return fmt.Errorf("%w: %s", err, strangers)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// strangersOf lists the children of an init that are not actors which live: orphans that end, and
// zombies.
func (r *run) strangersOf(pid int) string {
	known := map[int]bool{}
	for _, n := range r.living(anyNode) {
		known[n.outer] = !n.gone
	}
	for _, pid := range r.inits {
		known[pid] = true
	}
	var strangers []string
	for _, child := range test.Children(pid) {
		if !known[child] {
			strangers = append(strangers, fmt.Sprintf("%d in state %c", child, test.ProcState(child)))
		}
	}
	return strings.Join(strangers, ", ")
}

// ping makes every actor report all that it got, and compares that with the model.
func (r *run) ping() error {
	var asked []*node
	answers := func(n *node) bool { return !n.stopped && !n.unsure && !n.frozen && !n.gone }
	for _, n := range r.living(answers) {
		r.order(n.number, wire.Order{Op: wire.Ping})
		asked = append(asked, n)
	}
	done := func() bool { return r.missing() == "" || r.over || r.initGone }
	if err := r.await("", done); err != nil {
		return err
	}
	for _, n := range asked {
		if n.gone || n.last.Kind != wire.Pong {
			continue
		}
		group, session := r.pidOf(n.group), r.pidOf(n.session)
		if int(n.last.C) != group && group != 0 || int(n.last.D) != session && session != 0 {
			return fmt.Errorf("actor %d is in group %d and session %d, not in %d and %d", n.number,
				n.last.C, n.last.D, group, session)
		}
		if parent := r.parentPID(n); int(n.last.B) != parent {
			return fmt.Errorf("the parent of actor %d is %d, not %d", n.number, n.last.B, parent)
		}
	}
	return nil
}

// pidOf returns the PID of an actor in the namespace, 0 if it is not known.
func (r *run) pidOf(number int) int {
	if n := r.nodes[number]; n != nil {
		return n.pid
	}
	return 0
}

// parentPID returns the PID that the parent of an actor must have.
func (r *run) parentPID(n *node) int {
	switch n.parent {
	case ofInit:
		return r.initPID
	case ofPID1:
		return 1
	case ofOutside:
		return 0
	}
	return r.nodes[n.parent].pid
}

// finish brings about the end of init, waits for it, and checks what is left.
func (r *run) finish() error {
	for !r.over && !r.isLate() {
		if r.clock && r.grace == shortGrace {
			err := r.await("the end of the grace period", func() bool { return r.initGone })
			if err != nil && !errors.Is(err, errExpired) {
				return err
			}
			switch {
			case !r.initGone || r.isLate():
			case r.mayEnd():
				r.initEnds()
			default:
				return errors.New("init ended too early")
			}
			break
		}
		victim := r.nodes[command]
		if r.ended {
			victim = r.living(r.inScope)[0]
		}
		if err := r.perform(step{do: doKill, who: victim.number}); err != nil {
			return err
		}
	}
	within := r.patience
	if !r.over { // the grace period is over
		r.expire()
		within = time.Until(r.deadline) + time.Second + r.slack
	}
	end := time.Now().Add(within)
	for !r.initGone {
		if time.Now().After(end) {
			return fmt.Errorf("init has not ended, within %v", within)
		}
		if err := r.receive(2 * time.Millisecond); err != nil {
			return err
		}
	}
	if err := r.checkStatus(); err != nil {
		return err
	}
	return r.checkLeft()
}

// checkStatus checks the exit status of init.
func (r *run) checkStatus() error {
	const killed = 128 + int(sig.KILL)
	status := syscall.WaitStatus(r.status)
	got := status.ExitStatus()
	if status.Signaled() {
		got = -int(status.Signal())
	}
	mayBeKilled := r.killed || r.clock && !r.endedAt.Before(r.deadline)
	switch {
	case !r.killed && got == r.code(r.model.status):
	case mayBeKilled && (got == killed || got == r.code(killed)):
	case r.killed && r.vague: // the command may have ended just before
	default:
		return fmt.Errorf("init's exit status is %d; the command's is %d, killed at the end of the "+
			"grace period: %v", got, r.model.status, r.killed)
	}
	return nil
}

// checkLeft checks which actors are left after the end of init, and what they got.
func (r *run) checkLeft() error {
	what := ""
	end := time.Now().Add(r.patience)
	if r.place == bare && !r.vague {
		for _, n := range r.living(func(n *node) bool { return !n.stopped && !n.unsure }) {
			r.order(n.number, wire.Order{Op: wire.Ping})
		}
	}
	r.inits = nil
	for {
		if err := r.receive(0); err != nil {
			return err
		}
		if what = r.missing(); what == "" || r.vague && r.place == bare {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("after the end of init, within %v: %s", r.patience, what)
		}
		if err := r.receive(2 * time.Millisecond); err != nil {
			return err
		}
	}
}

// checkMessages checks what init has printed.
func (r *run) checkMessages() error {
	text := r.stderr.String()
	switch r.messages {
	case "":
		if text != "" && !r.clock {
			return errors.New("init has printed a message")
		}
	case "-vv", "-w":
		n := strings.Count(text, ": reaped orphan ")
		if n < r.reaped && !strings.Contains(text, "lost") {
			return fmt.Errorf("init printed that it reaped %d orphans, not at least %d", n, r.reaped)
		}
	case "--log-format=json":
		lines := strings.Split(strings.TrimSpace(text), "\n")
		var last struct {
			Event    string `json:"event"`
			ExitCode int    `json:"exit_code"`
			Orphans  int    `json:"orphans_reaped"`
		}
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
			return err
		}
		got := syscall.WaitStatus(r.status).ExitStatus()
		if last.Event != "ended" || last.ExitCode != got || last.Orphans < r.reaped {
			return fmt.Errorf("init's last line is wrong, at least %d orphans are right", r.reaped)
		}
	}
	return nil
}
