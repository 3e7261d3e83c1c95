// Package chaos makes random process trees under init, sends signals to both, and compares what is
// seen with a model that was written from the documents.
package chaos

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"util/applets"
	"util/internal/test"
	"util/internal/test/torture"
)

func TestMain(m *testing.M) { test.Main(m, applets.Main) }

// runVar is the variable with the number of the only run.
const runVar = "UTIL_TEST_RUN"

// atOnce is how many runs there are at a time. Most of the time they wait.
const atOnce = 6

// TestChaos makes runs until the time is over. To repeat one run of a seed, set UTIL_TEST_SEED and
// UTIL_TEST_RUN. What happens in a run also depends on time, so a fault may need several tries.
func TestChaos(t *testing.T) {
	p := toolchain(t)
	seed := torture.Seed(t)
	if text := os.Getenv(runVar); text != "" {
		number, err := strconv.Atoi(text)
		test.Must(t, err)
		c, s := scriptOf(seed, number)
		_, log, err := play(p, patient, c, s)
		t.Logf("%v\n%vlog:\n%s", &c, s, strings.Join(log, "\n"))
		if err != nil {
			t.Error(err)
		}
		return
	}
	end := time.Now().Add(torture.Time(t, 6*time.Second))
	more := func(int) bool { return time.Now().Before(end) }
	runs, events, f := campaign(p, patient, seed, more)
	if f != nil {
		t.Error(f.report(p, patient))
	}
	torture.Result(t, "seed %d: %d runs, %d events", seed, runs, events)
}

// scriptOf returns the random init and the random script of a run.
func scriptOf(seed uint64, number int) (config, script) {
	r := torture.Random(seed, number)
	c := randomConfig(r)
	s, _ := randomScript(r, c)
	return c, s
}

// failure is a run that failed.
type failure struct {
	seed   uint64
	number int
	config config
	script script
	log    []string
	err    error
}

// campaign makes runs as long as more is true, or until one fails.
func campaign(p programs, l limits, seed uint64, more func(runs int) bool) (
	runs, events int, f *failure,
) {
	var next, total atomic.Int64
	var mutex sync.Mutex
	var wait sync.WaitGroup
	for range atOnce {
		wait.Go(func() {
			for {
				mutex.Lock()
				stop := f != nil || !more(int(next.Load()))
				mutex.Unlock()
				if stop {
					return
				}
				number := int(next.Add(1))
				c, s := scriptOf(seed, number)
				n, log, err := play(p, l, c, s)
				total.Add(int64(n))
				if err != nil {
					mutex.Lock()
					if f == nil {
						f = &failure{seed, number, c, s, log, err}
					}
					mutex.Unlock()
				}
			}
		})
	}
	wait.Wait()
	return int(next.Load()), int(total.Load()), f
}

// report says what failed, with the shortest script that was found.
func (f *failure) report(p programs, l limits) string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, run %d: %v\n%v\n%vlog:\n  %s\n", f.seed, f.number, f.err, &f.config,
		f.script, strings.Join(f.log, "\n  "))
	fmt.Fprintf(&b, "to repeat it: %s=%d make torture SEED=%d PART=./internal/test/torture/chaos\n",
		runVar, f.number, f.seed)
	short, err := f.minimize(p, l, time.Now().Add(time.Minute))
	if err == nil {
		b.WriteString("it did not fail again\n")
	} else {
		fmt.Fprintf(&b, "the shortest script that fails: %v\n%v", err, short)
	}
	return b.String()
}

// minimize leaves out steps as long as the script still fails. It returns what is left, and how it
// fails; nil if it does not fail at all.
func (f *failure) minimize(p programs, l limits, end time.Time) (script, error) {
	fails := func(s script) error {
		for range 3 {
			if _, _, err := play(p, l, f.config, s); err != nil {
				return err
			}
		}
		return nil
	}
	short := f.script
	err := fails(short)
	if err == nil {
		return nil, nil
	}
	for size := (len(short) + 1) / 2; size > 0; size /= 2 {
		for at := 0; at < len(short) && time.Now().Before(end); {
			less := append(append(script{}, short[:at]...), short[min(at+size, len(short)):]...)
			if e := fails(less); e != nil {
				short, err = less, e
			} else {
				at += size
			}
		}
	}
	return short, err
}
