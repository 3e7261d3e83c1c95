package initcmd_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"util/internal/sig"
	"util/internal/test"

	"golang.org/x/sys/unix"
)

// scenarios lists the scenarios for a peer.
func scenarios(t *testing.T, p peer) []scenario {
	all := slices.Concat(
		optionScenarios(t, p),
		statusScenarios(t, p),
		signalScenarios(t),
		startScenarios(t, p),
		runScenarios(t),
		notProgramScenarios(t),
		groupAndTerminalScenarios(t, p),
	)
	switch p.name {
	case "dumb-init":
		all = append(all, dumbInitScenarios(t)...)
	case "tini":
		all = append(all, tiniScenarios(t)...)
	case "catatonit":
		all = append(all, catatonitScenarios(t)...)
	}
	return append(all, privileged(t)...)
}

// commandWords returns "--" and a command, the probe with words.
func commandWords(t *testing.T, words ...string) []string {
	return append([]string{"--", test.Probe(t)}, words...)
}

// withChild returns the scenarios, and each with an init that is not PID 1.
func withChild(all ...scenario) []scenario {
	for _, sc := range slices.Clone(all) {
		sc.child = true
		all = append(all, sc)
	}
	return all
}

// optionScenarios are the command lines in commandLines.
func optionScenarios(t *testing.T, p peer) (all []scenario) {
	for _, line := range commandLines[p.name] {
		env, args, ok := strings.Cut(line, " | ")
		if !ok {
			env, args = "", line
		}
		words := []string{}
		for w := range strings.FieldsSeq(args) {
			switch w {
			case "P":
				w = test.Probe(t)
			case "''":
				w = ""
			}
			words = append(words, w)
		}
		sc := scenario{name: "options: " + line, args: words, env: strings.Fields(env)}
		all = append(all, withChild(sc)...)
	}
	return all
}

func statusScenarios(t *testing.T, p peer) (all []scenario) {
	for n := range 256 {
		exit := commandWords(t, "exit", strconv.Itoa(n))
		all = append(all, scenario{name: "exit", args: exit})
		if p.name == "tini" {
			mapped := append([]string{"-e", strconv.Itoa(n)}, exit...)
			all = append(all, scenario{name: "exit mapped", args: mapped})
		}
	}
	for n := 1; n <= 64; n++ {
		switch syscall.Signal(n) {
		case unix.SIGCHLD, unix.SIGCONT, unix.SIGURG, unix.SIGWINCH: // ignored by default
			continue
		case unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU: // stop by default
			continue
		}
		args := commandWords(t, "raise", strconv.Itoa(n), "pause")
		all = append(all, scenario{name: "exit by signal", args: args})
	}
	return all
}

// signalScenarios send each signal to init.
func signalScenarios(t *testing.T) (all []scenario) {
	for _, n := range caught() {
		if n != 64 {
			sc := signalScenario(n, commandWords(t, "catch", "echo", "64", "exit", "3")[1:])
			all = append(all, withChild(sc)...)
		}
	}
	return all
}

// startScenarios show what the command inherits.
func startScenarios(t *testing.T, p peer) []scenario {
	state := commandWords(t, "state", "fds", "env", "X", "env", "LISTEN_FDS")
	altered := []string{"block", "10", "block", "40", "ignore", "15", "ignore", "13"}
	listen := commandWords(t, "env", "LISTEN_PID")
	exit := commandWords(t, "exit", "5")
	pid := func(pid string) []string { return []string{"LISTEN_PID=" + pid, "LISTEN_FDS=2"} }
	hangs := p.name != "dumb-init"
	return append(withChild(
		scenario{name: "state", args: state, env: []string{"X=y", "X=z"}},
		scenario{name: "inherited", args: state, via: altered},
	),
		scenario{name: "LISTEN_PID", args: listen, env: pid("1")},
		scenario{name: "LISTEN_PID of another", args: listen, env: pid("77")},
		scenario{name: "SIGCHLD ignored", args: exit, via: []string{"ignore", "17"}, hangs: hangs},
		scenario{name: "stdin closed", args: exit, via: []string{"close", "0"}},
	)
}

// runScenarios show what init does while the command runs.
func runScenarios(t *testing.T) []scenario {
	catch := commandWords(t, "catch", "echo", "15")
	return []scenario{
		{
			name: "orphans",
			args: commandWords(t, "orphans", "50", "say", "done", "pause"),
			drive: func(t *testing.T, r *rerun) {
				r.Expect("done")
				waitReaped(t, r.init)
				r.send(t, unix.SIGTERM)
			},
		},
		{
			name: "TERM while stopped", args: catch, hangs: true,
			drive: func(t *testing.T, r *rerun) {
				r.ready(t)
				command := childOf(t, r.init)
				kill(t, command, unix.SIGSTOP)
				waitState(t, command, 'T')
				r.send(t, unix.SIGTERM)
			},
		},
		{
			name: "holds", args: catch,
			setup: func(_ *testing.T, cmd *exec.Cmd) {
				cmd.Dir = "/tmp"
				cmd.ExtraFiles = []*os.File{os.Stderr}
			},
			drive: func(t *testing.T, r *rerun) {
				r.ready(t)
				dir, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", r.init))
				files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", r.init))
				r.note("directory %s, %d files", dir, len(files))
				r.send(t, unix.SIGTERM)
			},
		},
	}
}

// notProgramScenarios have a command that the kernel cannot execute.
func notProgramScenarios(t *testing.T) (all []scenario) {
	zeros := func(n int) string { return strings.Repeat("\x00", n) }
	elf := "\x7fELF\x02\x02\x01" + zeros(10) + "\x02\x00\x16" + zeros(44)
	for name, content := range map[string]string{"other machine": elf, "no program": "\x00\x01(\n"} {
		path := filepath.Join(filepath.Dir(test.Probe(t)), strings.ReplaceAll(name, " ", "-"))
		err := os.WriteFile(path, []byte(content), 0o755)
		if !errors.Is(err, unix.ETXTBSY) { // the scenarios of another peer use the file
			test.Must(t, err)
		}
		all = append(all, scenario{name: name, args: []string{"--", path}})
	}
	return all
}

func groupAndTerminalScenarios(t *testing.T, p peer) (all []scenario) {
	groupFlag := "-g"
	if p.name == "dumb-init" {
		groupFlag = "-c"
		all = append(all, groupScenario(t, "left, stopped", nil, true))
	}
	all = append(all, groupScenario(t, "left", nil, false),
		groupScenario(t, "left "+groupFlag, []string{groupFlag}, false))
	for _, child := range []bool{false, true} {
		all = append(all, terminalScenario(t, "terminal", nil, child, false),
			terminalScenario(t, "terminal "+groupFlag, []string{groupFlag}, child, false),
			terminalScenario(t, "terminal, stdin is another", nil, child, true))
	}
	return all
}

func dumbInitScenarios(t *testing.T) (all []scenario) {
	command := commandWords(t, "catch", "echo", "64")[1:]
	for _, rewrites := range []string{
		"-r 15:3 -r 2:0", "-r15:10 --rewrite=1:0", "--rew 20:10 -r 21:0 -r 22:12 -r 18:1",
	} {
		for _, n := range []int{1, 2, 15, 18, 20, 21, 22} {
			sc := signalScenario(n, slices.Concat(strings.Fields(rewrites), []string{"-v"}, command))
			sc.name = "rewritten: " + sc.name
			all = append(all, withChild(sc)...)
		}
	}
	for _, flag := range []string{"-v", "-cv"} {
		all = append(all, orphanScenario(t, "orphans, verbose", flag))
		for _, n := range []int{1, 10, 15, 17, 18, 20, 21, 22, 34, 63} {
			sc := signalScenario(n, append([]string{flag}, command...))
			sc.name = "verbose: " + sc.name
			all = append(all, withChild(sc)...)
		}
	}
	noReader := func(t *testing.T, cmd *exec.Cmd) {
		r, w, err := os.Pipe()
		test.Must(t, err)
		r.Close()
		t.Cleanup(func() { w.Close() })
		cmd.Stderr = w
	}
	return append(all, scenario{
		name: "log without reader", args: append([]string{"-v"}, commandWords(t, "exit", "5")[1:]...),
		setup: noReader, hangs: true,
	})
}

func tiniScenarios(t *testing.T) (all []scenario) {
	for _, flags := range []string{
		"-v", "-vv", "-vvv", "-w", "-wvv", "-s", "-svvv", "-sg", "-e 3", "-e 4 -e 3 -v",
	} {
		args := append(strings.Fields(flags), commandWords(t, "exit", "3")...)
		all = append(all, withChild(scenario{name: "flags " + flags, args: args})...)
	}
	for _, n := range []int{1, 10, 15, 18, 34, 63} {
		sc := signalScenario(n, append([]string{"-vv"}, commandWords(t, "catch", "echo", "64")...))
		sc.name = "verbose: " + sc.name
		all = append(all, sc)
	}
	all = append(all, orphanScenario(t, "warnings", "-w"))
	for _, name := range sig.Names() {
		for _, word := range []string{"SIG" + name, name, strings.ToLower("SIG" + name)} {
			args := append([]string{"-p", word}, commandWords(t, "say", "here")...)
			all = append(all, scenario{name: "parent death", args: args})
		}
	}
	return all
}

func catatonitScenarios(t *testing.T) (all []scenario) {
	probe := test.Probe(t)
	for _, n := range []int{1, 2, 10, 15, 17, 18, 20} {
		sc := scenario{name: "pause", args: []string{"-P"}}
		sc.drive = func(t *testing.T, r *rerun) {
			test.Eventually(t, "init waits", func() bool {
				exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", r.init))
				return exe != probe && test.ProcState(r.init) == 'S'
			})
			r.send(t, syscall.Signal(n))
			r.send(t, unix.SIGTERM)
		}
		all = append(all, sc)
	}
	debug := []string{"CATATONIT_DEBUG="}
	return append(all, scenario{name: "debug", args: commandWords(t, "exit", "3"), env: debug})
}

// orphanScenario has one orphan, and then ends the command with 64.
func orphanScenario(t *testing.T, name, flag string) scenario {
	command := commandWords(t, "orphans", "1", "say", "ready", "catch", "echo", "64")
	sc := scenario{name: name, args: append([]string{flag}, command...)}
	sc.drive = func(t *testing.T, r *rerun) {
		r.ready(t)
		waitReaped(t, r.init)
		r.Expect("ready")
		r.settle(t)
		r.send(t, 64)
	}
	return sc
}

// signalScenario sends a signal, and then 64, with which the command ends.
func signalScenario(n int, args []string) scenario {
	sc := scenario{name: fmt.Sprintf("signal %d", n), args: args}
	sc.drive = func(t *testing.T, r *rerun) {
		r.ready(t)
		r.send(t, syscall.Signal(n))
		switch syscall.Signal(n) {
		case unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU: // may have stopped the command
			r.send(t, unix.SIGCONT)
		}
		r.send(t, 64)
	}
	return sc
}

// groupScenario has a command with a child in its group that prints each signal that it gets. USR2
// terminates the command; the output shows what the child gets before and after that. Init is an
// ordinary process, so that the child outlives it.
func groupScenario(t *testing.T, name string, flags []string, stopped bool) scenario {
	args := append(flags, commandWords(t, "fork", "catch", "echo", "64")...)
	return scenario{name: name, bare: true, args: args, drive: func(t *testing.T, r *rerun) {
		r.ready(t)
		child := childOf(t, childOf(t, r.init))
		if stopped {
			kill(t, child, unix.SIGSTOP)
			waitState(t, child, 'T')
		}
		r.send(t, unix.SIGURG)
		r.send(t, unix.SIGUSR2)
		waitEnded(t, r.init)
		if stopped {
			r.note("continued: %v", test.ProcState(child) != 'T')
			_ = syscall.Kill(child, unix.SIGCONT)
		}
		_ = syscall.Kill(child, 64)
	}}
}

// terminalScenario runs init as the leader of the session of a terminal.
func terminalScenario(t *testing.T, name string, flags []string, child, nullStdin bool) scenario {
	var term *test.Terminal
	args := append(flags, commandWords(t, "state", "catch", "echo", "15")...)
	sc := scenario{name: name, args: args, child: child}
	sc.setup = func(t *testing.T, cmd *exec.Cmd) {
		term = test.NewTerminal(t)
		if nullStdin {
			cmd.Stdin = devNull(t)
		}
		leader(term, cmd)
	}
	sc.drive = func(t *testing.T, r *rerun) {
		r.ready(t)
		if nullStdin && foreground(t, term) != childOf(t, r.init) {
			r.note("not in the foreground")
			r.send(t, unix.SIGTERM)
			return
		}
		until := func(want string) {
			for line := ""; line != want; {
				line = r.Line()
				r.note("%s", line)
			}
			r.settle(t)
		}
		term.Type("\x03")
		until("2")
		term.Resize(30, 90)
		until("28")
		term.Type("\x1c")
		until("3")
		r.send(t, unix.SIGTERM)
	}
	return sc
}

// privileged lists the scenarios that need root.
func privileged(t *testing.T) []scenario {
	if os.Geteuid() != 0 {
		return nil
	}
	return []scenario{{
		name: "forwarding denied",
		args: []string{"--", setuidProbe(t), "setuid", "0", "catch", "echo", "10", "exit", "8"},
		setup: func(_ *testing.T, cmd *exec.Cmd) {
			cmd.SysProcAttr.Credential = nobody()
		},
		drive: func(t *testing.T, r *rerun) {
			r.ready(t)
			r.send(t, unix.SIGTERM)
			test.Eventually(t, "the command gets USR1, or init has ended", func() bool {
				pids := children(t, r.init)
				if len(pids) == 1 {
					return syscall.Kill(pids[0], unix.SIGUSR1) == nil
				}
				return test.ProcState(r.init) == 'Z' // tini always, catatonit sometimes
			})
		},
	}}
}

// commandLines are command lines for each peer, with an environment before " | ". P is the probe.
var commandLines = map[string][]string{
	"dumb-init": {
		"", "-h", "--help", "--he", "-V", "--version", "-hV", "-Vh", "-x P", "--frob P",
		"--frob=3 P", "--ver", "--v", "--re", "-r", "--rewrite",
		"--help=3", "--verb=yes P", "-r 99:3 P", "-r foo P", "-r 15:3x P", "-r15:3 P",
		"--rewrite=15:3 P", "-vr15:3 P",
		"-r 15:32 P", "-r 0:3 P", "-r 32:3 P", "-r 15 P", "-r 15: P", "-r :3 P", "-r 15:-1 P",
		"-r -15:3 P", "-r 15:3:4 P", "-r +15:+3 P", "-r '' P",
		"-r 15:3 -r 15:x P", "-r 99999999999999999999:3 P", "--s P say -c", "--", "-", "-- -",
		"-c-x P", "-=x P", "--=x P", "--= P", "---help P",
		"P say --help", "-- P say -v", "-v P exit 3", "-cv P exit 3", "-vc P exit 3",
		"--verb -c P exit 3", "--verbose --single-child P raise 15", "-v P raise 9",
		"/no/such", "-v /no/such", "-cv /no/such", "/etc/passwd", "/etc", "/etc/passwd/x",
		"nowhere", "''", "-v ''",
		"DUMB_INIT_DEBUG=1 | P exit 3", "DUMB_INIT_DEBUG=0 | P exit 3", "DUMB_INIT_DEBUG= | P",
		"DUMB_INIT_DEBUG=yes | P",
		"DUMB_INIT_SETSID=0 | P state", "DUMB_INIT_SETSID=1 | P state",
		"DUMB_INIT_SETSID= | P state", "DUMB_INIT_SETSID=0 DUMB_INIT_DEBUG=1 | P state", "P state",
		"-c P state",
	},
	"tini": {
		"", "-h", "-hx", "-sh", "-h -x", "-x -h", "--version", "--version x", "-s --version",
		"-- --version", "-x P", "--frob P", "-p", "-e", "-p FOO P",
		"-p TERM P", "-p SIGTERM P", "-pSIGTERM P", "-p SIGRTMIN P", "-e x P", "-e 256 P",
		"-e -1 P", "-e 3x P", "-e 0x3 P", "-e '' P", "-e +3 P exit 3",
		"-e3 P exit 3", "-e 137 P raise 9", "-l", "P -s", "P say -g x", "P say x -v", "P -- say -g",
		"-g P -- say -c", "-- P say -g", "--", "-s --", "-", "- -s", "-s '' ", "''",
		"/no/such", "-s /no/such", "-v /no/such", "-e 127 -s /no/such", "/etc/passwd", "/etc",
		"/etc/passwd/x", "nowhere", "-vvvv P exit 3", "-vvvvv P exit 3",
		"P raise 15", "-v P raise 15", "-v P raise 9", "-v P raise 34", "-v P raise 64",
		"-v P raise 32",
		"TINI_VERBOSITY=0 | P", "TINI_VERBOSITY=0 | -w P orphans 1", "TINI_VERBOSITY=1 | -vvv P",
		"TINI_VERBOSITY=2 | P exit 3", "TINI_VERBOSITY=3 | P exit 3",
		"TINI_VERBOSITY=4 | -s P exit 3", "TINI_VERBOSITY=9 | -s P exit 3",
		"TINI_VERBOSITY=x | P", "TINI_VERBOSITY= | P", "TINI_VERBOSITY=-3 | P",
		"TINI_VERBOSITY=0 | /no/such", "TINI_SUBREAPER= | P", "TINI_SUBREAPER=1 | P",
		"TINI_KILL_PROCESS_GROUP=1 | P state",
		"POSIXLY_CORRECT=1 | -s P say -g", "POSIXLY_CORRECT= | P say -g",
		"POSIXLY_CORRECT=1 | P -s", "P state", "-g P state", "-s P state",
	},
	"catatonit": {
		"", "-h", "-hx", "-x P", "--help", "--frob P", "--frob=3 P", "-V", "--version", "--vers",
		"-gV", "--", "-- ''", "--version=3", "--vers=3", "-L", "-gx P", "--h", "--=",
		"P say -g x", "P -g say x", "-g P -- say -g", "-- P say -g", "-g P state", "P state", "-Px",
		"-", "- -g",
		"/no/such", "/etc/passwd", "/etc", "/etc/passwd/x", "nowhere", "''", "P raise 15",
		"P raise 9",
		"POSIXLY_CORRECT=1 | P say -g", "POSIXLY_CORRECT= | -g P say -g",
	},
}
