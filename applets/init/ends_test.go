package initcmd_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// Who gets what at a stop. "the other" is a process that left the command's group and session;
// "the late" is forked by the command when it has the stop signal, as a handler forks a script
// that saves something.
func TestWhoGetsWhat(t *testing.T) {
	probe := test.Probe(t)
	other := func(rest ...string) []string { return append([]string{"setsid", "catch"}, rest...) }
	beside := func(words ...string) []string { return append([]string{"beside", strconv.Itoa(len(words))}, words...) }
	join := func(parts ...[]string) []string { return slices.Concat(parts...) }

	t.Run("the command first", func(t *testing.T) {
		// The command ends only when it is told by 34: until then the other has nothing.
		args := join([]string{"-g", "60", probe}, beside(other("echo", "15", "say", "other")...), []string{"say", "here", "catch", "echo", "15", "echo", "34"})
		for _, scope := range []string{"", "ordered"} {
			scoped := args
			if scope != "" {
				scoped = append([]string{"--scope", scope}, args...)
			}
			for name, cmd := range stopOf(t, scoped...) {
				p := test.Start(t, cmd)
				p.Expect("ready")
				p.Expect("ready")
				init := initPid(t, p, name)
				command := childOf(t, init)
				kill(t, init, unix.SIGTERM)
				p.Expect("15") // the command's
				kids := children(t, command)
				kid, _ := strconv.Atoi(kids[0])
				test.Eventually(t, "the other waits", func() bool { return settled(kid) })
				kill(t, kid, 40) // whatever it had before, it would have printed
				if line := p.Line(); line != "40" {
					t.Errorf("%s, %s: the other got %s while the command was alive", name, scope, line)
				}
				kill(t, init, 34)
				if rest := p.Rest(); !slices.Equal(rest, []string{"34", "15", "other"}) {
					t.Errorf("%s, %s: then came %q", name, scope, rest)
				}
				if status := p.Status(); status != 0 {
					t.Errorf("status %d", status)
				}
			}
		}
	})
	t.Run("all at once", func(t *testing.T) {
		args := join([]string{"-g", "60", "--scope", "container", probe}, beside(other("echo", "15", "say", "other")...), []string{"catch", "echo", "34"})
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			p.Expect("ready")
			kill(t, init, unix.SIGTERM)
			p.Expect("other")
			kill(t, init, 34)
			p.Expect("34")
			if status := p.Status(); status != 0 {
				t.Errorf("status %d", status)
			}
		})
	})
	t.Run("who had it has it once", func(t *testing.T) {
		// One of the group stays when the command has ended by TERM.
		args := join([]string{"-g", "60", probe}, beside("catch", "echo", "34", "say", "stayed"), []string{"say", "here", "pause"})
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			command := childOf(t, init)
			kid, _ := strconv.Atoi(children(t, command)[0])
			kill(t, init, unix.SIGTERM)
			test.Eventually(t, "the command has ended, and who stays is init's", func() bool { return slices.Contains(children(t, init), fmt.Sprint(kid)) && len(children(t, init)) == 1 })
			test.Eventually(t, "all rest", func() bool { return settled(init) && settled(kid) })
			kill(t, init, 34)
			rest := p.Rest()
			rest = slices.DeleteFunc(rest, func(line string) bool { return line == "here" || line == "ready" })
			if !slices.Equal(rest, []string{"15", "34", "stayed"}) {
				t.Errorf("it got %q", rest)
			}
			if status := p.Status(); status != 143 {
				t.Errorf("status %d", status)
			}
		})
	})
	t.Run("-c: the group has not had it", func(t *testing.T) {
		args := join([]string{"-c", "-g", "60", probe}, beside("catch", "echo", "15", "say", "member"), []string{"pause"})
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			kill(t, init, unix.SIGTERM)
			if rest := p.Rest(); !slices.Equal(rest, []string{"15", "member"}) {
				t.Errorf("it got %q", rest)
			}
			_ = p.Status()
		})
	})
	t.Run("the late one finishes", func(t *testing.T) {
		// On TERM the command forks somebody who works for a while, in its group or elsewhere, and ends.
		for _, scope := range []string{"group", "ordered", "container"} {
			for _, where := range [][]string{nil, {"setsid"}} {
				if scope == "group" && where != nil {
					continue // who left the group is nobody's
				}
				late := join(where, []string{"sleep", "200", "say", "saved"})
				args := join([]string{"-g", "60", "--scope", scope, probe, "catch", "echo", "15"}, beside(late...), []string{"exit", "4"})
				eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
					kill(t, init, unix.SIGTERM)
					if rest := p.Rest(); !slices.Equal(rest, []string{"15", "saved"}) {
						t.Errorf("%s, %v: %q", scope, where, rest)
					}
					if status := p.Status(); status != 4 {
						t.Errorf("%s, %v: status %d", scope, where, status)
					}
				})
			}
		}
	})
	t.Run("the command ends by itself", func(t *testing.T) {
		args := join([]string{"-g", "60", probe}, beside(other("echo", "15", "say", "other")...), beside("catch", "echo", "15", "say", "member"), []string{"say", "here", "catch", "echo", "34"})
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			p.Expect("ready")
			p.Expect("ready")
			command := childOf(t, init)
			kill(t, command, 34)
			var rest []string
			for _, line := range p.Rest() {
				if line != "34" && line != "15" && line != "here" {
					rest = append(rest, line)
				}
			}
			slices.Sort(rest)
			if !slices.Equal(rest, []string{"member", "other"}) {
				t.Errorf("%q", rest)
			}
			_ = p.Status()
		})
	})
	t.Run("a second stop signal goes to the group alone", func(t *testing.T) {
		args := join([]string{"-g", "60", probe}, beside(other("echo", "34", "say", "other")...), []string{"catch", "echo", "34"})
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			p.Expect("ready")
			kill(t, init, unix.SIGTERM)
			p.Expect("15")
			kill(t, init, unix.SIGINT)
			p.Expect("2")
			kill(t, childOf(t, init), 34)
			p.Expect("34")
			p.Expect("15") // the other's, now that the command has ended
			kill(t, childOf(t, init), 34)
			p.Expect("other")
			_ = p.Status()
		})
	})
}

// Stop signals wait for the time of --stop-delay; a second one, and the command's end, do not.
func TestStopDelay(t *testing.T) {
	probe := test.Probe(t)
	const delay = 300 * time.Millisecond
	t.Run("waits", func(t *testing.T) {
		for _, grace := range [][]string{nil, {"-g", "60"}} {
			args := append(append(grace[:len(grace):len(grace)], "--stop-delay", "300ms", "-v"), probe, "catch", "echo", "15")
			eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
				start := time.Now()
				kill(t, init, unix.SIGTERM)
				kill(t, init, unix.SIGHUP)
				p.Expect("1") // others do not wait
				p.Expect("15")
				if took := time.Since(start); took < delay {
					t.Errorf("TERM came after %v", took)
				}
				if status := p.Status(); status != 0 || !strings.Contains(p.Stderr(), "util init: holds TERM back for 0.300s\n") {
					t.Errorf("status %d, stderr %q", status, p.Stderr())
				}
			})
		}
	})
	t.Run("second", func(t *testing.T) {
		args := []string{"--stop-delay", "1h", "-g", "2h", probe, "catch", "echo", "34"}
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			kill(t, init, unix.SIGTERM)
			test.Eventually(t, "init has TERM", func() bool { return settled(init) })
			kill(t, init, unix.SIGINT)
			first, second := p.Line(), p.Line()
			if got := first + " " + second; got != "15 2" && got != "2 15" { // pending together, the lower comes first
				t.Errorf("the command got %s", got)
			}
			kill(t, init, unix.SIGTERM)
			p.Expect("15")
			kill(t, init, 34)
			_ = p.Status()
		})
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			kill(t, init, unix.SIGTERM)
			test.Eventually(t, "init has TERM", func() bool { return settled(init) })
			kill(t, init, unix.SIGTERM)
			p.Expect("15")
			kill(t, init, 34)
			if line := p.Line(); line != "34" {
				t.Errorf("the command got %s more", line)
			}
			_ = p.Status()
		})
	})
	t.Run("the command ends", func(t *testing.T) {
		// Whoever is left has had no signal, and gets it now.
		args := []string{"--stop-delay", "1h", "-g", "2h", probe, "beside", "5", "catch", "echo", "15", "say", "left", "pause"}
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			command := childOf(t, init)
			kill(t, init, unix.SIGTERM)
			test.Eventually(t, "init has TERM", func() bool { return settled(init) })
			kill(t, command, unix.SIGKILL)
			p.Expect("15")
			p.Expect("left")
			if status := p.Status(); status != 137 {
				t.Errorf("status %d", status)
			}
		})
	})
	t.Run("the grace period counts from the arrival", func(t *testing.T) {
		args := []string{"--stop-delay", "400ms", "-g", "500ms", probe, "catch", "pause"}
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			start := time.Now()
			kill(t, init, unix.SIGTERM)
			status := p.Status()
			if took := time.Since(start); status != 137 || took < 500*time.Millisecond || took > 880*time.Millisecond {
				t.Errorf("status %d after %v", status, took)
			}
		})
	})
}

// At the deadline init ends within a second, whoever is left: who may not be signalled, who does
// not show that it ended, who cannot be seen.
func TestDeadlineEndsInit(t *testing.T) {
	probe, util := test.Probe(t), test.Util(t)
	const grace = 200 * time.Millisecond
	inTime := func(t *testing.T, p *test.Process, send syscall.Signal, init int) (status int, stderr string) {
		t.Helper()
		start := time.Now()
		if send != 0 {
			kill(t, init, send)
		}
		status = p.Status()
		if took := time.Since(start); took < grace/2 || took > grace+1500*time.Millisecond {
			t.Errorf("ended after %v", took)
		}
		return status, p.Stderr()
	}
	setuid := func(t *testing.T) string {
		if os.Geteuid() != 0 {
			test.Missing(t, "root", "only root can make a set-user-ID program")
		}
		text, err := os.ReadFile(probe)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(filepath.Dir(probe), "setuid-for-deadline")
		if err := os.WriteFile(path, text, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o755|os.ModeSetuid); err != nil {
			t.Fatal(err)
		}
		return path
	}
	asNobody := &syscall.Credential{Uid: 65534, Gid: 65534}

	t.Run("may not be signalled", func(t *testing.T) {
		root := setuid(t)
		for _, options := range [][]string{nil, {"-v"}, {"--log-format", "json"}} {
			cmd := initOf(util, append(append([]string{"-g", "200ms"}, options...), root, "setuid", "0", "catch", "pause")...)
			cmd.SysProcAttr.Credential = asNobody
			p := test.Start(t, cmd)
			p.Expect("ready")
			status, stderr := inTime(t, p, unix.SIGTERM, p.Process.Pid)
			if status != 137 || strings.Contains(stderr, "; killed") || !strings.Contains(stderr, "is ended by the kernel with PID 1") {
				t.Errorf("%v: status %d, stderr %q", options, status, stderr)
			}
		}
	})
	t.Run("may not be signalled, subreaper", func(t *testing.T) {
		root := setuid(t)
		// Many others are there, each of which it looks at before it kills.
		others := slices.Repeat([]string{"beside", "1", "pause"}, 1500)
		words := slices.Concat([]string{"mountproc"}, others, []string{"fork", "setuid", "65534", "exec", util, "init", "-v", "-g", "200ms"})
		cmd := test.ProcNamespace(exec.Command(probe, append(words,
			root, "setuid", "0", "catch", "pause")...))
		p := test.Start(t, cmd)
		p.Expect("ready")
		pids := children(t, p.Process.Pid)
		init, _ := strconv.Atoi(pids[len(pids)-1])
		status, stderr := inTime(t, p, unix.SIGTERM, init)
		if status != 137 || !strings.Contains(stderr, "is still alive after KILL") || !strings.Contains(stderr, "not ended by KILL: 1: setuid-for-dead (") || strings.Contains(stderr, "; killed") {
			t.Errorf("status %d, stderr %q", status, stderr)
		}
	})
	t.Run("a zombie in the group", func(t *testing.T) {
		// Its parent has left the group, and does not reap it.
		args := []string{"-v", "-g", "200ms", "--scope", "group", probe, "beside", "8", "beside", "2", "exit", "0", "setsid", "say", "there", "pause", "catch", "echo", "34", "exit", "3"}
		eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
			p.Expect("there")
			start := time.Now()
			kill(t, init, 34)
			if status := p.Status(); status != 3 || strings.Contains(p.Stderr(), "KILL") {
				t.Errorf("status %d, stderr %q", status, p.Stderr())
			}
			if took := time.Since(start); took > grace { // nobody who lives is left in the group
				t.Errorf("ended after %v", took)
			}
		})
	})
	t.Run("no /proc", func(t *testing.T) {
		// A subreaper that cannot see who has left the session.
		cmd := test.Namespace(exec.Command(probe, "fork", "exec", util, "init", "-v", "-g", "200ms",
			probe, "beside", "6", "setsid", "ignore", "15", "say", "there", "pause", "catch", "echo", "34", "exit", "3"))
		p := test.Start(t, cmd)
		p.Expect("there")
		init := childOf(t, p.Process.Pid)
		test.Eventually(t, "the command waits", func() bool { return settled(childOf(t, init)) })
		status, stderr := inTime(t, p, 34, init)
		if status != 3 || strings.Contains(stderr, "; killed") || !strings.Contains(stderr, "not all ended by KILL; who, cannot be seen without a /proc") {
			t.Errorf("status %d, stderr %q", status, stderr)
		}
	})
	t.Run("waitid is refused", func(t *testing.T) {
		for _, scope := range []string{"ordered", "group"} {
			cmd := test.ProcNamespace(exec.Command(probe, "mountproc", "deny", strconv.Itoa(unix.SYS_WAITID), "1", "exec", util, "init", "-g", "200ms", "--scope", scope,
				probe, "orphans", "3", "beside", "2", "ignore", "15", "catch", "pause"))
			p := test.Start(t, cmd)
			p.Expect("ready")
			if status, _ := inTime(t, p, unix.SIGTERM, p.Process.Pid); status != 137 {
				t.Errorf("status %d", status)
			}
		}
	})
}

// --scope group does not wait for a group that is empty, or has nobody but the dead.
func TestEmptyGroup(t *testing.T) {
	for _, words := range [][]string{
		{"orphans", "1", "sleep", "2", "exit", "3"}, // quiet
		{"beside", "2", "exit", "0", "sleep", "2", "exit", "3"},
		{"exit", "3"},
	} {
		for range 30 {
			for _, cmd := range stopOf(t, append([]string{"--grace", "1h", "--scope", "group", "--", test.Probe(t)}, words...)...) {
				if status, _, stderr := test.Run(t, cmd); status != 3 || stderr != "" {
					t.Fatalf("%v: status %d, stderr %q", words, status, stderr)
				}
			}
		}
	}
	// One whose parent has left the group, so that init does not hear of its end.
	args := []string{"--grace", "1h", "--scope", "group", test.Probe(t), "beside", "9", "beside", "5", "catch", "echo", "15", "exit", "0", "setsid", "pause", "pause"}
	eachStop(t, args, func(t *testing.T, p *test.Process, init int) {
		command := childOf(t, init)
		kill(t, command, unix.SIGKILL)
		p.Expect("15")
		if status := p.Status(); status != 137 {
			t.Errorf("status %d", status)
		}
	})
}

// A process that is given the number of the command, after that was reaped, is not taken for it:
// its end is not the command's, and it gets none of its signals.
func TestCommandsNumberGivenAnew(t *testing.T) {
	probe := test.Probe(t)
	for _, denied := range []bool{false, true} { // without pidfds as well
		for name, options := range map[string][]string{"default": {"-g", "60"}, "single child": {"-g", "60", "-c"}, "tini": nil, "catatonit": nil} {
			t.Run(fmt.Sprintf("%s, without pidfds %v", name, denied), func(t *testing.T) {
				// The command is pid 2. It leaves somebody who outlives it, and when told by 34 makes a
				// process of that number, which says which signals it gets, and ends with 7.
				words := []string{"mountproc"}
				if denied {
					words = append(words, "deny", strconv.Itoa(unix.SYS_PIDFD_OPEN), "38")
				}
				words = append(words, "exec", test.Util(t))
				if options == nil {
					words = append(words, name)
				} else {
					words = append(append(words, "init"), options...)
				}
				again := []string{"setsid", "catch", "echo", "40", "exit", "7"}
				outlives := slices.Concat([]string{"setsid", "ignore", "15", "catch", "echo", "34", "nextpid", "2", "beside", strconv.Itoa(len(again))}, again, []string{"echo", "35", "exit", "0"})
				words = append(words, "--", probe, "beside", strconv.Itoa(len(outlives)))
				words = append(append(words, outlives...), "say", "here", "catch", "echo", "36", "exit", "3")
				cmd := test.ProcNamespace(exec.Command(probe, words...))
				cmd.Env = []string{"UTIL_INIT_GRACE=60"}
				p := test.Start(t, cmd)
				p.Expect("ready")
				p.Expect("ready")
				init := p.Process.Pid
				command := childOf(t, init)
				outliver, _ := strconv.Atoi(children(t, command)[0])
				kill(t, command, 36)
				p.Expect("36")
				test.Eventually(t, "init has reaped the command", func() bool {
					kids := children(t, init)
					return len(kids) == 1 && kids[0] == fmt.Sprint(outliver)
				})
				test.Eventually(t, "who outlives it waits", func() bool { return settled(outliver) })
				kill(t, outliver, 34)
				p.Expect("ready") // the new one
				kid, _ := strconv.Atoi(children(t, outliver)[0])
				if status := read(t, fmt.Sprintf("/proc/%d/status", kid)); !strings.Contains(status, "\t2\n") {
					test.Missing(t, "a pid that is given anew", "another process has taken it: "+status)
				}
				kill(t, init, unix.SIGUSR1)
				kill(t, init, unix.SIGTERM)
				test.Eventually(t, "init has them", func() bool { return settled(init) })
				test.Eventually(t, "all rest", func() bool { return settled(kid) && settled(outliver) })
				kill(t, kid, 40)
				var got []string
				for line := ""; line != "40"; {
					line = p.Line()
					got = append(got, line)
				}
				if slices.Contains(got, "10") || slices.Contains(got, "15") {
					t.Errorf("somebody got %q", got)
				}
				kill(t, outliver, 35)
				if status := p.Status(); status != 3 {
					t.Errorf("status %d, want the command's, 3", status)
				}
			})
		}
	}
}

// Signals that arrive without a pause keep init neither from seeing the command's end nor from
// the deadline.
func TestFloods(t *testing.T) {
	probe := test.Probe(t)
	for _, signal := range []string{"10", "12", "28", "40", "64"} {
		for name, words := range map[string][]string{"attentive": nil, "quiet": {"orphans", "3"}} {
			t.Run(fmt.Sprintf("%s, signal %s", name, signal), func(t *testing.T) {
				flood := []string{"beside", "3", "setsid", "flood", signal}
				command := slices.Concat(words, []string{"block", signal}, flood, flood, []string{"sleep", "200", "exit", "3"})
				if status, _, _ := test.Run(t, initOf(test.Util(t), append([]string{probe}, command...)...)); status != 3 {
					t.Errorf("status %d", status)
				}
				command = slices.Concat(words, []string{"ignore", "15", "block", signal}, flood, flood, []string{"say", "ready", "pause"})
				p := test.Start(t, initOf(test.Util(t), append([]string{"-g", "300ms", probe}, command...)...))
				p.Expect("ready")
				p.Signal(unix.SIGTERM)
				if status := p.Status(); status != 137 {
					t.Errorf("status %d", status)
				}
			})
		}
	}
}

// When RLIMIT_NOFILE is lowered on init, the quiet waiter cannot wait any more, and becomes
// attentive for good.
func TestFileLimitLowered(t *testing.T) {
	p := test.Start(t, initOf(test.Util(t), test.Probe(t), "orphans", "3", "catch", "echo", "64", "orphans", "3", "say", "done", "echo", "34", "exit", "6"))
	p.Expect("ready")
	init := p.Process.Pid
	quiet(t, init)
	if err := unix.Prlimit(init, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 0, Max: 0}, nil); err != nil {
		t.Fatal(err)
	}
	p.Signal(64)
	p.Expect("64")
	p.Expect("done")
	test.Eventually(t, "all orphans are reaped", func() bool { return len(children(t, init)) == 1 })
	test.Eventually(t, "init rests", func() bool { return settled(init) })
	before := switches(t, fmt.Sprintf("/proc/%d", init))
	p.Signal(34)
	if status := p.Status(); status != 6 {
		t.Errorf("status %d; %d context switches before", status, before)
	}
}

// A zombie that whoever executed init left to it makes init quiet at once; a command that has
// ended by then is seen all the same.
func TestInheritedZombie(t *testing.T) {
	probe := test.Probe(t)
	for range 100 {
		cmd := test.Namespace(exec.Command(probe, "beside", "2", "exit", "0", "sleep", "2", "exec", test.Util(t), "init", "--", probe, "exit", "5"))
		if status, _, _ := test.Run(t, cmd); status != 5 {
			t.Fatalf("status %d", status)
		}
	}
}

// Who is out of files sees nobody in /proc, and takes nobody for gone: the group is waited for,
// and what is left has its TERM.
func TestFilesRunOut(t *testing.T) {
	probe := test.Probe(t)
	for _, files := range []uint64{3, 4, 5, 6} {
		for _, scope := range []string{"group", "ordered"} {
			t.Run(fmt.Sprintf("%d files, scope %s", files, scope), func(t *testing.T) {
				args := []string{"-g", "60", "--scope", scope, probe, "beside", "10", "catch", "echo", "15", "sleep", "100", "say", "finished", "exit", "0", "pause", "pause"}
				p := test.Start(t, stopOf(t, args...)["PID 1"])
				p.Expect("ready")
				if err := unix.Prlimit(p.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: files}, nil); err != nil {
					t.Fatal(err)
				}
				kill(t, childOf(t, p.Process.Pid), unix.SIGKILL)
				if rest := p.Rest(); !slices.Equal(rest, []string{"15", "finished"}) {
					t.Errorf("who was left got and did %q", rest)
				}
				if status := p.Status(); status != 137 {
					t.Errorf("status %d", status)
				}
			})
		}
	}
}
