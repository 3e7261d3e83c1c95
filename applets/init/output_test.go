package initcmd_test

import (
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"util/internal/test"

	"golang.org/x/sys/unix"
)

// What init prints on stdout: help, versions and licences.

// Output that cannot be written is an error with a message, however stdout is lost.
func TestLostOutput(t *testing.T) {
	for _, line := range []string{
		"init --help", "init --version",
		"tini -h", "tini --version", "tini -l", "docker-init --version", "catatonit -L", "catatonit -V",
	} {
		words := strings.Fields(line)
		for redirect, why := range map[string]string{
			">/dev/full": "no space left on device",
			">&-":        "bad file descriptor",
			"":           "broken pipe",
		} {
			script := []string{"-c", `exec "$0" "$@" ` + redirect, test.Util(t)}
			cmd := exec.Command("/bin/sh", append(script, words...)...)
			var stderr strings.Builder
			cmd.Stderr = &stderr
			if redirect == "" {
				r, w, err := os.Pipe()
				test.Must(t, err)
				r.Close()
				defer w.Close()
				cmd.Stdout = w
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
	cmd = exec.Command(test.Util(t), strings.Fields(line)...)
	w := os.NewFile(uintptr(ends[1]), "w")
	defer w.Close()
	cmd.Stdout = w
	test.Must(t, cmd.Start())
	limit := time.AfterFunc(test.Deadline, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() { limit.Stop(); _ = cmd.Process.Kill() })
	call := test.Number(unix.SYS_WRITE)
	if nonblock {
		call = test.Number(unix.SYS_PPOLL)
	}
	test.Eventually(t, line+" waits", func() bool {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(cmd.Process.Pid) + "/syscall")
		return err == nil && strings.HasPrefix(string(text), strconv.Itoa(call)+" ")
	})
	return r, cmd
}
