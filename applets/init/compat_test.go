package initcmd_test

import (
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

	"util/internal/test"

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
	waitSettled(t, r.init)
	list, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", r.init, r.init))
	for _, child := range strings.Fields(string(list)) {
		test.Eventually(t, "the command takes its signals", func() bool {
			pid, err := strconv.Atoi(child)
			return err == nil && settled(pid)
		})
	}
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
	test.Must(t, err)
	_, rest, found := strings.Cut(string(readme), "<!-- differences: checked against the table of the comparison by a test -->\n")
	if !found {
		test.Missing(t, "the list of differences", "the README does not have it yet; it reads:\n"+readmeDifferences())
	}
	if got, _, _ := strings.Cut(rest, "<!-- end of differences -->"); got != readmeDifferences() {
		t.Errorf("the README's list is not the comparison's; it should read:\n%s", readmeDifferences())
	}
}
