package initcmd_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"util/applets/init/pid1"
	"util/internal/sig"
	"util/internal/test"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// The inits of Debian and ours under their names are put through the same scenarios; status, output and what the
// commands saw have to be the same, but for the differences listed here.

// difference is one that is meant. The README lists them in these words (TestReadmeDifferences).
type difference struct {
	inits    string // whom it is about
	what     string // the case
	original string
	ours     string
	chance   bool   // the original's part depends on timing, so that it may be the same
	in       string // a regular expression for INIT/SCENARIO; all of its scenarios have to differ
}

var differences = []difference{
	{
		"tini, catatonit", "help, licence", "theirs", "util's own words, on the same stream and with the same status",
		false, `(tini|catatonit)/options: -(l|L)( \(|$)`, // the help is normalized away
	},
	{
		"tini, catatonit", "version", "stdout alone", "the same on stdout, and util's own version on stderr; tini's has a commit, util's, in the form that Docker reads",
		false, `tini/options: --version( \(|$)|catatonit/options: (-V|--version|--vers|-gV)( \(|$)`,
	},
	{
		"catatonit", "CATATONIT_DEBUG", "lines about the terminal and about each step", "lines about the start, failures and orphans",
		false, `catatonit/debug`,
	},
	{
		"all", "blocked and ignored signals that init was started with", "dumb-init resets them, catatonit blocks TSTP, TTIN and TTOU for every command", "the command inherits them as they were",
		false, `(dumb-init|catatonit)/inherited|catatonit/(state|terminal)|catatonit/options: .*P state`,
	},
	{
		"all", "ABRT, BUS, FPE, ILL, SEGV, SYS and TRAP sent to init", "tini and catatonit are ended by them, or as PID 1 ignore them", "forwarded, as dumb-init does",
		false, `(tini|catatonit)/signal (4|5|6|7|8|11|31)( |$)`,
	},
	{
		"all", "signals 32 and 33 sent to init", "end it, or are lost for PID 1", "forwarded",
		false, `/signal (32|33)( |$)`,
	},
	{
		"tini, catatonit", "SIGCHLD is ignored by whoever starts init", "hangs when the command has ended", "ends with the command's status",
		false, `(tini|catatonit)/SIGCHLD ignored`,
	},
	{
		"dumb-init, tini", "LISTEN_PID names init (sd_listen_fds(3))", "still names init: the command takes no socket", "names the command",
		false, `(dumb-init|tini)/LISTEN_PID$`,
	},
	{
		"all", "TERM, INT, HUP or QUIT for a command that is stopped", "waits until somebody continues the command", "continues it",
		false, `/TERM while stopped`,
	},
	{
		"all", "the working directory and the open files of the command", "held by init (catatonit: the first three files and the directory)", "let go, but for files 0, 1 and 2",
		false, `/holds`,
	},
	{
		"tini", "stdin is closed", "fatal", "works",
		false, `tini/stdin closed`,
	},
	{
		"dumb-init", "-v into a pipe without a reader", "SIGPIPE ends the command before it starts, and init spins for ever", "the lines are lost, nothing else",
		false, `dumb-init/log without reader`,
	},
	{
		"tini", "the command has become another user", "the first signal ends init with status 1", "goes on, as dumb-init does",
		false, `tini/forwarding denied`,
	},
	{
		"catatonit", "the command has become another user", "init ends at once if that was soon: it looks for the command with kill(2)", "goes on, as dumb-init does",
		true, `catatonit/forwarding denied`,
	},
	{
		"dumb-init, tini", "a terminal, but stdin is not the terminal", "dumb-init: the command has no terminal; tini: it is not in the foreground", "the command has the terminal",
		false, `(dumb-init|tini)/terminal, stdin is another$|tini/terminal, stdin`,
	},
	{
		"dumb-init", "-c on a terminal: ^C, ^\\ and a resize", "reach the command twice, from the terminal and from init", "reach it once",
		true, `dumb-init/terminal -c`,
	},
	{
		"all", "a program for another machine, or no program and no script either", "given to /bin/sh, which finds a syntax error", "`Exec format error`, with init's own status for a command that cannot be executed",
		false, `/(other machine|no program)`,
	},
	{
		"tini, catatonit", "`init command &` under an interactive shell", "takes the terminal from the shell", "leaves it",
		false, `(tini|catatonit)/shell: background`,
	},
	{
		"tini, catatonit", "^Z under an interactive shell", "tini: stops the command but not init, so that the shell waits; catatonit: stops nothing", "stops both, and `fg` and `bg` continue both",
		false, `(tini|catatonit)/shell: \^Z`,
	},
	{
		"dumb-init", "what is left of the group when the command has ended, and is stopped", "gets TERM, on which it does not act", "gets TERM and CONT",
		false, `dumb-init/left, stopped`,
	},
}

// outcome is what came of a scenario: everything that is compared. Lines are sorted, since init and command write at the
// same time.
type outcome struct {
	status string
	stdout []string
	stderr []string
}

func (o outcome) String() string {
	return fmt.Sprintf("status %s\n  stdout %q\n  stderr %q", o.status, o.stdout, o.stderr)
}

func (o outcome) equal(p outcome) bool { return o.String() == p.String() }

// judge compares what came of a scenario and returns what is wrong, or "".
func judge(listed []difference, name string, original, ours outcome) string {
	var d *difference
	for i := range listed {
		if regexp.MustCompile(listed[i].in).MatchString(name) {
			d = &listed[i]
		}
	}
	switch same := original.equal(ours); {
	case !same && d == nil:
		return fmt.Sprintf("a difference that is not listed\noriginal: %v\nours:     %v", original, ours)
	case same && d != nil && !d.chance:
		return fmt.Sprintf("is the same, but listed as different (%q)\nboth: %v", d.what, ours)
	}
	return ""
}

// peer is an original.
type peer struct {
	name    string
	verbose string // a flag that makes it talk, or ""
}

var peers = []peer{{"dumb-init", "-v"}, {"tini", "-v"}, {"catatonit", ""}}

// scenario is one way to run an init.
type scenario struct {
	name  string
	args  []string // behind the init's name
	env   []string
	child bool     // init is not PID 1 but a child of it
	bare  bool     // init is in no namespace of its own; its messages, with pids that differ, are not compared
	via   []string // words of the probe, which then executes init
	hangs bool     // the original hangs
	setup func(t *testing.T, cmd *exec.Cmd)
	drive func(t *testing.T, r *rerun) // what happens while it runs
}

// title is the name with what the difference may depend on.
func (sc *scenario) title() string {
	if sc.child {
		return sc.name + " (not PID 1)"
	}
	return sc.name
}

// rerun is one run of a scenario.
type rerun struct {
	*test.Process
	init  int // its pid
	notes []string
}

func (r *rerun) note(format string, args ...any) {
	r.notes = append(r.notes, fmt.Sprintf(format, args...))
}

// ready waits until the command is ready for signals, and init waits for them.
func (r *rerun) ready(t *testing.T) {
	t.Helper()
	for line := r.Line(); line != "ready"; line = r.Line() {
		r.note("%s", line)
	}
	r.settle(t)
}

// send sends init a signal and waits until init and the command have done with it.
func (r *rerun) send(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(r.init, s); err != nil && err != unix.ESRCH {
		t.Fatalf("signal %d: %v", s, err)
	}
	r.settle(t)
}

func (r *rerun) settle(t *testing.T) {
	t.Helper()
	test.Eventually(t, "init takes its signals", func() bool { return settled(r.init) })
	list, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", r.init, r.init))
	for _, child := range strings.Fields(string(list)) {
		test.Eventually(t, "the command takes its signals", func() bool {
			pid, err := strconv.Atoi(child)
			return err == nil && settled(pid)
		})
	}
}

// settled reports whether a process has nothing to do: it sleeps without a signal pending, is stopped, or is gone.
func settled(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err != nil || strings.Contains(string(text), "State:\tZ") ||
		strings.Contains(string(text), "State:\tT") ||
		strings.Contains(string(text), "State:\tS") && strings.Contains(string(text), "\nShdPnd:\t0000000000000000")
}

// play runs a scenario with the init at path.
func (sc *scenario) play(t *testing.T, path string, limit time.Duration) outcome {
	t.Helper()
	probe := test.Probe(t)
	words := append([]string{probe}, sc.via...)
	if sc.child {
		words = append(words, "fork")
	}
	words = append(words, "exec", path)
	cmd := exec.Command(words[0], append(words[1:], sc.args...)...)
	if !sc.bare {
		test.Namespace(cmd)
	}
	cmd.Env = append([]string{"PATH=/usr/bin:/bin"}, sc.env...)
	if sc.setup != nil {
		sc.setup(t, cmd)
	}
	r := &rerun{Process: test.Start(t, cmd)}
	var hung atomic.Bool
	timer := time.AfterFunc(limit, func() { hung.Store(true); _ = r.Process.Process.Kill() })
	r.init = cmd.Process.Pid
	if sc.child && sc.drive != nil {
		r.init = childOf(t, cmd.Process.Pid)
	}
	if sc.drive != nil {
		sc.drive(t, r)
	}
	out := append(r.notes, r.Rest()...)
	status := strconv.Itoa(r.Status())
	timer.Stop()
	if hung.Load() {
		status = "none: it hangs"
	}
	if sc.bare {
		slices.Sort(out)
		return outcome{status, out, nil}
	}
	return outcome{status, normalize(path, out, sc.drive != nil), normalize(path, strings.Split(strings.TrimSuffix(r.Stderr(), "\n"), "\n"), sc.drive != nil)}
}

// normalize takes out of the lines what must differ, and sorts them: the init's directory, all of a help but that it is
// there, and, where there are signals, when SIGCHLD arrived.
func normalize(path string, lines []string, signals bool) []string {
	var all []string
	for _, l := range lines {
		l = strings.ReplaceAll(l, filepath.Dir(path)+"/", "")
		if strings.HasPrefix(l, "tini (tini version ") || strings.HasPrefix(l, "usage: catatonit ") {
			all = append(all, "(help)")
			break
		}
		all = append(all, l)
	}
	slices.Sort(all)
	if signals {
		all = slices.DeleteFunc(all, regexp.MustCompile(`Received (signal 17|SIGCHLD)|No child to reap`).MatchString)
	}
	return all
}

// namesake makes a directory in which name leads to the program at path.
func namesake(t *testing.T, path, name string) string {
	t.Helper()
	dir, err := os.MkdirTemp(filepath.Dir(test.Probe(t)), "names-")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil { // other users execute it
		t.Fatal(err)
	}
	link := filepath.Join(dir, name)
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	return link
}

// patience is how long an original is waited for that is known to hang.
const patience = 1500 * time.Millisecond

func TestCompat(t *testing.T) {
	for _, peer := range peers {
		t.Run(peer.name, func(t *testing.T) {
			t.Parallel()
			original := namesake(t, test.Tool(t, peer.name), peer.name)
			ours := namesake(t, test.Util(t), peer.name)
			for _, sc := range scenarios(t, peer) {
				limit := test.Deadline
				if sc.hangs {
					limit = patience
				}
				want := sc.play(t, original, limit)
				got := sc.play(t, ours, test.Deadline)
				if wrong := judge(differences, peer.name+"/"+sc.title(), want, got); wrong != "" {
					t.Errorf("%s %q %q: %s", sc.title(), sc.env, sc.args, wrong)
				}
			}
		})
	}
}

// scenarios lists what a peer is put through.
func scenarios(t *testing.T, p peer) []scenario {
	var all []scenario
	add := func(sc scenario) { all = append(all, sc) }
	probe := test.Probe(t)
	command := func(words ...string) []string { return append([]string{probe}, words...) }
	orphan := func(name, flag string) scenario {
		return scenario{name: name, args: append([]string{flag, "--"}, command("orphans", "1", "say", "ready", "catch", "echo", "64")...), drive: func(t *testing.T, r *rerun) {
			r.ready(t)
			test.Eventually(t, "the orphan is reaped", func() bool { return len(children(t, r.init)) == 1 })
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
		test.Eventually(t, "all orphans are reaped", func() bool { return len(children(t, r.init)) == 1 })
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
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	t.Cleanup(func() { w.Close() })
	cmd.Stderr = w
}

// childOf waits for a process to have one child, and returns its pid.
func childOf(t *testing.T, parent int) (child int) {
	t.Helper()
	test.Eventually(t, "there is a child", func() bool {
		pids := children(t, parent)
		if len(pids) == 1 {
			child, _ = strconv.Atoi(pids[0])
		}
		return len(pids) == 1
	})
	return child
}

// stop stops the command.
func stop(t *testing.T, r *rerun) {
	t.Helper()
	pid := childOf(t, r.init)
	if err := syscall.Kill(pid, unix.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	test.Eventually(t, "the command stops", func() bool { return procState(pid) == 'T' })
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
			test.Eventually(t, "it stops", func() bool { return procState(child) == 'T' })
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
			if err != nil {
				t.Fatal(err)
			}
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
		if err := pty.Setsize(term.master, &pty.Winsize{Rows: 30, Cols: 90}); err != nil {
			t.Fatal(err)
		}
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
	if err != nil {
		t.Fatal(err)
	}
	setuid := namesake(t, probe, "setuid-probe")
	if err := os.Remove(setuid); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(setuid, text, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(setuid, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	return []scenario{{
		name: "forwarding denied", args: []string{"--", setuid, "setuid", "0", "catch", "echo", "10", "exit", "8"},
		setup: func(_ *testing.T, cmd *exec.Cmd) {
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
		},
		drive: func(t *testing.T, r *rerun) {
			r.ready(t)
			r.send(t, unix.SIGTERM)
			test.Eventually(t, "the command is told to end, or init has ended", func() bool {
				pids := children(t, r.init)
				if len(pids) == 1 {
					pid, _ := strconv.Atoi(pids[0])
					return syscall.Kill(pid, unix.SIGUSR1) == nil
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

// shellScenarios start init from an interactive shell. They note relations, since pids differ.
var shellScenarios = []struct {
	name string
	run  func(t *testing.T, s *shell) []string
}{
	{"shell: foreground", func(t *testing.T, s *shell) []string {
		s.typed("$INIT $PROBE state catch echo 2\n")
		notes := []string{relations(t, s)}
		s.Expect("ready")
		s.typed("\x03")
		s.Expect("2")
		s.expect(prompt)
		s.run("echo status $?")
		return append(notes, s.Line())
	}},
	{"shell: background", func(t *testing.T, s *shell) []string {
		s.typed("$INIT $PROBE state pause &\n")
		return []string{relations(t, s)}
	}},
	{"shell: ^Z", func(t *testing.T, s *shell) []string {
		s.typed("$INIT $PROBE state pause\n")
		command := parseState(t, s.Line())["pid"]
		init := parent(t, command)
		s.typed("\x1a")
		stopped := func() bool { return procState(command) == 'T' && procState(init) == 'T' }
		for end := time.Now().Add(patience); !stopped() && time.Now().Before(end); time.Sleep(time.Millisecond) {
		}
		return []string{fmt.Sprintf("command %c, init %c", procState(command), procState(init))}
	}},
}

// relations says where the command stands.
func relations(t *testing.T, s *shell) string {
	st := parseState(t, s.Line())
	what := func(n int) string {
		switch n {
		case st["pid"]:
			return "the command"
		case st["ppid"]:
			return "init"
		case s.Process.Process.Pid:
			return "the shell"
		case -1:
			return "no terminal"
		}
		return "another"
	}
	return fmt.Sprintf("group %s, session %s, foreground %s", what(st["pgid"]), what(st["sid"]), what(st["foreground"]))
}

func TestCompatShell(t *testing.T) {
	for _, peer := range peers {
		original := namesake(t, test.Tool(t, peer.name), peer.name)
		ours := namesake(t, test.Util(t), peer.name)
		for _, sc := range shellScenarios {
			play := func(path string) outcome {
				s := newShell(t, path)
				s.run("INIT=" + path)
				notes := sc.run(t, s)
				s.end(path)
				return outcome{stdout: notes}
			}
			if wrong := judge(differences, peer.name+"/"+sc.name, play(original), play(ours)); wrong != "" {
				t.Errorf("%s/%s: %s", peer.name, sc.name, wrong)
			}
		}
	}
}

// end ends all that runs in the session of the shell.
func (s *shell) end(init string) {
	s.t.Helper()
	_ = s.Process.Process.Kill()
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range all {
		// The paths are this test's own, and so are the processes that were started with them.
		text, _ := os.ReadFile(path)
		if argv := strings.Split(string(text), "\x00"); argv[0] == init || len(argv) > 1 && argv[0] == test.Probe(s.t) && argv[1] == "state" {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
	}
}

// Every difference in the list has a scenario that shows it.
func TestDifferencesShown(t *testing.T) {
	var titles []string
	for _, peer := range peers {
		for _, sc := range scenarios(t, peer) {
			titles = append(titles, peer.name+"/"+sc.title())
		}
		for _, sc := range shellScenarios {
			titles = append(titles, peer.name+"/"+sc.name)
		}
	}
	for _, d := range differences {
		if !slices.ContainsFunc(titles, regexp.MustCompile(d.in).MatchString) {
			t.Errorf("%q: no scenario matches %s", d.what, d.in)
		}
	}
}

// The comparison can fail: a difference that is not listed, and one that is listed but is none.
func TestCompatJudge(t *testing.T) {
	original := namesake(t, test.Tool(t, "tini"), "tini")
	ours := namesake(t, test.Util(t), "tini")
	three := scenario{args: []string{"--", test.Probe(t), "exit", "3"}}
	four := scenario{args: []string{"--", test.Probe(t), "say", "more", "exit", "3"}}
	want := three.play(t, original, test.Deadline)
	for _, tc := range []struct {
		name   string
		listed []difference
		got    outcome
		wrong  string
	}{
		{"the same", nil, three.play(t, ours, test.Deadline), ""},
		{"not listed", nil, four.play(t, ours, test.Deadline), "not listed"},
		{"listed", []difference{{in: "^x$"}}, four.play(t, ours, test.Deadline), ""},
		{"listed elsewhere", []difference{{in: "^y$"}}, four.play(t, ours, test.Deadline), "not listed"},
		{"listed in vain", []difference{{in: "^x$"}}, three.play(t, ours, test.Deadline), "listed as different"},
	} {
		if wrong := judge(tc.listed, "x", want, tc.got); !strings.Contains(wrong, tc.wrong) || (wrong == "") != (tc.wrong == "") {
			t.Errorf("%s: %q", tc.name, wrong)
		}
	}
}

// Every name, every way to choose a personality, and both ways to be linked lead to the same.
func TestCompatChosen(t *testing.T) {
	probe := test.Probe(t)
	both(t, func(t *testing.T, util string) {
		for _, name := range pid1.Aliases {
			for _, way := range []struct {
				name string
				path string
				argv []string
				env  string
			}{
				{"link", namesake(t, util, name), []string{name}, ""},
				{"path", namesake(t, util, name), nil, ""},
				{"argument", util, []string{"util", name}, ""},
				{"option", util, []string{"util", "init", "--compat", name}, ""},
				{"option with =", util, []string{"init", "--compat=" + name}, "UTIL_INIT_COMPAT=tini"},
				{"variable", util, []string{"init"}, "UTIL_INIT_COMPAT=" + name},
			} {
				argv := way.argv
				if argv == nil {
					argv = []string{way.path}
				}
				cmd := test.Namespace(exec.Command(way.path))
				cmd.Args = append(argv, probe, "state", "exit", "7")
				cmd.Env = []string{way.env}
				status, stdout, stderr := test.Run(t, cmd)
				st := parseState(t, stdout)
				session := 0 // that of this test, which is not in the namespace
				if pid1.PersonalityOf(name) == pid1.DumbInit {
					session = st["pid"]
				}
				if status != 7 || st["sid"] != session || st["pgid"] != st["pid"] || stderr != "" {
					t.Errorf("%s, %s: status %d, stdout %q, stderr %q", name, way.name, status, stdout, stderr)
				}
				cmd = test.Namespace(exec.Command(way.path))
				cmd.Args = append(argv, "-x")
				cmd.Env = []string{way.env}
				if status, stdout, stderr := test.Run(t, cmd); status != 1 || stdout != "" || !strings.Contains(stderr, "invalid option -- 'x'\n") {
					t.Errorf("%s -x, %s: status %d, stdout %q, stderr %q", name, way.name, status, stdout, stderr)
				}
			}
		}
	})
}

// The variables of util's own init work under every name: an engine that injects an init passes nothing else.
func TestCompatVariables(t *testing.T) {
	probe := test.Probe(t)
	for _, peer := range peers {
		cmd := test.Namespace(exec.Command(namesake(t, test.Util(t), peer.name), "--", probe, "catch", "echo", "64"))
		cmd.Env = []string{"UTIL_INIT_GRACE=100ms", "UTIL_INIT_LOG_FORMAT=json", "UTIL_INIT_REWRITE=HUP:USR1", "UTIL_INIT_EXIT_CODE=137:9"}
		p := test.Start(t, cmd)
		p.Expect("ready")
		p.Signal(unix.SIGHUP)
		p.Expect("10")
		p.Signal(unix.SIGTERM)
		p.Expect("15")
		if status := p.Status(); status != 9 || !strings.Contains(p.Stderr(), `"event":"ended"`) {
			t.Errorf("%s: status %d, stderr %q", peer.name, status, p.Stderr())
		}
	}
}

// readmeDifferences is the README's list.
func readmeDifferences() string {
	var b strings.Builder
	b.WriteString("| init | case | there | here |\n| --- | --- | --- | --- |\n")
	for _, d := range differences {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", d.inits, d.what, d.original, d.ours)
	}
	return b.String()
}

func TestReadmeDifferences(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(readme), "<!-- differences: checked against the table of the comparison by a test -->\n")
	if !found {
		test.Missing(t, "the list of differences", "the README does not have it yet; it reads:\n"+readmeDifferences())
	}
	if got, _, _ := strings.Cut(rest, "<!-- end of differences -->"); got != readmeDifferences() {
		t.Errorf("the README's list is not the comparison's; it should read:\n%s", readmeDifferences())
	}
}

// dumb-init -c leaves the command in the terminal's group with init: what is typed reaches it once all the same.
func TestCompatTypedOnce(t *testing.T) {
	for _, child := range []bool{false, true} {
		sc := terminalScenario("terminal", []string{"-c"}, test.Probe(t), child, false)
		got := sc.play(t, namesake(t, test.Util(t), "dumb-init"), test.Deadline)
		if len(got.stdout) != 5 || !slices.Equal(got.stdout[:4], []string{"15", "2", "28", "3"}) {
			t.Errorf("child %v: %v", child, got)
		}
	}
}
