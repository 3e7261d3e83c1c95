package waitfor_test

import (
	"io"
	"strings"
	"sync"
	"testing"

	"util/internal/test"

	"github.com/creack/pty"
)

// screen collects what is written to a terminal.
type screen struct {
	mutex sync.Mutex
	text  strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.String()
}

// TestTerminal: on a terminal each target has a line that is kept up to date in place, and is gone at the end.
func TestTerminal(t *testing.T) {
	port, other := freePort(t), "127.0.0.1:1"
	master, slave, err := pty.Open()
	if err != nil {
		test.Missing(t, "pty", err.Error())
	}
	defer master.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 24, Cols: 50}); err != nil {
		t.Fatal(err)
	}
	var s screen
	go func() { _, _ = io.Copy(&s, master) }()
	cmd := util(t, "-t", "0", "--any", port, other, "unix:/"+strings.Repeat("long/", 15), "--", "echo", "ran")
	cmd.Env = append(cmd.Environ(), "TERM=xterm")
	cmd.Stderr = slave
	p := test.Start(t, cmd)
	slave.Close()
	test.Eventually(t, "the status is drawn", func() bool { return strings.Contains(s.String(), other) })
	if got := s.String(); !strings.Contains(got, "connection refused\r\n") {
		t.Errorf("no error in %q", got)
	}
	for line := range strings.SplitSeq(s.String(), "\r\n") {
		if len(line) > 50 && strings.HasPrefix(line, "  ") {
			t.Errorf("a line is wider than the terminal: %q", line)
		}
	}
	// In place: the cursor goes up the three lines before they are written anew.
	test.Eventually(t, "the status is drawn again", func() bool { return strings.Contains(s.String(), "\x1b[3F\x1b[J  ") })
	listen(t, "tcp", "127.0.0.1:"+port)
	p.Expect("ran")
	p.Status()
	test.Eventually(t, "the lines are gone", func() bool {
		return strings.Contains(s.String(), "\x1b[3F\x1b[Jutil wait-for-port: the wait is over after ")
	})
}

// TestManyTargetsOnATerminal: there are never more lines than the terminal has.
func TestManyTargetsOnATerminal(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		test.Missing(t, "pty", err.Error())
	}
	defer master.Close()
	if err := pty.Setsize(master, &pty.Winsize{Rows: 6, Cols: 80}); err != nil {
		t.Fatal(err)
	}
	var s screen
	go func() { _, _ = io.Copy(&s, master) }()
	cmd := util(t, "-t", "0", "1", "2", "3", "4", "5", "6", "7", "8")
	cmd.Env = append(cmd.Environ(), "TERM=xterm")
	cmd.Stderr = slave
	test.Start(t, cmd)
	slave.Close()
	test.Eventually(t, "the status is drawn", func() bool { return strings.Contains(s.String(), "and 5 more") })
}

// TestDumbTerminal: one that cannot move its cursor gets lines.
func TestDumbTerminal(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		test.Missing(t, "pty", err.Error())
	}
	defer master.Close()
	var s screen
	go func() { _, _ = io.Copy(&s, master) }()
	cmd := util(t, "-t", "1.2", freePort(t))
	cmd.Env = append(cmd.Environ(), "TERM=dumb")
	cmd.Stderr = slave
	p := test.Start(t, cmd)
	slave.Close()
	if status := p.Status(); status != 124 {
		t.Errorf("status %d", status)
	}
	test.Eventually(t, "all is said", func() bool { return strings.Contains(s.String(), "timed out after 1.2s") })
	if got := s.String(); strings.Contains(got, "\x1b") || !strings.Contains(got, "waiting for ") {
		t.Errorf("said %q", got)
	}
}
