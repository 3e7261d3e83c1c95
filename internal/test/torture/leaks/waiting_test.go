package leaks_test

import (
	"fmt"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"util/internal/test"
	"util/internal/test/torture"
)

// TestWaitingLeaks compares what wait-for-port and sendsig use while they wait for a long time.
// They run under the Go runtime, whose memory is not steady to the page. So the test allows what a
// leak would soon exceed.
func TestWaitingLeaks(t *testing.T) {
	sleeper := test.Start(t, exec.Command(test.Probe(t), "ignore", "15", "say", "ready", "pause"))
	sleeper.Expect("ready")
	wait := []string{"wait-for-port", "--timeout", "0", "--interval", "1ms", "--quiet"}
	for n := range 50 { // each is tried once a second: nothing listens there
		port := fmt.Sprintf("127.0.0.%d:1", n+1)
		wait = append(wait, port, "http://"+port+"/", "redis://"+port, fmt.Sprintf("unix:/none/%d", n))
	}
	for name, args := range map[string][]string{
		"wait-for-port": wait,
		"sendsig":       {"sendsig", "TERM", "--wait", strconv.Itoa(sleeper.Process.Pid)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // most of the time it waits
			warm, long := 2*time.Second, 3*time.Second
			if torture.Long() {
				warm, long = time.Minute, max(torture.Time(t, 0), 2*time.Minute)
			}
			p := test.Start(t, exec.Command(test.Whole(t), args...))
			time.Sleep(warm) // what is measured is the time
			before := useOf(t, p.Process.Pid)
			time.Sleep(long)
			after := useOf(t, p.Process.Pid)
			const spare = 2 << 10 // kB
			allowed := before
			allowed.anonymous += spare
			allowed.resident += spare
			allowed.data += 64 << 10 // address space that is not used
			allowed.tables += 64
			allowed.threads += 2
			allowed.mappings += 16
			if after.exceeds(allowed) {
				t.Errorf("more than before: %v", before)
			}
			torture.Result(t, "%v of waiting: %v", long, after)
		})
	}
}
