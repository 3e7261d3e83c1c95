package initcmd_test

import (
	"fmt"
	"os"
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

// Who gets what at a stop. "the other" is a process that left the command's group and session; "the late" is forked by the
// command when it has the stop signal, as a handler forks a script that saves something.
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

// With --scope group nobody outside the command's group is signalled.
func TestScopeGroup(t *testing.T) {
	probe := test.Probe(t)
	p := test.Start(t, test.ProcNamespace(exec.Command(probe, "mountproc", "fork", "exec", test.Util(t), "init",
		"-g", "100ms", "--scope", "group", probe, "fork", "setsid", "catch", "killparent", "9", "echo", "34")))
	p.Expect("ready")
	// Init ends, and with it PID 1, of which the escaped process is a child by then; until that it must have had nothing.
	if rest := p.Rest(); len(rest) != 0 {
		t.Errorf("the escaped process got %q", rest)
	}
	if status := p.Status(); status != 137 {
		t.Errorf("status %d", status)
	}
	// In the group, KILL comes after the grace period.
	eachStop(t, []string{"-v", "-g", "100ms", "--scope", "group", probe, "fork", "catch", "killparent", "9", "pause"}, func(t *testing.T, p *test.Process, _ int) {
		if status := p.Status(); status != 137 || !strings.Contains(p.Stderr(), "KILL to 1 that are left: probe (") {
			t.Errorf("status %d, stderr %q", status, p.Stderr())
		}
	})
}

// What is left of the command's group gets TERM when the command has ended.
func TestSweep(t *testing.T) {
	probe := test.Probe(t)
	p := test.Start(t, bare(test.Util(t), probe, "fork", "catch", "killparent", "9", "echo", "15"))
	p.Expect("ready")
	p.Expect("15")
	if status := p.Status(); status != 128+9 {
		t.Errorf("status %d", status)
	}
}

// dumb-init's users expect TERM alone when the command has ended; CONT comes if somebody of the group is stopped.
func TestDumbInitSweep(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		p := test.Start(t, exec.Command(namesake(t, test.Util(t), "dumb-init"), test.Probe(t), "beside", "4", "catch", "echo", "34", "pause", "pause"))
		p.Expect("ready")
		command := childOf(t, p.Process.Pid)
		kid, _ := strconv.Atoi(children(t, command)[0])
		t.Cleanup(func() { _ = syscall.Kill(kid, unix.SIGKILL) })
		if stopped {
			kill(t, kid, unix.SIGSTOP)
		}
		test.Eventually(t, "its child rests", func() bool { return settled(kid) && (procState(kid) == 'T') == stopped })
		kill(t, command, unix.SIGKILL)
		p.Expect("15")
		kill(t, kid, 34)
		var rest []string
		for line := ""; line != "34"; {
			line = p.Line()
			rest = append(rest, line)
		}
		if got := slices.Contains(rest, "18"); got != stopped {
			t.Errorf("stopped %v: behind TERM it got %q", stopped, rest)
		}
		kill(t, kid, unix.SIGKILL)
		_ = p.Status()
	}
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

// Who is out of files sees nobody in /proc, and takes nobody for gone: the group is waited for, and what is left has its TERM.
func TestFilesRunOut(t *testing.T) {
	probe := test.Probe(t)
	for _, files := range []uint64{3, 4, 5, 6} {
		for _, scope := range []string{"group", "ordered"} {
			t.Run(fmt.Sprintf("%d files, scope %s", files, scope), func(t *testing.T) {
				args := []string{"-g", "60", "--scope", scope, probe, "beside", "10", "catch", "echo", "15", "sleep", "100", "say", "finished", "exit", "0", "pause", "pause"}
				p := test.Start(t, stopOf(t, args...)["PID 1"])
				p.Expect("ready")
				test.Must(t, unix.Prlimit(p.Process.Pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: files}, nil))
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

// A descendant whose parent /proc hides does not send init round in circles, nor does a chain of thousands.
func TestDescendants(t *testing.T) {
	probe, util := test.Probe(t), test.Util(t)
	t.Run("hidepid", func(t *testing.T) {
		if os.Geteuid() != 0 {
			test.Missing(t, "root", "only root can make a set-user-ID program and mount /proc with hidepid")
		}
		setuid := setuidProbe(t)
		for _, words := range [][]string{{}, {"fork"}} { // PID 1, subreaper
			args := slices.Concat([]string{"mountproc", "hidepid"}, words, []string{
				"setuid", "65534", "exec", util, "init", "-g", "300ms",
				probe, "beside", "15", "exec", setuid, "setuid", "0", "setsid", "beside", "5", "setuid", "65534", "say", "visible", "pause", "pause", "pause", "say", "here", "pause",
			})
			args[slices.Index(args, "15")] = "14"
			p := test.Start(t, test.ProcNamespace(exec.Command(probe, args...)))
			p.Expect("visible")
			init := p.Process.Pid
			if len(words) > 0 {
				init = childOf(t, init)
			}
			kill(t, init, unix.SIGTERM)
			start := time.Now()
			if status := p.Status(); status != 143 {
				t.Errorf("status %d", status)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("ended after %v", took)
			}
		}
	})
	t.Run("chain", func(t *testing.T) {
		const n = 1000 // without a memory of who was seen, a million looks
		p := test.Start(t, test.ProcNamespace(exec.Command(probe, "mountproc", "exec", util, "init", "-g", "100ms", probe, "ignore", "15", "setsid", "chain", strconv.Itoa(n), "say", "ready", "pause")))
		p.Expect("ready")
		start := time.Now()
		kill(t, childOf(t, p.Process.Pid), unix.SIGKILL) // the first of them; the others are left, and do not end by TERM
		if status := p.Status(); status != 137 {
			t.Errorf("status %d", status)
		}
		if took := time.Since(start); took > 6*time.Second {
			t.Errorf("to tell %d processes took %v", n, took)
		}
	})
}

// A process that is given the number of the command, after that was reaped, is not taken for it: its end is not the command's,
// and it gets none of its signals.
func TestCommandsNumberGivenAnew(t *testing.T) {
	probe := test.Probe(t)
	for _, denied := range []bool{false, true} { // without pidfds as well
		for name, options := range map[string][]string{"default": {"-g", "60"}, "single child": {"-g", "60", "-c"}, "tini": nil, "catatonit": nil} {
			t.Run(fmt.Sprintf("%s, without pidfds %v", name, denied), func(t *testing.T) {
				// The command is pid 2. It leaves somebody who outlives it, and when told by 34 makes a process of that number, which says
				// which signals it gets, and ends with 7.
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
