package runas_test

import (
	"testing"

	"util/internal/test"
)

// TestScripts runs the cases in testdata/script: options, messages and exit statuses.
func TestScripts(t *testing.T) { needsRoot(t); test.Scripts(t) }
