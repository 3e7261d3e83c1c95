package waitfor_test

import (
	"bufio"
	"io"
	"testing"
	"time"

	"util/internal/test"
)

// lines reads what a program says, line by line.
type lines struct {
	t    testing.TB
	c    chan string
	seen []string
}

func readLines(t testing.TB, r io.ReadCloser) *lines {
	l := &lines{t: t, c: make(chan string, 1024)}
	go func() {
		defer r.Close()
		defer close(l.c)
		for s := bufio.NewScanner(r); s.Scan(); {
			l.c <- s.Text()
		}
	}()
	return l
}

// next returns the next line, or false at the end.
func (l *lines) next() (string, bool) {
	l.t.Helper()
	select {
	case line, ok := <-l.c:
		l.seen = append(l.seen, line)
		return line, ok
	case <-time.After(test.Deadline):
		l.t.Fatalf("no line after %q", l.seen)
	}
	return "", false
}

// expect reads lines until one is want.
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
