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

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// The inits of Debian, and util under their names, run the same scenarios. Status, output and what
// the commands see must be the same, except for the differences listed here.

// difference is an intended difference. The documents list them in these words
// (TestDocumentedDifferences).
type difference struct {
	inits    string // which inits differ
	what     string // the case
	original string
	ours     string
	chance   bool   // the original depends on timing, so the two may be equal
	in       string // a regular expression for INIT/SCENARIO; each of its scenarios must differ
}

var differences = []difference{
	{
		inits:    "tini, catatonit",
		what:     "help, licence",
		original: "their own",
		ours:     "those of util, on the same stream and with the same status",
		// The help is removed by normalize.
		in: `(tini|catatonit)/options: -(l|L)( \(|$)`,
	},
	{
		inits:    "tini, catatonit",
		what:     "version",
		original: "on stdout only",
		ours: "the same on stdout, and the version of util on stderr; that of tini has the " +
			"commit of util, in the form that Docker reads",
		in: `tini/options: --version( \(|$)|catatonit/options: (-V|--version|--vers|-gV)( \(|$)`,
	},
	{
		inits:    "catatonit",
		what:     "CATATONIT_DEBUG",
		original: "lines about the terminal and each step",
		ours:     "lines about the start, failures and orphans",
		in:       `catatonit/debug`,
	},
	{
		inits:    "all",
		what:     "blocked and ignored signals that init was started with",
		original: "dumb-init resets them; catatonit blocks TSTP, TTIN and TTOU for every command",
		ours:     "the command inherits them unchanged",
		in: `(dumb-init|catatonit)/inherited|` +
			`catatonit/(state|terminal)|catatonit/options: .*P state`,
	},
	{
		inits:    "all",
		what:     "ABRT, BUS, FPE, ILL, SEGV, SYS and TRAP sent to init",
		original: "they terminate tini and catatonit, which as PID 1 ignore them",
		ours:     "forwarded, as dumb-init does",
		in:       `(tini|catatonit)/signal (4|5|6|7|8|11|31)( |$)`,
	},
	{
		inits:    "all",
		what:     "signals 32 and 33 sent to init",
		original: "terminate it, or are lost if it is PID 1",
		ours:     "forwarded",
		in:       `/signal (32|33)( |$)`,
	},
	{
		inits:    "tini, catatonit",
		what:     "the parent of init ignores SIGCHLD",
		original: "hangs when the command has ended",
		ours:     "exits with the status of the command",
		in:       `(tini|catatonit)/SIGCHLD ignored`,
	},
	{
		inits:    "dumb-init, tini",
		what:     "LISTEN_PID names init (sd_listen_fds(3))",
		original: "still names init: the command takes no socket",
		ours:     "names the command",
		in:       `(dumb-init|tini)/LISTEN_PID$`,
	},
	{
		inits:    "all",
		what:     "TERM, INT, HUP or QUIT for a command that is stopped",
		original: "waits until another process continues the command",
		ours:     "continues it",
		in:       `/TERM while stopped`,
	},
	{
		inits:    "all",
		what:     "the working directory and the open files of the command",
		original: "init keeps them (catatonit: the first three files and the directory)",
		ours:     "init closes them, except files 0, 1 and 2, and changes to /",
		in:       `/holds`,
	},
	{
		inits:    "tini",
		what:     "stdin closed",
		original: "fatal",
		ours:     "works",
		in:       `tini/stdin closed`,
	},
	{
		inits:    "dumb-init",
		what:     "-v into a pipe without a reader",
		original: "SIGPIPE terminates the command before it starts, and init loops forever",
		ours:     "only the lines are lost",
		in:       `dumb-init/log without reader`,
	},
	{
		inits:    "tini",
		what:     "the command has become another user",
		original: "init exits with status 1 at the first signal",
		ours:     "continues, as dumb-init does",
		in:       `tini/forwarding denied`,
	},
	{
		inits: "catatonit",
		what:  "the command has become another user",
		original: "init exits at once if that happens early, because it checks the command with " +
			"kill(2)",
		ours:   "continues, as dumb-init does",
		chance: true,
		in:     `catatonit/forwarding denied`,
	},
	{
		inits:    "dumb-init, tini",
		what:     "a terminal, but stdin is not the terminal",
		original: "dumb-init: the command has no terminal; tini: it is not in the foreground",
		ours:     "the command has the terminal",
		in:       `(dumb-init|tini)/terminal, stdin is another$|tini/terminal, stdin`,
	},
	{
		inits:    "dumb-init",
		what:     "-c on a terminal: ^C, ^\\ and a resize",
		original: "reach the command twice, from the terminal and from init",
		ours:     "reach it once",
		chance:   true,
		in:       `dumb-init/terminal -c`,
	},
	{
		inits:    "all",
		what:     "a program for another machine, or a file that is neither a program nor a script",
		original: "runs it with /bin/sh, which reports a syntax error",
		ours:     "`Exec format error`, with the status for a command that cannot be executed",
		in:       `/(other machine|no program)`,
	},
	{
		inits:    "tini, catatonit",
		what:     "`init command &` under an interactive shell",
		original: "takes the terminal from the shell",
		ours:     "leaves it to the shell",
		in:       `(tini|catatonit)/shell: background`,
	},
	{
		inits: "tini, catatonit",
		what:  "^Z under an interactive shell",
		original: "tini: stops the command but not init, so the shell waits; catatonit: stops " +
			"neither",
		ours: "stops both, and `fg` and `bg` continue both",
		in:   `(tini|catatonit)/shell: \^Z`,
	},
	{
		inits:    "dumb-init",
		what:     "the command has ended, and a process of its group is stopped",
		original: "gets TERM, and stays stopped",
		ours:     "gets TERM and CONT",
		in:       `dumb-init/left, stopped`,
	},
}

// outcome is the result of a scenario: everything that is compared. Lines are sorted, because init
// and the command write at the same time.
type outcome struct {
	status string
	stdout []string
	stderr []string
}

func (o outcome) String() string {
	return fmt.Sprintf("status %s\n  stdout %q\n  stderr %q", o.status, o.stdout, o.stderr)
}

func (o outcome) equal(p outcome) bool { return o.String() == p.String() }

// judge compares two outcomes of a scenario, and returns what is wrong, or "".
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
type peer struct{ name string }

var peers = []peer{{"dumb-init"}, {"tini"}, {"catatonit"}}

// scenario is a run of an init.
type scenario struct {
	name  string
	args  []string
	env   []string
	child bool     // init is not PID 1 but a child of it
	bare  bool     // no namespace; messages are not compared then, because the pids in them differ
	via   []string // words of the probe, which then executes init
	hangs bool     // the original hangs
	setup func(t *testing.T, cmd *exec.Cmd)
	drive func(t *testing.T, r *rerun) // what happens while it runs
}

// title returns the name, and whether init is PID 1, on which a difference may depend.
func (sc *scenario) title() string {
	if sc.child {
		return sc.name + " (not PID 1)"
	}
	return sc.name
}

// rerun is a running scenario.
type rerun struct {
	*test.Process
	init  int // the pid of init
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

// send sends init a signal, and waits until init and the command have acted on it.
func (r *rerun) send(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(r.init, s); err != nil && !errors.Is(err, unix.ESRCH) {
		t.Fatalf("signal %d: %v", s, err)
	}
	r.settle(t)
}

// settle waits until init and the command have nothing to do.
func (r *rerun) settle(t *testing.T) {
	t.Helper()
	waitSettled(t, r.init)
	list, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", r.init, r.init))
	for child := range strings.FieldsSeq(string(list)) {
		pid, err := strconv.Atoi(child)
		test.Must(t, err)
		waitSettled(t, pid)
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
	signals := sc.drive != nil
	messages := strings.Split(strings.TrimSuffix(r.Stderr(), "\n"), "\n")
	return outcome{status, normalize(path, out, signals), normalize(path, messages, signals)}
}

// normalize sorts the lines, and removes from them what always differs: the directory of the init,
// the text of a help, and, if the scenario sends signals, the lines about SIGCHLD.
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
		chld := regexp.MustCompile(`Received (signal 17|SIGCHLD)|No child to reap`)
		all = slices.DeleteFunc(all, chld.MatchString)
	}
	return all
}

// patience is how long a test waits for an original that is known to hang.
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

// Each difference in the list has a scenario that shows it.
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

// The comparison fails for a difference that is not listed, and for a listed one that is not there.
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
		{
			"listed but equal",
			[]difference{{in: "^x$"}},
			three.play(t, ours, test.Deadline), "listed as different",
		},
	} {
		wrong := judge(tc.listed, "x", want, tc.got)
		if !strings.Contains(wrong, tc.wrong) || (wrong == "") != (tc.wrong == "") {
			t.Errorf("%s: %q", tc.name, wrong)
		}
	}
}

// differencesTable is the list of differences in the form of the documents.
func differencesTable() string {
	var b strings.Builder
	b.WriteString("| init | case | original | util |\n| --- | --- | --- | --- |\n")
	for _, d := range differences {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", d.inits, d.what, d.original, d.ours)
	}
	return b.String()
}

// The documents have the list of differences.
func TestDocumentedDifferences(t *testing.T) {
	got := test.DocumentPart(t, "../../docs/compat.md",
		"differences: checked against the table of the comparison by a test", "end of differences")
	if got != differencesTable() {
		t.Errorf("the documented list is not that of the comparison, which is:\n%s", differencesTable())
	}
}

// documents returns the text of the README and of the documents in docs.
func documents(t *testing.T) string {
	t.Helper()
	files, err := filepath.Glob("../../docs/*.md")
	test.Must(t, err)
	text := ""
	for _, path := range append(files, "../../README.md") {
		text += read(t, path)
	}
	return text
}
