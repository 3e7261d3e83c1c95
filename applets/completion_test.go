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

// completed are lines, as they are typed, with what their last words can become. The shells know files and commands
// themselves; a directory has the file afile.conf, and PATH the command acommand.
var completed = []struct {
	line string
	want []string // exactly, if the first is "="; else at least these
}{
	{"util ", []string{"=", "init", "wait-for-port", "sendsig", "reap-once", "help", "completion"}},
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

	{"init --gr", []string{"=", "--grace"}},
	{"init -- acommand af", []string{"=", "afile.conf"}},
	{"wait-for-port --state=d", []string{"=", "--state=down"}},
	{"sendsig TE", []string{"=", "TERM"}},
	{"hard/sendsig TE", []string{"=", "TERM"}},
	{"reap-once --nu", []string{"=", "--nudge"}},
	{"strange/init af", []string{"=", "afile.conf"}}, // not ours
}

// workplace makes a directory with a file, and with commands in bin: util, its links, and another.
func workplace(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	util := place(t, dir+"/bin/util")
	installs(t, util, 0, "", "-s", dir+"/bin")
	installs(t, util, 0, "", dir+"/hard")
	must(t, os.Mkdir(dir+"/strange", 0o755))
	for _, name := range []string{"bin/acommand", "strange/init"} {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho run >ran\n"), 0o755))
	}
	write(t, dir+"/afile.conf", "")
	return dir
}

// checkCompletions lets ask complete each line to all that its last word can become.
func checkCompletions(t *testing.T, dir, shell string, ask func(line string) []string) {
	t.Helper()
	for _, tc := range completed {
		got := ask(tc.line)
		sorted := slices.Sorted(slices.Values(got))
		if len(slices.Compact(slices.Clone(sorted))) != len(got) {
			t.Errorf("%s: %q: the same twice: %q", shell, tc.line, got)
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
	t     *testing.T
	pty   *os.File
	dir   string
	mutex sync.Mutex
	shown []byte
}

// startShell starts a shell with a setup; its function show writes its arguments to a file.
func startShell(t *testing.T, dir, setup string, command ...string) *interactive {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + dir + "/bin:/usr/bin:/bin", "TERM=dumb", "HOME=" + dir, "INPUTRC=/dev/null", "LC_ALL=C", "PS1=> "}
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
			s.shown = append(s.shown, buf[:n]...)
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
	write(t, dir+"/setup", setup+"\nshow() { printf '%s\\n' \"$@\" >said.new; mv said.new said; }\n")
	s.enter(". ./setup; show ready\r")
	s.said()
	return s
}

func (s *interactive) enter(keys string) {
	s.t.Helper()
	if _, err := s.pty.WriteString(keys); err != nil {
		s.t.Fatal(err)
	}
}

// said returns the words of the next show.
func (s *interactive) said() []string {
	s.t.Helper()
	path := filepath.Join(s.dir, "said")
	for end := time.Now().Add(test.Deadline); ; time.Sleep(2 * time.Millisecond) {
		if text, err := os.ReadFile(path); err == nil {
			must(s.t, os.Remove(path))
			return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
		}
		if time.Now().After(end) {
			s.mutex.Lock()
			defer s.mutex.Unlock()
			s.t.Fatalf("the shell says nothing; it shows %q", s.shown)
		}
	}
}

// ask types a line, lets the shell insert all that its last word can become, and returns these. Nothing is returned if the
// word stays as it is.
func (s *interactive) ask(line string) []string {
	s.t.Helper()
	s.enter(line + "\x1b*\x01show \r") // M-*, C-a
	said := s.said()
	words := strings.Split(line, " ")
	if len(said) < len(words) {
		if words[len(words)-1] == "" && len(said) == len(words)-1 {
			return nil
		}
		s.t.Fatalf("%q became %q", line, said)
	}
	rest := said[len(words)-1:]
	if len(rest) == 1 && rest[0] == words[len(words)-1] {
		return nil
	}
	return rest
}

func TestCompletionBash(t *testing.T) {
	dir := workplace(t)
	s := startShell(t, dir, `. <(util completion bash); unset -f _init_completion _get_comp_words_by_ref`, test.Tool(t, "bash"), "--norc", "--noprofile", "-i")
	checkCompletions(t, dir, "bash", s.ask)
}

func TestCompletionZsh(t *testing.T) {
	zsh := test.Tool(t, "zsh")
	for name, load := range map[string]string{
		"sourced":    "autoload -Uz compinit; compinit -u -D; util completion zsh >script; . ./script",
		"autoloaded": "mkdir functions; util completion zsh >functions/_util; fpath=($PWD/functions $fpath); autoload -Uz compinit; compinit -u -D",
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
	checkCompletions(t, dir, "fish", func(line string) (all []string) {
		cmd := exec.Command(fish, "--no-config", "-c", "util completion fish | source; complete -C \"$argv\"", line)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + dir + "/bin:/usr/bin:/bin", "TERM=dumb", "HOME=" + dir, "LC_ALL=C.UTF-8"}
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
