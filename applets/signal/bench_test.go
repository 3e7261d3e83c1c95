package sendsig_test

import (
	"os/exec"
	"testing"
	"time"

	"util/internal/test"
)

// BenchmarkSelect selects by name among 5,000 processes, with sendsig and pkill in turn. The metric
// "of-pkill" is the time of sendsig divided by that of pkill.
func BenchmarkSelect(b *testing.B) {
	pkill := test.Tool(b, "pkill")
	if !inside(b) {
		return
	}
	crowd := start(b, test.Crowd(b), "sleepers", "5000")
	crowd.Expect("ready")
	took := func(name string, args ...string) time.Duration {
		begin := time.Now()
		_ = exec.Command(name, args...).Run() // none matches: status 1
		return time.Since(begin)
	}
	var ours, theirs time.Duration
	for b.Loop() {
		ours += took(test.Util(b), "sendsig", "CONT", "--name", "none")
		theirs += took(pkill, "-CONT", "-x", "none")
	}
	b.ReportMetric(float64(ours.Milliseconds())/float64(b.N), "sendsig-ms")
	b.ReportMetric(float64(theirs.Milliseconds())/float64(b.N), "pkill-ms")
	b.ReportMetric(ours.Seconds()/theirs.Seconds(), "of-pkill")
}
