package initcmd_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// What a program does under which name: util, and util-init, which has no other applet than init.

// as returns a command that runs the program at path with argv, as PID 1 of a namespace.
func as(path string, argv ...string) *exec.Cmd {
	cmd := test.Namespace(exec.Command(path))
	cmd.Args = argv
	return cmd
}

// listed returns the names that util --list prints.
func listed(t *testing.T, options ...string) []string {
	t.Helper()
	cmd := exec.Command(test.Whole(t), append([]string{"--list"}, options...)...)
	status, stdout, stderr := test.Run(t, cmd)
	if status != 0 || stderr != "" {
		t.Fatalf("util --list: status %d, stderr %q", status, stderr)
	}
	return strings.Split(stdout, "\n")
}

// otherApplets returns the names of all applets but init.
func otherApplets(t *testing.T) []string {
	t.Helper()
	names := slices.DeleteFunc(listed(t), func(name string) bool { return name == "init" })
	if len(names) == 0 {
		t.Fatal("util --list prints no other applet than init")
	}
	return names
}

// The tests of other inits know all their names.
func TestOtherInits(t *testing.T) {
	if got := listed(t, "--compat")[len(listed(t)):]; !slices.Equal(got, otherInits) {
		t.Errorf("util --list --compat has %q, the tests have %q", got, otherInits)
	}
}

// Under the names of init, both programs are init, whatever leads to the name.
func TestInitNames(t *testing.T) {
	probe := test.Probe(t)
	_, help, _ := test.Run(t, bare(test.Util(t), "--help"))
	if !strings.HasPrefix(help, "Usage: util init ") {
		t.Errorf("util init --help prints %.60q", help)
	}
	both(t, func(t *testing.T, util string) {
		started := `util init: started "` + probe + `" as pid `
		if util == test.Util(t) {
			started += "2 " // the threads of a Go runtime would have taken some numbers
		}
		for _, name := range []string{"init", "util-init", "util-init-0.1", "util-init.arm64"} {
			link := namesake(t, util, name)
			for _, called := range []string{name, link, "./" + name, "/sbin/" + name} {
				cmd := as(link, called, probe, "say", "ready", "pause")
				cmd.Env = []string{"UTIL_INIT_VERBOSE=1"}
				p := test.Start(t, cmd)
				p.Expect("ready")
				waitsWithLimit(t, p.Process.Pid)
				p.Signal(unix.SIGTERM)
				status := p.Status()
				if status != 143 || !strings.HasPrefix(p.Stderr(), started) {
					t.Errorf("%s: status %d, stderr %q", called, status, p.Stderr())
				}
			}
			if !strings.HasPrefix(name, "init") { // "init" after it is the name of the applet
				status, _, stderr := test.Run(t, as(link, link, "init", "--", probe, "exit", "9"))
				if status != 9 || stderr != "" {
					t.Errorf("%s init: status %d, stderr %q", name, status, stderr)
				}
			}
			status, stdout, stderr := test.Run(t, as(link, link, "--help"))
			if status != 0 || stdout != help || stderr != "" {
				t.Errorf("%s --help: status %d, stdout %.60q, stderr %q", name, status, stdout, stderr)
			}
			status, stdout, stderr = test.Run(t, as(link, link, "--nosuch", probe, "say", "here"))
			const want = "util init: option \"--nosuch\": unknown\nTry 'util init --help'.\n"
			if status != 2 || stdout != "" || stderr != want {
				t.Errorf("%s --nosuch: status %d, stdout %q, stderr %q", name, status, stdout, stderr)
			}
		}
	})
}

// Under a name that util does not know, it is util, and its first argument is the applet; init is
// PID 1 all the same. Util-init is init under such a name.
func TestUnknownName(t *testing.T) {
	for _, called := range []string{
		"other-name", "myinit", "initx", "dumb-init2", "-init", "/usr/bin/other-name", "./", "",
	} {
		args := []string{called, "init", test.Probe(t), "state", "exit", "9"}
		if test.Alone() {
			args = slices.Delete(args, 1, 2)
		}
		status, stdout, stderr := test.Run(t, as(test.Util(t), args...))
		if st := parseState(t, stdout); status != 9 || stderr != "" || st["ppid"] != 1 {
			t.Errorf("%q: status %d, stdout %q, stderr %q", called, status, stdout, stderr)
		}
	}
}

// Under the name of another applet, util is that applet. Util-init refuses to be anything but init:
// a command line of another applet must not become the command of init.
func TestOtherApplets(t *testing.T) {
	for _, name := range otherApplets(t) {
		link := namesake(t, test.Util(t), name)
		for _, argv := range [][]string{
			{name}, {link}, {"/usr/bin/" + name}, {"util", name}, {"/bin/util-0.1", name},
		} {
			status, stdout, stderr := test.Run(t, as(link, append(argv, "--help")...))
			if !test.Alone() {
				if status != 0 || !strings.HasPrefix(stdout, "Usage: util "+name+" ") || stderr != "" {
					t.Errorf("%q: status %d, stdout %.60q, stderr %q", argv, status, stdout, stderr)
				}
				continue
			}
			refused(t, name, append(argv, "--help"), status, stdout, stderr)
			argv = append(argv, test.Probe(t), "say", "here")
			status, stdout, stderr = test.Run(t, as(link, argv...))
			refused(t, name, argv, status, stdout, stderr)
		}
	}
}

// After the name util, a word that is neither an applet nor an option is an error. Util-init takes
// an option as one of init.
func TestUnknownApplet(t *testing.T) {
	probe := test.Probe(t)
	for _, name := range []string{"nosuch", "initx", "util-init", probe, "--"} {
		argv := []string{"util", name, "say", "here"}
		status, stdout, stderr := test.Run(t, as(test.Util(t), argv...))
		switch {
		case !test.Alone() || name == "--":
			if status == 0 || stdout != "" || strings.Count(stderr, "\n") == 0 {
				t.Errorf("%q: status %d, stdout %q, stderr %q", argv, status, stdout, stderr)
			}
		default:
			refused(t, name, argv, status, stdout, stderr)
		}
	}
	if test.Alone() {
		for _, argv := range [][]string{{"util", "help"}, {"util", "completion", "bash"}, {"util", ""}} {
			status, stdout, stderr := test.Run(t, as(test.Util(t), argv...))
			refused(t, argv[1], argv, status, stdout, stderr)
		}
		status, _, stderr := test.Run(t, as(test.Util(t), "util", "-v", "--", probe, "exit", "9"))
		if status != 9 || !strings.HasPrefix(stderr, "util init: started ") {
			t.Errorf("util -v: status %d, stderr %q", status, stderr)
		}
		status, _, stderr = test.Run(t, as(test.Util(t), "util", "\x1b[0m\n"+strings.Repeat("x", 5000)))
		line, isLine := strings.CutSuffix(stderr, "\n")
		if status != 2 || !isLine || strings.ContainsAny(line, "\n\x1b") || len(line) > 1000 {
			t.Errorf("util with a hostile word: status %d, stderr %q", status, stderr)
		}
	}
}

// refused checks that util-init has refused to be an applet.
func refused(t *testing.T, name string, argv []string, status int, stdout, stderr string) {
	t.Helper()
	want := fmt.Sprintf("util-init: applet %q: not in this program, "+
		"which is init alone (util has all applets)\n", name)
	if status != 2 || stdout != "" || stderr != want {
		t.Errorf("%q: status %d, stdout %q, stderr %q, want 2, %q", argv, status, stdout, stderr, want)
	}
}

// On a terminal, the version of util is in a line of its own before that of the other init.
func TestVersionLines(t *testing.T) {
	for name, want := range map[string]string{
		"tini": `tini version \S+ - git\.\S+\n`, "docker-init": `tini version \S+ - git\.\S+\n`,
		"catatonit": `(?s).*catatonit.*\n`,
	} {
		out, err := exec.Command(namesake(t, test.Util(t), name), "--version").CombinedOutput()
		if !regexp.MustCompile(`\Autil \S+, commit \S+\n` + want + `\z`).Match(out) {
			t.Errorf("%s: %v, %q", name, err, out)
		}
	}
}
