package applets_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"util/internal/test"

	"github.com/creack/pty"
)

// completed are command lines as they are typed, with what the last word can become. The shells
// find files and commands themselves: there is a file afile.conf, and a command acommand in PATH.
var completed = []struct {
	line string
	want []string // exactly, if the first is "="; else at least these
}{
	{"util ", []string{
		"=", "init", "wait-for-port", "sendsig", "reap-once", "run-as", "help", "completion",
	}},
	{"util in", []string{"=", "init"}},
	{"util --l", []string{"=", "--list"}},
	{"util help se", []string{"=", "sendsig"}},
	{"util completion ", []string{"=", "bash", "zsh", "fish"}},
	{"util --install . po", []string{"=", "podman-init"}},
	{"util --install -s af", []string{"=", "afile.conf"}},

	{"util init --gr", []string{"=", "--grace"}},
	{"util init --stop", []string{"=", "--stop-signal", "--stop-delay"}},
	{"util init -", []string{"--grace", "--single-child", "--version", "--help"}},
	{"util init --scope ", []string{"=", "group", "ordered", "container"}},
	{"util init --scope=or", []string{"=", "--scope=ordered"}},
	{"util init --log-format j", []string{"=", "json"}},
	{"util init --compat podman", []string{"=", "podman-init"}},
	{"util init --compat=tini-", []string{"=", "--compat=tini-static"}},
	{"util init --stop-signal QU", []string{"=", "QUIT"}},
	{"util init --stop-signal sigqu", []string{"=", "sigquit"}},
	{"util init --stop-signal QUIT,PW", []string{"=", "QUIT,PWR"}},
	{"util init --parent-death SIGTE", []string{"=", "SIGTERM"}},
	{"util init --rewrite TERM:QU", []string{"=", "TERM:QUIT"}},
	{"util init --rewrite TERM:no", []string{"=", "TERM:none"}},
	{"util init --rewrite=HUP:none,TERM:INT,QU", []string{"=", "--rewrite=HUP:none,TERM:INT,QUIT:"}},
	{"util init -r WIN", []string{"=", "WINCH:"}},
	{"util init --exit-code an", []string{"=", "any:"}},
	{"util init --termination-log af", []string{"=", "afile.conf"}},
	{"util init --termination-log=af", []string{"=", "--termination-log=afile.conf"}},
	{"util init -c acomm", []string{"=", "acommand"}},
	{"util init -- acomm", []string{"=", "acommand"}},
	{"util init -- --g", []string{"="}},
	{"util init -- acommand --g", []string{"="}},
	{"util init acommand --g", []string{"="}},
	{"util init -- acommand af", []string{"=", "afile.conf"}},
	{"util init --compat tini -- acomm", []string{"=", "acommand"}},
	{"util init --compat tini --g", []string{"="}},
	{"util tini -- acomm", []string{"=", "acommand"}},

	{"util wait-for-port --tim", []string{"=", "--timeout"}},
	{"util wait-for-port --state ", []string{"=", "up", "down", "inuse", "free"}},
	{"util wait-for-port --state=d", []string{"=", "--state=down"}},
	{"util wait-for-port 80 --ho", []string{"=", "--host", "--hold"}},
	{"util wait-for-port 80 -- acomm", []string{"=", "acommand"}},
	{"util wait-for-port 80 -- --ho", []string{"="}},
	{"util wait-for-port 80 -- acommand af", []string{"=", "afile.conf"}},
	{"util wait-for-port unix:af", []string{"=", "unix:afile.conf"}},
	{"util wait-for-port af", []string{"="}},

	{"util sendsig TE", []string{"=", "TERM"}},
	{"util sendsig SIGUSR", []string{"=", "SIGUSR1", "SIGUSR2"}},
	{"util sendsig TERM TE", []string{"="}},
	{"util sendsig -s WIN", []string{"=", "WINCH"}},
	{"util sendsig --signal=WIN", []string{"=", "--signal=WINCH"}},
	{"util sendsig -s WINCH WIN", []string{"="}},
	{"util sendsig -l WIN", []string{"=", "WINCH"}},
	{"util sendsig TERM --then KI", []string{"=", "KILL@"}},
	{"util sendsig TERM --pi", []string{"=", "--pidfile"}},
	{"util sendsig TERM --pidfile af", []string{"=", "afile.conf"}},
	{"util sendsig TERM --exe=af", []string{"=", "--exe=afile.conf"}},
	{"util sendsig TERM af", []string{"="}},

	{"util reap-once --nu", []string{"=", "--nudge"}},
	{"util reap-once --wait 2s -- acomm", []string{"=", "acommand"}},
	{"util reap-once -- --nu", []string{"="}},

	{"util run-as --no", []string{"=", "--no-new-privs"}},
	{"util run-as roo", []string{"=", "root"}},
	{"util run-as root acomm", []string{"=", "acommand"}},
	{"util run-as root -- acomm", []string{"=", "acommand"}},
	{"util run-as root acommand af", []string{"=", "afile.conf"}},
	{"util run-as root acommand --no", []string{"="}},

	{"init --gr", []string{"=", "--grace"}},
	{"init -- acommand af", []string{"=", "afile.conf"}},
	{"wait-for-port --state=d", []string{"=", "--state=down"}},
	{"sendsig TE", []string{"=", "TERM"}},
	{"hard/sendsig TE", []string{"=", "TERM"}},
	{"reap-once --nu", []string{"=", "--nudge"}},
	{"run-as --ke", []string{"=", "--keep-groups"}},
	{"strange/init af", []string{"=", "afile.conf"}}, // not a link to util
}

// workplace makes a directory with a file and with a directory bin, in which are util, links to it
// and another command.
func workplace(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	util := place(t, dir+"/bin/util")
	installs(t, util, 0, "", "-s", dir+"/bin")
	installs(t, util, 0, "", dir+"/hard")
	test.Must(t, os.Mkdir(dir+"/strange", 0o755))
	for _, name := range []string{"bin/acommand", "strange/init"} {
		test.Must(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho run >ran\n"), 0o755))
	}
	write(t, dir+"/afile.conf", "")
	return dir
}

// checkCompletions checks what the last word of each line can become, which ask returns.
func checkCompletions(t *testing.T, dir, shell string, ask func(line string) []string) {
	t.Helper()
	for _, tc := range completed {
		got := ask(tc.line)
		sorted := slices.Sorted(slices.Values(got))
		if len(slices.Compact(slices.Clone(sorted))) != len(got) {
			t.Errorf("%s: %q: a word is there twice: %q", shell, tc.line, got)
		}
		if tc.want[0] == "=" {
			if want := slices.Sorted(slices.Values(tc.want[1:])); !slices.Equal(sorted, want) {
				t.Errorf("%s: %q: %q, want %q", shell, tc.line, sorted, want)
			}
		} else {
			for _, word := range tc.want {
				if !slices.Contains(got, word) {
					t.Errorf("%s: %q: no %q in %q", shell, tc.line, word, got)
				}
			}
		}
	}
	if _, err := os.Stat(dir + "/ran"); err == nil {
		t.Error("a program that is not util was run")
	}
}

// interactive is a shell on a terminal.
type interactive struct {
	t      *testing.T
	pty    *os.File
	dir    string
	mutex  sync.Mutex
	screen []byte // all that it has printed
}

// environment is what the environments of all shells have in common.
func environment(dir string) []string {
	return []string{"PATH=" + dir + "/bin:/usr/bin:/bin", "TERM=dumb", "HOME=" + dir}
}

// startShell starts a shell and runs setup in it. It defines a function show, which writes its
// arguments to a file.
func startShell(t *testing.T, dir, setup string, command ...string) *interactive {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = append(environment(dir), "INPUTRC=/dev/null", "LC_ALL=C", "PS1=> ")
	file, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 50, Cols: 500})
	if err != nil {
		t.Fatal(err)
	}
	s := &interactive{t: t, pty: file, dir: dir}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 4096)
		for {
			n, err := file.Read(buf)
			s.mutex.Lock()
			s.screen = append(s.screen, buf[:n]...)
			s.mutex.Unlock()
			if err != nil {
				_ = cmd.Wait()
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		file.Close()
	})
	write(t, dir+"/setup", setup+`
show() { printf '%s\n' "$@" >shown.new; mv shown.new shown; }
`)
	s.enter(". ./setup; show ready\r")
	s.result()
	return s
}

func (s *interactive) enter(keys string) {
	s.t.Helper()
	if _, err := s.pty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// result waits for the next call of show and returns its arguments.
func (s *interactive) result() []string {
	s.t.Helper()
	path := filepath.Join(s.dir, "shown")
	for end := time.Now().Add(test.Deadline); ; time.Sleep(2 * time.Millisecond) {
		if text, err := os.ReadFile(path); err == nil {
			test.Must(s.t, os.Remove(path))
			return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		}
		if time.Now().After(end) {
			s.mutex.Lock()
			defer s.mutex.Unlock()
			s.t.Fatalf("show was not called; on the terminal: %q", s.screen)
		}
	}
}

// ask types a line, makes the shell replace the last word with all that it can become, and returns
// these words. It returns nil if the word stays as it is.
func (s *interactive) ask(line string) []string {
	s.t.Helper()
	s.enter(line + "\x1b*\x01show \r") // M-*, C-a
	shown := s.result()
	words := strings.Split(line, " ")
	if len(shown) < len(words) {
		if words[len(words)-1] == "" && len(shown) == len(words)-1 {
			return nil
		}
		s.t.Fatalf("%q became %q", line, shown)
	}
	rest := shown[len(words)-1:]
	if len(rest) == 1 && rest[0] == words[len(words)-1] {
		return nil
	}
	return rest
}

func TestCompletionBash(t *testing.T) {
	dir := workplace(t)
	// Without the functions of the package bash-completion: the script must not need them.
	setup := ". <(util completion bash); unset -f _init_completion _get_comp_words_by_ref"
	s := startShell(t, dir, setup, test.Tool(t, "bash"), "--norc", "--noprofile", "-i")
	checkCompletions(t, dir, "bash", s.ask)
}

func TestCompletionZsh(t *testing.T) {
	zsh := test.Tool(t, "zsh")
	const start = "autoload -Uz compinit; compinit -u -D\n"
	for name, load := range map[string]string{
		"sourced": start + "util completion zsh >script; . ./script",
		"autoloaded": "mkdir functions; util completion zsh >functions/_util\n" +
			"fpath=($PWD/functions $fpath)\n" + start,
	} {
		t.Run(name, func(t *testing.T) {
			dir := workplace(t)
			// M-* inserts all matches.
			s := startShell(t, dir, load+`
zle -C all-matches complete-word _generic
bindkey -e; bindkey '\e*' all-matches
zstyle ':completion:all-matches::::' completer _all_matches _complete
zstyle ':completion:all-matches:*' insert true
unset zle_bracketed_paste`, zsh, "-f", "-i")
			checkCompletions(t, dir, "zsh", s.ask)
		})
	}
}

func TestCompletionFish(t *testing.T) {
	dir := workplace(t)
	fish := test.Tool(t, "fish")
	const script = `util completion fish | source; complete -C "$argv"`
	checkCompletions(t, dir, "fish", func(line string) (all []string) {
		cmd := exec.Command(fish, "--no-config", "-c", script, line)
		cmd.Dir = dir
		cmd.Env = append(environment(dir), "LC_ALL=C.UTF-8")
		status, stdout, stderr := test.Run(t, cmd)
		if stderr != "" {
			t.Fatalf("fish: status %d, %s", status, stderr)
		}
		for line := range strings.Lines(stdout) {
			word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			all = append(all, word)
		}
		return all
	})
}
