package test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// Must ends the test if err is not nil.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Rewrite replaces what is in a file. It is for files that are read again and again with other
// contents: the file stays open, because some filesystems write one to the disk that was truncated
// and is closed.
func Rewrite(t testing.TB, file *os.File, text []byte) {
	t.Helper()
	Must(t, file.Truncate(0))
	_, err := file.WriteAt(text, 0)
	Must(t, err)
}

// NewFile makes an empty file that is closed at the end of the test.
func NewFile(t testing.TB, path string) *os.File {
	t.Helper()
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	Must(t, err)
	t.Cleanup(func() { file.Close() })
	return file
}

// CopyFile copies a program to a new file, which can be executed.
func CopyFile(t testing.TB, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	Must(t, err)
	Must(t, os.WriteFile(to, data, 0o755))
}

// Docker runs the docker command and returns its status and output.
func Docker(t testing.TB, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	return Run(t, exec.Command(Tool(t, "docker"), args...))
}

// MustDocker runs the docker command and returns its stdout without surrounding white space. The
// test ends if the command fails.
func MustDocker(t testing.TB, args ...string) string {
	t.Helper()
	status, stdout, stderr := Docker(t, args...)
	if status != 0 {
		t.Fatalf("docker %q: status %d\n%s%s", args, status, stdout, stderr)
	}
	return strings.TrimSpace(stdout)
}

// Engine ends the test, as [Missing] does, if there is no Docker Engine.
func Engine(t testing.TB) {
	t.Helper()
	if status, _, stderr := Docker(t, "version", "--format", "{{.Server.Version}}"); status != 0 {
		Missing(t, "Docker Engine", strings.TrimSpace(stderr))
	}
}
