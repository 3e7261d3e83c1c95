package applets_test

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
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
// is done.
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

// The same for the other inits.
func TestLostOutputOfOtherInits(t *testing.T) {
	for _, line := range []string{
		"tini -h", "tini --version", "tini -l", "docker-init --version", "catatonit -L", "catatonit -V",
	} {
		words := strings.Fields(line)
		for redirect, why := range map[string]string{
			">/dev/full": "no space left on device",
			">&-":        "bad file descriptor",
			"":           "broken pipe",
		} {
			cmd := withShell(test.Util(t), `exec "$0" "$@" `+redirect, words...)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			if redirect == "" {
				cmd.Stdout = closedPipe(t)
			}
			_ = cmd.Run()
			lost := strings.HasSuffix(stderr.String(), "util init: stdout: "+why+"\n")
			if status := test.StatusOf(cmd.ProcessState); status != 1 || !lost {
				t.Errorf("%s, stdout %q: status %d, stderr %q", line, redirect, status, stderr.String())
			}
		}
	}
}

// Early code that writes to a full pipe waits for the reader, also if the pipe is non-blocking. A
// signal ends it.
func TestFullPipe(t *testing.T) {
	for _, line := range []string{"init --help", "init --version", "init -h", "tini -h", "tini -l"} {
		_, want, _ := test.Run(t, exec.Command(test.Util(t), strings.Fields(line)...))
		for _, nonblock := range []bool{false, true} {
			r, cmd := onFullPipe(t, nonblock, line)
			test.Must(t, cmd.Process.Signal(unix.SIGTERM))
			_ = cmd.Wait()
			r.Close()
			if status := test.StatusOf(cmd.ProcessState); status != 256+15 {
				t.Fatalf("%s, non-blocking %v: TERM: status %d", line, nonblock, status)
			}

			r, cmd = onFullPipe(t, nonblock, line)
			text, err := io.ReadAll(r)
			_ = cmd.Wait()
			r.Close()
			got := strings.TrimLeft(string(text), "\x00")
			if status := test.StatusOf(cmd.ProcessState); err != nil || status != 0 || got != want+"\n" {
				t.Errorf("%s, non-blocking %v: %v, status %d, %q", line, nonblock, err, status, got)
			}
		}
	}
}

// onFullPipe starts a command line of util that writes to a full pipe, and returns the other end
// when the process waits. A process that does not end is killed.
func onFullPipe(t *testing.T, nonblock bool, line string) (r *os.File, cmd *exec.Cmd) {
	t.Helper()
	var ends [2]int
	test.Must(t, unix.Pipe2(ends[:], unix.O_CLOEXEC))
	r = os.NewFile(uintptr(ends[0]), "r")
	test.Must(t, unix.SetNonblock(ends[1], true))
	for size := 4096; size > 0; size /= 2 {
		for _, err := unix.Write(ends[1], make([]byte, size)); err == nil; {
			_, err = unix.Write(ends[1], make([]byte, size))
		}
	}
	test.Must(t, unix.SetNonblock(ends[1], nonblock))
	cmd = withShell(test.Util(t), `exec "$0" "$@"`, strings.Fields(line)...)
	w := os.NewFile(uintptr(ends[1]), "w")
	defer w.Close()
	cmd.Stdout = w
	test.Must(t, cmd.Start())
	limit := time.AfterFunc(test.Deadline, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() { limit.Stop(); _ = cmd.Process.Kill() })
	call := unix.SYS_WRITE
	if nonblock {
		call = unix.SYS_PPOLL
	}
	test.Eventually(t, line+" waits", func() bool {
		text, err := os.ReadFile("/proc/" + itoa(cmd.Process.Pid) + "/syscall")
		return err == nil && strings.HasPrefix(string(text), itoa(call)+" ")
	})
	return r, cmd
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
