package initcmd_test

import (
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// Which processes get which signal at a stop, and when the command has ended.
//
// In these tests, "other" is a process that has left the group and the session of the command, and
// "member" one that has not.

// beside returns words of the probe with which it forks a child that carries out words itself.
func beside(words ...string) []string {
	return append([]string{"beside", strconv.Itoa(len(words))}, words...)
}

// other returns words of the probe with which it forks the other.
func other(words ...string) []string {
	return beside(append([]string{"setsid", "catch"}, words...)...)
}

// member returns words of the probe with which it forks the member.
func member(words ...string) []string {
	return beside(append([]string{"catch"}, words...)...)
}

// By default the command gets the stop signal first, and the other gets TERM once the command has
// ended.
func TestScopeOrdered(t *testing.T) {
	// The command ends only with 34.
	args := slices.Concat([]string{test.Probe(t)}, other("echo", "15", "say", "other"),
		[]string{"say", "here", "catch", "echo", "15", "echo", "34"})
	for _, options := range [][]string{{"-g", "60"}, {"-g", "60", "--scope", "ordered"}} {
		for name, cmd := range stopOf(t, append(options, args...)...) {
			t.Run(fmt.Sprintf("%v, %s", options, name), func(t *testing.T) {
				p := test.Start(t, cmd)
				p.Expect("ready")
				p.Expect("ready")
				init := initPid(t, p, name)
				command := childOf(t, init)
				kill(t, init, unix.SIGTERM)
				p.Expect("15") // the command
				pid := children(t, command)[0]
				waitSettled(t, pid)
				kill(t, pid, 40) // a signal that the other got before would be printed first
				if line := p.Line(); line != "40" {
					t.Errorf("the other got %s while the command was running", line)
				}
				kill(t, init, 34)
				if rest := p.Rest(); !slices.Equal(rest, []string{"34", "15", "other"}) {
					t.Errorf("then came %q", rest)
				}
				wantStatus(t, p, 0)
			})
		}
	}
}

// --scope container: the other gets the stop signal at once.
func TestScopeContainer(t *testing.T) {
	args := slices.Concat([]string{"-g", "60", "--scope", "container", test.Probe(t)},
		other("echo", "15", "say", "other"), []string{"catch", "echo", "34"})
	eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
		p.Expect("ready")
		kill(t, init, unix.SIGTERM)
		p.Expect("other")
		kill(t, init, 34)
		p.Expect("34")
		wantStatus(t, p, 0)
	})
}

// --scope group: no process outside the group of the command is signalled.
func TestScopeGroup(t *testing.T) {
	probe := test.Probe(t)
	p := test.Start(t, test.ProcNamespace(exec.Command(probe, "mountproc", "fork",
		"exec", test.Util(t), "init", "-g", "100ms", "--scope", "group",
		probe, "fork", "setsid", "catch", "killparent", "9", "echo", "34")))
	p.Expect("ready")
	// When init ends, the process outside becomes a child of PID 1, which ends too.
	if rest := p.Rest(); len(rest) != 0 {
		t.Errorf("the process outside got %q", rest)
	}
	wantStatus(t, p, 137)

	// In the group, KILL comes after the grace period.
	args := []string{
		"-v", "-g", "100ms", "--scope", "group",
		probe, "fork", "catch", "killparent", "9", "pause",
	}
	eachStop(t, args, func(t *testing.T, p *test.Process, _ int) {
		const want = "sent KILL to 1 process: probe ("
		if status := p.Status(); status != 137 || !strings.Contains(p.Stderr(), want) {
			t.Errorf("status %d, stderr %q", status, p.Stderr())
		}
	})
}

// A member that got the stop signal with the group does not get TERM again when the command has
// ended.
func TestStopSignalOnce(t *testing.T) {
	args := slices.Concat([]string{"-g", "60", test.Probe(t)}, member("echo", "34", "say", "stayed"),
		[]string{"say", "here", "pause"})
	eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
		pid := children(t, childOf(t, init))[0]
		kill(t, init, unix.SIGTERM)
		test.Eventually(t, "the command has ended, and the member is a child of init", func() bool {
			return slices.Equal(children(t, init), []int{pid})
		})
		waitSettled(t, init)
		waitSettled(t, pid)
		kill(t, init, 34)
		rest := slices.DeleteFunc(p.Rest(), func(line string) bool {
			return line == "here" || line == "ready"
		})
		if !slices.Equal(rest, []string{"15", "34", "stayed"}) {
			t.Errorf("the member printed %q", rest)
		}
		wantStatus(t, p, 143)
	})
}

// With -c, a member gets no stop signal, so it gets TERM when the command has ended.
func TestStopSignalSingleChild(t *testing.T) {
	args := slices.Concat([]string{"-c", "-g", "60", test.Probe(t)},
		member("echo", "15", "say", "member"), []string{"pause"})
	eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
		kill(t, init, unix.SIGTERM)
		if rest := p.Rest(); !slices.Equal(rest, []string{"15", "member"}) {
			t.Errorf("the member printed %q", rest)
		}
		_ = p.Status()
	})
}

// A process that the command forks when it gets the stop signal, such as a script that saves
// something, gets no TERM, and can finish.
func TestForkedAfterStop(t *testing.T) {
	for _, tc := range []struct {
		scope, option string
		words         []string
	}{
		{"group", "-v", nil}, // with --scope group, init does not wait for processes outside the group
		{"group", "-c", nil},
		{"ordered", "-v", nil},
		{"ordered", "-c", nil},
		{"ordered", "-v", []string{"setsid"}},
		{"container", "-v", nil},
		{"container", "-v", []string{"setsid"}},
	} {
		t.Run(fmt.Sprint(tc.scope, " ", tc.option, " ", tc.words), func(t *testing.T) {
			// A signal that the process got before 34 would be printed before it.
			words := append(tc.words, "sleep", "200", "raise", "34", "echo", "34", "say", "saved")
			forked := beside(words...)
			// With scope container, init sends the stop signal to one process after another. What is forked
			// meanwhile may get it.
			args := slices.Concat([]string{"-g", "60", "--scope", tc.scope, tc.option},
				[]string{test.Probe(t), "catch", "echo", "15", "sleep", "200"}, forked,
				[]string{"exit", "4"})
			eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
				kill(t, init, unix.SIGTERM)
				if rest := p.Rest(); !slices.Equal(rest, []string{"15", "34", "saved"}) {
					t.Errorf("output %q", rest)
				}
				wantStatus(t, p, 4)
			})
		})
	}
}

// When the command ends by itself, the other and the member get TERM.
func TestCommandEndsByItself(t *testing.T) {
	args := slices.Concat([]string{"-g", "60", test.Probe(t)}, other("echo", "15", "say", "other"),
		member("echo", "15", "say", "member"), []string{"say", "here", "catch", "echo", "34"})
	eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
		p.Expect("ready")
		p.Expect("ready")
		kill(t, childOf(t, init), 34)
		rest := slices.DeleteFunc(p.Rest(), func(line string) bool {
			return line == "34" || line == "15" || line == "here"
		})
		slices.Sort(rest)
		if !slices.Equal(rest, []string{"member", "other"}) {
			t.Errorf("%q", rest)
		}
		_ = p.Status()
	})
}

// A second stop signal goes to the group alone.
func TestSecondStopSignalToGroup(t *testing.T) {
	args := slices.Concat([]string{"-g", "60", test.Probe(t)}, other("echo", "34", "say", "other"),
		[]string{"catch", "echo", "34"})
	eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
		p.Expect("ready")
		kill(t, init, unix.SIGTERM)
		p.Expect("15")
		kill(t, init, unix.SIGINT)
		p.Expect("2")
		kill(t, childOf(t, init), 34)
		p.Expect("34")
		p.Expect("15") // the other, now that the command has ended
		kill(t, childOf(t, init), 34)
		p.Expect("other")
		_ = p.Status()
	})
}

// Without a grace period, what is left of the group gets TERM when the command has ended.
func TestGroupAfterCommand(t *testing.T) {
	p := test.Start(t, bare(test.Util(t),
		test.Probe(t), "fork", "catch", "killparent", "9", "echo", "15"))
	p.Expect("ready")
	p.Expect("15")
	wantStatus(t, p, 128+9)
}

// As dumb-init, init sends TERM alone then, and CONT too if a process of the group is stopped.
func TestDumbInitGroupAfterCommand(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		p := test.Start(t, exec.Command(namesake(t, test.Util(t), "dumb-init"),
			test.Probe(t), "beside", "4", "catch", "echo", "34", "pause", "pause"))
		p.Expect("ready")
		command := childOf(t, p.Process.Pid)
		child := children(t, command)[0]
		t.Cleanup(func() { _ = syscall.Kill(child, unix.SIGKILL) })
		if stopped {
			kill(t, child, unix.SIGSTOP)
		}
		test.Eventually(t, "the child rests", func() bool {
			return settled(child) && (test.ProcState(child) == 'T') == stopped
		})
		kill(t, command, unix.SIGKILL)
		p.Expect("15")
		kill(t, child, 34)
		var rest []string
		for line := ""; line != "34"; {
			line = p.Line()
			rest = append(rest, line)
		}
		if got := slices.Contains(rest, "18"); got != stopped {
			t.Errorf("stopped %v: after TERM came %q", stopped, rest)
		}
		kill(t, child, unix.SIGKILL)
		_ = p.Status()
	}
}

// With --scope group, init does not wait for a group that is empty or has only zombies.
func TestEmptyGroup(t *testing.T) {
	probe := test.Probe(t)
	for _, words := range [][]string{
		{"orphans", "1", "sleep", "2", "exit", "3"}, // quiet
		{"beside", "2", "exit", "0", "sleep", "2", "exit", "3"},
		{"exit", "3"},
	} {
		args := append([]string{"--grace", "1h", "--scope", "group", "--", probe}, words...)
		for range 30 {
			for _, cmd := range stopOf(t, args...) {
				if status, _, stderr := test.Run(t, cmd); status != 3 || stderr != "" {
					t.Fatalf("%v: status %d, stderr %q", words, status, stderr)
				}
			}
		}
	}
	// Init gets no SIGCHLD for a member whose parent has left the group.
	args := []string{
		"--grace", "1h", "--scope", "group", probe,
		"beside", "9", "beside", "5", "catch", "echo", "15", "exit", "0", "setsid", "pause", "pause",
	}
	eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
		kill(t, childOf(t, init), unix.SIGKILL)
		p.Expect("15")
		wantStatus(t, p, 137)
	})
}

// Without a file descriptor for /proc, init cannot see any process. It does not conclude that all
// have ended: it waits for the group, which gets TERM.
func TestFilesRunOut(t *testing.T) {
	for _, files := range []uint64{3, 4, 5, 6} {
		for _, scope := range []string{"group", "ordered"} {
			t.Run(fmt.Sprintf("%d files, scope %s", files, scope), func(t *testing.T) {
				args := slices.Concat([]string{"-g", "60", "--scope", scope, test.Probe(t)},
					member("echo", "15", "sleep", "100", "say", "finished", "exit", "0", "pause"),
					[]string{"pause"})
				p := test.Start(t, stopOf(t, args...)["PID 1"])
				p.Expect("ready")
				init := p.Process.Pid
				limit := &unix.Rlimit{Cur: files, Max: files}
				test.Must(t, unix.Prlimit(init, unix.RLIMIT_NOFILE, limit, nil))
				kill(t, childOf(t, init), unix.SIGKILL)
				if rest := p.Rest(); !slices.Equal(rest, []string{"15", "finished"}) {
					t.Errorf("the member printed %q", rest)
				}
				wantStatus(t, p, 137)
			})
		}
	}
}

// Init finds descendants although /proc hides the parent of one from it (hidepid), and takes little
// time for a long chain of them.
func TestDescendants(t *testing.T) {
	probe, util := test.Probe(t), test.Util(t)
	t.Run("hidepid", func(t *testing.T) {
		setuid := setuidProbe(t)
		for name, words := range map[string][]string{"PID 1": nil, "subreaper": {"fork"}} {
			hidden := []string{
				"exec", setuid, "setuid", "0", "setsid",
				"beside", "5", "setuid", "65534", "say", "visible", "pause", "pause",
			}
			args := slices.Concat([]string{"mountproc", "hidepid", "2"}, words,
				[]string{"setuid", "65534", "exec", util, "init", "-g", "300ms", probe},
				beside(append(hidden, "pause")...), []string{"say", "here", "pause"})
			p := test.Start(t, test.ProcNamespace(exec.Command(probe, args...)))
			p.Expect("visible")
			init := initPid(t, p, name)
			kill(t, init, unix.SIGTERM)
			start := time.Now()
			wantStatus(t, p, 143)
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("ended after %v", took)
			}
		}
	})
	t.Run("chain", func(t *testing.T) {
		const n = 1000 // an init that checks each against each would check a million times
		p := test.Start(t, test.ProcNamespace(exec.Command(probe, "mountproc",
			"exec", util, "init", "-g", "100ms",
			probe, "ignore", "15", "setsid", "chain", strconv.Itoa(n), "say", "ready", "pause")))
		p.Expect("ready")
		start := time.Now()
		kill(t, childOf(t, p.Process.Pid), unix.SIGKILL) // the first; the others ignore TERM
		wantStatus(t, p, 137)
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("%d processes took %v", n, took)
		}
	})
}

// A process that gets the pid of the command after init has reaped the command is not mistaken for
// it: its end is not that of the command, and it gets no signals for the command.
func TestCommandPidReused(t *testing.T) {
	for name, words := range map[string][]string{
		"default":      {"init", "-g", "60"},
		"single child": {"init", "-g", "60", "-c"},
		"tini":         {"tini"},
		"catatonit":    {"catatonit"},
	} {
		t.Run(name, func(t *testing.T) { commandPidReused(t, nil, words) })
		t.Run(name+", without pidfds", func(t *testing.T) {
			nr := strconv.Itoa(test.Number(unix.SYS_PIDFD_OPEN))
			commandPidReused(t, []string{"deny", nr, "38"}, words)
		})
	}
}

func commandPidReused(t *testing.T, deny, init []string) {
	// The command, pid 2, leaves a process behind. On 34, that process forks another one with pid 2,
	// which prints the signals that it gets, and exits with 7.
	second := []string{"setsid", "catch", "echo", "40", "exit", "7"}
	left := slices.Concat([]string{"setsid", "ignore", "15", "catch", "echo", "34", "nextpid", "2"},
		beside(second...), []string{"echo", "35", "exit", "0"})
	command := append(beside(left...), "say", "here", "catch", "echo", "36", "exit", "3")
	words := slices.Concat([]string{"mountproc"}, deny, []string{"exec", test.Util(t)}, init,
		[]string{"--", test.Probe(t)}, command)
	cmd := test.ProcNamespace(exec.Command(test.Probe(t), words...))
	cmd.Env = []string{"UTIL_INIT_GRACE=60"}
	p := test.Start(t, cmd)
	p.Expect("ready")
	p.Expect("ready")
	initPid := p.Process.Pid
	commandPid := childOf(t, initPid)
	leftPid := children(t, commandPid)[0]
	kill(t, commandPid, 36)
	p.Expect("36")
	test.Eventually(t, "init has reaped the command", func() bool {
		return slices.Equal(children(t, initPid), []int{leftPid})
	})
	waitSettled(t, leftPid)
	kill(t, leftPid, 34)
	p.Expect("ready") // the second pid 2
	secondPid := children(t, leftPid)[0]
	status := read(t, fmt.Sprintf("/proc/%d/status", secondPid))
	if !strings.Contains(status, "\t2\n") { // NSpid
		test.Missing(t, "a reused pid", "another process has got it: "+status)
	}
	kill(t, initPid, unix.SIGUSR1)
	kill(t, initPid, unix.SIGTERM)
	waitSettled(t, initPid)
	waitSettled(t, secondPid)
	waitSettled(t, leftPid)
	kill(t, secondPid, 40)
	var got []string
	for line := ""; line != "40"; {
		line = p.Line()
		got = append(got, line)
	}
	if slices.Contains(got, "10") || slices.Contains(got, "15") {
		t.Errorf("a process got %q", got)
	}
	kill(t, leftPid, 35)
	wantStatus(t, p, 3)
}
