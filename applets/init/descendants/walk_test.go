package descendants

import (
	"os"
	"testing"
)

// Init reads the signals of the command for each TSTP, TTIN and TTOU. Such a walk must not count as
// one that remembers processes: when the number of these begins again, the whole memory for them
// is written.
func TestWalkForgets(t *testing.T) {
	self := int32(os.Getpid())
	before := currentWalk
	for range 3 {
		if _, ok := readStatus(self, self); !ok {
			t.Fatal("the status of this process cannot be read")
		}
	}
	if currentWalk != before {
		t.Errorf("to read a file counts as a walk")
	}
	var w Walk
	if !w.Open(self) {
		t.Fatal("no /proc")
	}
	for range 2 {
		for p := w.Next(); p.PID != 0; p = w.Next() {
		}
		w.Rewind()
	}
	w.Close()
	if currentWalk != before+2 {
		t.Errorf("two walks count as %d", currentWalk-before)
	}
}
