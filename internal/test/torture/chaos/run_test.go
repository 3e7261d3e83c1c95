package chaos

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"util/internal/sig"
	"util/internal/test"
	"util/internal/test/pidns"
	"util/internal/test/torture/chaos/wire"

	"golang.org/x/sys/unix"
)

// programs are the files that a run executes.
type programs struct{ util, actor string }

// limits are how long a run waits, which says nothing about init.
type limits struct {
	patience time.Duration // for what must happen at once
	slack    time.Duration // after the second in which init must end when the grace period is over
}

// A busy machine delays everything.
var (
	patient = limits{patience: test.Deadline, slack: 5 * time.Second}
	hasty   = limits{patience: 2 * time.Second, slack: 2 * time.Second} // for faults that are there
)

// seen is what has been seen of an actor.
type seen struct {
	pid, outer int // its PID in the namespace, and here
	pidfd      int
	gone       bool
	got        [sig.Max + 1]int
	asked      int         // how many answers it owes
	answered   int         // how many it has given
	last       wire.Report // the last one
}

// run is one run of a script.
type run struct {
	*model
	programs
	limits
	cmd      *exec.Cmd
	entering *exec.Cmd
	reports  int                   // the socket of the reports
	orders   [wire.Actors]*os.File // the pipes
	initPID  int                   // of init in the namespace
	inits    []int                 // the PIDs of all inits here, the one that gets the signals first
	pidfd    int                   // of PID 1
	status   int                   // of init, as wait(2) returns it
	initGone bool                  // init has ended
	endedAt  time.Time             // when that was seen
	allGone  bool                  // all actors have ended, and closed the socket
	cgroups  []string              // of the freezer
	log      []string              // what happened
	start    time.Time
	events   int            // forks, signals, stops, ends, reports
	stderr   bytes.Buffer   // of init
	drained  sync.WaitGroup // stderr is complete
	reaped   int            // how many orphans init must have reaped
	vague    bool           // the grace period ended during a step
	buffer   [unsafe.Sizeof(wire.Report{})]byte
	control  [64]byte
}

// play plays a script under an init. It returns how many events there were, what happened, and what
// was wrong.
func play(p programs, l limits, c config, all script) (events int, log []string, err error) {
	r := &run{
		model: newModel(c), programs: p, limits: l, start: time.Now(),
		reports: -1, pidfd: -1,
	}
	defer r.cleanUp()
	err = r.begin()
	for i := 0; err == nil && i < len(all); i++ {
		if r.isLate() {
			break
		}
		err = r.perform(all[i])
	}
	if err == nil {
		err = r.finish()
	}
	r.cleanUp()
	if err == nil {
		err = r.checkMessages()
	}
	if err != nil && r.stderr.Len() > 0 {
		r.logf("stderr: %s", strings.TrimSpace(r.stderr.String()))
	}
	return r.events, r.log, err
}

func (r *run) logf(format string, args ...any) {
	at := fmt.Sprintf("%9.3fms ", float64(time.Since(r.start).Microseconds())/1000)
	r.log = append(r.log, at+fmt.Sprintf(format, args...))
}

// begin starts the processes: actor 0, which becomes init or starts it, and the bystanders.
func (r *run) begin() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	r.reports = pair[0]
	if err := unix.SetsockoptInt(r.reports, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		return err
	}
	extra := []*os.File{os.NewFile(uintptr(pair[1]), "reports")}
	defer func() {
		for _, f := range extra {
			f.Close()
		}
	}()
	for i := range r.orders {
		reader, writer, err := os.Pipe()
		if err != nil {
			return err
		}
		extra = append(extra, reader)
		r.orders[i] = writer
	}
	messages, stderr, err := os.Pipe()
	if err != nil {
		return err
	}
	defer stderr.Close()
	r.drained.Go(func() {
		defer messages.Close()
		_, _ = r.stderr.ReadFrom(messages)
	})

	args := append([]string{"0", r.util, "init"}, r.args()...)
	if r.place == nested {
		args = append([]string{"0", r.util, "init", "--", r.util, "init"}, r.args()...)
	}
	r.cmd = exec.Command(r.actor, append(args, "--", r.actor, "1")...)
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS, Setsid: true}
	pidns.Set(r.cmd.SysProcAttr)
	r.cmd.ExtraFiles, r.cmd.Stderr, r.cmd.Env = extra, stderr, []string{}
	r.nodes[first] = &node{number: first, parent: ofOutside, alive: true, outside: true}
	r.nodes[first].asked = 1
	if err := r.cmd.Start(); err != nil {
		return err
	}
	r.pidfd, err = unix.PidfdOpen(r.cmd.Process.Pid, 0)
	if err != nil {
		return err
	}
	if err := r.await("the first actor", func() bool { return r.nodes[first].pid != 0 }); err != nil {
		return err
	}
	if err := r.ask(first, wire.Order{Op: wire.MountProc}); err != nil {
		return err
	}
	if r.pidMax > 0 {
		if err := r.ask(first, wire.Order{Op: wire.PIDMax, A: int64(r.pidMax)}); err != nil {
			return err
		}
	}
	if r.place == bare {
		all := sig.All &^ unblockable
		if err := r.ask(first, wire.Order{Op: wire.Take, A: int64(all)}); err != nil {
			return err
		}
		r.order(first, wire.Order{Op: wire.Fork, Other: bystander})
		r.order(first, wire.Order{Op: wire.Fork, Other: stranger, A: int64(wire.InSession)})
		for _, n := range []int{bystander, stranger} {
			n := r.nodes[n]
			n.wait = all
			if err := r.await("a sibling", func() bool { return n.pid != 0 }); err != nil {
				return err
			}
		}
	}
	order := wire.Order{Op: wire.Take, A: int64(r.mask), B: int64(r.ignored)}
	if err := r.ask(first, order); err != nil {
		return err
	}
	order = wire.Order{Op: wire.Init}
	if r.place == bare {
		order.A = 1
	}
	r.order(first, order)
	r.nodes[first].outside = true
	c := r.nodes[command]
	if err := r.await("the command", func() bool { return c.pid != 0 }); err != nil {
		return err
	}
	r.initPID = int(c.last.B)
	switch r.place {
	case pid1:
		r.inits = []int{r.cmd.Process.Pid}
	case bare:
		r.inits = []int{parentOf(c.outer)}
	case nested:
		r.inits = []int{r.cmd.Process.Pid, parentOf(c.outer)}
	}
	if sig.Set(c.last.E) != r.ignored || sig.Set(c.last.F) != r.mask {
		return fmt.Errorf("the command finds the signals %x ignored and %x blocked, not %x and %x",
			uint64(c.last.E), uint64(c.last.F), uint64(r.ignored), uint64(r.mask))
	}
	if c.last.C != c.last.A || c.last.D != c.last.A {
		return errors.New("the command does not lead a session")
	}
	r.nodes[first] = nil // it is init or what the model calls PID 1
	if r.entered {
		return r.enter(extra)
	}
	return nil
}

// enter starts a process that enters the namespace from outside, as docker exec does.
func (r *run) enter(extra []*os.File) error {
	namespace := fmt.Sprintf("--pid=/proc/%d/ns/pid", r.cmd.Process.Pid)
	r.entering = exec.Command("nsenter", namespace, r.actor, strconv.Itoa(bystander))
	r.entering.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	r.entering.ExtraFiles, r.entering.Env = extra, []string{}
	if err := r.entering.Start(); err != nil {
		return err
	}
	n := r.nodes[bystander]
	err := r.await("the process that enters", func() bool { return n.pid != 0 })
	if err != nil {
		return err
	}
	n.wait = sig.All &^ unblockable
	return r.ask(bystander, wire.Order{Op: wire.Take, A: int64(n.wait)})
}

// order sends an order to an actor.
func (r *run) order(number int, o wire.Order) {
	n := r.nodes[number]
	n.asked++
	switch o.Op {
	case wire.Exit, wire.Die, wire.Init, wire.Fork: // for Fork, the new actor answers
		n.asked--
	}
	data := unsafe.Slice((*byte)(unsafe.Pointer(&o)), unsafe.Sizeof(o))
	_, _ = r.orders[number].Write(data)
}

// ask sends an order to an actor, and waits for the answer.
func (r *run) ask(number int, o wire.Order) error {
	r.order(number, o)
	n := r.nodes[number]
	return r.await("an answer", func() bool { return n.answered >= n.asked || n.gone })
}

// errExpired says that the grace period may be over, so that nothing else is certain.
var errExpired = errors.New("the grace period is over")

// errTimeout says that something that must happen has not happened.
var errTimeout = errors.New("did not happen within")

// await waits until a condition is true. If what is "", the error says what the model misses.
func (r *run) await(what string, is func() bool) error {
	return r.awaitFor(r.patience, what, is)
}

// awaitFor is await with a limit of its own.
func (r *run) awaitFor(limit time.Duration, what string, is func() bool) error {
	end := time.Now().Add(limit)
	for {
		if err := r.receive(0); err != nil {
			return err
		}
		if is() {
			return nil
		}
		if r.isLate() {
			return errExpired
		}
		if time.Now().After(end) {
			if what == "" {
				what = r.missing()
			}
			return fmt.Errorf("%w %v: %s", errTimeout, limit, what)
		}
		if err := r.receive(2 * time.Millisecond); err != nil {
			return err
		}
	}
}

// isLate reports whether the grace period may be over.
func (r *run) isLate() bool { return !r.over && r.clock && !time.Now().Before(r.deadline) }

// receive takes all reports and ends that are there, or waits for one of them.
func (r *run) receive(wait time.Duration) error {
	for {
		polls := []unix.PollFd{{Fd: int32(r.reports), Events: unix.POLLIN}, {Fd: -1}}
		if r.allGone {
			polls[0].Fd = -1
		}
		if !r.initGone {
			polls[1] = unix.PollFd{Fd: int32(r.pidfd), Events: unix.POLLIN}
		}
		var nodes []*node
		for _, n := range r.nodes {
			if n != nil && n.seen.pidfd > 0 && !n.gone {
				nodes = append(nodes, n)
				polls = append(polls, unix.PollFd{Fd: int32(n.seen.pidfd), Events: unix.POLLIN})
			}
		}
		timeout := unix.NsecToTimespec(int64(wait))
		ready, err := unix.Ppoll(polls, &timeout, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil || ready == 0 {
			return err
		}
		wait = 0
		if polls[0].Revents&unix.POLLIN != 0 { // what a process reported before its end comes first
			if err := r.report(); err != nil {
				return err
			}
			continue
		}
		for i, n := range nodes {
			if polls[i+2].Revents != 0 {
				if err := r.gone(n); err != nil {
					return err
				}
			}
		}
		if polls[1].Revents != 0 {
			_ = r.cmd.Wait()
			r.initEnded(int(r.cmd.ProcessState.Sys().(syscall.WaitStatus)))
		}
	}
}

// initEnded records the end of init.
func (r *run) initEnded(status int) {
	if r.initGone {
		return
	}
	r.initGone, r.endedAt, r.status = true, time.Now(), status
	r.logf("init has ended: %s", describe(status))
}

// describe says how a process ended.
func describe(status int) string {
	ws := syscall.WaitStatus(status)
	if ws.Signaled() {
		return fmt.Sprintf("signal %d", ws.Signal())
	}
	return fmt.Sprintf("status %d", ws.ExitStatus())
}

// gone records the end of an actor.
func (r *run) gone(n *node) error {
	n.gone = true
	r.events++
	r.logf("actor %d has ended", n.number)
	endsWithInit := r.place != bare && r.mayEnd()
	if n.alive && !r.mayKill(n) && !n.unsure && !endsWithInit {
		return fmt.Errorf("actor %d ended, which it should not", n.number)
	}
	return nil
}

// mayKill reports whether the end of the grace period can have ended an actor.
func (r *run) mayKill(n *node) bool {
	return r.clock && !time.Now().Before(r.deadline) && (r.inScope(n) || r.place != bare)
}

// report receives a report.
func (r *run) report() error {
	n, controls, _, _, err := unix.Recvmsg(r.reports, r.buffer[:], r.control[:], 0)
	if n == 0 && err == nil { // all actors have ended
		r.allGone = true
		return nil
	}
	if err != nil || n != len(r.buffer) {
		return fmt.Errorf("report of %d bytes: %w", n, err)
	}
	report := *(*wire.Report)(unsafe.Pointer(&r.buffer[0]))
	messages, err := unix.ParseSocketControlMessage(r.control[:controls])
	if err != nil {
		return err
	}
	credentials, err := unix.ParseUnixCredentials(&messages[0])
	if err != nil {
		return err
	}
	r.events++
	if report.Kind == wire.Ended {
		if int(report.A) == r.initPID {
			r.initEnded(int(report.B))
		}
		return nil
	}
	a := r.nodes[report.Actor]
	if a == nil {
		return fmt.Errorf("a report of actor %d: %+v", report.Actor, report)
	}
	if report.Kind == wire.Got {
		return r.got(a, sig.Signal(report.A), int(report.B))
	}
	r.logf("actor %d: %+v", report.Actor, report)
	a.answered++
	a.last = report
	switch report.Kind {
	case wire.Born:
		return r.born(a, int(credentials.Pid))
	case wire.Done:
		if report.B != 0 {
			return fmt.Errorf("actor %d: order %d: %w", report.Actor, report.A, unix.Errno(report.B))
		}
	}
	return nil
}

// born records a new actor.
func (r *run) born(n *node, outer int) error {
	n.pid = int(n.last.A)
	if n.seen.pidfd > 0 {
		return nil
	}
	n.outer = outer
	fd, err := unix.PidfdOpen(outer, 0)
	if errors.Is(err, unix.ESRCH) {
		n.gone = true
		return nil
	}
	n.seen.pidfd = fd
	return err
}

// got records a signal that an actor got.
func (r *run) got(n *node, s sig.Signal, code int) error {
	if s == sig.CHLD && code > 0 {
		return nil // from the kernel, about a child
	}
	n.got[s]++
	r.logf("actor %d got %s", n.number, s.Name())
	switch {
	case r.mayKill(n): // and the kernel sends HUP to a process group that is stopped (setpgid(2))
	case n.got[s] > n.max[s] && !r.vague:
		return fmt.Errorf("actor %d got %s %d times, at most %d are right", n.number, s.Name(), n.got[s],
			n.max[s])
	case time.Now().Before(n.notBefore[s]):
		return fmt.Errorf("actor %d got %s before the end of the stop delay", n.number, s.Name())
	}
	return nil
}

// parentOf returns the parent of a process.
func parentOf(pid int) int {
	fields := test.ProcStat(pid)
	if fields == nil {
		return -1
	}
	parent, _ := strconv.Atoi(fields[4])
	return parent
}

// cleanUp ends everything.
func (r *run) cleanUp() {
	_ = r.thaw()
	if r.cmd != nil && r.cmd.Process != nil {
		_ = r.cmd.Process.Kill()
		_ = r.cmd.Wait()
	}
	if r.entering != nil && r.entering.Process != nil {
		_ = r.entering.Process.Kill()
		_ = r.entering.Wait()
		r.entering = nil
	}
	r.removeCgroups()
	for _, f := range r.orders {
		f.Close()
	}
	for _, n := range r.nodes {
		if n != nil && n.seen.pidfd > 0 {
			unix.Close(n.seen.pidfd)
			n.seen.pidfd = 0
		}
	}
	if r.reports >= 0 {
		unix.Close(r.reports)
		unix.Close(r.pidfd)
		r.reports = -1
	}
	r.drained.Wait()
}

// toolchain builds what the runs execute.
func toolchain(t testing.TB) programs {
	t.Helper()
	return programs{
		util: test.Util(t),
		actor: test.Build(t, "util/internal/test/torture/chaos/actor", "-s -w -E _rt0_actor",
			runtime.GOARCH),
	}
}
