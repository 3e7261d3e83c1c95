package test

import (
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/creack/pty"
)

// PTY opens a pseudoterminal. The test holds the master side; a program under test gets the line.
// Both are closed at the end of the test.
func PTY(t testing.TB) (master, line *os.File) {
	t.Helper()
	master, line, err := pty.Open()
	if err != nil {
		Missing(t, "a pseudoterminal", err.Error())
	}
	t.Cleanup(func() { master.Close(); line.Close() })
	return master, line
}

// Terminal is a pseudoterminal and the text that was written to it.
type Terminal struct {
	Master, Line *os.File      // as returned by [PTY]
	Ended        chan struct{} // closed once all text is read and no process has the line open
	t            testing.TB
	mutex        sync.Mutex
	text         string
	seen         int // the length of the text up to the end of the last expected part
}

// NewTerminal opens a pseudoterminal and collects what is written to it.
func NewTerminal(t testing.TB) *Terminal {
	t.Helper()
	master, line := PTY(t)
	term := &Terminal{Master: master, Line: line, Ended: make(chan struct{}), t: t}
	go func() {
		defer close(term.Ended)
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			term.mutex.Lock()
			term.text += string(buf[:n])
			term.mutex.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return term
}

// Resize sets the size of the terminal.
func (term *Terminal) Resize(rows, cols int) {
	term.t.Helper()
	Must(term.t, pty.Setsize(term.Master, &pty.Winsize{Rows: uint16(rows), Cols: uint16(cols)}))
}

// Type sends text as if it were typed.
func (term *Terminal) Type(text string) {
	term.t.Helper()
	_, err := term.Master.WriteString(text)
	Must(term.t, err)
}

// Text returns everything that has been written to the terminal.
func (term *Terminal) Text() string {
	term.mutex.Lock()
	defer term.mutex.Unlock()
	return term.text
}

// Expect waits until text is written after what was expected before. It returns the text in
// between. At the deadline the test fails.
func (term *Terminal) Expect(text string) (before string) {
	term.t.Helper()
	found := false
	defer func() {
		if !found {
			term.t.Logf("shown: %q", before)
		}
	}()
	Eventually(term.t, "the terminal shows "+text, func() bool {
		term.mutex.Lock()
		defer term.mutex.Unlock()
		if before, _, found = strings.Cut(term.text[term.seen:], text); found {
			term.seen += len(before) + len(text)
		}
		return found
	})
	return before
}
