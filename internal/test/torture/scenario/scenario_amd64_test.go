package scenario_test

import (
	"testing"

	"util/applets"
	"util/internal/test"
	"util/internal/test/torture/scenario"
)

func TestMain(m *testing.M) { test.Main(m, applets.Main) }

// Nothing goes wrong where nothing fails.
func TestScenarios(t *testing.T) {
	for _, sc := range scenario.All() {
		t.Run(sc.Name, func(t *testing.T) {
			l := scenario.Run(t, test.Util(t), sc, nil)
			t.Logf("%d calls", l.Calls)
			if len(l.Problems) > 0 {
				t.Errorf("%q\nstdout %q\nstderr %s", l.Problems, l.Stdout, l.Stderr)
			}
		})
	}
}
