package scenario

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Place says where init runs.
type Place int

// The places. All are in a PID namespace of their own.
const (
	PID1      Place = iota // PID 1
	Subreaper              // a child of PID 1, beside a process that is none of its business
	Job                    // the same, as a job in the foreground of the session of PID 1
)

// How the lines begin that processes print which must get no signal: one that init does not know,
// and one in the command's group.
const (
	bystander = "bystander:"
	member    = "member:"
)

// Scenario is what an init is to live through.
type Scenario struct {
	Name       string
	Place      Place
	Terminal   bool     // PID 1 leads the session of a terminal
	Before     []string // words of the probe in the process that becomes init
	Socket     bool     // stderr is a socket, not a pipe
	Refused    []int    // system calls that the kernel does not know
	Init       []string // the arguments of util; {dir} is a directory for files
	Command    []string // words of the probe
	Env        []string // the environment; if it is nil, that of the test
	Stderr     *os.File // if it is not nil, stderr of all processes
	Grace      time.Duration
	Wide       bool // a stop ends every process below init before init ends
	Play       func(l *Life)
	WantStatus int
	// Slack is how much later than it must something may happen, because the machine is busy.
	Slack time.Duration
}

// All returns the scenarios.
func All() []*Scenario {
	all := []*Scenario{
		{Name: "plain", Init: w("init"), Command: standard, Play: play},
		{Name: "quiet", Init: w("init"), Command: orphans, Play: playOrphans},
		{Name: "-v", Init: w("init", "-vv"), Command: orphans, Play: playOrphans},
		{
			Name:    "JSON",
			Init:    w("init", "--log-format", "json", "--termination-log", "{dir}/log"),
			Command: orphans, Play: playOrphans,
		},
		{
			Name: "-c", Init: w("init", "-c"),
			Command: append(w("beside", "5", "begin", member, "catch", "echo", "64"), standard...),
			Play:    func(l *Life) { l.Expect(member + "ready"); play(l) },
		},
		{
			Name: "subreaper", Place: Subreaper, Init: w("init", "-p", "HUP"), Command: orphans,
			Play: playOrphans,
		},
		{
			Name: "terminal", Terminal: true, Init: w("init"), Command: standard,
			Play: playTerminal,
		},
		{
			Name: "job", Place: Job, Terminal: true, Init: w("init"), Command: jobCommand,
			Play: playJob,
		},
		{
			Name: "pause", Init: w("init", "--pause"),
			Before: w("beside", "2", "orphans", "3", "beside", "3", "say", "ready", "pause"),
			Play:   func(l *Life) { l.Expect("ready"); l.Settle(); l.Signal(unix.SIGTERM) },
		},
		{Name: "stderr a socket", Init: w("init", "-v"), Socket: true, Command: standard, Play: play},
		{
			Name: "user", Before: w("setuid", "65534"), Command: standard, Play: play,
			Init: w("init", "-v", "--termination-log", "mine"),
		},
		{
			Name: "stdin closed", Init: w("init"), Before: w("close", "0"), Command: orphans,
			Play: playOrphans,
		},
		{
			Name: "traced", Init: w("init"), Play: play,
			Command: append(w("traceme", "raise", "28", "traceme", "raise", "23"), standard...),
		},
		{
			Name: "old kernel", Init: w("init", "-v"), Command: orphans, Play: playOrphans,
			Refused: []int{
				unix.SYS_CLOSE_RANGE, unix.SYS_PIDFD_OPEN, unix.SYS_PIDFD_SEND_SIGNAL, unix.SYS_PWRITEV2,
				unix.SYS_SIGNALFD4,
			},
		},
		{Name: "tini", Init: w("tini", "-v", "--"), Command: orphans, Play: playOrphans},
		{Name: "dumb-init", Init: w("dumb-init", "-v", "--"), Command: orphans, Play: playOrphans},
		{Name: "catatonit", Init: w("catatonit", "--"), Command: orphans, Play: playOrphans},
		{Name: "help", Init: w("init", "--help"), Play: func(*Life) {}},
		{Name: "usage", Init: w("init", "--grcae", "1s"), Play: func(*Life) {}, WantStatus: 2},
		{
			Name: "not found", Init: w("init", "no-such-command"), Play: func(*Life) {}, WantStatus: 127,
		},
		{
			Name: "no program", Init: w("init", "--log-format", "json", "{dir}/program"),
			Play: func(*Life) {}, WantStatus: 126,
		},
	}
	for _, sc := range all {
		if len(sc.Command) > 0 {
			sc.WantStatus = status
		}
	}
	return append(all, stops()...)
}

// status is the status of the command in most scenarios.
const status = 7

// w returns its arguments.
func w(words ...string) []string { return words }

var (
	// The command prints the signals that it gets, and exits after the one that End sends.
	standard = w("catch", "echo", "34", "exit", "7")
	// It leaves orphans before and after the first signals.
	orphans = w("orphans", "2", "catch", "echo", "10", "orphans", "2", "say", "again", "echo", "34",
		"exit", "7")
	// The kernel stops it when ^Z is typed.
	jobCommand = w("catch", "unblock", "20", "echo", "34", "exit", "7")
)

func play(l *Life) {
	l.Expect("ready")
	l.Settle()
	for _, signal := range []unix.Signal{unix.SIGHUP, unix.SIGUSR1, 64, unix.SIGTERM, 35} {
		l.Deliver(signal)
	}
	l.Signal(34)
}

func playOrphans(l *Life) {
	l.Expect("ready")
	l.Settle()
	l.Deliver(unix.SIGHUP)
	l.Deliver(unix.SIGUSR1)
	l.Expect("again")
	l.Settle()
	l.Deliver(unix.SIGWINCH)
	l.Deliver(unix.SIGTERM)
	l.Signal(34)
}

func playTerminal(l *Life) {
	l.Expect("ready")
	l.Settle()
	l.Type("\x03")
	l.Expect("2")
	l.Deliver(unix.SIGTERM)
	l.Signal(34)
}

func playJob(l *Life) {
	l.Expect("ready")
	l.Settle()
	l.Deliver(unix.SIGUSR1)
	l.Type("\x1a")
	l.AwaitStop()
	l.Signal(unix.SIGCONT)
	l.Deliver(unix.SIGUSR2)
	l.Type("\x03")
	l.Expect("2")
	l.Signal(34)
}

// stops returns the scenarios of a stop with a grace period, as PID 1 and as a subreaper.
func stops() (all []*Scenario) {
	const grace = 300 * time.Millisecond
	add := func(name string, wide bool, want int, options, command []string, play func(*Life)) {
		for place, suffix := range []string{PID1: "", Subreaper: ", subreaper"} {
			all = append(all, &Scenario{
				Name: name + suffix, Place: Place(place), Init: append(w("init", "-g", "300ms"), options...),
				Command: command, Grace: grace, Wide: wide, Play: play, WantStatus: want,
			})
		}
	}
	// What the command leaves ignores TERM: in its group, or in a session of its own.
	inGroup := w("beside", "5", "ignore", "15", "say", "there", "pause", "catch", "echo", "15", "exit",
		"7")
	outside := w("beside", "6", "setsid", "ignore", "15", "say", "there", "pause", "catch", "echo",
		"15", "exit", "7")
	stop := func(l *Life) {
		l.Expect("ready")
		l.Expect("there")
		l.Settle()
		l.Deliver(unix.SIGUSR1)
		l.Deliver(unix.SIGTERM)
	}
	add("grace, group", false, status, w("--scope", "group"), inGroup, stop)
	add("grace, ordered", true, status, nil, outside, stop)
	add("grace, container", true, status, w("--scope", "container"), outside, stop)
	add("delay", true, status, w("--stop-delay", "50ms"), outside, stop)
	add("deadline", true, 137, w("-v"),
		w("beside", "6", "setsid", "ignore", "15", "say", "there", "pause", "catch", "echo", "34"), stop)
	return all
}
