package applets_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"util/internal/test"
)

// talkers are the command lines that write to stdout.
var talkers = []string{
	"", "help", "help init", "--help", "--list", "--list --compat", "--version",
	"init --help", "init --version", "wait-for-port --help", "wait-for-port --version", "sendsig --help", "sendsig --version",
	"reap-once --help", "reap-once --version", "completion --help",
	"completion bash", "completion zsh", "completion fish", "__complete in",
	"sendsig -l", "sendsig -l 143", "sendsig --dry-run CONT PID", "sendsig --dry-run --json CONT PID", "sendsig -v CONT PID", "sendsig --json CONT PID",
	"reap-once",
}

// What cannot be written is an error with a message, however stdout is lost. What was to be done is done all the same.
func TestLostOutput(t *testing.T) {
	crowd := test.Start(t, exec.Command(test.Crowd(t), "zombies", "1")) // so that reap-once has something to say
	crowd.Expect("ready")
	target := test.Start(t, exec.Command(test.Probe(t), "say", "ready", "pause"))
	target.Expect("ready")
	for _, talker := range talkers {
		for _, way := range []struct{ name, redirect, why string }{
			{"full", ">/dev/full", "no space left on device"},
			{"closed", ">&-", "bad file descriptor"},
			{"closed pipe", "", "broken pipe"},
		} {
			line := strings.ReplaceAll(talker, "PID", itoa(target.Process.Pid))
			words := strings.Fields(line)
			cmd := exec.Command("/bin/sh", append([]string{"-c", `exec "$0" "$@" ` + way.redirect, test.Util(t)}, words...)...)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			if way.redirect == "" {
				r, w, err := os.Pipe()
				if err != nil {
					t.Fatal(err)
				}
				r.Close()
				cmd.Stdout = w
				defer w.Close()
			}
			_ = cmd.Run()
			name := "util"
			if len(words) > 0 && !strings.HasPrefix(words[0], "-") && words[0] != "__complete" && words[0] != "help" {
				name += " " + words[0]
			} else if line == "help init" {
				name = "util init"
			}
			want := name + ": stdout: " + way.why + "\n"
			if status := test.StatusOf(cmd.ProcessState); status != 1 || stderr.String() != want {
				t.Errorf("util %s, stdout %s: status %d, stderr %q, want 1, %q", talker, way.name, status, stderr.String(), want)
			}
		}
	}
	for _, option := range []string{"-v", "--json"} {
		target := test.Start(t, exec.Command(test.Probe(t), "catch", "echo", "10", "echo", "12", "exit", "0"))
		target.Expect("ready")
		pid := itoa(target.Process.Pid)
		for _, signal := range []string{"USR1", "USR2"} {
			cmd := exec.Command("/bin/sh", "-c", `exec "$0" sendsig "$@" >/dev/full`, test.Util(t), option, signal, pid)
			if status, _, _ := test.Run(t, cmd); status != 1 {
				t.Errorf("sendsig %s: status %d, want 1", option, status)
			}
			target.Expect(map[string]string{"USR1": "10", "USR2": "12"}[signal])
		}
	}
}

// The same for the other inits, whose help is said before the Go runtime.
func TestLostOutputOfOtherInits(t *testing.T) {
	for _, line := range []string{"tini -h", "tini --version", "tini -l", "docker-init --version", "catatonit -L", "catatonit -V"} {
		words := strings.Fields(line)
		for _, redirect := range []string{">/dev/full", ">&-", "| :"} {
			cmd := exec.Command("/bin/sh", append([]string{"-c", `"$0" "$@" ` + redirect, test.Util(t)}, words...)...)
			status, _, stderr := test.Run(t, cmd)
			if redirect != "| :" && (status != 1 || !strings.HasSuffix(stderr, "util init: stdout: cannot be written\n")) || status > 1 {
				t.Errorf("%s %s: status %d, stderr %q", line, redirect, status, stderr)
			}
		}
	}
}

// A status that says more than that output was lost stays.
func TestLostOutputStatus(t *testing.T) {
	target := test.Start(t, exec.Command(test.Probe(t), "say", "ready", "pause"))
	target.Expect("ready")
	cmd := exec.Command("/bin/sh", "-c", `exec "$0" sendsig -v CONT "$@" >/dev/full`, test.Util(t), "2147483647", itoa(target.Process.Pid))
	if status, _, stderr := test.Run(t, cmd); status != 64 || !strings.HasSuffix(stderr, "util sendsig: stdout: no space left on device\n") {
		t.Errorf("status %d, stderr %q", status, stderr)
	}
}

// A stderr without a reader does not end a program by SIGPIPE before its work is done.
func TestLostErrors(t *testing.T) {
	target := test.Start(t, exec.Command(test.Probe(t), "catch", "echo", "10", "exit", "0"))
	target.Expect("ready")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
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

// Standard files that were closed are closed for the command too, and not /dev/null, which the Go runtime opens for them.
func TestClosedFilesStayClosed(t *testing.T) {
	for _, applet := range []string{"reap-once", "wait-for-port --state down --timeout 5s unix:/nothing/there"} {
		words := append(strings.Fields(applet), "--", "/bin/sh", "-c", "ls -l /proc/self/fd/ | grep -c ' [01] -> /dev/null' >&2; exit 0")
		cmd := exec.Command("/bin/sh", append([]string{"-c", `exec "$0" "$@" <&- >&-`, test.Util(t)}, words...)...)
		if status, _, stderr := test.Run(t, cmd); status != 0 || !strings.HasSuffix(strings.TrimSpace(stderr), "0") {
			t.Errorf("%s: status %d, stderr %q", applet, status, stderr)
		}
	}
}
