package timing_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"util/internal/test"
	"util/internal/test/torture"
	"util/internal/test/torture/scenario"
	"util/internal/test/torture/tracer"

	"golang.org/x/sys/unix"
)

const (
	// patience is how long the tests wait for what must happen at once, on a busy machine.
	patience    = 20 * time.Second
	maxFailures = 10
	// windowVar is the environment variable with the only windows to try, as a regular expression.
	windowVar = "UTIL_TEST_WINDOW"
)

// place is where a process is held: before or after a system call, while an event happens.
type place struct {
	event string
	at    int // 1 for the first call, of those that matter
	after bool
}

// window is a place in a life of init. All of its calls matter.
type window struct {
	*life
	place
}

func (w window) String() string { return w.Name + "/" + w.place.String() }

func (p place) String() string {
	when := "before"
	if p.after {
		when = "after"
	}
	return fmt.Sprintf("%s/%s %d", p.event, when, p.at)
}

// run is a life in which the event of a window happens.
type run struct {
	window
	mutex       sync.Mutex
	happened    bool     // the event has happened
	ending      bool     // the command has been sent the signal that ends it
	command     int      // its pid, 0 before it is started
	owned       bool     // the terminal has a session: init's, or the command's
	musts, mays []string // the signals of the event that the command is to print, may print
	lenient     bool     // but they may be too late
	endsCommand bool
	killed      bool // by init, or it had ended just before
	call        int  // the number of the system call
	counts      map[string]int
}

// live lets init live through a life, while the event happens in the window.
func (w window) live(t testing.TB, util string) (r *run, l *scenario.Life) {
	r = &run{window: w, owned: true, counts: map[string]int{}}
	sc := w.Scenario
	sc.WantStatus = w.wants
	sc.Play, sc.Slack = r.play, patience
	l = scenario.Run(t, util, &sc, r.hook)
	r.judge(l)
	return r, l
}

// hook holds init in the window.
func (r *run) hook(l *scenario.Life, c *tracer.Call) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	switch {
	case c.Nr == unix.SYS_IOCTL && c.Args[1] == unix.TIOCNOTTY && c.Made:
		r.owned = false
	case c.Nr == unix.SYS_CLONE && c.Made && c.Result > 0:
		r.owned = true
		r.command = childOf(l.PID(), int(c.Result))
	case (c.Nr == unix.SYS_KILL && c.Args[1] == 9 || c.Nr == unix.SYS_PIDFD_SEND_SIGNAL &&
		c.Args[1] == 9) && !c.Made:
		r.killed = r.killed || isLive(r.command)
	case c.Nr == unix.SYS_EXIT_GROUP:
		// If the command was about to end by itself, it may have succeeded.
		status := int(c.Args[0])
		if r.endsCommand && !r.lenient || (r.endsCommand || r.killed) && status == 137 {
			l.WantStatus = 137
		}
	}
	if c.Seq == r.at && c.Made == r.after && !r.happened {
		r.call, r.happened, r.lenient = c.Nr, true, r.ending
		r.happen(l)
	}
}

// childOf returns the child of a process that has a pid in its own namespace.
func childOf(parent, pid int) int {
	for _, child := range test.Children(parent) {
		words := strings.Fields(test.ProcStatus(child, "NSpid"))
		if len(words) > 0 && words[len(words)-1] == strconv.Itoa(pid) {
			return child
		}
	}
	return 0
}

// play is the life: signals, orphans, and the end of the command.
func (r *run) play(l *scenario.Life) {
	l.Expect("ready")
	if !strings.Contains(r.event, "orphan") { // which may kill them before they print it
		for _, line := range r.orphans {
			l.Expect(line)
		}
	}
	if slices.Contains(r.Command, mate) {
		l.Expect(mate + "ready")
	}
	l.Deliver(unix.SIGUSR1)
	r.killOrphan(l)
	l.Settle()
	l.Deliver(35)
	r.mutex.Lock()
	r.ending = !r.happened
	r.mutex.Unlock()
	if !r.ending {
		for _, line := range r.musts {
			if !r.lenient {
				l.Expect(line)
			}
		}
		l.Settle()
	}
	l.Signal(r.last)
}

// killOrphan kills a child of init, if one is left.
func (r *run) killOrphan(l *scenario.Life) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, child := range test.Children(l.PID()) {
		if child != r.command && test.ProcState(child) == 'S' {
			_ = unix.Kill(child, unix.SIGKILL)
			return
		}
	}
}

// judge adds what the event makes of the invariants of the scenario.
func (r *run) judge(l *scenario.Life) {
	if r.endsCommand || r.stops() { // what Play waits for may not come
		l.Problems = slices.DeleteFunc(l.Problems, func(p string) bool {
			// Life.Settle takes another process for the command if that has ended.
			return strings.HasPrefix(p, "no line") || p == "init ends before the command"
		})
	}
	var order []string
	for _, line := range l.Stdout {
		r.counts[line]++
		if line == "40" || line == "41" {
			order = append(order, line)
		}
	}
	if !slices.IsSorted(order) {
		l.Problem("the order of real-time signals is %q", order)
	}
	want := map[string]int{}
	for _, line := range r.musts {
		want[line]++
	}
	for _, signal := range []int{10, 35, int(r.last)} {
		want[strconv.Itoa(signal)]++
	}
	for line, most := range want {
		n := r.counts[line]
		switch {
		case n > most && line != "18":
			l.Problem("signal %s reaches the command %d times, not %d", line, n, most)
		case n < most && r.happened && !r.lenient && slices.Contains(r.musts, line):
			l.Problem("signal %s reaches the command %d times, not %d", line, n, most)
		}
	}
	for line, n := range r.counts {
		_, err := strconv.Atoi(line)
		if err == nil && want[line] == 0 && !slices.Contains(r.mays, line) &&
			line != "17" && line != "18" { // of its own children; to wake it
			l.Problem("signal %s reaches the command, which nobody has sent", line)
		}
		if signal, ok := strings.CutPrefix(line, mate); ok && signal != "18" && n > 1+want[signal] {
			l.Problem("signal %s reaches a member of the group %d times", signal, n)
		}
	}
}

// stops reports whether the event begins a stop with a grace period.
func (r *run) stops() bool { return r.Grace > 0 && strings.Contains(r.event, "TERM") }

// TestInit lets everything happen in every window of init.
func TestInit(t *testing.T) {
	util := test.Util(t)
	test.Probe(t)
	all := windows(t, util)
	if want := os.Getenv(windowVar); want != "" {
		match := regexp.MustCompile(want)
		all = slices.DeleteFunc(all, func(w window) bool { return !match.MatchString(w.String()) })
	} else if !torture.Long() {
		handOver := slices.DeleteFunc(slices.Clone(all), func(w window) bool {
			return w.Name != "terminal" || w.event != "HUP" && w.event != "CONT" || w.at > 12
		})
		all = append(handOver, sample(t, all, 350)...)
	}
	var reached, missed, failed atomic.Int64
	parallel(len(all), func(i int) {
		if failed.Load() >= maxFailures {
			return
		}
		r, l := all[i].live(t, util)
		if r.happened {
			reached.Add(1)
		} else {
			missed.Add(1)
		}
		if len(l.Problems) == 0 {
			return
		}
		failed.Add(1)
		t.Errorf("%v (%s): %q\nstatus %d, stdout %q\nstderr %s\nto repeat it: "+
			"%s='^%s$' go test -count=1 -run %s ./internal/test/torture/timing",
			r.window, name(r.call), l.Problems, l.Status, l.Stdout, l.Stderr, windowVar, r.window, t.Name())
	})
	torture.Result(t, "%d windows of init with an event, %d that were not reached", reached.Load(),
		missed.Load())
}

// windows lists all windows with all events. It finds out how many calls init makes in each life.
func windows(t *testing.T, util string) (all []window) {
	for _, life := range lives() {
		r, l := window{life: life}.live(t, util)
		if len(l.Problems) > 0 {
			t.Fatalf("%s, without an event: %q\nstatus %d, stdout %q\nstderr %s", r.Name, l.Problems,
				l.Status, l.Stdout, l.Stderr)
		}
		for _, event := range life.events {
			for seq := 1; seq <= min(l.Calls, 200); seq++ {
				all = append(all, window{life, place{event, seq, false}},
					window{life, place{event, seq, true}})
			}
		}
	}
	return all
}

// parallel calls f for 0 to n-1, some at a time.
func parallel(n int, f func(i int)) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range 3 {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				f(i)
			}
		})
	}
	workers.Wait()
}

// name returns the name of a system call, if it is one that is often met.
func name(nr int) string {
	return fmt.Sprintf("system call %d", nr)
}
