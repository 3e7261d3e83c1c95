package waitfor_test

import (
	"bufio"
	"os"
	"os/exec"
	"testing"
	"time"

	"util/internal/test"
)

// lines are the lines that a process writes to stderr.
type lines struct {
	t    testing.TB
	c    chan string
	seen []string
}

// startLines starts a command. Its stderr is read line by line.
func startLines(t testing.TB, cmd *exec.Cmd) (*test.Process, *lines) {
	t.Helper()
	r, w, err := os.Pipe()
	test.Must(t, err)
	cmd.Stderr = w
	p := test.Start(t, cmd)
	w.Close()
	l := &lines{t: t, c: make(chan string, 1024)}
	go func() {
		defer r.Close()
		defer close(l.c)
		for s := bufio.NewScanner(r); s.Scan(); {
			l.c <- s.Text()
		}
	}()
	return p, l
}

// next returns the next line, or false at the end.
func (l *lines) next() (string, bool) {
	l.t.Helper()
	select {
	case line, ok := <-l.c:
		if ok {
			l.seen = append(l.seen, line)
		}
		return line, ok
	case <-time.After(test.Deadline):
		l.t.Fatalf("no line after %q", l.seen)
	}
	return "", false
}

// expect reads lines until one equals want.
func (l *lines) expect(want string) {
	l.t.Helper()
	for {
		line, ok := l.next()
		if !ok {
			l.t.Fatalf("no line %q among %q", want, l.seen)
		}
		if line == want {
			return
		}
	}
}

// rest returns the lines up to the end.
func (l *lines) rest() (all []string) {
	l.t.Helper()
	for line, ok := l.next(); ok; line, ok = l.next() {
		all = append(all, line)
	}
	return all
}
