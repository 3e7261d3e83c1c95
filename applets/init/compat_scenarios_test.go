package initcmd_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"util/internal/sig"
	"util/internal/test"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// scenarios lists what a peer is put through.
func scenarios(t *testing.T, p peer) []scenario {
	var all []scenario
	add := func(sc scenario) { all = append(all, sc) }
	probe := test.Probe(t)
	command := func(words ...string) []string { return append([]string{probe}, words...) }
	orphan := func(name, flag string) scenario {
		return scenario{name: name, args: append([]string{flag, "--"}, command("orphans", "1", "say", "ready", "catch", "echo", "64")...), drive: func(t *testing.T, r *rerun) {
			r.ready(t)
			waitReaped(t, r.init)
			r.Expect("ready")
			r.settle(t)
			r.send(t, 64)
		}}
	}

	// Options, good and bad. "P" stands for the probe.
	for _, line := range commandLines[p.name] {
		env, args, ok := strings.Cut(line, " | ")
		if !ok {
			env, args = "", line
		}
		words := []string{}
		for _, w := range strings.Fields(args) {
			switch w {
			case "P":
				w = probe
			case "''":
				w = ""
			}
			words = append(words, w)
		}
		for _, child := range []bool{false, true} {
			add(scenario{name: "options: " + line, args: words, env: strings.Fields(env), child: child})
		}
	}

	// Exit statuses.
	for n := range 256 {
		add(scenario{name: "exit", args: append([]string{"--"}, command("exit", strconv.Itoa(n))...)})
		if p.name == "tini" {
			add(scenario{name: "exit mapped", args: append([]string{"-e", strconv.Itoa(n), "--"}, command("exit", strconv.Itoa(n))...)})
		}
	}
	for n := 1; n <= 64; n++ {
		switch syscall.Signal(n) {
		case unix.SIGCHLD, unix.SIGCONT, unix.SIGURG, unix.SIGWINCH, unix.SIGSTOP, unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU:
			continue
		}
		add(scenario{name: "exit by signal", args: append([]string{"--"}, command("raise", strconv.Itoa(n), "pause")...)})
	}

	// Signals, one by one.
	for _, n := range caught() {
		if n == 64 {
			continue
		}
		for _, child := range []bool{false, true} {
			sc := signalScenario(n, command("catch", "echo", "64", "exit", "3"))
			sc.child = child
			add(sc)
		}
	}

	// What the command sees.
	state := append([]string{"--"}, command("state", "fds", "env", "X", "env", "LISTEN_FDS")...)
	for _, child := range []bool{false, true} {
		add(scenario{name: "state", args: state, env: []string{"X=y", "X=z"}, child: child})
		add(scenario{name: "inherited", args: state, via: []string{"block", "10", "block", "40", "ignore", "15", "ignore", "13"}, child: child})
	}
	add(scenario{name: "LISTEN_PID", args: append([]string{"--"}, command("env", "LISTEN_PID")...), env: []string{"LISTEN_PID=1", "LISTEN_FDS=2"}})
	add(scenario{name: "LISTEN_PID of another", args: append([]string{"--"}, command("env", "LISTEN_PID")...), env: []string{"LISTEN_PID=77", "LISTEN_FDS=2"}})
	add(scenario{name: "SIGCHLD ignored", args: append([]string{"--"}, command("exit", "5")...), via: []string{"ignore", "17"}, hangs: p.name != "dumb-init"})
	add(scenario{name: "stdin closed", args: append([]string{"--"}, command("exit", "5")...), via: []string{"close", "0"}})
	add(scenario{name: "orphans", args: append([]string{"--"}, command("orphans", "50", "say", "done", "pause")...), drive: func(t *testing.T, r *rerun) {
		r.Expect("done")
		waitReaped(t, r.init)
		r.send(t, unix.SIGTERM)
	}})
	add(scenario{name: "TERM while stopped", args: append([]string{"--"}, command("catch", "echo", "15")...), hangs: true, drive: func(t *testing.T, r *rerun) {
		r.ready(t)
		stop(t, r)
		r.send(t, unix.SIGTERM)
	}})
	add(scenario{name: "holds", args: append([]string{"--"}, command("catch", "echo", "15")...), setup: func(_ *testing.T, cmd *exec.Cmd) {
		cmd.Dir = "/tmp"
		cmd.ExtraFiles = []*os.File{os.Stderr}
	}, drive: func(t *testing.T, r *rerun) {
		r.ready(t)
		dir, _ := os.Readlink(fmt.Sprintf("/proc/%d/cwd", r.init))
		files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", r.init))
		r.note("directory %s, %d files", dir, len(files))
		r.send(t, unix.SIGTERM)
	}})

	for name, content := range map[string]string{"other machine": "\x7fELF\x02\x02\x01" + strings.Repeat("\x00", 10) + "\x02\x00\x16" + strings.Repeat("\x00", 44), "no program": "\x00\x01(\n"} {
		path := filepath.Join(filepath.Dir(probe), strings.ReplaceAll(name, " ", "-"))
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil && !errors.Is(err, unix.ETXTBSY) {
			t.Fatal(err)
		}
		add(scenario{name: name, args: []string{"--", path}})
	}

	// Groups: who gets a signal, and who is told when the command has ended.
	flags := map[string][]string{"dumb-init": {"", "-c"}, "tini": {"", "-g"}, "catatonit": {"", "-g"}}[p.name]
	for _, flag := range flags {
		add(groupScenario(strings.TrimSpace("left "+flag), strings.Fields(flag), probe, false))
	}
	if p.name == "dumb-init" {
		add(groupScenario("left, stopped", nil, probe, true))
	}

	// Terminals.
	for _, child := range []bool{false, true} {
		for _, flag := range flags {
			add(terminalScenario(strings.TrimSpace("terminal "+flag), strings.Fields(flag), probe, child, false))
		}
		add(terminalScenario("terminal, stdin is another", nil, probe, child, true))
	}

	switch p.name {
	case "dumb-init":
		for _, flags := range []string{"-r 15:3 -r 2:0", "-r15:10 --rewrite=1:0", "--rew 20:10 -r 21:0 -r 22:12 -r 18:1"} {
			for _, n := range []int{1, 2, 15, 18, 20, 21, 22} {
				sc := signalScenario(n, append(append(strings.Fields(flags), "-v"), command("catch", "echo", "64")...))
				sc.name = "rewritten: " + sc.name
				add(sc)
				sc.child = true
				add(sc)
			}
		}
		for _, flag := range []string{"-v", "-cv"} {
			add(orphan("orphans, verbose", flag))
			for _, n := range []int{1, 10, 15, 17, 18, 20, 21, 22, 34, 63} {
				sc := signalScenario(n, append([]string{flag}, command("catch", "echo", "64")...))
				sc.name = "verbose: " + sc.name
				add(sc)
				sc.child = true
				add(sc)
			}
		}
		add(scenario{name: "log without reader", args: append([]string{"-v"}, command("exit", "5")...), setup: noReader, hangs: true})
	case "tini":
		for _, flags := range []string{"-v", "-vv", "-vvv", "-w", "-wvv", "-s", "-svvv", "-sg", "-e 3", "-e 4 -e 3 -v"} {
			for _, child := range []bool{false, true} {
				add(scenario{name: "flags " + flags, args: append(append(strings.Fields(flags), "--"), command("exit", "3")...), child: child})
			}
		}
		for _, n := range []int{1, 10, 15, 18, 34, 63} {
			sc := signalScenario(n, append([]string{"-vv", "--"}, command("catch", "echo", "64")...))
			sc.name = "verbose: " + sc.name
			add(sc)
		}
		add(orphan("warnings", "-w"))
		for _, name := range sig.Names() {
			for _, word := range []string{"SIG" + name, name, strings.ToLower("SIG" + name)} {
				add(scenario{name: "parent death", args: append([]string{"-p", word, "--"}, command("say", "here")...)})
			}
		}
	case "catatonit":
		for _, n := range []int{1, 2, 10, 15, 17, 18, 20} {
			add(scenario{name: "pause", args: []string{"-P"}, drive: func(t *testing.T, r *rerun) {
				test.Eventually(t, "init waits", func() bool {
					exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", r.init))
					return exe != probe && procState(r.init) == 'S'
				})
				r.send(t, syscall.Signal(n))
				r.send(t, unix.SIGTERM)
			}})
		}
		add(scenario{name: "debug", args: append([]string{"--"}, command("exit", "3")...), env: []string{"CATATONIT_DEBUG="}})
	}
	return append(all, privileged(t, probe)...)
}

// noReader makes stderr a pipe that nobody reads.
func noReader(t *testing.T, cmd *exec.Cmd) {
	r, w, err := os.Pipe()
	test.Must(t, err)
	r.Close()
	t.Cleanup(func() { w.Close() })
	cmd.Stderr = w
}

// stop stops the command.
func stop(t *testing.T, r *rerun) {
	t.Helper()
	pid := childOf(t, r.init)
	test.Must(t, syscall.Kill(pid, unix.SIGSTOP))
	waitState(t, pid, 'T')
}

// signalScenario sends a signal, and then 64, with which the command ends.
func signalScenario(n int, args []string) scenario {
	return scenario{name: fmt.Sprintf("signal %d", n), args: args, drive: func(t *testing.T, r *rerun) {
		r.ready(t)
		r.send(t, syscall.Signal(n))
		switch syscall.Signal(n) {
		case unix.SIGTSTP, unix.SIGTTIN, unix.SIGTTOU: // what was stopped goes on
			r.send(t, unix.SIGCONT)
		}
		r.send(t, 64)
	}}
}

// groupScenario has a command with a child in its group that prints what it gets. USR2 ends the command; what the child
// gets until then and afterwards, is its output. Init is an ordinary process, so that the child outlives it.
func groupScenario(name string, flags []string, probe string, stopped bool) scenario {
	sc := scenario{name: name, bare: true, args: append(append(flags, "--"), probe, "fork", "catch", "echo", "64")}
	sc.drive = func(t *testing.T, r *rerun) {
		r.ready(t)
		child := childOf(t, childOf(t, r.init))
		if stopped {
			kill(t, child, unix.SIGSTOP)
			waitState(t, child, 'T')
		}
		r.send(t, unix.SIGURG)
		r.send(t, unix.SIGUSR2)
		test.Eventually(t, "init ends", func() bool { state := procState(r.init); return state == 0 || state == 'Z' })
		if stopped {
			r.note("it goes on: %v", procState(child) != 'T')
			_ = syscall.Kill(child, unix.SIGCONT)
		}
		_ = syscall.Kill(child, 64)
	}
	return sc
}

// terminalScenario runs init as the leader of a terminal's session.
func terminalScenario(name string, flags []string, probe string, child, nullStdin bool) scenario {
	var term *terminal
	sc := scenario{name: name, args: append(append(flags, "--"), probe, "state", "catch", "echo", "15"), child: child}
	sc.setup = func(t *testing.T, cmd *exec.Cmd) {
		term = newTerminal(t)
		if nullStdin {
			null, err := os.Open("/dev/null")
			test.Must(t, err)
			t.Cleanup(func() { null.Close() })
			cmd.Stdin = null
		}
		term.leader(cmd)
	}
	sc.drive = func(t *testing.T, r *rerun) {
		r.ready(t)
		if name == "terminal, stdin is another" && term.foreground() != childOf(t, r.init) {
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
		term.typed("\x03")
		until("2")
		test.Must(t, pty.Setsize(term.master, &pty.Winsize{Rows: 30, Cols: 90}))
		until("28")
		term.typed("\x1c")
		until("3")
		r.send(t, unix.SIGTERM)
	}
	return sc
}

// privileged lists what only root can try.
func privileged(t *testing.T, probe string) []scenario {
	if os.Geteuid() != 0 {
		return nil
	}
	text, err := os.ReadFile(probe)
	test.Must(t, err)
	setuid := namesake(t, probe, "setuid-probe")
	test.Must(t, os.Remove(setuid))
	test.Must(t, os.WriteFile(setuid, text, 0o755))
	test.Must(t, os.Chmod(setuid, 0o755|os.ModeSetuid))
	return []scenario{{
		name: "forwarding denied", args: []string{"--", setuid, "setuid", "0", "catch", "echo", "10", "exit", "8"},
		setup: func(_ *testing.T, cmd *exec.Cmd) {
			cmd.SysProcAttr.Credential = nobody()
		},
		drive: func(t *testing.T, r *rerun) {
			r.ready(t)
			r.send(t, unix.SIGTERM)
			test.Eventually(t, "the command is told to end, or init has ended", func() bool {
				pids := children(t, r.init)
				if len(pids) == 1 {
					return syscall.Kill(pids[0], unix.SIGUSR1) == nil
				}
				return procState(r.init) == 'Z' // catatonit, at times, and tini from now on
			})
		},
	}}
}

// commandLines are command lines by init, with an environment in front of " | ". P is the probe.
var commandLines = map[string][]string{
	"dumb-init": {
		"", "-h", "--help", "--he", "-V", "--version", "-hV", "-Vh", "-x P", "--frob P", "--frob=3 P", "--ver", "--v", "--re", "-r", "--rewrite",
		"--help=3", "--verb=yes P", "-r 99:3 P", "-r foo P", "-r 15:3x P", "-r15:3 P", "--rewrite=15:3 P", "-vr15:3 P",
		"-r 15:32 P", "-r 0:3 P", "-r 32:3 P", "-r 15 P", "-r 15: P", "-r :3 P", "-r 15:-1 P", "-r -15:3 P", "-r 15:3:4 P", "-r +15:+3 P", "-r '' P",
		"-r 15:3 -r 15:x P", "-r 99999999999999999999:3 P", "--s P say -c", "--", "-", "-- -", "-c-x P", "-=x P", "--=x P", "--= P", "---help P",
		"P say --help", "-- P say -v", "-v P exit 3", "-cv P exit 3", "-vc P exit 3", "--verb -c P exit 3", "--verbose --single-child P raise 15", "-v P raise 9",
		"/no/such", "-v /no/such", "-cv /no/such", "/etc/passwd", "/etc", "/etc/passwd/x", "nowhere", "''", "-v ''",
		"DUMB_INIT_DEBUG=1 | P exit 3", "DUMB_INIT_DEBUG=0 | P exit 3", "DUMB_INIT_DEBUG= | P", "DUMB_INIT_DEBUG=yes | P",
		"DUMB_INIT_SETSID=0 | P state", "DUMB_INIT_SETSID=1 | P state", "DUMB_INIT_SETSID= | P state", "DUMB_INIT_SETSID=0 DUMB_INIT_DEBUG=1 | P state", "P state", "-c P state",
	},
	"tini": {
		"", "-h", "-hx", "-sh", "-h -x", "-x -h", "--version", "--version x", "-s --version", "-- --version", "-x P", "--frob P", "-p", "-e", "-p FOO P",
		"-p TERM P", "-p SIGTERM P", "-pSIGTERM P", "-p SIGRTMIN P", "-e x P", "-e 256 P", "-e -1 P", "-e 3x P", "-e 0x3 P", "-e '' P", "-e +3 P exit 3",
		"-e3 P exit 3", "-e 137 P raise 9", "-l", "P -s", "P say -g x", "P say x -v", "P -- say -g", "-g P -- say -c", "-- P say -g", "--", "-s --", "-", "- -s", "-s '' ", "''",
		"/no/such", "-s /no/such", "-v /no/such", "-e 127 -s /no/such", "/etc/passwd", "/etc", "/etc/passwd/x", "nowhere", "-vvvv P exit 3", "-vvvvv P exit 3",
		"P raise 15", "-v P raise 15", "-v P raise 9", "-v P raise 34", "-v P raise 64", "-v P raise 32",
		"TINI_VERBOSITY=0 | P", "TINI_VERBOSITY=0 | -w P orphans 1", "TINI_VERBOSITY=1 | -vvv P", "TINI_VERBOSITY=2 | P exit 3", "TINI_VERBOSITY=3 | P exit 3", "TINI_VERBOSITY=4 | -s P exit 3", "TINI_VERBOSITY=9 | -s P exit 3",
		"TINI_VERBOSITY=x | P", "TINI_VERBOSITY= | P", "TINI_VERBOSITY=-3 | P", "TINI_VERBOSITY=0 | /no/such", "TINI_SUBREAPER= | P", "TINI_SUBREAPER=1 | P", "TINI_KILL_PROCESS_GROUP=1 | P state",
		"POSIXLY_CORRECT=1 | -s P say -g", "POSIXLY_CORRECT= | P say -g", "POSIXLY_CORRECT=1 | P -s", "P state", "-g P state", "-s P state",
	},
	"catatonit": {
		"", "-h", "-hx", "-x P", "--help", "--frob P", "--frob=3 P", "-V", "--version", "--vers", "-gV", "--", "-- ''", "--version=3", "--vers=3", "-L", "-gx P", "--h", "--=",
		"P say -g x", "P -g say x", "-g P -- say -g", "-- P say -g", "-g P state", "P state", "-Px", "-", "- -g",
		"/no/such", "/etc/passwd", "/etc", "/etc/passwd/x", "nowhere", "''", "P raise 15", "P raise 9",
		"POSIXLY_CORRECT=1 | P say -g", "POSIXLY_CORRECT= | -g P say -g",
	},
}
