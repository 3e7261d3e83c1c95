package procfs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A read that blocks ends with ErrTimeout. After that, the shorter time limit applies.
func TestTimeout(t *testing.T) {
	fs, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []time.Duration{firstLimit, laterLimit, laterLimit} {
		begin := time.Now()
		read := func() ([]byte, error) { return os.ReadFile(fifo) } // blocks without a writer
		_, err := withTimeout(fs, read)
		took := time.Since(begin)
		if !errors.Is(err, ErrTimeout) || took < limit || took > limit+10*time.Second {
			t.Errorf("%v after %v, want ErrTimeout after %v", err, took, limit)
		}
	}
	if args, err := fs.Cmdline(os.Getpid()); err != nil || len(args) == 0 {
		t.Errorf("a read that does not block: %q, %v", args, err)
	}
	writer, err := os.OpenFile(fifo, os.O_WRONLY, 0) // unblocks the readers
	if err != nil {
		t.Fatal(err)
	}
	writer.Close()
}
