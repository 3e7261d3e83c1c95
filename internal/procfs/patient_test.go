package procfs

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A read that does not come back is given up, and the next ones sooner.
func TestPatience(t *testing.T) {
	fs, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	defer fs.Close()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, limit := range []time.Duration{patience, lessPatience, lessPatience} {
		begin := time.Now()
		_, err := patiently(fs, func() ([]byte, error) { return os.ReadFile(fifo) }) // nobody writes
		if took := time.Since(begin); !errors.Is(err, ErrSilent) || took < limit || took > limit+10*time.Second {
			t.Errorf("%v after %v, want ErrSilent after %v", err, took, limit)
		}
	}
	if args, err := fs.Cmdline(os.Getpid()); err != nil || len(args) == 0 {
		t.Errorf("what can be read still is: %q, %v", args, err)
	}
	writer, err := os.OpenFile(fifo, os.O_WRONLY, 0) // lets the readers go
	if err != nil {
		t.Fatal(err)
	}
	writer.Close()
}
