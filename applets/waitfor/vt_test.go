package waitfor_test

import (
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"util/internal/test"

	"github.com/creack/pty"
)

// vt emulates a terminal as far as a live status needs it: it wraps and scrolls, implements the two
// sequences that move the cursor up and clear the screen below it (ECMA-48: CPL, ED), and keeps the
// lines that scroll out at the top.
type vt struct {
	mutex      sync.Mutex
	master     *os.File
	rows, cols int
	x, y       int
	screen     [][]rune
	back       []string // the lines that have scrolled out
	drawn      int      // how often the screen below the cursor was cleared
	rest       []byte   // an incomplete sequence or character
	wrong      string   // a sequence or character that is not implemented
}

// newVT opens a terminal. line is the side for the program under test.
func newVT(t testing.TB, rows, cols int) (v *vt, line *os.File) {
	t.Helper()
	master, line := test.PTY(t)
	v = &vt{master: master}
	v.resize(t, rows, cols)
	go func() { _, _ = io.Copy(v, master) }()
	return v, line
}

// resize changes the size as xterm does: surplus rows scroll out at the top, surplus columns are
// cut off.
func (v *vt) resize(t testing.TB, rows, cols int) {
	t.Helper()
	v.mutex.Lock()
	defer v.mutex.Unlock()
	v.rows, v.cols = rows, cols
	for v.y >= rows {
		v.scroll()
	}
	for len(v.screen) < rows {
		v.screen = append(v.screen, nil)
	}
	v.screen = v.screen[:rows]
	for i, line := range v.screen {
		v.screen[i] = line[:min(len(line), cols)]
	}
	size := pty.Winsize{Rows: uint16(rows), Cols: uint16(cols)}
	test.Must(t, pty.Setsize(v.master, &size))
}

func (v *vt) scroll() {
	v.back = append(v.back, string(v.screen[0]))
	v.screen = append(v.screen[1:], nil)
	v.y--
}

func (v *vt) Write(p []byte) (int, error) {
	v.mutex.Lock()
	defer v.mutex.Unlock()
	v.rest = append(v.rest, p...)
	for len(v.rest) > 0 {
		if v.rest[0] == '\x1b' {
			end := strings.IndexAny(string(v.rest), "FJ")
			if end < 0 {
				break
			}
			v.sequence(string(v.rest[1 : end+1]))
			v.rest = v.rest[end+1:]
			continue
		}
		if !utf8.FullRune(v.rest) {
			break
		}
		c, n := utf8.DecodeRune(v.rest)
		v.rest = v.rest[n:]
		v.put(c)
	}
	return len(p), nil
}

func (v *vt) sequence(s string) {
	n, err := strconv.Atoi(strings.Trim(s, "[F"))
	switch {
	case s == "[J":
		v.drawn++
		v.screen[v.y] = v.screen[v.y][:min(v.x, len(v.screen[v.y]))]
		for i := v.y + 1; i < v.rows; i++ {
			v.screen[i] = nil
		}
	case err == nil && strings.HasSuffix(s, "F"):
		v.x, v.y = 0, max(0, v.y-n)
	default:
		v.wrong = s
	}
}

func (v *vt) put(c rune) {
	width := 1
	switch {
	case c == '\r':
		v.x = 0
		return
	case c == '\n':
		if v.y++; v.y == v.rows {
			v.scroll()
		}
		return
	case c < ' ' || c == 0x7f || c >= 0x80 && c < 0xa0:
		v.wrong = string(c)
		return
	case c >= 0x4e00 && c < 0xa000: // CJK ideographs
		width = 2
	}
	if v.x+width > v.cols {
		v.x = 0
		if v.y++; v.y == v.rows {
			v.scroll()
		}
	}
	line := v.screen[v.y]
	for len(line) < v.x {
		line = append(line, ' ')
	}
	line = append(line[:v.x], c)
	for range width - 1 {
		line = append(line, 0) // the right half
	}
	v.x += width
	v.screen[v.y] = line
}

// look returns the lines that have scrolled out and the lines on the screen.
func (v *vt) look(t testing.TB) (back, screen []string) {
	t.Helper()
	v.mutex.Lock()
	defer v.mutex.Unlock()
	if v.wrong != "" {
		t.Errorf("the terminal got %q", v.wrong)
	}
	back = append(back, v.back...)
	for _, line := range v.screen {
		if text := strings.ReplaceAll(string(line), "\x00", ""); text != "" {
			screen = append(screen, text)
		}
	}
	return back, screen
}

// drawings waits until the status has been drawn n more times.
func (v *vt) drawings(t testing.TB, n int) {
	t.Helper()
	count := func() int {
		v.mutex.Lock()
		defer v.mutex.Unlock()
		return v.drawn
	}
	before := count()
	test.Eventually(t, "the status is drawn again", func() bool { return count() >= before+n })
}
