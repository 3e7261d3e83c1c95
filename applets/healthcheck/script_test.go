package healthcheck_test

import (
	"testing"

	"util/applets"
	"util/internal/test"
)

func TestMain(m *testing.M) { test.Main(m, applets.Main) }

// TestScripts runs the cases in testdata/script: options, messages and exit statuses.
func TestScripts(t *testing.T) { test.Scripts(t) }
