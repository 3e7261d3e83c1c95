package healthcheck_test

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// checker is a way to check the health of an HTTP server.
type checker struct {
	name  string
	argv  []string
	files []string // the program and its shared libraries

	wall, cpu []time.Duration // of each run
	memory    int64           // bytes, the peak of the resident set
	threads   int             // in the whole run
}

// checkers returns util, and the programs of this machine that it is compared with.
func checkers(b *testing.B, url string) []*checker {
	b.Helper()
	util := test.Util(b)
	httpget := test.Build(b, "util/internal/bench/httpget", "-s -w", runtime.GOARCH)
	all := []*checker{
		{name: "util", argv: []string{util, "healthcheck", url}, files: []string{util}},
		{name: "net-http", argv: []string{httpget, url}, files: []string{httpget}},
	}
	curl := test.Tool(b, "curl")
	all = append(all, &checker{
		name:  "curl",
		argv:  []string{curl, "-fsS", "-o", "/dev/null", url},
		files: append(libraries(b, curl), curl),
	})
	busybox := test.Tool(b, "busybox")
	if exec.Command(busybox, "wget", "--help").Run() == nil { // a build may lack it
		all = append(all, &checker{
			name:  "busybox-wget",
			argv:  []string{busybox, "wget", "-q", "-O", "/dev/null", url},
			files: append(libraries(b, busybox), busybox),
		})
	}
	return all
}

// libraries returns the shared libraries of a program, as ldd(1) lists them: none for a static one.
func libraries(b *testing.B, program string) (all []string) {
	b.Helper()
	out, _ := exec.Command(test.Tool(b, "ldd"), program).Output() // status 1 for a static program
	for word := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(word, "/") {
			all = append(all, word)
		}
	}
	return all
}

// size returns the size of the files of a checker in bytes.
func (c *checker) size(b *testing.B) (sum int64) {
	b.Helper()
	for _, name := range c.files {
		info, err := os.Stat(name)
		test.Must(b, err)
		sum += info.Size()
	}
	return sum
}

// attributes are those of a new process: nothing but /dev/null as its files.
func attributes(b *testing.B) *syscall.ProcAttr {
	b.Helper()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	test.Must(b, err)
	b.Cleanup(func() { null.Close() })
	return &syscall.ProcAttr{
		Env:   []string{"PATH=/usr/bin:/bin"},
		Files: []uintptr{null.Fd(), null.Fd(), 2},
	}
}

// run runs a check once and records what it took, from the fork until its end is known.
func (c *checker) run(b *testing.B, attr *syscall.ProcAttr) {
	b.Helper()
	var status syscall.WaitStatus
	var usage syscall.Rusage
	begin := time.Now()
	pid, err := syscall.ForkExec(c.argv[0], c.argv, attr)
	test.Must(b, err)
	for {
		_, err = syscall.Wait4(pid, &status, 0, &usage)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	c.wall = append(c.wall, time.Since(begin))
	test.Must(b, err)
	if status != 0 {
		b.Fatalf("%q: wait status %#x", c.argv, int(status))
	}
	c.cpu = append(c.cpu, time.Duration(usage.Utime.Nano()+usage.Stime.Nano()))
}

// weigh runs a check as a tracee, and records the peak of its memory and the number of its threads.
// ru_maxrss of getrusage(2) cannot be used: it starts with the memory of the process that forked.
func (c *checker) weigh(b *testing.B, attr *syscall.ProcAttr) {
	b.Helper()
	runtime.LockOSThread() // the tracer is a thread (ptrace(2))
	defer runtime.UnlockOSThread()
	traced := *attr
	traced.Sys = &syscall.SysProcAttr{Ptrace: true}
	pid, err := syscall.ForkExec(c.argv[0], c.argv, &traced)
	test.Must(b, err)
	c.threads = 1
	for options := unix.PTRACE_O_TRACEEXIT | unix.PTRACE_O_TRACECLONE; ; {
		var status unix.WaitStatus
		thread, err := unix.Wait4(-1, &status, unix.WALL, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		test.Must(b, err)
		signal := 0
		switch {
		case !status.Stopped():
			if thread == pid {
				return
			}
			continue
		case options != 0: // the exec
			test.Must(b, unix.PtraceSetOptions(pid, options))
			options = 0
		case status.TrapCause() == unix.PTRACE_EVENT_CLONE:
			c.threads++
		case status.TrapCause() == unix.PTRACE_EVENT_EXIT:
			if thread == pid { // its memory still exists
				c.memory = max(c.memory, peakMemory(pid))
			}
		case status.StopSignal() != unix.SIGSTOP: // a new thread begins with a stop
			signal = int(status.StopSignal())
		}
		if err := unix.PtraceCont(thread, signal); err != nil && !errors.Is(err, unix.ESRCH) {
			b.Fatal(err)
		}
	}
}

// peakMemory returns VmHWM of /proc/PID/status in bytes.
func peakMemory(pid int) int64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	var kilobytes int64
	_, _ = fmt.Sscan(after, &kilobytes)
	return kilobytes << 10
}

// median returns the middle of some values.
func median[T cmp.Ordered](all []T) T {
	return slices.Sorted(slices.Values(all))[len(all)/2]
}

// ratio returns the median of the ratios of two programs in each round: the speed of the machine
// drifts.
func ratio(a, b []time.Duration) float64 {
	all := make([]float64, len(a))
	for round := range all {
		all[round] = float64(a[round]) / float64(b[round])
	}
	return median(all)
}

// BenchmarkHealthcheck measures one check of an HTTP server on the loopback interface: the time
// from the fork until the end, the processor time of the check, its memory, threads and files. All
// programs take turns, in each round in another order, so that a disturbance affects all of them.
// util must not take more time than curl, nor more memory and space than curl and net/http.
func BenchmarkHealthcheck(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "healthy\n")
	}))
	defer server.Close()
	all := checkers(b, server.URL+"/")
	attr := attributes(b)
	random := rand.New(rand.NewPCG(1, 1))
	const rounds, copies = 100, 5
	for range rounds {
		for _, i := range random.Perm(len(all)) {
			all[i].run(b, attr)
		}
	}
	for range copies {
		for _, c := range all {
			c.weigh(b, attr)
		}
	}
	util := all[0]
	for _, c := range all[1:] {
		if c.name == "busybox-wget" { // a C program without a runtime
			continue
		}
		if c.name == "curl" && ratio(util.wall, c.wall) > 1 || util.memory > c.memory ||
			util.size(b) > c.size(b) {
			b.Errorf("util: %v, %d bytes of memory, %d of files; %s: %v, %d, %d",
				median(util.wall), util.memory, util.size(b),
				c.name, median(c.wall), c.memory, c.size(b))
		}
	}
	const milli, mega = float64(time.Millisecond), 1e6
	for _, c := range all {
		b.Run("check="+c.name, func(b *testing.B) {
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(median(c.wall))/milli, "p50-ms")
			b.ReportMetric(ratio(c.wall, util.wall), "x-time")
			b.ReportMetric(float64(median(c.cpu))/milli, "cpu-ms")
			b.ReportMetric(ratio(c.cpu, util.cpu), "x-cpu")
			b.ReportMetric(float64(c.memory)/mega, "MB")
			b.ReportMetric(float64(c.threads), "threads")
			b.ReportMetric(float64(c.size(b))/mega, "MB-on-disk")
		})
	}
}
