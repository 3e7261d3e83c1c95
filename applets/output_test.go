package applets_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"util/internal/test"
)

// talkers are command lines that write to stdout.
var talkers = []string{
	"", "help", "help init", "--help", "--list", "--list --compat", "--version",
	"init --help", "init --version", "wait-for-port --help", "wait-for-port --version",
	"sendsig --help", "sendsig --version", "reap-once --help", "reap-once --version",
	"healthcheck --help", "healthcheck --version", "run-as --help", "run-as --version",
	"completion --help", "completion bash", "completion zsh", "completion fish", "__complete in",
	"sendsig -l", "sendsig -l 143", "sendsig --dry-run CONT PID",
	"sendsig --dry-run --json CONT PID", "sendsig -v CONT PID", "sendsig --json CONT PID",
	"reap-once",
}

// Output that cannot be written is an error with a message, however stdout is lost. The work itself
// is done. (The tests of init have the same for what it prints without the Go runtime.)
func TestLostOutput(t *testing.T) {
	crowd := test.Start(t, exec.Command(test.Crowd(t), "zombies", "1")) // for reap-once
	crowd.Expect("ready")
	target := test.Start(t, exec.Command(test.Probe(t), "say", "ready", "pause"))
	target.Expect("ready")
	for _, talker := range talkers {
		for _, loss := range []struct{ name, redirect, why string }{
			{"full", ">/dev/full", "no space left on device"},
			{"closed", ">&-", "bad file descriptor"},
			{"closed pipe", "", "broken pipe"},
		} {
			line := strings.ReplaceAll(talker, "PID", itoa(target.Process.Pid))
			words := strings.Fields(line)
			cmd := withShell(test.Util(t), `exec "$0" "$@" `+loss.redirect, words...)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			if loss.redirect == "" {
				cmd.Stdout = closedPipe(t)
			}
			_ = cmd.Run()
			want := called(words) + ": stdout: " + loss.why + "\n"
			if status := test.StatusOf(cmd.ProcessState); status != 1 || stderr.String() != want {
				t.Errorf("util %s, stdout %s: status %d, stderr %q, want 1, %q",
					talker, loss.name, status, stderr.String(), want)
			}
		}
	}
	for _, option := range []string{"-v", "--json"} {
		target := test.Start(t, exec.Command(test.Probe(t), "catch", "echo", "10", "echo", "12"))
		target.Expect("ready")
		pid := itoa(target.Process.Pid)
		for _, signal := range []string{"USR1", "USR2"} {
			cmd := withShell(test.Util(t), `exec "$0" sendsig "$@" >/dev/full`, option, signal, pid)
			if status, _, _ := test.Run(t, cmd); status != 1 {
				t.Errorf("sendsig %s: status %d, want 1", option, status)
			}
			target.Expect(map[string]string{"USR1": "10", "USR2": "12"}[signal])
		}
	}
}

// called is how the messages for a command line of util begin.
func called(words []string) string {
	switch {
	case len(words) == 2 && words[0] == "help":
		return "util " + words[1]
	case len(words) == 0, words[0] == "help", words[0] == "__complete", words[0][0] == '-':
		return "util"
	}
	return "util " + words[0]
}

// withShell runs a script, in which $0 is the program and $@ are the arguments.
func withShell(program, script string, args ...string) *exec.Cmd {
	return exec.Command("/bin/sh", append([]string{"-c", script, program}, args...)...)
}

// closedPipe returns the end of a pipe that has no reader.
func closedPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	test.Must(t, err)
	r.Close()
	t.Cleanup(func() { w.Close() })
	return w
}

// A status that means more than lost output is kept.
func TestLostOutputStatus(t *testing.T) {
	target := test.Start(t, exec.Command(test.Probe(t), "say", "ready", "pause"))
	target.Expect("ready")
	cmd := withShell(test.Util(t), `exec "$0" sendsig -v CONT "$@" >/dev/full`,
		"2147483647", itoa(target.Process.Pid))
	status, _, stderr := test.Run(t, cmd)
	want := "util sendsig: stdout: no space left on device\n"
	if status != 64 || !strings.HasSuffix(stderr, want) {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

// A program with a stderr that has no reader does its work: it is not killed by SIGPIPE.
func TestLostErrors(t *testing.T) {
	target := test.Start(t, exec.Command(test.Probe(t), "catch", "echo", "10", "exit", "0"))
	target.Expect("ready")
	w := closedPipe(t)
	cmd := exec.Command(test.Util(t), "sendsig", "USR1", "2147483647", itoa(target.Process.Pid))
	cmd.Stderr = w
	if err := cmd.Run(); err == nil || test.StatusOf(cmd.ProcessState) != 64 {
		t.Errorf("some could not be signalled: %v, want status 64", err)
	}
	target.Expect("10")
	cmd = exec.Command(test.Util(t), "--bogus")
	cmd.Stderr = w
	if err := cmd.Run(); err == nil || test.StatusOf(cmd.ProcessState) != 2 {
		t.Errorf("usage error: %v, want status 2", err)
	}
}

// Standard files that were closed are closed for the command too. The Go runtime opens /dev/null
// for them, which the command must not get.
func TestClosedFilesStayClosed(t *testing.T) {
	const count = "ls -l /proc/self/fd/ | grep -c ' [01] -> /dev/null' >&2; exit 0"
	for _, applet := range []string{
		"reap-once", "wait-for-port --state down --timeout 5s unix:/nothing/there",
	} {
		words := append(strings.Fields(applet), "--", "/bin/sh", "-c", count)
		status, _, stderr := test.Run(t, withShell(test.Util(t), `exec "$0" "$@" <&- >&-`, words...))
		if status != 0 || !strings.HasSuffix(strings.TrimSpace(stderr), "0") {
			t.Errorf("%s: status %d, stderr %q", applet, status, stderr)
		}
	}
}
