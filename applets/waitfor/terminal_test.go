package waitfor_test

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

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

// TestLiveStatusLeavesNoCopies: there are never more lines than the terminal has room for, none is wider, and so what is
// drawn again and again never scrolls out.
func TestLiveStatusLeavesNoCopies(t *testing.T) {
	wide := "unix:/" + strings.Repeat("\u6570\u636e", 14)
	long := "unix:/" + strings.Repeat("long/", 19)
	for _, c := range []struct {
		name       string
		rows, cols int
		targets    []string
		want       []string // parts of the lines on the screen
	}{
		{"more targets than rows", 6, 80, []string{"1", "2", "3", "4", "5", "6", "7", "8"}, []string{"1 ", "2 ", "3 ", "4 ", "and 4 more  ("}},
		{"as many as rows", 6, 80, []string{"1", "2", "3", "4", "5"}, []string{"1 ", "2 ", "3 ", "4 ", "5 "}},
		{"one row more", 6, 80, []string{"1", "2", "3", "4", "5", "6"}, []string{"1 ", "2 ", "3 ", "4 ", "and 2 more  ("}},
		{"two rows", 2, 80, []string{"1", "2", "3"}, []string{"3 targets, 0 of them up  ("}},
		{"one row", 1, 80, []string{"1", "2", "3"}, nil},
		{"long names", 6, 40, []string{long, long + "b", "3"}, []string{"unix:/long/", "unix:/long/", "3 "}},
		{"wide characters", 6, 41, []string{wide, wide + "b", "3"}, []string{"unix:/\u6570", "unix:/\u6570", "3 "}},
		{"wide characters, an even width", 6, 40, []string{wide, wide + "b", "3"}, []string{"unix:/\u6570", "unix:/\u6570", "3 "}},
		{"a narrow window", 6, 5, []string{"1", "2"}, []string{"1", "2"}},
		{"one column", 6, 1, []string{"1", "2"}, nil},
		{"control characters", 6, 80, []string{"unix:/a\nb\x1b[2J\u009b2J\u202ec\x7f"}, []string{"unix:/a?b?[2J?2J?c?"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, slave := newVT(t, c.rows, c.cols)
			for range 10 { // the cursor is on the last row
				_, _ = slave.WriteString("b\n")
			}
			cmd := util(t, append([]string{"-t", "0"}, c.targets...)...)
			cmd.Env = append(cmd.Environ(), "TERM=xterm")
			cmd.Stderr = slave
			p := test.Start(t, cmd)
			slave.Close()
			if c.want != nil {
				v.drawings(t, 3)
			} else {
				time.Sleep(2500 * time.Millisecond) // nothing is to be seen in that time
			}
			back, screen := v.look(t)
			for _, line := range back {
				if line != "b" {
					t.Errorf("scrolled out: %q", back)
					break
				}
			}
			var status []string
			for _, line := range screen {
				if line != "b" {
					status = append(status, line)
				}
			}
			if len(status) != len(c.want) {
				t.Fatalf("on the screen: %q, want %q", screen, c.want)
			}
			for i, line := range status {
				if !strings.Contains(line, c.want[i]) {
					t.Errorf("on the screen: %q, want %q", screen, c.want)
				}
			}
			p.Signal(syscall.SIGTERM)
			p.Status()
		})
	}
}

// TestLiveStatusAfterAResize: a window that becomes smaller pushes lines out by itself, once; what is drawn from then on fits.
func TestLiveStatusAfterAResize(t *testing.T) {
	v, slave := newVT(t, 24, 80)
	var targets []string
	for i := range 12 {
		targets = append(targets, "127.0.0.1:"+strconv.Itoa(100+i))
	}
	cmd := util(t, append([]string{"-t", "0"}, targets...)...)
	cmd.Env = append(cmd.Environ(), "TERM=xterm")
	cmd.Stderr = slave
	p := test.Start(t, cmd)
	slave.Close()
	v.drawings(t, 1)
	for _, size := range [][2]int{{6, 80}, {6, 20}, {4, 60}, {24, 80}} {
		v.resize(t, size[0], size[1])
		v.drawings(t, 1)
		before, _ := v.look(t)
		v.drawings(t, 2)
		back, screen := v.look(t)
		if len(back) != len(before) {
			t.Errorf("%v: scrolled out: %q", size, back)
		}
		if size[0] < 12 && !strings.Contains(strings.Join(screen, "\n"), fmt.Sprintf("and %d more", 12-(size[0]-2))) {
			t.Errorf("%v: on the screen: %q", size, screen)
		}
		if size[0] > 12 && !strings.Contains(strings.Join(screen, "\n"), "127.0.0.1:111") {
			t.Errorf("%v: on the screen: %q", size, screen)
		}
	}
	p.Signal(syscall.SIGTERM)
	p.Status()
}

// TestTerminalOfUnknownSize gets lines: nobody knows how many would be written over.
func TestTerminalOfUnknownSize(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		test.Missing(t, "pty", err.Error())
	}
	defer master.Close()
	var s screen
	go func() { _, _ = io.Copy(&s, master) }()
	cmd := util(t, "-t", "1.2", freePort(t))
	cmd.Env = append(cmd.Environ(), "TERM=xterm")
	cmd.Stderr = slave
	p := test.Start(t, cmd)
	slave.Close()
	p.Status()
	test.Eventually(t, "all is said", func() bool { return strings.Contains(s.String(), "timed out after 1.2s") })
	if got := s.String(); strings.Contains(got, "\x1b") || !strings.Contains(got, "waiting for ") {
		t.Errorf("said %q", got)
	}
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
