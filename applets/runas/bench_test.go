package runas_test

import (
	"os/exec"
	"slices"
	"testing"
	"time"

	"util/internal/test"
)

// starts measures how long each command line takes, from its start to its end. They take turns. The
// result is the median for each.
func starts(t testing.TB, rounds int, lines ...[]string) (medians []time.Duration) {
	t.Helper()
	all := make([][]time.Duration, len(lines))
	for range rounds {
		for i, words := range lines {
			cmd := exec.Command(words[0], words[1:]...)
			begin := time.Now()
			test.Must(t, cmd.Run())
			all[i] = append(all[i], time.Since(begin))
		}
	}
	for _, times := range all {
		slices.Sort(times)
		medians = append(medians, times[len(times)/2])
	}
	return medians
}

// besideGosu measures run-as, gosu, and the command alone, which ends at once.
func besideGosu(t testing.TB, rounds int) (runAs, gosu, alone time.Duration) {
	t.Helper()
	needsRoot(t)
	command := []string{test.Probe(t), "exit", "0"}
	under := func(words ...string) []string { return append(words, command...) }
	m := starts(t, rounds, under(test.Util(t), "run-as", "1000:1000"),
		under(test.Tool(t, "gosu"), "1000:1000"), command)
	return m[0], m[1], m[2]
}

// run-as starts a command no later than gosu. The limit is generous: BenchmarkStart measures about
// a seventh.
func TestStart(t *testing.T) {
	runAs, gosu, alone := besideGosu(t, 101)
	t.Logf("run-as %v, gosu %v, the command alone %v", runAs, gosu, alone)
	if runAs > gosu {
		t.Errorf("run-as takes %v, gosu %v", runAs, gosu)
	}
}

// BenchmarkStart measures how much longer a command takes with run-as and with gosu.
func BenchmarkStart(b *testing.B) {
	runAs, gosu, alone := besideGosu(b, 1001)
	added := func(with time.Duration) float64 { return float64((with - alone).Microseconds()) }
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(added(runAs), "run-as-µs")
	b.ReportMetric(added(gosu), "gosu-µs")
	b.ReportMetric(added(runAs)/added(gosu), "ratio")
}
