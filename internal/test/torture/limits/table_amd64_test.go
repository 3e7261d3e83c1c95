package limits_test

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"util/internal/test"
	"util/internal/test/torture/scenario"

	"golang.org/x/sys/unix"
)

// limits are the limits, and what each of them changes. Whatever is not said here is as without it.
var limits = slices.Concat(
	openFiles(), resources(), stacks(), cgroups(), users(), fileSystems(), standardErrors(), vectors(),
)

// noProcess is the outcome where init cannot make a process.
func noProcess(sc *scenario.Scenario) outcome {
	if len(sc.Command) == 0 && sc.Name != "not found" && sc.Name != "no program" {
		return outcome{}
	}
	return outcome{
		refuses: true, status: 1,
		says: w("cannot create a process: resource temporarily unavailable (the container's pids limit " +
			"or RLIMIT_NPROC has been reached)"),
	}
}

// w returns its arguments.
func w(texts ...string) []string { return texts }

// resource returns a limit of getrlimit(2).
func resource(
	name string, resource int, n uint64, at moment, expect func(*scenario.Scenario) outcome,
) *limit {
	return &limit{
		name: timed(fmt.Sprint(name, " ", n), at), at: at, expect: expect,
		impose: func(_ testing.TB, init int) error {
			both := &unix.Rlimit{Cur: n, Max: n}
			return os.NewSyscallError("prlimit", unix.Prlimit(init, resource, both, nil))
		},
	}
}

// timed is the name of a limit with the time when it is imposed.
func timed(name string, at moment) string {
	return name + [...]string{"", ", init alone", ", init at rest"}[at]
}

// openFiles returns limits of open files. Files 0, 1 and 2 are open. For a message, init opens a
// pipe again. At a stop, it opens a pidfd of the command after its end, /proc, and a file in /proc.
func openFiles() (all []*limit) {
	const enough = 6
	for n := range uint64(3) {
		rests := resource("NOFILE", unix.RLIMIT_NOFILE, n, atRest, nil)
		rests.applies = func(sc *scenario.Scenario) bool {
			return sc.Name == "quiet" || sc.Name == "subreaper"
		}
		all = append(all, rests)
	}
	for _, at := range []moment{atStart, atCommand} {
		for n := range uint64(enough + 1) {
			all = append(all, resource("NOFILE", unix.RLIMIT_NOFILE, n, at,
				func(sc *scenario.Scenario) outcome {
					switch {
					case n < enough && sc.Wide:
						return unseen(sc)
					case n < 4 && at == atStart && sc.Name == "no program":
						return outcome{
							because: "what cannot be read may be a script, and /bin/sh lacks files too",
							allowed: []string{"status "},
						}
					case n == 0 && sc.Name == "old kernel":
						return outcome{
							because: "init does not write where it cannot find out whether that blocks",
						}
					case n < enough && sc.Name == "JSON":
						return outcome{says: w("too many open files")}
					}
					return outcome{}
				}))
		}
	}
	return all
}

// unseen is the outcome of a stop of all descendants where init cannot find these.
func unseen(sc *scenario.Scenario) outcome {
	if sc.Place == scenario.PID1 {
		return outcome{says: w("sent KILL to all processes that are left"), instead: "KILL"}
	}
	return outcome{
		because: "a subreaper finds what is outside the command's group in /proc only",
		says: w(
			"sent KILL to the process group; the processes outside it could not all be found",
			"not all ended by KILL; init cannot tell which: that takes a /proc of this PID namespace and "+
				"free files",
		),
		allowed: []string{"a process of the scope is left"},
	}
}

// resources returns other limits of getrlimit(2).
func resources() (all []*limit) {
	killed := func(sc *scenario.Scenario) outcome {
		if len(sc.Command) == 0 {
			return outcome{}
		}
		return outcome{
			because: "the kernel kills the command within its execve(2), by SEGV",
			status:  128 + int(unix.SIGSEGV),
			allowed: []string{"no line "},
		}
	}
	// How much of the stack execve uses depends on the random offset of the stack.
	perhapsKilled := func(sc *scenario.Scenario) outcome {
		o := killed(sc)
		if o.because != "" {
			o.status, o.allowed = 0, append(o.allowed, fmt.Sprintf("status %d,", o.status))
		}
		return o
	}
	noLog := func(sc *scenario.Scenario) outcome {
		if sc.Name == "JSON" {
			return outcome{says: w("file too large")}
		}
		return outcome{}
	}
	for _, at := range []moment{atStart, atCommand} {
		atExec, onStack := killed, perhapsKilled
		if at != atStart {
			atExec, onStack = nil, nil
		}
		all = append(
			all,
			resource("SIGPENDING", unix.RLIMIT_SIGPENDING, 0, at, nil),
			resource("FSIZE", unix.RLIMIT_FSIZE, 0, at, noLog),
			resource("AS", unix.RLIMIT_AS, 0, at, atExec),
			resource("DATA", unix.RLIMIT_DATA, 0, at, atExec),
			resource("STACK", unix.RLIMIT_STACK, 0, at, onStack),
		)
	}
	full := resource("FSIZE", unix.RLIMIT_FSIZE, 0, atStart, nil)
	full.name += ", stderr a file"
	full.mute = true
	full.prepare = func(t testing.TB, sc *scenario.Scenario) {
		f, err := os.CreateTemp(t.TempDir(), "")
		test.Must(t, err)
		t.Cleanup(func() { f.Close() })
		sc.Stderr = f
	}
	return append(all, full)
}

// words returns a limit that words of the probe impose, in the process that becomes init.
func words(name string, words ...string) *limit {
	return &limit{name: name, prepare: func(_ testing.TB, sc *scenario.Scenario) {
		sc.Before = slices.Concat(sc.Before, words)
	}}
}

// stacks returns limits of the stack.
func stacks() (all []*limit) {
	small := words("STACK 12288 before", "stacklimit", "12288")
	small.expect = func(*scenario.Scenario) outcome {
		return outcome{
			because: "the kernel takes up to 8 kB for a random offset, and init 6 kB",
			allowed: []string{
				"init is killed by signal 11", "status 139,", "no line ", "init ends before",
				"a process of the scope is left",
			},
		}
	}
	all = append(all, small)
	for _, size := range []int{16 << 10, 20 << 10, 64 << 10, 1 << 20, -1} {
		name := strconv.Itoa(size)
		all = append(all, words("STACK "+name+" before", "stacklimit", name))
	}
	return all
}

// cgroups returns limits of cgroups, which init joins.
func cgroups() (all []*limit) {
	// The kernel kills the process that takes the most, and init takes more than the probe.
	outOfMemory := func(*scenario.Scenario) outcome {
		return outcome{
			because: "the kernel kills init for lack of memory, if it is the largest process",
			allowed: []string{
				"init is killed by signal 9", "no line ", "init ends before", "a process of the scope is left",
				"status 137",
			},
		}
	}
	all = append(
		all,
		cgroup("pids", "pids.max", "0", atStart, noProcess),
		cgroup("pids", "pids.max", "0", atCommand, nil),
	)
	for _, size := range []string{"0", "100k", "200k", "400k"} {
		all = append(all, cgroup("memory", "memory.limit_in_bytes", size, atStart, outOfMemory))
	}
	return append(
		all,
		cgroup("memory", "memory.limit_in_bytes", "200k", atCommand, outOfMemory),
		cgroup("memory", "memory.limit_in_bytes", "800k", atCommand, nil),
		cgroup("memory", "memory.limit_in_bytes", "1600k", atStart, nil),
	)
}

// cgroup returns a limit that is a file of a cgroup (version 1).
func cgroup(
	controller, file, value string, at moment, expect func(*scenario.Scenario) outcome,
) *limit {
	impose := func(t testing.TB, init int) error {
		dir, err := os.MkdirTemp(cgroupMount+controller, "util-test-")
		if err != nil {
			return err
		}
		t.Cleanup(func() { // its processes may be about to exit
			test.Eventually(t, "the end of cgroup "+dir, func() bool { return os.Remove(dir) == nil })
		})
		if err := os.WriteFile(dir+"/"+file, []byte(value), 0); err != nil {
			return err
		}
		return os.WriteFile(dir+"/cgroup.procs", []byte(strconv.Itoa(init)), 0)
	}
	applies := func(*scenario.Scenario) bool { return hasCgroups() }
	name := timed(controller+" cgroup "+value, at)
	return &limit{name: name, at: at, impose: impose, expect: expect, applies: applies}
}

const cgroupMount = "/sys/fs/cgroup/"

// hasCgroups reports whether there are cgroups of version 1.
func hasCgroups() bool {
	_, err := os.Stat(cgroupMount + "pids")
	return err == nil
}

// lastUser is the user of the last life that was not root's. Each has one of its own, because
// RLIMIT_NPROC counts the processes of a user.
var lastUser atomic.Int32

// users returns limits of an init that is not root's.
func users() []*limit {
	user := func(name string, words ...string) *limit {
		return &limit{name: name, user: true, prepare: func(_ testing.TB, sc *scenario.Scenario) {
			id := strconv.Itoa(61_000 + int(lastUser.Add(1)%4000))
			sc.Before = slices.Concat(sc.Before, words, []string{"setuid", id})
		}}
	}
	full := user("a user's NPROC 1", "tasklimit", "1")
	full.expect = noProcess
	all := []*limit{
		user("a user"),
		user("a user, hidepid 1", "hidepid", "1"), user("a user, hidepid 2", "hidepid", "2"),
	}
	for _, l := range all {
		l.expect = func(sc *scenario.Scenario) outcome {
			if sc.Name == "JSON" { // the termination log is root's
				return outcome{says: w("permission denied")}
			}
			return outcome{}
		}
	}
	return append(all, full)
}

// fileSystems returns limits of what is mounted.
func fileSystems() []*limit {
	none, foreign := words("no /proc", "empty", "/proc"), words("a foreign /proc", "uncover", "/proc")
	for _, l := range []*limit{none, foreign} {
		l.expect = func(sc *scenario.Scenario) outcome {
			if sc.Wide {
				return unseen(sc)
			}
			return outcome{}
		}
	}
	return []*limit{
		none, foreign, words("no /dev", "empty", "/dev"), words("no /sys/fs/cgroup", "empty",
			"/sys/fs/cgroup"),
	}
}

// standardErrors returns files that are stderr and do not take messages, and a terminal that is
// hung up while init lives.
func standardErrors() (all []*limit) {
	for name, open := range map[string]func(t testing.TB, sc *scenario.Scenario) *os.File{
		"/dev/full":             opener("/dev/full", os.O_WRONLY),
		"read-only":             opener("/dev/null", os.O_RDONLY),
		"full pipe":             fullPipe,
		"full socket":           fullSocket,
		"pipe without a reader": brokenPipe,
		"terminal hung up":      hungUp,
	} {
		all = append(all, &limit{
			name: "stderr: " + name, mute: true,
			prepare: func(t testing.TB, sc *scenario.Scenario) { sc.Stderr = open(t, sc) },
		})
	}
	stderr, both := words("no stderr", "close", "2"), words("no stdin, no stderr", "close", "0",
		"close", "2")
	stderr.mute, both.mute = true, true
	slices.SortFunc(all, func(a, b *limit) int { return strings.Compare(a.name, b.name) })
	hungUp := func(name string, leads bool) *limit {
		return &limit{
			name: name + " hung up after the start",
			applies: func(sc *scenario.Scenario) bool {
				return sc.Terminal && leads == (sc.Place == scenario.PID1)
			},
			play: func(l *scenario.Life) { playHangUp(l, leads) },
		}
	}
	return append(
		all, stderr, both, hungUp("terminal", true), hungUp("terminal of a job", false),
	)
}

// playHangUp hangs up the terminal. leads says that the command leads the session; then the kernel
// tells it.
func playHangUp(l *scenario.Life, leads bool) {
	l.Expect("ready")
	l.Settle()
	l.HangUp()
	if leads {
		l.Expect("1")
	}
	l.Deliver(unix.SIGUSR1)
	l.Deliver(unix.SIGTERM)
	l.Signal(34)
}

func opener(path string, flags int) func(t testing.TB, _ *scenario.Scenario) *os.File {
	return func(t testing.TB, _ *scenario.Scenario) *os.File {
		f, err := os.OpenFile(path, flags, 0)
		test.Must(t, err)
		t.Cleanup(func() { f.Close() })
		return f
	}
}

// fullPipe returns a pipe that takes no byte. It is read only where init waits for that.
func fullPipe(t testing.TB, sc *scenario.Scenario) *os.File {
	var fds [2]int
	test.Must(t, unix.Pipe2(fds[:], unix.O_CLOEXEC|unix.O_NONBLOCK))
	return full(t, sc, fds)
}

// fullSocket is fullPipe with a socket.
func fullSocket(t testing.TB, sc *scenario.Scenario) *os.File {
	const kind = unix.SOCK_STREAM | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	fds, err := unix.Socketpair(unix.AF_UNIX, kind, 0)
	test.Must(t, err)
	return full(t, sc, fds)
}

// full fills the second file and returns it.
func full(t testing.TB, sc *scenario.Scenario, fds [2]int) *os.File {
	for _, size := range []int{4096, 1} {
		for block := make([]byte, size); ; {
			if _, err := unix.Write(fds[1], block); err != nil {
				break
			}
		}
	}
	test.Must(t, unix.SetNonblock(fds[1], false))
	if sc.Name == "usage" { // init has nothing else to do than to print what is wrong
		sc.Play = func(l *scenario.Life) { drain(l, fds[0]) }
	}
	f := os.NewFile(uintptr(fds[1]), "full")
	t.Cleanup(func() { f.Close(); unix.Close(fds[0]) })
	return f
}

// drain reads a file until the help is mentioned.
func drain(l *scenario.Life, fd int) {
	block := make([]byte, 64<<10)
	end := time.Now().Add(test.Deadline)
	for ended := false; !ended; time.Sleep(time.Millisecond) {
		ended = test.ProcState(l.PID()) == '?' || time.Now().After(end)
		for n := 1; n > 0; {
			n, _ = unix.Read(fd, block)
			if strings.Contains(string(block[:max(n, 0)]), "--help") {
				return
			}
		}
	}
	l.Fail("no line about the help, although stderr is read")
}

// brokenPipe returns a pipe without a reader.
func brokenPipe(t testing.TB, _ *scenario.Scenario) *os.File {
	r, w, err := os.Pipe()
	test.Must(t, err)
	r.Close()
	t.Cleanup(func() { w.Close() })
	return w
}

// hungUp returns a terminal that is hung up.
func hungUp(t testing.TB, _ *scenario.Scenario) *os.File {
	master, line := test.PTY(t)
	master.Close()
	return line
}

// vectors returns the least and the most that execve(2) takes.
func vectors() []*limit {
	environment := func(name string, env []string) *limit {
		return &limit{
			name:    name + " environment",
			prepare: func(_ testing.TB, sc *scenario.Scenario) { sc.Env = env },
		}
	}
	none := environment("no", []string{})
	none.expect = func(sc *scenario.Scenario) outcome {
		if sc.Name == "not found" {
			return outcome{says: w(`PATH "/usr/local/bin:/bin:/usr/bin"`), instead: "PATH"}
		}
		return outcome{}
	}
	most := environment("the largest", largest(smallEnvironment...))
	most.large = true
	return []*limit{none, most, {
		name: "the most arguments", large: true,
		applies: func(sc *scenario.Scenario) bool { return len(sc.Command) > 0 },
		prepare: func(_ testing.TB, sc *scenario.Scenario) { // the probe exits before it reads them
			sc.Command = append(slices.Clone(sc.Command), largest()...)
		},
	}}
}

// largest returns some strings with as many more as execve(2) takes besides the other vector, which
// is small.
func largest(some ...string) (all []string) {
	all = slices.Clone(some)
	const others = 16 << 10
	text := "V=" + strings.Repeat("x", maxString-3)
	for range (maxBytes - others) / (maxString + 8) {
		all = append(all, text)
	}
	left := maxBytes - others - len(all)*(maxString+8)
	return append(all, text[:max(left, 2)])
}
