package timing_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"
	"util/internal/test/torture"
	"util/internal/test/torture/tracer"

	"golang.org/x/sys/unix"
)

// A form of sendsig, whose target is %P; its inode number is %I, and the file with its pid is %F.
type form struct {
	args     string
	children bool // the children of the target are targets too
	byNumber bool // so is any process that gets the number before sendsig holds it
	named    bool // but only under its name
}

var forms = []form{
	{args: "TERM %P", byNumber: true},
	{args: "TERM %P:%I"},
	{args: "TERM %P --wait=100ms", byNumber: true},
	{args: "TERM %P --then KILL@20ms --wait=5s", byNumber: true},
	{args: "TERM %P:%I --name target", named: true},
	{args: "TERM --pidfile %F --name target", named: true},
	{args: "TERM --name target", children: true, named: true},
	{args: "TERM --tree %P", children: true, byNumber: true},
	{args: "TERM --tree %P --name target", children: true, named: true},
}

// shot is a run of sendsig, which is held while something happens to its target:
//
//	end      it ends
//	replace  it ends, and another process gets its pid
//	rename   it executes another program
//	fork     it forks
type shot struct {
	form
	place
}

func (s shot) String() string { return s.args + "/" + s.place.String() }

// matters are the system calls that tell sendsig anything about processes, or processes anything.
// The Go runtime makes many others.
var matters = []int{
	unix.SYS_OPENAT, unix.SYS_GETDENTS64, unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_SEND_SIGNAL,
	unix.SYS_KILL, unix.SYS_TKILL, unix.SYS_RT_SIGQUEUEINFO, unix.SYS_FSTAT, unix.SYS_FSTATFS,
	unix.SYS_POLL, unix.SYS_PPOLL, unix.SYS_READLINKAT, unix.SYS_GETPGID, unix.SYS_EXIT_GROUP,
}

// process is a process of a test, and what it has printed.
type process struct {
	cmd   *exec.Cmd
	lines chan string
	seen  []string
}

func begin(path string, words ...string) (*process, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(path, words...), lines: make(chan string, 64)}
	p.cmd.Stdout = w
	err = p.cmd.Start()
	w.Close()
	go func() {
		defer close(p.lines)
		defer r.Close()
		for s := bufio.NewScanner(r); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	if err == nil && !p.expect("ready") {
		err = fmt.Errorf("%s is not ready", path)
	}
	return p, err
}

// expect waits until the process has printed a line. It reports whether it has.
func (p *process) expect(want string) bool {
	timeout := time.After(patience)
	for {
		select {
		case line, ok := <-p.lines:
			if !ok {
				return false
			}
			if p.seen = append(p.seen, line); line == want {
				return true
			}
		case <-timeout:
			return false
		}
	}
}

// end ends the process, after it has printed all signals, and reaps it. It reports whether it was
// alive.
func (p *process) end(by ...syscall.Signal) bool {
	for _, signal := range by {
		_ = p.cmd.Process.Signal(signal)
	}
	timer := time.AfterFunc(patience, func() { _ = p.cmd.Process.Kill() })
	defer timer.Stop()
	_ = p.cmd.Wait()
	p.expect("the end of the output, which is not a line")
	return p.cmd.ProcessState.ExitCode() == 0
}

// count returns how often the process has printed a line.
func (p *process) count(line string) (n int) {
	for _, seen := range p.seen {
		if seen == line {
			n++
		}
	}
	return n
}

// field is where sendsig and its targets are.
type field struct {
	util, dir string // in dir are programs by the names "target" and "other", which are the probe
}

// outcome is what a shot has done.
type outcome struct {
	happened bool
	held     bool // sendsig held the target before the event
	sent     bool // and had signalled it
	children []int
	calls    int
	call     int // the number of the system call
	status   int
	problems []string
}

func (o *outcome) problem(format string, args ...any) {
	o.problems = append(o.problems, fmt.Sprintf(format, args...))
}

// fire runs sendsig, and judges who was hit.
func (f *field) fire(s shot) (o outcome) {
	target, err := begin(filepath.Join(f.dir, "target"), f.words(s.event)...)
	if err != nil {
		o.problem("%v", err)
		return o
	}
	bystander, err := begin(filepath.Join(f.dir, "other"), "catch", "echo", "64")
	if err != nil {
		o.problem("%v", err)
		return o
	}
	pid := target.cmd.Process.Pid
	pidfile := filepath.Join(f.dir, "pid")
	_ = os.WriteFile(pidfile, []byte(strconv.Itoa(pid)), 0o644)
	args := strings.NewReplacer("%P", strconv.Itoa(pid), "%I", strconv.FormatUint(inode(pid), 10),
		"%F", pidfile).Replace(s.args)
	var replacement *process
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		runtime.LockOSThread() // tracing belongs to a thread; it ends with it
		holding := 0
		f.trace(&o, args, func(c *tracer.Call) {
			if c.Nr == unix.SYS_PIDFD_OPEN && int(c.Args[0]) == pid && c.Made && c.Result >= 0 {
				holding++
			}
			matter := slices.Contains(matters, c.Nr)
			if matter && !c.Made {
				o.calls++
			}
			if matter && o.calls == s.at && c.Made == s.after && !o.happened {
				o.happened, o.held, o.call = true, holding > 0, c.Nr
				replacement = f.happen(s.event, target)
				o.children = test.Children(pid)
			}
			if c.Nr == unix.SYS_PIDFD_SEND_SIGNAL && c.Args[1] == uint64(unix.SIGTERM) && !c.Made {
				o.sent = o.sent || !o.happened
			}
		})
	}()
	<-ended
	f.judge(s, &o, target, bystander, replacement)
	return o
}

// words are what the target does. Signal 50 makes it execute another program, or fork.
func (f *field) words(event string) []string {
	words := w("catch", "echo", "50")
	switch event {
	case "rename":
		return append(words, "exec", filepath.Join(f.dir, "other"), "catch", "echo", "64")
	case "fork":
		return append(words, "beside", "4", "begin", "child:", "echo", "64", "echo", "64")
	}
	return w("catch", "echo", "64")
}

// happen lets the event happen to the target.
func (f *field) happen(event string, target *process) (replacement *process) {
	pid := target.cmd.Process.Pid
	await := func(cond func() bool) { // a target that sendsig has stopped does nothing
		end := time.Now().Add(patience)
		for !cond() && test.ProcState(pid) != 'T' && time.Now().Before(end) {
			time.Sleep(50 * time.Microsecond)
		}
	}
	switch event {
	case "end":
		target.end(unix.SIGKILL)
	case "replace":
		target.end(unix.SIGKILL)
		for range 20 { // the Go runtime makes threads, which take pids
			_ = os.WriteFile("/proc/sys/kernel/ns_last_pid", []byte(strconv.Itoa(pid-1)), 0o644)
			other, err := begin(filepath.Join(f.dir, "other"), "catch", "echo", "64")
			if err == nil && other.cmd.Process.Pid == pid {
				return other
			}
			if err == nil {
				other.end(unix.SIGKILL)
			}
		}
	case "rename":
		_ = target.cmd.Process.Signal(syscall.Signal(50))
		await(func() bool {
			name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
			return string(name) == "other\n"
		})
	case "fork":
		_ = target.cmd.Process.Signal(syscall.Signal(50))
		await(func() bool { return len(test.Children(pid)) > 0 })
	}
	return nil
}

// trace runs sendsig, and calls hook before and after each of its system calls.
func (f *field) trace(o *outcome, args string, hook func(c *tracer.Call)) {
	cmd := exec.Command(f.util, append([]string{"sendsig"}, strings.Fields(args)...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		o.problem("%v", err)
		return
	}
	timer := time.AfterFunc(patience, func() { _ = unix.Kill(cmd.Process.Pid, unix.SIGKILL) })
	defer timer.Stop()
	tracee, err := tracer.Started(cmd.Process.Pid)
	if err != nil {
		o.problem("%v", err)
		return
	}
	status, _, err := tracee.FollowThreads(hook)
	switch {
	case err != nil:
		o.problem("%v", err)
	case status.Signaled():
		o.problem("sendsig is killed by signal %d", status.Signal())
	default:
		o.status = status.ExitStatus()
	}
}

// judge ends the processes, and finds out who was hit.
func (f *field) judge(s shot, o *outcome, target, bystander, replacement *process) {
	if !bystander.end(64) || bystander.count("15") > 0 || bystander.count("18") > 0 {
		o.problem("a bystander is hit: %q", bystander.seen)
	}
	ended := target.cmd.ProcessState != nil
	if replacement != nil {
		mayHit := s.byNumber && !o.held
		alive := replacement.end(64)
		if hit := !alive || replacement.count("15") > 0 || replacement.count("18") > 0; hit && !mayHit {
			o.problem("the process with the same pid is hit: %q", replacement.seen)
		}
	}
	if ended {
		return
	}
	if s.event == "fork" || s.event == "rename" {
		_ = target.cmd.Process.Signal(syscall.Signal(50))
	}
	for _, child := range append(o.children, test.Children(target.cmd.Process.Pid)...) {
		_ = unix.Kill(child, 64)
	}
	// After KILL of --then, it is not alive.
	if alive := target.end(64); !alive && !strings.Contains(s.args, "KILL") {
		o.problem("the target does not end by itself: %q", target.seen)
	}
	most, least := 1, 1
	if o.happened && s.event == "rename" && s.named {
		least = 0
		if !o.held {
			most = 0
		}
	}
	if n := target.count("15"); n < least || n > most {
		o.problem("the target gets the signal %d times", n)
	}
	if o.happened && s.event == "fork" {
		most, least = 0, 0
		if s.children {
			most = 1
			if !o.sent && len(o.children) > 0 { // else it was stopped, and forked after that
				least = 1
			}
		}
		if n := target.count("child:15"); n < least || n > most {
			o.problem("a child of the target gets the signal %d times", n)
		}
	}
}

// inode returns the inode number of the pidfd of a process.
func inode(pid int) uint64 {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return 0
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	_ = unix.Fstat(fd, &st)
	return st.Ino
}

// TestSendsig lets everything happen to the target of sendsig in every window. No other process is
// hit, and none that was meant escapes.
func TestSendsig(t *testing.T) {
	test.Whole(t)
	test.Probe(t)
	if !test.Inside(t) {
		return
	}
	f := &field{util: test.Whole(t), dir: t.TempDir()}
	for _, name := range []string{"target", "other"} {
		test.Must(t, os.Symlink(test.Probe(t), filepath.Join(f.dir, name)))
	}
	all := f.shots(t)
	if want := os.Getenv(windowVar); want != "" {
		match := regexp.MustCompile(want)
		all = slices.DeleteFunc(all, func(s shot) bool { return !match.MatchString(s.String()) })
	} else if !torture.Long() {
		all = sample(t, all, 100)
	}
	reached, failed := 0, 0
	for _, s := range all {
		o := f.fire(s)
		if o.happened {
			reached++
		}
		if len(o.problems) > 0 {
			t.Errorf("%v (system call %d): %q, status %d; to repeat it: %s='^%s$' "+
				"go test -count=1 -run %s ./internal/test/torture/timing", s, o.call, o.problems, o.status,
				windowVar, regexp.QuoteMeta(s.String()), t.Name())
			if failed++; failed == maxFailures {
				break
			}
		}
	}
	torture.Result(t, "%d windows of sendsig with an event, %d that were not reached", reached,
		len(all)-reached)
}

// shots lists all windows with all events.
func (f *field) shots(t *testing.T) (all []shot) {
	for _, form := range forms {
		o := f.fire(shot{form: form})
		if len(o.problems) > 0 {
			t.Fatalf("%s, without an event: %q, status %d", form.args, o.problems, o.status)
		}
		for _, event := range []string{"end", "replace", "rename", "fork"} {
			for at := 1; at <= o.calls; at++ {
				all = append(all, shot{form, place{event, at, false}}, shot{form, place{event, at, true}})
			}
		}
	}
	return all
}

// sample returns n elements that the seed chooses.
func sample[T any](t *testing.T, all []T, n int) []T {
	random := torture.Random(torture.Seed(t), 0)
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:min(len(all), n)]
}
