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

// vt is a terminal as far as a live status needs one: it wraps and scrolls, knows the two sequences that move its cursor up
// and clear what is below (ECMA-48: CPL, ED), and keeps what scrolls out at its top.
type vt struct {
	mutex      sync.Mutex
	master     *os.File
	rows, cols int
	x, y       int
	screen     [][]rune
	back       []string // what has scrolled out
	drawn      int      // how often the part below the cursor was cleared
	rest       []byte   // of a sequence or character that is not complete
	wrong      string   // what was written that it does not know
}

// newVT opens a terminal and returns the end for the program.
func newVT(t testing.TB, rows, cols int) (v *vt, slave *os.File) {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		test.Missing(t, "pty", err.Error())
	}
	t.Cleanup(func() { master.Close() })
	v = &vt{master: master}
	v.resize(t, rows, cols)
	go func() { _, _ = io.Copy(v, master) }()
	return v, slave
}

// resize changes the size as xterm does: rows that are too many go out at the top, columns are cut off.
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
	if err := pty.Setsize(v.master, &pty.Winsize{Rows: uint16(rows), Cols: uint16(cols)}); err != nil {
		t.Fatal(err)
	}
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

// look returns what has scrolled out and what is on the screen.
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

// drawings waits until the status has been drawn n times more.
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
