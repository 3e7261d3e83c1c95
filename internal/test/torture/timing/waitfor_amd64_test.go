package timing_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"util/internal/test"
	"util/internal/test/torture"
	"util/internal/test/torture/tracer"

	"golang.org/x/sys/unix"
)

// wait is a run of wait-for-port, which is held while something happens:
//
//	down     the service goes away
//	TERM     the signal arrives, and all other threads have done what they do about it
//	timeout  the time is over
type wait struct {
	network string // of the service: "unix", "tcp", or "" for one that never comes up
	place
}

func (w wait) String() string { return w.network + "/" + w.place.String() }

// The calls that are part of a check, or come after the last one.
var checks = []int{
	unix.SYS_SOCKET, unix.SYS_CONNECT, unix.SYS_GETSOCKOPT, unix.SYS_SETSOCKOPT, unix.SYS_SHUTDOWN,
	unix.SYS_CLOSE, unix.SYS_SENDTO, unix.SYS_RECVFROM, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT,
	unix.SYS_WRITE, unix.SYS_EXECVE, unix.SYS_PRLIMIT64,
}

const (
	ran       = 5                     // the status of the command
	timeLimit = 80 * time.Millisecond // of wait-for-port, where it is to expire
	byTERM    = 256 + int(unix.SIGTERM)
)

// waited is what a run has done.
type waited struct {
	happened bool
	calls    int
	call     int
	status   int // of wait-for-port, or of the command
	err      error
}

// run runs wait-for-port.
func (w wait) run(util, probe, dir string) (o waited) {
	network, address := w.network, "127.0.0.1:0"
	if network != "tcp" {
		network, address = "unix", filepath.Join(dir, "socket")
	}
	service, err := net.Listen(network, address)
	if err != nil {
		o.err = err
		return o
	}
	defer service.Close()
	target := "unix:" + address
	switch w.network {
	case "":
		service.Close()
	case "tcp":
		target = service.Addr().String()
	}
	limit := patience
	if w.event == "timeout" || w.event == "down" {
		limit = timeLimit
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // tracing belongs to a thread; it ends with it
		cmd := exec.Command(util, "wait-for-port", "-t", limit.String(), "--interval", "1ms", target,
			"--", probe, "exit", fmt.Sprint(ran))
		cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
		if o.err = cmd.Start(); o.err != nil {
			return
		}
		pid, began := cmd.Process.Pid, time.Now()
		timer := time.AfterFunc(2*patience, func() { _ = unix.Kill(pid, unix.SIGKILL) })
		defer timer.Stop()
		o.follow(pid, func(c *tracer.Call) {
			if !slices.Contains(checks, c.Nr) {
				return
			}
			if !c.Made {
				o.calls++
			}
			if o.calls == w.at && c.Made == w.after && !o.happened {
				o.happened, o.call = true, c.Nr
				w.happen(pid, service, began)
			}
		})
	}()
	<-ended
	return o
}

// follow traces wait-for-port up to its end or its exec, and waits for the end.
func (o *waited) follow(pid int, hook func(c *tracer.Call)) {
	tracee, err := tracer.Started(pid)
	if err != nil {
		o.err = err
		return
	}
	status, executed, err := tracee.FollowThreads(hook)
	if executed {
		_, err = unix.Wait4(pid, &status, 0, nil)
	}
	o.err = err
	o.status = status.ExitStatus()
	if status.Signaled() {
		o.status = 256 + int(status.Signal())
	}
}

// happen lets the event happen. One thread of wait-for-port is held meanwhile.
func (w wait) happen(pid int, service net.Listener, began time.Time) {
	switch w.event {
	case "down":
		service.Close()
	case "timeout":
		time.Sleep(time.Until(began.Add(timeLimit + 5*time.Millisecond)))
	case "TERM":
		_ = unix.Kill(pid, unix.SIGTERM)
		for end, idle := time.Now().Add(patience), 0; idle < 3 && time.Now().Before(end); {
			time.Sleep(200 * time.Microsecond)
			if idle++; !isIdle(pid) {
				idle = 0
			}
		}
	}
}

// isIdle reports whether all threads of a process wait.
func isIdle(pid int) bool {
	threads, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, thread := range threads {
		if state(filepath.Join("/proc", fmt.Sprint(pid), "task", thread.Name())) == 'R' {
			return false
		}
	}
	return true
}

func state(dir string) byte {
	text, err := os.ReadFile(filepath.Join(dir, "stat"))
	_, rest, ok := strings.Cut(string(text), ") ")
	if err != nil || !ok {
		return '?'
	}
	return rest[0]
}

// judge returns what is wrong, or "".
func (w wait) judge(o *waited) string {
	allowed := []int{ran}
	switch {
	case !o.happened && w.network == "":
		allowed = []int{124}
	case !o.happened:
	case w.event == "down", w.event == "timeout":
		allowed = append(allowed, 124)
	case w.event == "TERM":
		// Before it has asked for signals, and after its last look at them, TERM kills it; after the
		// exec, the command. But execve(2) may end the thread that has just received it.
		allowed = []int{143, byTERM}
		if o.call == unix.SYS_EXECVE {
			allowed = append(allowed, ran)
		}
	}
	switch {
	case o.err != nil:
		return o.err.Error()
	case !slices.Contains(allowed, o.status):
		return fmt.Sprintf("status %d, want one of %d", o.status, allowed)
	}
	return ""
}

// TestWaitForPort lets the service go away, TERM arrive and the time expire in every window of
// wait-for-port up to its exec.
func TestWaitForPort(t *testing.T) {
	util, probe := test.Whole(t), test.Probe(t)
	all := waits(t, util, probe)
	if want := os.Getenv(windowVar); want != "" {
		match := regexp.MustCompile(want)
		all = slices.DeleteFunc(all, func(w wait) bool { return !match.MatchString(w.String()) })
	} else if !torture.Long() {
		all = sample(t, all, 60)
	}
	var reached, failed atomic.Int64
	dirs := t.TempDir()
	parallel(len(all), func(i int) {
		dir := filepath.Join(dirs, fmt.Sprint(i))
		if err := os.Mkdir(dir, 0o755); err != nil || failed.Load() >= maxFailures {
			return
		}
		w := all[i]
		o := w.run(util, probe, dir)
		if o.happened {
			reached.Add(1)
		}
		if why := w.judge(&o); why != "" {
			failed.Add(1)
			t.Errorf("%v (system call %d): %s; to repeat it: %s='^%s$' go test -count=1 -run %s "+
				"./internal/test/torture/timing", w, o.call, why, windowVar, w, t.Name())
		}
	})
	torture.Result(t, "%d windows of wait-for-port with an event, %d that were not reached",
		reached.Load(), int64(len(all))-reached.Load())
}

// waits lists all windows with all events.
func waits(t *testing.T, util, probe string) (all []wait) {
	for _, network := range []string{"unix", "tcp"} {
		o := wait{network: network}.run(util, probe, t.TempDir())
		if o.err != nil || o.status != ran {
			t.Fatalf("%s, without an event: status %d: %v", network, o.status, o.err)
		}
		for _, event := range []string{"down", "TERM", "timeout"} {
			for at := 1; at <= o.calls; at++ {
				all = append(all, wait{network, place{event, at, false}}, wait{network, place{event, at, true}})
			}
		}
	}
	for at := 1; at <= 40; at++ {
		all = append(all, wait{"", place{"TERM", at, false}}, wait{"", place{"TERM", at, true}})
	}
	return all
}
