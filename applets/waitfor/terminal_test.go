package waitfor_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"util/internal/test"
)

// startOn starts a command whose stderr is a terminal.
func startOn(t testing.TB, line *os.File, term string, cmd *exec.Cmd) *test.Process {
	t.Helper()
	cmd.Env = append(cmd.Environ(), "TERM="+term)
	cmd.Stderr = line
	p := test.Start(t, cmd)
	line.Close()
	return p
}

// TestTerminal: on a terminal each target has a line, which is updated in place and removed at the
// end.
func TestTerminal(t *testing.T) {
	port, other := freePort(t), "127.0.0.1:1"
	term := test.NewTerminal(t)
	term.Resize(24, 50)
	long := "unix:/" + strings.Repeat("long/", 15)
	p := startOn(t, term.Line, "xterm",
		util(t, "-t", "0", "--any", port, other, long, "--", "echo", "ran"))
	term.Expect(other)
	term.Expect("connection refused\r\n")
	for line := range strings.SplitSeq(term.Text(), "\r\n") {
		if len(line) > 50 && strings.HasPrefix(line, "  ") {
			t.Errorf("a line is wider than the terminal: %q", line)
		}
	}
	// Before the three lines are written again, the cursor moves up.
	term.Expect("\x1b[3F\x1b[J  ")
	listen(t, "tcp", "127.0.0.1:"+port)
	p.Expect("ran")
	p.Status()
	term.Expect("\x1b[3F\x1b[Jutil wait-for-port: the wait is over after ")
}

// TestLiveStatusFits: the live status never has more lines than the terminal has rows and no line
// is too wide, so redrawing it never scrolls copies of it out of the screen.
func TestLiveStatusFits(t *testing.T) {
	cjk := "unix:/" + strings.Repeat("\u6570\u636e", 14)
	long := "unix:/" + strings.Repeat("long/", 19)
	eight := []string{"1", "2", "3", "4", "5", "6", "7", "8"}
	for _, c := range []struct {
		name       string
		rows, cols int
		targets    []string
		want       []string // parts of the lines on the screen
	}{
		{"too many targets", 6, 80, eight, []string{"1 ", "2 ", "3 ", "4 ", "and 4 more  ("}},
		{"just enough rows", 6, 80, eight[:5], []string{"1 ", "2 ", "3 ", "4 ", "5 "}},
		{"one row too few", 6, 80, eight[:6], []string{"1 ", "2 ", "3 ", "4 ", "and 2 more  ("}},
		{"two rows", 2, 80, eight[:3], []string{"3 targets, 0 of them up  ("}},
		{"one row", 1, 80, eight[:3], nil},
		{
			"long names", 6, 40,
			[]string{long, long + "b", "3"},
			[]string{"unix:/long/", "unix:/long/", "3 "},
		},
		{
			"wide characters, odd width", 6, 41,
			[]string{cjk, cjk + "b", "3"},
			[]string{"unix:/\u6570", "unix:/\u6570", "3 "},
		},
		{
			"wide characters, even width", 6, 40,
			[]string{cjk, cjk + "b", "3"},
			[]string{"unix:/\u6570", "unix:/\u6570", "3 "},
		},
		{"five columns", 6, 5, eight[:2], []string{"1", "2"}},
		{"one column", 6, 1, eight[:2], nil},
		{
			"control characters", 6, 80,
			[]string{"unix:/a\nb\x1b[2J\u009b2J\u202ec\x7f"},
			[]string{"unix:/a?b?[2J?2J?c?"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v, line := newVT(t, c.rows, c.cols)
			for range 10 { // move the cursor to the last row
				_, _ = line.WriteString("b\n")
			}
			p := startOn(t, line, "xterm", util(t, append([]string{"-t", "0"}, c.targets...)...))
			if c.want != nil {
				v.drawings(t, 3)
			} else {
				time.Sleep(2500 * time.Millisecond) // nothing must be drawn in that time
			}
			back, screen := v.look(t)
			isOther := func(line string) bool { return line == "b" }
			if status := without(back, isOther); len(status) > 0 {
				t.Errorf("scrolled out: %q", back)
			}
			status := without(screen, isOther)
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

// without returns the lines for which drop returns false.
func without(lines []string, drop func(string) bool) (rest []string) {
	for _, line := range lines {
		if !drop(line) {
			rest = append(rest, line)
		}
	}
	return rest
}

// TestLiveStatusAfterAResize: a window that becomes smaller scrolls lines out once. The next status
// fits into the new size.
func TestLiveStatusAfterAResize(t *testing.T) {
	v, line := newVT(t, 24, 80)
	args := []string{"-t", "0"}
	for i := range 12 {
		args = append(args, "127.0.0.1:"+strconv.Itoa(100+i))
	}
	p := startOn(t, line, "xterm", util(t, args...))
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
		want := "127.0.0.1:111"
		if size[0] < 12 {
			want = fmt.Sprintf("and %d more", 12-(size[0]-2))
		}
		if !strings.Contains(strings.Join(screen, "\n"), want) {
			t.Errorf("%v: on the screen: %q, want %q", size, screen, want)
		}
	}
	p.Signal(syscall.SIGTERM)
	p.Status()
}

// TestTerminalWithoutLiveStatus: a terminal of unknown size, and one that cannot move its cursor,
// get lines instead of a live status.
func TestTerminalWithoutLiveStatus(t *testing.T) {
	for _, c := range []struct {
		name, term string
		rows, cols int
	}{{"unknown size", "xterm", 0, 0}, {"dumb", "dumb", 24, 80}} {
		t.Run(c.name, func(t *testing.T) {
			term := test.NewTerminal(t)
			term.Resize(c.rows, c.cols)
			p := startOn(t, term.Line, c.term, util(t, "-t", "1.2", freePort(t)))
			if status := p.Status(); status != 124 {
				t.Errorf("status %d", status)
			}
			term.Expect("waiting for ")
			term.Expect("timed out after 1.2s")
			if text := term.Text(); strings.Contains(text, "\x1b") {
				t.Errorf("escape sequences in %q", text)
			}
		})
	}
}
