package fuzz

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/printable"
	"util/internal/test"
	"util/internal/test/pidns"
	"util/internal/test/torture"
)

// call is an execution of an init: argv and the environment.
type call struct {
	argv, env []string
}

// script is a call as a command of a shell. file is the program.
func (c call) script(file string) string {
	words := []string{"env -i"}
	for _, entry := range c.env {
		words = append(words, quote(entry))
	}
	words = append(words, `unshare -pf --kill-child bash -c 'exec -a "$0" `+file+` "$@"'`)
	for _, arg := range c.argv {
		words = append(words, quote(arg))
	}
	return strings.Join(words, " ")
}

// quote quotes a word for bash.
func quote(word string) string {
	if before, after, isLong := strings.Cut(word, long); isLong {
		return fmt.Sprintf(`%s"$(printf '%%%ds' | tr ' ' x)"%s`, quote(before), len(long), quote(after))
	}
	var b strings.Builder
	b.WriteString("$'")
	for _, c := range []byte(word) {
		if c < ' ' || c > '~' || c == '\'' || c == '\\' {
			fmt.Fprintf(&b, `\x%02x`, c)
		} else {
			b.WriteByte(c)
		}
	}
	b.WriteString("'")
	return b.String()
}

// outcome is what a call has led to.
type outcome struct{ status, stdout, stderr string }

func (o outcome) String() string {
	return fmt.Sprintf("status %s\n  stdout %q\n  stderr %q", o.status, o.stdout, o.stderr)
}

// stage is where inits are called: an empty directory, and a PATH with two harmless commands.
type stage struct {
	t              *testing.T
	dir, path      string
	out, err, null *os.File
	calls          int
	seed           uint64
	whole, own     string // util, util-init
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, dir: t.TempDir(), path: t.TempDir(), seed: torture.Seed(t)}
	s.whole, s.own = test.Whole(t), test.UtilInit(t, test.Arch(), "")
	test.Must(t, os.Symlink(test.Probe(t), filepath.Join(s.path, "probe")))
	test.Must(t, os.Symlink(test.Tool(t, "true"), filepath.Join(s.path, "true")))
	s.out = test.NewFile(t, filepath.Join(t.TempDir(), "out"))
	s.err = test.NewFile(t, filepath.Join(t.TempDir(), "err"))
	s.null = test.NewFile(t, os.DevNull)
	return s
}

// play calls the program at path as PID 1 of a namespace.
func (s *stage) play(path string, c call) (o outcome) {
	s.t.Helper()
	s.calls++
	attr := &os.ProcAttr{
		Dir: s.dir, Env: append([]string{"PATH=" + s.path}, c.env...),
		Files: []*os.File{s.null, s.out, s.err}, Sys: &syscall.SysProcAttr{},
	}
	pidns.Set(attr.Sys)
	p, err := os.StartProcess(path, c.argv, attr) // exec.Cmd would drop what is twice in Env
	if err != nil {
		test.Missing(s.t, "namespaces", err.Error())
	}
	timer := time.AfterFunc(test.Deadline, func() { _ = p.Kill() })
	state, err := p.Wait()
	test.Must(s.t, err)
	if o.status = fmt.Sprint(test.StatusOf(state)); !timer.Stop() {
		o.status = "none: it hangs"
	}
	o.stdout, o.stderr = s.take(s.out), s.take(s.err)
	return o
}

// take returns what is in a file, and empties it.
func (s *stage) take(f *os.File) string {
	s.t.Helper()
	_, err := f.Seek(0, io.SeekStart)
	test.Must(s.t, err)
	text, err := io.ReadAll(f)
	test.Must(s.t, err)
	test.Must(s.t, f.Truncate(0))
	_, err = f.Seek(0, io.SeekStart)
	test.Must(s.t, err)
	return string(text)
}

// long is what long words end with: more than a message of init.
var long = strings.Repeat("x", 4000)

// short is how long each of the tests of this file tries in make test.
const short = 2 * time.Second

// repeat calls try with the numbers of runs and random numbers of their own until the time is over
// or the test has failed.
func (s *stage) repeat(try func(run int, g generator)) {
	s.t.Helper()
	runs := 0
	end := time.Now().Add(torture.Time(s.t, short))
	for ; time.Now().Before(end) && !s.t.Failed(); runs++ {
		try(runs, generator{torture.Random(s.seed, runs)})
	}
	torture.Result(s.t, "%d command lines, %d calls", runs, s.calls)
}

// A random command line under each name of another init does what the original does.
func TestOriginals(t *testing.T) {
	for _, p := range peers {
		t.Run(p.name, func(t *testing.T) {
			original := test.Tool(t, p.name)
			s := newStage(t)
			s.repeat(func(run int, g generator) {
				args, env := g.line(p)
				called := g.oneOf(p.names...)
				theirs := call{append([]string{called}, args...), env}
				file, ours := g.call(s, called, args, env)
				want := p.normalize(s.play(original, theirs), theirs)
				got := p.normalize(s.play(file, ours), theirs)
				if got != want {
					t.Errorf("run %d\noriginal: %v\n  %s\nutil: %v\n  %s",
						run, want, theirs.script(original), got, ours.script(file))
				}
			})
		})
	}
}

// call returns a program and a call that makes it the init of a name.
func (g generator) call(s *stage, called string, args, env []string) (file string, c call) {
	file = g.oneOf(s.whole, s.own)
	switch {
	case g.sometimes(3) && !strings.Contains(called, "/"):
		return file, call{slices.Concat([]string{"util", called}, args), env}
	case g.sometimes(3) && !strings.Contains(called, "/") && called == canonical[called]:
		argv := g.oneOf("util init", "init", "util-init", "/x/util-init init")
		words := append(strings.Fields(argv), "--compat", called)
		return file, call{append(words, args...), env}
	case g.sometimes(3) && called == canonical[called] && !isCompat(args):
		argv := strings.Fields(g.oneOf("util init", "init", "util-init"))
		return file, call{append(argv, args...), append(slices.Clone(env), "UTIL_INIT_COMPAT="+called)}
	}
	return file, call{append([]string{called}, args...), env}
}

// isCompat reports whether a command line has the option that takes precedence over its variable.
func isCompat(args []string) bool {
	return len(args) > 0 && strings.HasPrefix(args[0]+"=", "--compat=")
}

// canonical maps the names that messages show to themselves. With --compat, init does not know by
// which other name the original was meant.
var canonical = map[string]string{
	"dumb-init": "dumb-init", "tini": "tini", "catatonit": "catatonit",
}

// A random command line does the same in util and in util-init, to the byte.
func TestTwins(t *testing.T) {
	s := newStage(t)
	s.repeat(func(run int, g generator) {
		var c call
		if p := peers[g.IntN(len(peers))]; g.sometimes(4) {
			args, env := g.line(p)
			_, c = g.call(s, g.oneOf(p.names...), args, env)
		} else {
			args, env := g.ownLine()
			argv := g.oneOf("init", "/sbin/init", "util init", "/x/util-1.0 init")
			c = call{append(strings.Fields(argv), args...), env}
		}
		want, got := s.play(s.whole, c), s.play(s.own, c)
		for _, o := range []*outcome{&want, &got} {
			o.stdout, o.stderr = sorted(fixed(o.stdout)), sorted(fixed(o.stderr))
		}
		if got != want {
			t.Errorf("run %d\nutil: %v\n  %s\nutil-init: %v\n  %s",
				run, want, c.script(s.whole), got, c.script(s.own))
		}
	})
}

var varying = regexp.MustCompile(`"time":"[^"]*"|[0-9]+\.[0-9]{3}|peak_memory_kb":[0-9]+|` +
	`memory [0-9]+ kB|\nlinked .*|\S+\scommit [-\w]+(\ndate [-:\w]+)?|git\.[-\w]+`)

// fixed replaces in init's lines what depends on the moment and on how the programs were built.
func fixed(text string) string { return varying.ReplaceAllString(text, "X") }

// peer is an original, and how its output differs from that of util where that is intended
// (docs/compat.md).
type peer struct {
	name    string
	names   []string
	short   string   // its letters; those before ":" take a value
	long    []string // its long options; those with "=" take a value
	values  []string
	env     []string
	removes []difference
	debug   string // with this variable, stderr is not compared
}

// difference is text of an output that is replaced before a comparison.
type difference struct {
	why  string
	text *regexp.Regexp
	by   string
}

var peers = []peer{
	{
		name: "dumb-init", names: []string{"dumb-init"},
		short: "hvVcr:", long: []string{"help", "single-child", "rewrite=", "verbose", "version"},
		values: []string{
			"15:3", "1:0", "2:2", "15:32", "0:1", "-1:2", "+15:+3", " 15: 3", "15:3x", "15", ":", "x:1",
			"15:-0", "99999999999:1", "31:31",
		},
		env: []string{
			"DUMB_INIT_DEBUG=1", "DUMB_INIT_DEBUG=0", "DUMB_INIT_DEBUG=", "DUMB_INIT_SETSID=0",
			"DUMB_INIT_SETSID=1", "DUMB_INIT_SETSID=", "POSIXLY_CORRECT=1",
		},
	},
	{
		name: "tini", names: []string{"tini", "docker-init", "tini-static", "/sbin/docker-init"},
		short: "hp:vwgle:s", long: []string{"version", "help"},
		values: []string{
			"SIGTERM", "SIGKILL", "TERM", "SIGRTMIN", "SIGPWR", "SIGIO", "SIGPOLL", "SIGCLD", "sigterm", "0",
			"3", "143", "255", "256", "-1", " 3", "3 ", "+3", "0x3", "x", "99999999999",
		},
		env: []string{
			"TINI_VERBOSITY=0", "TINI_VERBOSITY=2", "TINI_VERBOSITY=4", "TINI_VERBOSITY=x",
			"TINI_VERBOSITY= 3", "TINI_VERBOSITY=-2", "TINI_SUBREAPER=", "TINI_KILL_PROCESS_GROUP=0",
			"TINI_VERSION=v1", "TINI_", "TINI_VERBOSITY", "POSIXLY_CORRECT=",
		},
		removes: []difference{
			{
				"the help is util's own",
				regexp.MustCompile(`(?s)[^\n]* \(tini version .*`), "(help)",
			},
			{
				"the licence is util's own",
				regexp.MustCompile(`(?s)^(The MIT License|This is util, called as ).*`), "(licence)",
			},
			{
				"the version has the commit of util",
				regexp.MustCompile(`tini version 0\.19\.0( - git\.[-\w]*)?`), "(version)",
			},
			{
				"the version of util is on stderr too",
				regexp.MustCompile(`util [^ \n]+, commit [-\w]+\n`), "",
			},
			{
				"the original prints that once a second, and util before the end of a child that does not " +
					"execute",
				regexp.MustCompile(`\[TRACE tini \(1\)\] No child to (reap|wait)\n`), "",
			},
			{
				"the child of the original prints what is in the buffer of stdout, if it does not execute",
				regexp.MustCompile(`\[TRACE tini \(1\)\] Registered as child subreaper\n|` +
					`\[DEBUG tini \(2\)\] tcsetpgrp failed: [^\n]*\n`), "",
			},
		},
	},
	{
		name: "catatonit", names: []string{"catatonit", "podman-init", "/x/catatonit"},
		short: "ghLV", long: []string{"version"},
		debug: "CATATONIT_DEBUG=",
		env:   []string{"CATATONIT_DEBUG=1", "CATATONIT_", "POSIXLY_CORRECT=1", "POSIXLY_CORRECT"},
		removes: []difference{
			{
				"the help is util's own",
				regexp.MustCompile(`(?s)usage: [^\n]+ \[-ghLPV\] .*`), "(help)",
			},
			{
				"the licence is util's own",
				regexp.MustCompile(`(?s)^(catatonit: a container|This is util, called as ).*`), "(licence)",
			},
			{
				"the version of util is on stderr too",
				regexp.MustCompile(`util [^ \n]+, commit [-\w]+\n`), "",
			},
		},
	},
}

// longLine is a message with a long word. Util cuts it off.
var longLine = regexp.MustCompile(`[^\n]*x{1000}[^\n]*(\n|$)`)

// normalize removes the intended differences from an outcome of a call.
func (p *peer) normalize(o outcome, c call) outcome {
	hasDebug := func(entry string) bool { return strings.HasPrefix(entry, p.debug) }
	if p.debug != "" && slices.ContainsFunc(c.env, hasDebug) {
		o.stderr = ""
	}
	for _, text := range []*string{&o.stdout, &o.stderr} {
		for _, d := range p.removes {
			*text = d.text.ReplaceAllString(*text, d.by)
		}
		// A message of util does not show characters that could disturb.
		*text = longLine.ReplaceAllString(*text, "(long)\n")
		for _, word := range c.argv {
			if clean := strings.ReplaceAll(printable.Text(word), `"`, "?"); clean != word {
				*text = strings.ReplaceAll(*text, word, clean)
			}
		}
		*text = sorted(*text)
	}
	return o
}

// sorted sorts the lines of a text: init and the command write at the same time.
func sorted(text string) string {
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
